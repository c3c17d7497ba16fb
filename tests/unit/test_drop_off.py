"""A drop-off: what is dangerous never meets a bin, and a battery is taped before it is weighed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from recycling import drop_off as d
from recycling.custody import BEGINS, MOVES, UNWEIGHED, Item, Place, joined, moved, place, weighed
from recycling.errors import Refused
from recycling.goods import Category, Hazard, Lodging
from tests.machine_promises import assert_whole

DROP = d.Drop("D", "zh", 1, 1)
step = d.MACHINE.step


def chosen(category: Category, hazard: Hazard = Hazard.NONE) -> d.Drop:
    return step(step(DROP, d.CategoryChosen(1, category)), d.HazardSaid(1, hazard, "I"))


def test_the_machine_is_whole() -> None:
    assert_whole(d.MACHINE)


@pytest.mark.parametrize("category", list(Category))
@pytest.mark.parametrize("hazard", [one for one in Hazard if one is not Hazard.NONE])
def test_what_is_dangerous_goes_to_the_drawer(category: Category, hazard: Hazard) -> None:
    assert chosen(category, hazard).state is d.State.DRAWER
    forged = replace(chosen(category, hazard), state=d.State.WEIGH)
    with pytest.raises(Refused, match=hazard.value):
        step(forged, d.Opened(1, "I", 100, 1))


def test_a_battery_is_taped_first() -> None:
    tape = chosen(Category.BATTERY)
    assert tape.state is d.State.TAPE
    assert step(tape, d.Taped(1, False)).said == "tape_first"
    assert step(tape, d.Taped(1, True)).state is d.State.WEIGH
    assert chosen(Category.PHONE).state is d.State.WEIGH


@pytest.mark.parametrize(("mass_g", "reason"), [(0, "scale_empty"), (501, "lithium_piece_mass")])
def test_nothing_and_too_much_are_not_let_in(mass_g: int, reason: str) -> None:
    weigh = step(chosen(Category.BATTERY), d.Taped(1, True))
    with pytest.raises(Refused) as caught:
        step(weigh, d.Opened(1, "I", mass_g, 2))
    assert caught.value.reason == reason
    assert step(weigh, d.Opened(1, "I", 500, 2)).state is d.State.DEPOSIT


def test_a_receipt_adds_up_over_several_things() -> None:
    drop = DROP
    for mass_g in (90, 110):
        weigh = step(step(drop, d.CategoryChosen(1, Category.CHARGER)), d.HazardSaid(1, Hazard.NONE))
        receipt = step(step(weigh, d.Opened(1, "I", mass_g, 3)), d.Fell(1, mass_g // 2))
        drop = step(receipt, d.Another(1))
    assert (drop.items, drop.total_g, drop.kept_g) == (2, 200, 100)


def test_late_news_of_a_thing_changes_nothing_for_the_next_person() -> None:
    ended = step(DROP, d.Done(1))
    assert step(ended, d.Fell(1, 5)) is ended
    assert step(DROP, d.Fell(1, 5)) is DROP


ITEM = Item("I", Category.PHONE, Hazard.NONE, 100, Place(Lodging.SCALE), 1)


@pytest.mark.parametrize("source", list(Lodging))
@pytest.mark.parametrize("target", list(Lodging))
def test_an_item_moves_only_where_the_table_says(source: Lodging, target: Lodging) -> None:
    item = replace(ITEM, place=Place(source), manifest="M")
    if (source, target) in MOVES:
        assert moved(item, Place(target), 2).place.lodging is target
    else:
        with pytest.raises(Refused, match=r"I: "):
            moved(item, Place(target), 2)


def test_nothing_unweighed_leaves_the_counter_and_nothing_goes_out_without_a_manifest() -> None:
    for source, target in MOVES:
        if target not in UNWEIGHED:
            with pytest.raises(Refused, match="no mass"):
                moved(replace(ITEM, place=Place(source), mass_g=0, manifest="M"), Place(target), 2)
    with pytest.raises(Refused, match="no manifest"):
        moved(replace(ITEM, place=Place(Lodging.BIN, "1")), Place(Lodging.PARCEL), 2)
    assert joined(replace(ITEM, place=Place(Lodging.BIN, "1")), "M", 2).place == Place(Lodging.PARCEL, "M")
    with pytest.raises(Refused):
        weighed(ITEM, 0, 2)


def test_every_place_is_reached_from_where_items_begin() -> None:
    seen = set(BEGINS)
    while True:
        more = {target for source, target in MOVES if source in seen} - seen
        if not more:
            break
        seen |= more
    assert seen == set(Lodging)
    assert place("bin:2") == Place(Lodging.BIN, "2")
    assert place("gone") == Place(Lodging.GONE)
