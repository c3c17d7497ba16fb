"""What a phone may bring before anybody has looked at it: the best and the worst that its owner's answers allow.

Money in fen. Staff look at it; this is no offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from recycling.errors import Refused
from recycling.inspection import QUESTIONS, Question, customer_questions, grade
from recycling.price_book import PriceBook
from recycling.quote import age_months, price

AGE = Question("age", ("under_1", "1_to_2", "2_to_3", "over_3"), customer=True)
ASKED: tuple[Question, ...] = (AGE, *customer_questions())
"""What the owner is asked, in order: six taps."""

_MONTHS: Mapping[str, tuple[int, int | None]] = {
    "under_1": (0, 11),
    "1_to_2": (12, 23),
    "2_to_3": (24, 35),
    "over_3": (36, None),
}

_LIKELY_WORST = {
    "display": "spots",
    "frame": "dented",
    "buttons": "good",
    "camera": "good",
    "battery": "below_80",
}
"""For the low end, where the owner was not asked: ordinary wear, not the worst of everything."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A range in whole yuan. ``book``: version of the price book."""

    low_fen: int
    high_fen: int
    book: str


def estimate(book: PriceBook, model: str, answers: Mapping[str, str], today: date) -> Estimate:
    """:class:`Refused` "inspection_incomplete" (``questions``), "inspection_answer" (``question``), "model_unknown"."""
    if model not in book.models:
        raise Refused("model_unknown", f"the price book has no model {model[:64]!r}", {"model": model[:64]})
    missing = [one.key for one in ASKED if one.key not in answers]
    if missing:
        names = ", ".join(missing)
        raise Refused("inspection_incomplete", f"not answered yet: {names}", {"questions": names})
    if answers["age"] not in _MONTHS:
        raise Refused("inspection_answer", "no such age", {"question": "age"})
    youngest, oldest = _MONTHS[answers["age"]]
    first = book.models[model].made_from
    made = age_months(date(int(first[:4]), int(first[5:]), 1), today)
    given = {key: answer for key, answer in answers.items() if key != "age"}
    best = {one.key: given.get(one.key, one.answers[0]) for one in QUESTIONS} | given
    worst = {
        one.key: given.get(one.key, _LIKELY_WORST.get(one.key, one.answers[0])) for one in QUESTIONS
    } | given
    # No phone is older than the first of its model.
    high = price(book, model, min(youngest, made), grade(best))
    low = price(book, model, made if oldest is None else min(oldest, made), grade(worst))
    return Estimate(min(low.price_fen, high.price_fen), high.price_fen, book.version)
