"""Manifests: two people, a licence that holds on the day, never lithium by air, masses that agree or are revised."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling import manifest_moves as m
from recycling.errors import Refused
from recycling.goods import Category, Hazard
from recycling.manifests import MACHINE, Line, LineAnswer, Manifest, State, discrepancy
from recycling.processor import Processor
from tests.machine_promises import assert_whole

LAST = date(2026, 12, 31)
GREEN = Processor(
    "green", "Green", {"zh": "绿", "en": "Green"}, "L", LAST, (Category.PHONE, Category.BATTERY), "11" * 32
)
PHONE = Line("I1", Category.PHONE, Hazard.NONE, 180, "bin-1")
CELL = Line("I2", Category.BATTERY, Hazard.NONE, 45, "bin-2")
DRAFT = Manifest("M", "green", "1001", 1, 1, lines=(PHONE, CELL))
step = MACHINE.step


def refused(manifest: Manifest, event: object) -> str:
    with pytest.raises(Refused) as caught:
        step(manifest, event)
    return caught.value.reason


def sealed(manifest: Manifest = DRAFT, day: date = LAST) -> Manifest:
    return step(manifest, m.Sealed(2, ("S1",), "1001", "1002", GREEN, day))


def test_the_machine_is_whole() -> None:
    assert_whole(MACHINE)


def test_the_licence_holds_on_its_last_day_and_not_on_the_next() -> None:
    over = date(2027, 1, 1)
    assert sealed().state is State.SEALED
    assert refused(DRAFT, m.Sealed(2, ("S1",), "1001", "1002", GREEN, over)) == "processor_not_licensed"
    assert refused(DRAFT, m.Added(2, (replace(PHONE, item="I3"),), GREEN, over)) == "processor_not_licensed"
    assert refused(sealed(), m.PickedUp(3, "c", "v", "road", GREEN, over)) == "processor_not_licensed"
    charger = Line("I4", Category.CHARGER, Hazard.NONE, 90, "bin-3")
    assert refused(DRAFT, m.Added(2, (charger,), GREEN, LAST)) == "processor_not_licensed"


@pytest.mark.parametrize(
    ("manifest", "event", "reason"),
    [
        (DRAFT, m.Sealed(2, ("S1",), "1001", "1001", GREEN, LAST), "second_needed"),
        (DRAFT, m.Sealed(2, (), "1001", "1002", GREEN, LAST), "seal_missing"),
        (DRAFT, m.Sealed(2, ("S1", "S1"), "1001", "1002", GREEN, LAST), "seal_missing"),
        (replace(DRAFT, lines=()), m.Sealed(2, ("S1",), "1001", "1002", GREEN, LAST), "manifest_empty"),
        (
            replace(DRAFT, lines=(replace(PHONE, mass_g=0),)),
            m.Sealed(2, ("S1",), "1001", "1002", GREEN, LAST),
            "not_weighed",
        ),
        (DRAFT, m.Added(2, (PHONE,), GREEN, LAST), "item_there_already"),
        (
            replace(DRAFT, lines=(replace(CELL, hazard=Hazard.DAMAGED), replace(PHONE, package="bin-2"))),
            m.Sealed(2, ("S1",), "1001", "1002", GREEN, LAST),
            "damaged_not_alone",
        ),
        (
            replace(DRAFT, lines=tuple(replace(PHONE, item=f"I{n}", mass_g=15_001) for n in (1, 2))),
            m.Sealed(2, ("S1",), "1001", "1002", GREEN, LAST),
            "package_mass",
        ),
        (sealed(), m.PickedUp(3, "c", "v", "air", GREEN, LAST), "lithium_never_by_air"),
        (sealed(), m.PickedUp(3, "", "v", "road", GREEN, LAST), "carrier_missing"),
        (DRAFT, m.PickedUp(3, "c", "v", "road", GREEN, LAST), "not_now"),
    ],
)
def test_what_is_not_right_does_not_go_out(manifest: Manifest, event: object, reason: str) -> None:
    assert refused(manifest, event) == reason


def test_a_vehicle_carries_333_kg_of_lithium_and_no_gram_more() -> None:
    lines = tuple(Line(f"I{n}", Category.PHONE, Hazard.NONE, 27_750, f"p{n}") for n in range(12))
    full = sealed(replace(DRAFT, lines=lines))
    assert step(full, m.PickedUp(3, "c", "v", "road", GREEN, LAST)).state is State.PICKED_UP
    over = sealed(replace(DRAFT, lines=(*lines, Line("J", Category.PHONE, Hazard.NONE, 1, "p"))))
    assert refused(over, m.PickedUp(3, "c", "v", "road", GREEN, LAST)) == "vehicle_mass"


AWAY = step(sealed(), m.PickedUp(3, "c", "v", "road", GREEN, LAST))


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [(True, True, "accepted"), (True, False, "partial"), (False, False, "refused")],
)
def test_the_verdict_follows_from_the_items(first: bool, second: bool, state: str) -> None:
    answers = (LineAnswer("I1", first, 180), LineAnswer("I2", second, 45))
    assert step(AWAY, m.Answered(4, answers)).state.value == state


@pytest.mark.parametrize("items", [("I1",), ("I1", "I2", "I3"), ("I1", "I1"), ("I1", "X")])
def test_an_answer_is_about_exactly_what_was_sent(items: tuple[str, ...]) -> None:
    answers = tuple(LineAnswer(item, True, 100) for item in items)
    assert refused(AWAY, m.Answered(4, answers)) == "answer_other_items"


@pytest.mark.parametrize(
    ("sent", "received", "apart"),
    [
        (1000, 1050, None),
        (1000, 1051, 51),
        (1000, 950, None),
        (1000, 949, -51),
        (10_000, 10_200, None),
        (10_000, 10_201, 201),
        (10_000, 9_799, -201),
        (2500, 2551, 51),
        (0, 50, None),
    ],
)
def test_masses_may_lie_2_percent_or_50_g_apart(sent: int, received: int, apart: int | None) -> None:
    assert discrepancy(sent, received) == apart


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_a_discrepancy_is_the_difference_or_nothing(sent: int, received: int) -> None:
    assert discrepancy(sent, received) in (None, received - sent)


def test_a_discrepancy_proposes_a_correction_that_the_other_side_must_take() -> None:
    answered = step(AWAY, m.Answered(4, (LineAnswer("I1", True, 80), LineAnswer("I2", True, 45))))
    assert answered.discrepancy_g == -100
    assert answered.revision is not None
    assert answered.revision.by == "theirs"
    assert refused(answered, m.Processed(5)) == "discrepancy_open"
    assert refused(answered, m.Replied(5, "theirs", True)) == "revision_own"
    assert refused(answered, m.Proposed(5, "ours", {"I1": 90}, "again")) == "revision_open"
    agreed = step(answered, m.Replied(5, "ours", True))
    assert (agreed.mass_g, agreed.discrepancy_g) == (125, None)
    assert step(agreed, m.Processed(6)).state is State.PROCESSED
    kept = step(answered, m.Replied(5, "ours", False))
    assert kept.mass_g == 225
    assert refused(kept, m.Processed(6)) == "discrepancy_open"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({}, "revision_other_items"), ({"X": 5}, "revision_other_items"), ({"I1": 0}, "mass_zero")],
)
def test_a_correction_names_our_items_and_real_masses(changes: dict[str, int], reason: str) -> None:
    assert refused(AWAY, m.Proposed(5, "ours", changes, "why")) == reason
