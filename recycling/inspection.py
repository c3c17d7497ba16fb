"""What staff answer about a phone, and the grade that follows from the answers by rule. It knows no price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recycling.errors import Refused
from recycling.goods import Hazard

RULES = "2026-1"
"""Version of the questions and of what follows from them; stands in every inspection."""


class Grade(StrEnum):
    """From flawless to not for resale."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


DEDUCTIONS = ("screen_crack", "battery_weak", "no_charger", "button_fault", "back_crack", "camera_fault")
"""What a price book has a rate for, in the order of a quote's lines."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; ``answers`` from best to worst. ``customer``: an owner can answer it without tools."""

    key: str
    answers: tuple[str, ...]
    customer: bool = False


@dataclass(frozen=True, slots=True)
class Grading:
    """What follows from the answers. ``why``: ``question:answer`` of all that kept it from being flawless."""

    grade: Grade
    deductions: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    rules: str = RULES
    hazard: Hazard = Hazard.NONE


@dataclass(frozen=True, slots=True)
class _Effect:
    cap: Grade = Grade.A  # no better than this
    deduction: str = ""
    hazard: Hazard = Hazard.NONE


QUESTIONS: tuple[Question, ...] = (
    Question("powers_on", ("yes", "no"), customer=True),
    Question("swollen", ("no", "yes"), customer=True),
    Question("water", ("none", "seen")),
    Question("lock", ("none", "locked")),
    Question("screen", ("flawless", "worn", "scratched", "cracked"), customer=True),
    Question("display", ("good", "spots", "dead")),
    Question("back", ("flawless", "worn", "cracked"), customer=True),
    Question("frame", ("straight", "dented", "bent")),
    Question("buttons", ("good", "fault")),
    Question("camera", ("good", "fault")),
    Question("battery", ("90_up", "80_89", "below_80", "not_read")),
    Question("charger", ("yes", "no"), customer=True),
)

# A crack is paid for by its deduction; it also ends the best grade, so that worse never brings more.
_EFFECTS: Mapping[tuple[str, str], _Effect] = {
    ("powers_on", "no"): _Effect(Grade.E),
    ("swollen", "yes"): _Effect(Grade.E, hazard=Hazard.SWOLLEN),
    ("water", "seen"): _Effect(Grade.E),
    ("lock", "locked"): _Effect(Grade.E),
    ("screen", "worn"): _Effect(Grade.B),
    ("screen", "scratched"): _Effect(Grade.C),
    ("screen", "cracked"): _Effect(Grade.B, "screen_crack"),
    ("display", "spots"): _Effect(Grade.C),
    ("display", "dead"): _Effect(Grade.D),
    ("back", "worn"): _Effect(Grade.B),
    ("back", "cracked"): _Effect(Grade.B, "back_crack"),
    ("frame", "dented"): _Effect(Grade.B),
    ("frame", "bent"): _Effect(Grade.D),
    ("buttons", "fault"): _Effect(deduction="button_fault"),
    ("camera", "fault"): _Effect(deduction="camera_fault"),
    ("battery", "below_80"): _Effect(deduction="battery_weak"),
    ("battery", "not_read"): _Effect(deduction="battery_weak"),
    ("charger", "no"): _Effect(deduction="no_charger"),
}


def customer_questions() -> tuple[Question, ...]:
    """What an owner can answer alone."""
    return tuple(one for one in QUESTIONS if one.customer)


def grade(answers: Mapping[str, str]) -> Grading:
    """By rule alone. :class:`Refused` "inspection_incomplete" (``questions``) or "inspection_answer" (``question``)."""
    _check(answers)
    effects = {
        (one.key, answers[one.key]): _EFFECTS[one.key, answers[one.key]]
        for one in QUESTIONS
        if (one.key, answers[one.key]) in _EFFECTS
    }
    taken = {effect.deduction for effect in effects.values()}
    hazards = [effect.hazard for effect in effects.values() if effect.hazard is not Hazard.NONE]
    return Grading(
        grade=max((effect.cap for effect in effects.values()), default=Grade.A),  # "A" < "E"
        deductions=tuple(key for key in DEDUCTIONS if key in taken),
        why=tuple(f"{question}:{answer}" for question, answer in effects),
        hazard=hazards[0] if hazards else Hazard.NONE,
    )


def _check(answers: Mapping[str, str]) -> None:
    missing = [one.key for one in QUESTIONS if one.key not in answers]
    if missing:
        names = ", ".join(missing)
        raise Refused("inspection_incomplete", f"not answered yet: {names}", {"questions": names})
    known = {one.key: one.answers for one in QUESTIONS}
    for key, answer in answers.items():
        if answer not in known.get(key, ()):
            raise Refused("inspection_answer", f"no such answer to {key[:40]!r}", {"question": key[:40]})
