"""How long a person takes for what was done at a screen: the keystroke-level model over a record of it. Pure.

It measures nothing: what the machine took stands in the record, what the person takes is this model's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CARD = "Card, Moran & Newell 1980, doi:10.1145/358886.358895"
IREST = "Trauzettel-Klosinski & Dietz 2012, doi:10.1167/iovs.11-8284, table 2 (read aloud)"
OURS = "our own estimate, tried with nobody"


@dataclass(frozen=True, slots=True)
class Operator:
    """Seconds of one act, and whose figure it is."""

    seconds: float
    source: str


OPERATORS: Final[Mapping[str, Operator]] = MappingProxyType(
    {
        # P, point to a target (1.10), and BB, press and lift (0.20): made for a mouse, slow for a finger
        "touch": Operator(1.30, CARD),
        # K, "typing random letters": digits that were just read from somewhere
        "key": Operator(0.50, CARD),
        # M, once for every page that comes up
        "mental": Operator(1.35, CARD),
        # H, between the screen and anything else
        "homing": Operator(0.40, CARD),
        "character": Operator(60 / 255, IREST),
        "word": Operator(60 / 228, IREST),
        "scan": Operator(3.0, OURS),
        "dial": Operator(6.0, OURS),
        "sign": Operator(6.0, OURS),
        "plug": Operator(4.0, OURS),
        "unlock": Operator(4.0, OURS),
        "hold_keys": Operator(10.0, OURS),
        "reset": Operator(45.0, OURS),
        "photograph": Operator(3.0, OURS),
        "lay_on_scale": Operator(3.0, OURS),
        "take": Operator(2.0, OURS),
        "throw_in": Operator(4.0, OURS),
        "lay_in_drawer": Operator(6.0, OURS),
        "turn_screen": Operator(3.0, OURS),
        "bag": Operator(10.0, OURS),
        "money": Operator(10.0, OURS),
        "shelve": Operator(10.0, OURS),
        "carry_out": Operator(20.0, OURS),
    }
)
"""Every operator; the acts of hands are ours and meant to be long rather than short."""

_CHARACTER = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9.,:'’/+-]*")
_FIGURE = re.compile(r"[0-9]+")


class Kind(StrEnum):
    """What was done."""

    TOUCH = "touch"
    KEY = "key"  # of a keypad, after the hand is there
    SCAN = "scan"
    HANDS = "hands"  # anything off the screen; ``what`` names the operator
    WAIT = "wait"  # for a page or a device, with the person standing there
    AWAY = "away"  # the machine works by itself: nobody need stand there


@dataclass(frozen=True, slots=True)
class Done:
    """One thing done at ``page``. ``machine_s``: measured until everything had answered and the screen was still.

    ``fresh``: the page was new; ``characters`` and ``words``: what stood there to be read for the first time;
    ``public``: a customer reads it.
    """

    kind: Kind
    page: str
    what: str
    machine_s: float = 0.0
    fresh: bool = False
    characters: int = 0
    words: int = 0
    public: bool = True


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds, by what they go to."""

    touching: float = 0.0
    thinking: float = 0.0
    reading: float = 0.0
    handling: float = 0.0
    machine: float = 0.0

    @property
    def total(self) -> float:
        """Hands-on seconds: nothing is done at the same time as anything else."""
        return self.touching + self.thinking + self.reading + self.handling + self.machine


def parts(record: Iterable[Done], practised: bool = False) -> Parts:
    """What a person takes for ``record``. ``practised``: staff who know their own pages read only the customer's."""
    touching = thinking = reading = handling = machine = 0.0
    at_screen = True
    for done in record:
        on_screen = done.kind in (Kind.TOUCH, Kind.KEY)
        if done.fresh:
            thinking += OPERATORS["mental"].seconds
        if done.public or not practised:
            reading += reading_s(done.characters, done.words)
        if on_screen:
            touching += OPERATORS[done.kind].seconds
        elif done.kind in (Kind.SCAN, Kind.HANDS):
            handling += OPERATORS["scan" if done.kind is Kind.SCAN else done.what].seconds
        if done.kind not in (Kind.WAIT, Kind.AWAY):
            handling += OPERATORS["homing"].seconds * (on_screen is not at_screen)
            at_screen = on_screen
        if done.kind is not Kind.AWAY:
            machine += done.machine_s
    return Parts(touching, thinking, reading, handling, machine)


def reading_s(characters: int, words: int) -> float:
    """Seconds to read so many Chinese characters and so many words or figures."""
    return characters * OPERATORS["character"].seconds + words * OPERATORS["word"].seconds


def to_read(text: str) -> tuple[int, int]:
    """Chinese characters, and words or figures of any other script, in ``text``."""
    return len(_CHARACTER.findall(text)), len(_WORD.findall(text))


def form(text: str) -> str:
    """``text`` without its figures: a line whose number alone has changed was read already."""
    return _FIGURE.sub("0", text)


def touches(record: Iterable[Done]) -> int:
    """Touches of the screen, keypads and all; a signature is one."""
    return sum(done.kind in (Kind.TOUCH, Kind.KEY) or done.what == "sign" for done in record)


def responses_ms(record: Iterable[Done]) -> list[float]:
    """Measured answers to touches, keys and scans, in ms."""
    return [1000 * done.machine_s for done in record if done.kind in (Kind.TOUCH, Kind.KEY, Kind.SCAN)]
