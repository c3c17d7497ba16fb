"""The desk itself: who works at it, its shifts, its threads."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from kiosk.flow.counter import bench, snapshot
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.desk import CounterDesk
from tests.counter_fakes import IMEIS, LIN, SECOND, WU, ZHAO, Counter, World


def test_every_command_has_a_handler() -> None:
    every = {one for one in vars(c).values() if isinstance(one, type) and issubclass(one, c.Command)}
    assert every - {c.Command} == set(bench.HANDLERS)


# -- staff


def test_wrong_pins_wait_and_are_told(counter: Counter, world: World) -> None:
    for _ in range(3):
        assert counter.do(c.StaffIn("1001", "111111")) == "pin_wrong"
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    assert {"staff.refused", "staff.locked"} <= set(counter.entries())
    counter.must(c.StaffIn(*WU))
    world.clock.pass_s(31)
    counter.must(c.StaffIn(*LIN))


def test_an_expired_certificate_may_look_and_not_sign(counter: Counter, world: World) -> None:
    world.clock.pass_days(400)
    counter.must(c.StaffIn(*LIN))
    assert counter.do(c.TradeBegin("zh")) == "certificate_expired"


def test_nobody_works_without_logging_in(counter: Counter) -> None:
    for command in (c.TradeBegin("zh"), c.ManifestDraft("green"), c.BinLock(1, "fault"), c.ShiftClose(0)):
        assert counter.do(command) == "not_logged_in"


def test_a_shift_closes_on_the_counted_cash_or_with_a_second_person(staffed: Counter) -> None:
    trade = staffed.to_accepted(payout="top_up", new_fen=399_900)
    staffed.plug_in()
    staffed.must(c.EraseStart(trade, "1"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashHanded(trade, 300_000))
    assert staffed.do(c.ShiftClose(294_800)) == "cash_differs"
    staffed.must(c.ShiftClose(294_800, "a coin is missing", SECOND))
    assert staffed.bodies("shift.closed")[0]["difference_fen"] == -100
    assert staffed.view().staff is None
    staffed.log_in(ZHAO)
    carried = staffed.view().staff
    assert carried is not None
    assert carried.cash_fen == 294_800


def test_the_very_first_shift_opens_with_what_the_settings_say_and_the_next_with_what_was_counted(
    world: World,
) -> None:
    counter = Counter(world)
    counter.tools = counter.work.tools = replace(
        counter.tools, shop=replace(counter.tools.shop, first_float_fen=50_000)
    )
    counter.log_in(ZHAO)
    first = counter.view().staff
    assert first is not None
    assert first.cash_fen == 50_000
    counter.must(c.ShiftClose(50_000))
    counter.log_in(ZHAO)
    assert [body["carried_fen"] for body in counter.bodies("shift.opened")] == [50_000, 50_000]


def test_a_shift_begins_with_what_the_last_one_counted_also_when_the_clock_was_set_back(
    counter: Counter, world: World
) -> None:
    for counted_fen, hours in ((10_000, 0), (20_000, -48), (30_000, 1)):
        world.clock.wall += 3_600_000 * hours
        counter.log_in(ZHAO)
        assert counter.do(c.ShiftClose(counted_fen, "counted again", SECOND)) == ""
    counter.log_in(ZHAO)
    carried = [body["carried_fen"] for body in counter.bodies("shift.opened")]
    assert carried == [0, 10_000, 20_000, 30_000]


# -- the threads


def test_the_desk_answers_by_ticket_and_never_blocks_who_asks(world: World) -> None:
    counter = Counter(world)
    desk = CounterDesk(counter.tools)
    desk.start()
    try:
        assert desk.ask(c.StaffIn(*LIN)) == ""
        assert desk.ask(c.TradeBegin("zh")) == ""
        trade = desk.work.memory.trades.copy().popitem()[0]
        assert desk.ask(c.TradeIdentify(trade, IMEIS[0], model="heron")) == ""
        assert desk.ask(c.TradeCheck(trade)) == ""
        assert desk.ask(c.TradeCheck(trade, "strange")) == "lock_unknown"
        ticket = desk.do(c.StaffOut())
        assert _until(lambda: desk.view().done_ticket >= ticket)
        assert desk.view().staff is None
        assert len(desk.estimate_models()) == 3
        assert desk.estimate("heron", {}) is None
        assert desk.estimate_questions()[0].key == "age"
    finally:
        desk.stop()
        counter.close()


def test_who_asked_is_answered_also_when_the_counter_cannot_be_shown(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(world)
    desk = CounterDesk(counter.tools)
    desk.start()
    try:
        assert desk.ask(c.StaffIn(*LIN)) == ""
        assert _until(lambda: desk.view().staff is not None)
        monkeypatch.setattr(snapshot, "view", lambda *_: 1 // 0)
        ticket = desk.do(c.TradeBegin("zh"))
        assert _until(lambda: desk.view().done_ticket >= ticket)
        shown = desk.view()
        assert shown.said is not None
        assert (shown.said.reason, shown.said.urgent) == ("unforeseen", True)
        assert shown.staff is not None, "what was shown last goes on being shown"
    finally:
        desk.stop()
        counter.close()


def test_the_desk_follows_the_dock_without_being_asked(world: World) -> None:
    counter = Counter(world)
    desk = CounterDesk(counter.tools)
    desk.start()
    try:
        world.dock.set(tampered=True)
        assert _until(lambda: any(one.what == "dock_tampered" for one in desk.view().troubles))
        world.dock.bin(1, lambda one: replace(one, fill_percent=93))
        assert _until(lambda: desk.view().bins[0].state == "locked")
    finally:
        desk.stop()
        counter.close()


def _until(true: object) -> bool:
    waiting = threading.Event()
    for _ in range(2000):
        if true():  # type: ignore[operator]
            return True
        waiting.wait(0.01)
    return False
