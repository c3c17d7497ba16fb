"""What the ledger is to be told is told once, also where a commit failed just then: news is marked after its entry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from kiosk.counter_ports import SlipLine
from kiosk.errors import StoreError
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import Change
from kiosk.flow.counter.work import Errand, ask
from tests.counter_fakes import LIN, Counter, World


def fail_next(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing, once."""
    plain, left = counter.store.commit, [True]

    def commit(change: Change) -> object:
        if left:
            left.clear()
            raise StoreError("the disk is full")
        return plain(change)

    monkeypatch.setattr(counter.store, "commit", commit)


def _jam(world: World) -> None:
    world.dock.bin(3, lambda one: replace(one, flap="jammed"))


def _unjam(world: World) -> None:
    world.dock.bin(3, lambda one: replace(one, flap="closed"))


@pytest.mark.parametrize(
    ("comes", "goes", "kind"),
    [
        (_jam, _unjam, "dock.trouble"),
        (
            lambda world: world.dock.set(stopped=True),
            lambda world: world.dock.set(stopped=False),
            "dock.stopped",
        ),
        (
            lambda world: world.dock.set(online=False),
            lambda world: world.dock.set(online=True),
            "dock.trouble",
        ),
    ],
    ids=["jammed", "stopped", "offline"],
)
def test_a_trouble_whose_entry_was_not_written_is_told_at_the_next_look(
    counter: Counter,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    comes: Callable[[World], None],
    goes: Callable[[World], None],
    kind: str,
) -> None:
    for change, entry in ((comes, kind), (goes, "dock.mended")):
        change(world)
        fail_next(counter, monkeypatch)
        with pytest.raises(StoreError):
            counter.look()
        assert entry not in counter.entries()
        for _ in range(3):
            counter.look()
        assert counter.entries().count(entry) == 1


def test_an_opened_housing_is_acknowledged_only_once_its_entry_is_written(
    counter: Counter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dock.set(tampered=True, tampers=4)
    fail_next(counter, monkeypatch)
    with pytest.raises(StoreError):
        counter.look()
    assert world.dock.tampers_read == 0
    counter.look()
    assert (counter.entries().count("dock.tampered"), world.dock.tampers_read) == (1, 4)


def test_a_flap_left_open_is_told_and_closes_its_bin_although_a_commit_failed(
    counter: Counter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.dock.bin(3, lambda one: replace(one, flap="open"))
    counter.look()
    counter.tick(31)
    fail_next(counter, monkeypatch)
    with pytest.raises(StoreError):
        counter.look()
    for _ in range(3):
        counter.look()
    assert counter.entries().count("call.requested") == 1
    assert counter.bodies("dock.trouble") == [{"what": "flap_left_open", "place": "bin:3"}]
    assert counter.view().bins[2].why == "flap_left_open"
    world.dock.shut(3)
    fail_next(counter, monkeypatch)
    with pytest.raises(StoreError):
        counter.look()
    counter.look()
    assert counter.bodies("dock.mended") == [{"what": "flap_left_open", "place": "bin:3"}]


def test_nobody_is_logged_in_whose_coming_was_not_written(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_next(counter, monkeypatch)
    assert counter.do(c.StaffIn(*LIN)) == "store_failed"
    assert counter.view().staff is None
    counter.must(c.StaffIn(*LIN))
    assert counter.bodies("staff.in") == [{"staff": LIN[0]}]


def test_a_slip_whose_printing_could_not_be_written_down_is_printed_again_without_a_restart(
    counter: Counter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = world.printer.print

    def out_of_disk(lines: Sequence[SlipLine]) -> None:
        plain(lines)
        fail_next(counter, monkeypatch)
        world.printer.print = plain  # type: ignore[method-assign]

    world.printer.print = out_of_disk  # type: ignore[method-assign]
    drop = counter.drop_off("charger", 90)
    assert "print.done" not in counter.entries(drop)
    for _ in range(2):
        counter.tick(6)
    assert counter.entries(drop).count("print.done") == 1
    assert counter.view().waiting_slips == 0


@pytest.mark.parametrize("port", ["erase", "look"])
def test_an_erasing_whose_end_could_not_be_written_down_goes_on_without_a_restart(
    staffed: Counter, world: World, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    plain = getattr(world.eraser, port)

    def out_of_disk(*given: object) -> object:
        found = plain(*given)
        if port == "erase" or found.mode == "normal":
            fail_next(staffed, monkeypatch)
            monkeypatch.setattr(world.eraser, port, plain)
        return found

    monkeypatch.setattr(world.eraser, port, out_of_disk)
    staffed.do(c.EraseStart(trade, "1"))
    assert staffed.trade(trade).erasure.state in ("running", "verifying")
    staffed.tick(6)
    assert staffed.trade(trade).erasure.state == "interrupted"
    world.eraser.phones["tcp:bay-1"].mode = "bootloader"
    staffed.must(c.EraseStart(trade, "1"))
    assert staffed.trade(trade).state == "erased"


def test_the_clock_interrupts_no_erasing_that_is_under_way(staffed: Counter) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    held: list[Errand] = []
    staffed.work.errand = held.append
    staffed.must(c.EraseStart(trade, "1"))
    for state in ("running", "verifying"):
        errand = next(one for one in held if one.subject == trade)
        held.remove(errand)
        staffed.work.finish(errand, ask(errand))
        staffed.tick(60)
        assert staffed.trade(trade).erasure.state == state


def test_the_clock_interrupts_no_reset_by_hand(staffed: Counter) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in(unlocked=False)
    staffed.must(c.EraseStart(trade, "1"))
    staffed.tick(600)
    shown = staffed.trade(trade).erasure
    assert (shown.state, shown.method) == ("running", "factory_reset")


def test_a_log_out_is_told_and_one_that_was_not_written_is_none(
    staffed: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_next(staffed, monkeypatch)
    assert staffed.do(c.StaffOut()) == "store_failed"
    assert staffed.view().staff is not None
    for _ in range(2):
        staffed.must(c.StaffOut())
    assert staffed.view().staff is None
    assert staffed.entries().count("staff.out") == 1
