"""The process dies before and after every commit and every effect of the main flows; the next one takes it up.

Promised each time: every item in exactly one place, nothing paid twice, nothing erased without an acceptance, no flap
left open to the public by the counter, and the flow can be finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.flow.counter import commands as c
from recycling.goods import Lodging
from tests.counter_fakes import WU, Counter, Killed, World
from tests.counter_flows import drive_drop, drive_hazard, drive_manifest, drive_trade

Flow = Callable[[Counter], None]

STEP = 1 if os.environ.get("EVERY_POINT") else 6
"""Each sixth point here, every one with EVERY_POINT=1; `station faults custody` kills real processes at all of them."""


def check(world: World, counter: Counter) -> None:
    """What holds at every moment."""
    with counter.database.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT item, lodging, trade FROM items i WHERE revision ="
            " (SELECT max(revision) FROM items n WHERE n.item = i.item)"
        ).all()
        trades = connection.exec_driver_sql(
            "SELECT trade, state, accepted_ms FROM trades t WHERE revision ="
            " (SELECT max(revision) FROM trades n WHERE n.trade = t.trade)"
        ).all()
    assert all(Lodging(row.lodging) for row in rows)
    assert {row.trade for row in trades} <= {row.item for row in rows}
    accepted = {row.trade for row in trades if row.accepted_ms > 0}
    assert {order.trade for order in world.eraser.orders} <= accepted
    assert len(world.payments.moved) <= len(accepted)
    by_bin = {row.item for row in rows if row.lodging == "bin"}
    assert sum(one.items for one in counter.view().bins) == len(by_bin)
    if counter.view().drop is None or counter.view().drop.step not in ("deposit",):  # type: ignore[union-attr]
        assert all(one.lock != "released" for one in world.dock.now.bins), "an open flap for nobody"


def points_of(flow: Flow, folder: Path) -> int:
    world = World(folder / "whole")
    counter = Counter(world)
    flow(counter)
    check(world, counter)
    counter.close()
    return world.points


def killed_at(flow: Flow, folder: Path, number: int) -> str:
    """Run until that point, die, start again, finish."""
    world = World(folder / f"at-{number}", kill_at=number)
    with suppress(Killed):
        counter = Counter(world)
        flow(counter)
    died_at = world.passed[-1]
    world.dock.put(0)
    world.clock.pass_s(60)
    for one in world.dock.now.bins:  # the controller's own doing: unused flaps lock
        if one.flap == "closed" and one.lock == "released":
            world.dock.relock(one.number)
    again = Counter(world)
    again.look()
    again.tick(1)
    check(world, again)
    flow(again)
    check(world, again)
    again.close()
    return died_at


FLOWS: dict[str, Flow] = {
    "trade by transfer": lambda counter: drive_trade(counter, "transfer"),
    "trade with top-up": lambda counter: drive_trade(counter, "top_up", new_fen=399_900),
    "trade for a voucher": lambda counter: drive_trade(counter, "top_up", new_fen=50_000),
    "drop-off": drive_drop,
    "damaged battery": drive_hazard,
    "manifest": drive_manifest,
}


@pytest.mark.parametrize("name", FLOWS)
def test_a_kill_anywhere_loses_nothing_and_does_nothing_twice(name: str, tmp_path: Path) -> None:
    points = points_of(FLOWS[name], tmp_path)
    assert points > 6
    for number in sorted({*range(1 + list(FLOWS).index(name) % STEP, points + 1, STEP), points}):
        try:
            killed_at(FLOWS[name], tmp_path, number)
        except AssertionError as exc:
            raise AssertionError(f"{name}: killed at point {number} of {points}: {exc}") from exc


def test_a_payment_whose_answer_was_lost_is_looked_up_and_never_made_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    counter.log_in()
    world.payments.fault = "unknown_paid"
    trade = counter.to_sealed(payout="transfer")
    counter.must(c.TradeSettle(trade))
    said = counter.trade(trade).said
    assert said is not None
    assert said.reason == "payment_unknown"
    assert counter.trade(trade).settlement == "unknown"
    world.payments.fault = ""
    counter.close()
    again = Counter(world)
    again.tick(31)
    assert again.trade(trade).state == "settled"
    assert world.payments.asked == [trade]
    assert "settlement.reconciled" in again.entries(trade)


def test_a_payment_that_was_never_asked_for_is_asked_for_after_the_restart(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    counter.log_in()
    trade = counter.to_sealed(payout="transfer")
    world.kill_on = "before pay"
    with pytest.raises(Killed, match="before pay"):
        counter.do(c.TradeSettle(trade))
    assert not world.payments.moved
    again = Counter(world)
    again.tick(31)
    assert again.trade(trade).state == "settled"
    assert list(world.payments.moved) == [trade]


def test_a_slip_that_was_being_printed_is_printed_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    drop = counter.to_weigh()
    counter.must(c.DropOpen(drop))
    world.dock.open(3)
    world.dock.fall(3)
    world.dock.shut(3)
    world.kill_on = "before print"
    with pytest.raises(Killed, match="before print"):
        counter.look()
    again = Counter(world)
    again.tick(6)
    assert len(world.printer.paper) == 1
    assert again.view().waiting_slips == 0


def test_a_fall_during_the_power_cut_is_counted_when_the_controller_stayed_up(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    drop = counter.to_weigh(mass_g=120)
    counter.must(c.DropOpen(drop))
    counter.close()
    world.dock.open(3)
    world.dock.fall(3)
    world.dock.shut(3)
    again = Counter(world)
    shown = again.view()
    assert shown.drop is not None
    assert shown.drop.step == "receipt"
    assert shown.bins[2].mass_g == 120


def test_a_restarted_controller_leaves_the_thing_entering_and_its_bin_closed(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    drop = counter.to_weigh(mass_g=120)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.open(3)
    world.dock.fall(3)
    world.dock.shut(3)
    world.dock.restart()
    counter.look()
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.step == "staff"
    assert shown.items[0].place == "entering:bin:3"
    assert shown.bins[2].state in ("fault", "locked")
    counter.log_in()
    counter.must(c.DropResolve(shown.items[0].item, "bin"))
    assert counter.view().bins[2].mass_g == 120
    assert counter.view().bins[2].state == "open"


def test_who_was_logged_in_is_logged_out_and_the_shift_stays_open(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    counter.log_in()
    counter.close()
    again = Counter(world)
    assert again.view().staff is None
    again.log_in(WU)
    staff = again.view().staff
    assert staff is not None
    assert staff.shift_since_ms == world.clock.wall_ms()
    assert again.entries().count("shift.opened") == 1


def test_falls_that_a_restarted_controller_counts_are_not_taken_for_ours(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    drop = counter.to_weigh(mass_g=120)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.restart()
    world.dock.open(3)
    world.dock.fall(3)
    world.dock.shut(3)
    counter.look()
    assert counter.view().bins[2].items == 0
    assert counter.view().items[0].place == "entering:bin:3"


def test_a_drawer_that_staff_asked_for_before_the_cut_has_an_outcome_and_can_be_asked_for_again(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    counter.log_in()
    world.kill_at = world.points + 3
    with pytest.raises(Killed, match="before release_drawer"):
        counter.do(c.DrawerOpen())
    again = Counter(world)
    assert not again.work.memory.intents
    again.log_in()
    again.must(c.DrawerOpen())
    assert world.dock.now.drawer == "released"


def test_a_door_that_nobody_empties_by_is_locked_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    counter = Counter(world)
    world.dock.bin(3, lambda one: replace(one, door="released"))
    counter.look()
    counter.tick(6)
    assert world.dock.of(3).door == "locked"
