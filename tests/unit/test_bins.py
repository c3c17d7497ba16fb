"""Bins: they lock at 90 % and at 30 kg, a first cause stands, two people empty them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recycling import bins as b
from recycling.errors import Refused
from recycling.goods import Category
from tests.machine_promises import assert_whole

BIN = b.Bin(1, Category.PHONE)
step = b.MACHINE.step


def test_the_machine_is_whole() -> None:
    assert_whole(b.MACHINE)


@pytest.mark.parametrize(("percent", "state"), [(89, "open"), (90, "full"), (100, "full")])
def test_it_is_full_at_90_percent(percent: int, state: str) -> None:
    assert step(BIN, b.Filled(1, percent)).state.value == state
    assert step(BIN, b.PutIn(1, 100, percent)).state.value == state


@pytest.mark.parametrize(("mass_g", "state"), [(29_999, "open"), (30_000, "full")])
def test_it_is_full_at_30_kg(mass_g: int, state: str) -> None:
    after = step(BIN, b.PutIn(1, mass_g, 10))
    assert (after.state.value, after.mass_g, after.items) == (state, mass_g, 1)


def test_room_is_counted_before_anything_goes_in() -> None:
    nearly = replace(BIN, mass_g=29_900)
    assert nearly.room_for(100)
    assert not nearly.room_for(101)


def test_nothing_weighs_nothing() -> None:
    with pytest.raises(Refused):
        step(BIN, b.PutIn(1, 0, 10))


def test_the_first_cause_stands_but_danger_is_above_it() -> None:
    full = step(BIN, b.Filled(1, 95))
    assert step(full, b.Broke(2, "flap_jammed")) is full
    assert step(full, b.Danger(2)).why == "hazard"
    locked = step(full, b.LockSeen(2))
    assert (locked.state, locked.why) == (b.State.LOCKED, "full")


def test_a_full_bin_is_never_mended_open() -> None:
    for why in ("full", "heavy", "hazard"):
        locked = replace(BIN, state=b.State.LOCKED, why=why)
        assert step(locked, b.Mended(1)) is locked
    jammed = replace(BIN, state=b.State.LOCKED, why="flap_jammed")
    assert step(jammed, b.Mended(1)).state is b.State.OPEN


@pytest.mark.parametrize(("by", "second"), [("1", "1"), ("1", ""), ("", "2")])
def test_two_people_empty_it(by: str, second: str) -> None:
    locked = replace(BIN, state=b.State.LOCKED)
    with pytest.raises(Refused, match="two people"):
        step(locked, b.EmptyingBegun(1, "M", by, second, 50))
    assert step(locked, b.EmptyingBegun(1, "M", "1", "2", 50)).state is b.State.EMPTYING


def test_an_open_bin_is_not_emptied_and_an_emptied_one_begins_anew() -> None:
    with pytest.raises(Refused):
        step(BIN, b.EmptyingBegun(1, "M", "1", "2", 50))
    emptying = step(
        replace(BIN, state=b.State.LOCKED, mass_g=9, items=2), b.EmptyingBegun(1, "M", "1", "2", 5)
    )
    assert step(emptying, b.Emptied(2)) == b.Bin(1, Category.PHONE, at_ms=2)
    kept = step(emptying, b.NotOpened(2))
    assert (kept.state, kept.mass_g, kept.items) == (b.State.LOCKED, 9, 2)
