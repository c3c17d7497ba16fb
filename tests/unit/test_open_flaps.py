"""A flap left standing open: somebody is called, its bin takes nothing, and it is over when the flap is shut."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import SECOND, Counter, Trouble, World

LEFT_OPEN = ("flap_left_open", "bin:3")


def troubles(counter: Counter) -> set[tuple[str, str]]:
    return {(one.what, one.place) for one in counter.view().troubles}


def force(world: World, number: int, flap: str) -> None:
    world.dock.bin(number, lambda one: replace(one, flap=flap))  # type: ignore[arg-type]


def fallen_and_left(counter: Counter, world: World) -> str:
    """A charger fell into bin 3, whose flap nobody shuts."""
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.open(3)
    world.dock.fall(3)
    counter.look()
    return drop


def after(counter: Counter, seconds: float) -> None:
    counter.tick(seconds)
    counter.look()


def test_a_flap_left_open_calls_somebody_once_and_is_over_when_it_is_shut(
    counter: Counter, world: World
) -> None:
    drop = fallen_and_left(counter, world)
    after(counter, 29)
    assert LEFT_OPEN not in troubles(counter)
    for _ in range(3):
        after(counter, 5)
    assert LEFT_OPEN in troubles(counter)
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.said is not None
    assert (shown.drop.said.reason, shown.drop.said.urgent) == ("flap_left_open", True)
    assert (shown.bins[2].state, shown.bins[2].why) == ("fault", "flap_left_open")
    assert counter.entries(drop).count("call.requested") == 1
    assert counter.bodies("dock.trouble") == [{"what": "flap_left_open", "place": "bin:3"}]
    closed = counter.bodies("bin.state")[-1]
    assert (closed["bin"], closed["to"], closed["why"]) == (3, "fault", "flap_left_open")
    assert world.dock.done[-1][:2] == ("lock_flap", 3)
    world.dock.shut(3)
    counter.look()
    shown = counter.view()
    assert shown.troubles == ()
    assert (shown.bins[2].state, shown.bins[2].items) == ("open", 1)
    assert shown.drop is not None
    assert (shown.drop.step, shown.drop.said) == ("receipt", None)
    assert counter.bodies("dock.mended") == [{"what": "flap_left_open", "place": "bin:3"}]


def test_a_flap_opened_by_force_is_told_without_a_customer(counter: Counter, world: World) -> None:
    force(world, 3, "open")
    counter.look()
    after(counter, 31)
    assert LEFT_OPEN in troubles(counter)
    assert counter.entries().count("call.requested") == 1
    assert counter.view().said is None
    after(counter, 1)
    assert (counter.view().bins[2].state, counter.view().bins[2].why) == ("fault", "flap_left_open")
    force(world, 3, "closed")
    counter.look()
    assert (troubles(counter), counter.view().bins[2].state) == (set(), "open")


def test_the_bin_takes_nothing_while_its_flap_stands_open(staffed: Counter, world: World) -> None:
    drop = staffed.to_weigh("charger", 90)
    force(world, 3, "open")
    staffed.look()
    assert staffed.do(c.DropOpen(drop)) == "bins_full"
    after(staffed, 31)
    assert staffed.do(c.DropOpen(drop)) == "bins_full"
    assert not any(act == "release_flap" for act, _, _ in world.dock.done)
    force(world, 3, "closed")
    staffed.look()
    staffed.must(c.DropOpen(drop))


def test_staff_put_no_phone_into_a_bin_whose_flap_stands_open(staffed: Counter, world: World) -> None:
    trade = staffed.to_held()
    world.clock.pass_days(31)
    staffed.log_in(("9001", "918273"))
    staffed.must(c.TradeRelease(trade))
    force(world, 1, "open")
    staffed.look()
    assert staffed.do(c.TradeBin(trade, 1)) == "flap_left_open"
    assert not any(act == "release_flap" for act, _, _ in world.dock.done)
    force(world, 1, "closed")
    staffed.look()
    staffed.must(c.TradeBin(trade, 1))


def test_every_opening_is_timed_from_its_own_beginning(counter: Counter, world: World) -> None:
    for _ in range(3):
        force(world, 3, "open")
        counter.look()
        after(counter, 20)
        force(world, 3, "closed")
        counter.look()
    assert counter.bodies("dock.trouble") == []


def test_the_line_for_whoever_stands_there_goes_with_its_cause(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    force(world, 3, "open")  # pulled again before its bolt was home
    counter.look()
    ordered = len(world.dock.done)
    world.clock.pass_s(31)
    counter.look()
    assert [order[:2] for order in world.dock.done[ordered:]] == [("lock_flap", 3)]
    shown = counter.view().drop
    assert shown is not None
    assert shown.said is not None
    assert (shown.step, shown.said.reason) == ("receipt", "flap_left_open")
    force(world, 3, "closed")
    counter.look()
    shown = counter.view().drop
    assert shown is not None
    assert shown.said is None


def test_a_flap_that_is_stuck_is_told_as_jammed_and_not_as_left_open(counter: Counter, world: World) -> None:
    force(world, 3, "jammed")
    counter.look()
    after(counter, 40)
    assert troubles(counter) == {("flap_jammed", "bin:3")}


def test_one_told_as_left_open_that_the_controller_calls_jammed_is_mended_of_both(
    counter: Counter, world: World
) -> None:
    force(world, 3, "open")
    counter.look()
    after(counter, 31)
    force(world, 3, "jammed")
    after(counter, 30)
    assert troubles(counter) == {LEFT_OPEN, ("flap_jammed", "bin:3")}
    force(world, 3, "closed")
    counter.look()
    assert (troubles(counter), counter.view().bins[2].state) == (set(), "open")


@pytest.mark.parametrize("shut", [False, True])
def test_a_restart_meanwhile_calls_nobody_a_second_time(world: World, shut: bool) -> None:
    first = Counter(world)
    fallen_and_left(first, world)
    after(first, 31)
    first.close()
    if shut:
        world.dock.shut(3)
    again = Counter(world)
    after(again, 31)
    assert again.entries().count("call.requested") == 1
    assert (LEFT_OPEN in troubles(again)) is not shut
    world.dock.shut(3)
    again.look()
    shown = again.view().bins[2]
    assert (shown.state, shown.items, troubles(again)) == ("open", 1, set())
    again.close()


def test_a_bin_whose_flap_is_not_locked_is_not_emptied_and_keeps_what_is_in_it(
    staffed: Counter, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    staffed.drop_off("charger", 90)
    staffed.must(c.ManifestDraft("green"))
    manifest = staffed.view().manifests[0].manifest

    def refused(bin: int, intent: str) -> None:
        raise Trouble("dock_flap_open")

    with monkeypatch.context() as patch:
        patch.setattr(world.dock, "release_door", refused)
        assert staffed.do(c.BinEmpty(3, manifest, SECOND)) == "dock_flap_open"
    shown = staffed.view()
    assert (shown.bins[2].items, shown.bins[2].state, shown.manifests[0].items) == (1, "locked", 0)
    staffed.must(c.BinEmpty(3, manifest, SECOND))
