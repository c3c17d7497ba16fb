"""The dock's controller is reset at any moment of a drop-off: no fall is missed as seen, and none is invented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import Counter, FakeDock, World

Step = Callable[[FakeDock], None]

FELL: Sequence[Step] = (lambda dock: dock.open(3), lambda dock: dock.fall(3, 0), lambda dock: dock.shut(3))
NOTHING_FELL: Sequence[Step] = (lambda dock: dock.open(3), lambda dock: dock.shut(3))
NOT_OPENED: Sequence[Step] = (lambda dock: dock.shut(3),)


def outcome(
    counter: Counter, world: World, steps: Sequence[Step], reset_at: int, looks: Sequence[bool]
) -> str:
    """Where the counter takes the thing to be at the end: "bin", "scale" or "unclear". Leaves the bin open again."""
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    moments: list[Step] = [*steps[:reset_at], FakeDock.restart, *steps[reset_at:]]
    for moment, is_seen in zip(moments, looks, strict=True):
        moment(world.dock)
        if is_seen:
            counter.look()
    counter.tick(40)
    counter.look()
    shown = counter.view().drop
    assert shown is not None
    found = {"receipt": "bin", "weigh": "scale", "staff": "unclear"}[shown.step]
    for item in counter.view().items:
        assert found == "unclear"
        counter.must(c.DropResolve(item.item, "owner"))
    counter.must(c.DropDone(drop))
    counter.look()
    assert counter.view().bins[2].state == "open"
    return found


def every_way(steps: Sequence[Step]) -> list[tuple[int, tuple[bool, ...]]]:
    """Where the reset comes, and which of the moments the station happens to see."""
    return [
        (at, looks) for at in range(len(steps) + 1) for looks in product((False, True), repeat=len(steps) + 1)
    ]


def test_a_thing_that_fell_is_never_taken_to_lie_on_the_scale(staffed: Counter, world: World) -> None:
    for at, looks in every_way(FELL):
        found = outcome(staffed, world, FELL, at, looks)
        # the station saw the fall counted before the reset came
        is_certain = any(looks[1:at]) if at >= 2 else False
        assert found == ("bin" if is_certain else "unclear"), (at, looks)
    assert staffed.entries().count("drop.deposited") == sum(
        any(looks[1:at]) for at, looks in every_way(FELL) if at >= 2
    )


def test_a_thing_that_did_not_fall_is_never_taken_to_be_in_the_bin(staffed: Counter, world: World) -> None:
    for steps in (NOTHING_FELL, NOT_OPENED):
        for at, looks in every_way(steps):
            assert outcome(staffed, world, steps, at, looks) != "bin", (at, looks)
    assert staffed.view().bins[2].items == 0


@pytest.mark.parametrize(("before", "pokes"), [(0, 1), (4, 5), (4, 4), (65535, 1)])
def test_a_count_that_comes_by_where_it_was_before_the_reset_invents_nothing(
    staffed: Counter, world: World, before: int, pokes: int
) -> None:
    world.dock.bin(3, lambda one: replace(one, falls=before))
    drop = staffed.to_weigh("charger", 90)
    staffed.must(c.DropOpen(drop))
    staffed.look()
    world.dock.restart()
    world.dock.open(3)
    for _ in range(pokes):  # whoever stands there breaks the barrier's light
        world.dock.fall(3)
        staffed.look()
    world.dock.shut(3)
    staffed.look()
    assert staffed.view().bins[2].items == 0
    shown = staffed.view().drop
    assert shown is not None
    assert (shown.step, shown.said.reason if shown.said else "") == ("staff", "fall_not_seen")
