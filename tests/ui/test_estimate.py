"""What is my phone worth, by real touches through the window, and the answers it keeps and forgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kiosk.flow.counter.view import EstimateModel, EstimateView
from kiosk.ui import words
from kiosk.ui.samples_counter import MODELS, QUESTIONS
from recycling.estimate import ASKED
from tests.ui import looks
from tests.ui.test_drop_off import BOOKS, keys, to_home
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = pytest.mark.ui


def answer_all(hand: Stagehand) -> int:
    """Taps the first answer of every question; how many taps it took."""
    for question in QUESTIONS:
        assert hand.app.shown.estimate.question.key == question.key
        touch(hand, f"pick_{question.answers[0]}")
    return len(QUESTIONS)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_price_range_takes_nine_touches(hand: Stagehand, language: str) -> None:
    to_home(hand, language)
    touches = 0
    for key in ("estimate", "pick_Lumen", "pick_heron"):
        touch(hand, key)
        touches += 1
    touches += answer_all(hand)
    assert touches <= 9
    assert hand.app.shown.page == "estimate_price"
    assert "960" in said(hand)
    assert "1,240" in said(hand)
    assert BOOKS[language]("estimate.price.holds") in said(hand)


def test_the_sample_asks_what_the_station_asks() -> None:
    assert [(one.key, one.answers) for one in QUESTIONS] == [(one.key, one.answers) for one in ASKED]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_question_and_answer_has_words(language: str) -> None:
    say = BOOKS[language]
    wanted = {f"estimate.ask.{one.key}" for one in ASKED}
    wanted |= {f"estimate.answer.{one.key}.{answer}" for one in ASKED for answer in one.answers}
    assert {key for key in wanted if not say.known(key)} == set()


def test_an_only_brand_is_not_asked_for(hand: Stagehand) -> None:
    to_home(hand)
    hand.counter.models = MODELS[:4]
    touch(hand, "estimate")
    assert hand.app.shown.page == "estimate_model"
    assert (hand.app.shown.step, hand.app.shown.steps) == (1, 8)
    assert "back" not in keys(hand), "there is nothing before it"


def test_back_asks_the_last_thing_again(hand: Stagehand) -> None:
    to_home(hand)
    for key in ("estimate", "pick_Lumen", "pick_wren", "pick_under_1"):
        touch(hand, key)
    assert hand.app.shown.estimate.question.key == "powers_on"
    touch(hand, "back")
    assert hand.app.shown.estimate.question.key == "age"
    touch(hand, "back")
    assert hand.app.shown.page == "estimate_model"
    touch(hand, "back")
    assert hand.app.shown.page == "estimate_brand"


def test_the_language_changes_without_losing_the_answers(hand: Stagehand) -> None:
    to_home(hand)
    for key in ("estimate", "pick_Lumen", "pick_heron", "pick_over_3"):
        touch(hand, key)
    touch(hand, "language")
    assert hand.app.shown.estimate.question.key == "powers_on"
    assert BOOKS["en"]("estimate.ask.powers_on") in said(hand)


def test_the_next_customer_starts_without_answers(hand: Stagehand) -> None:
    to_home(hand)
    for key in ("estimate", "pick_Lumen", "pick_heron", "pick_under_1", "home", "estimate"):
        touch(hand, key)
    assert hand.app.shown.page == "estimate_brand"
    assert hand.app.shown.estimate.model is None


def test_a_phone_without_a_price_is_one_for_staff(hand: Stagehand) -> None:
    to_home(hand)
    hand.counter.price = None
    for key in ("estimate", "pick_Lumen", "pick_heron"):
        touch(hand, key)
    answer_all(hand)
    assert hand.app.shown.page == "estimate_unknown"
    touch(hand, "call_here")
    assert [one[0] for one in hand.desk.asked] == ["call_manager"]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_phone_worth_nothing_is_said_kindly(hand: Stagehand, language: str) -> None:
    to_home(hand, language)
    hand.counter.price = EstimateView(0, 0, "2026-10")
    for key in ("estimate", "pick_Lumen", "pick_heron"):
        touch(hand, key)
    answer_all(hand)
    assert BOOKS[language]("estimate.price.zero") in said(hand)


def test_a_long_list_of_models_scrolls_and_every_one_can_be_touched(hand: Stagehand) -> None:
    to_home(hand)
    hand.counter.models = tuple(
        EstimateModel(f"m{number}", "Lumen", {"zh": f"流明 {number}", "en": f"Lumen {number}"}, "128 GB")
        for number in range(40)
    )
    touch(hand, "estimate")
    assert looks.text_faults(hand, True) == []
    assert "pick_m39" in keys(hand)
    touch(hand, "pick_m3")
    assert hand.app.shown.estimate.model == hand.counter.models[3]
