"""The grade follows from the answers by rule alone, and a worse answer never makes a phone better."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import Refused
from recycling.goods import Hazard
from recycling.inspection import (
    _EFFECTS,
    DEDUCTIONS,
    QUESTIONS,
    RULES,
    Grade,
    Question,
    customer_questions,
    grade,
)
from recycling.quote import price
from tests.price_books import BOOK, FLAWLESS

ANSWERS = st.fixed_dictionaries({one.key: st.sampled_from(one.answers) for one in QUESTIONS})


def test_a_flawless_phone_is_an_a_without_a_deduction() -> None:
    grading = grade(FLAWLESS)
    assert (grading.grade, grading.deductions, grading.why) == (Grade.A, (), ())
    assert (grading.rules, grading.hazard) == (RULES, Hazard.NONE)


@pytest.mark.parametrize(
    ("question", "answer", "expected", "deductions"),
    [
        ("screen", "worn", Grade.B, ()),
        ("screen", "scratched", Grade.C, ()),
        ("screen", "cracked", Grade.B, ("screen_crack",)),
        ("back", "cracked", Grade.B, ("back_crack",)),
        ("frame", "bent", Grade.D, ()),
        ("display", "dead", Grade.D, ()),
        ("battery", "80_89", Grade.A, ()),
        ("battery", "below_80", Grade.A, ("battery_weak",)),
        ("battery", "not_read", Grade.A, ("battery_weak",)),
        ("charger", "no", Grade.A, ("no_charger",)),
        ("buttons", "fault", Grade.A, ("button_fault",)),
        ("camera", "fault", Grade.A, ("camera_fault",)),
        ("powers_on", "no", Grade.E, ()),
        ("water", "seen", Grade.E, ()),
        ("lock", "locked", Grade.E, ()),
        ("swollen", "yes", Grade.E, ()),
    ],
)
def test_each_answer_does_what_the_rules_say(
    question: str, answer: str, expected: Grade, deductions: tuple[str, ...]
) -> None:
    grading = grade({**FLAWLESS, question: answer})
    assert (grading.grade, grading.deductions) == (expected, deductions)
    if expected is not Grade.A or deductions:
        assert grading.why == (f"{question}:{answer}",)


def test_a_swollen_battery_is_dangerous() -> None:
    assert grade({**FLAWLESS, "swollen": "yes"}).hazard is Hazard.SWOLLEN


def test_the_worst_of_several_counts_and_deductions_keep_the_bills_order() -> None:
    grading = grade({**FLAWLESS, "camera": "fault", "screen": "cracked", "frame": "bent"})
    assert grading.grade is Grade.D
    assert grading.deductions == ("screen_crack", "camera_fault")


@given(ANSWERS, st.sampled_from(QUESTIONS), st.data())
def test_a_worse_answer_never_brings_more(
    answers: dict[str, str], question: Question, data: st.DataObject
) -> None:
    better, worse = sorted(
        data.draw(st.lists(st.integers(0, len(question.answers) - 1), min_size=2, max_size=2))
    )
    prices = [
        price(BOOK, "heron", 3, grade({**answers, question.key: question.answers[place]})).price_fen
        for place in (better, worse)
    ]
    assert prices[0] >= prices[1]


@pytest.mark.parametrize("left_out", [one.key for one in QUESTIONS])
def test_nothing_is_graded_on_half_an_inspection(left_out: str) -> None:
    with pytest.raises(Refused) as caught:
        grade({key: answer for key, answer in FLAWLESS.items() if key != left_out})
    assert caught.value.reason == "inspection_incomplete"
    assert caught.value.values == {"questions": left_out}


@pytest.mark.parametrize(("question", "answer"), [("screen", ""), ("screen", "good"), ("smell", "fine")])
def test_an_answer_that_no_question_has_is_refused(question: str, answer: str) -> None:
    with pytest.raises(Refused) as caught:
        grade({**FLAWLESS, question: answer})
    assert caught.value.reason == "inspection_answer"


def test_every_rule_is_about_an_answer_that_exists() -> None:
    assert set(_EFFECTS) <= {(one.key, answer) for one in QUESTIONS for answer in one.answers}
    assert {effect.deduction for effect in _EFFECTS.values()} == {*DEDUCTIONS, ""}


def test_an_owner_is_asked_fewer_questions_than_staff() -> None:
    assert 0 < len(customer_questions()) < len(QUESTIONS)
