"""What was typed, scanned, chosen and signed but not yet asked for. Immutable and bounded; checks no rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import ascii_uppercase, digits
from types import MappingProxyType
from typing import Final

Stroke = tuple[tuple[int, int], ...]  # points in 1/1000 of the field: (x, y), y upwards
MOST_STROKES: Final = 120
MOST_POINTS: Final = 160  # of one stroke
LETTERS: Final = digits + ascii_uppercase + "-"
ERASE: Final = "erase"
CLEAR: Final = "clear"
NOTES_FEN: Final = (10_000, 5_000, 2_000, 1_000, 500, 100, 50, 10)
"""Notes and coins of the cash drawer, in fen."""
PINS: Final = ("pin", "second_pin")
PERSONAL: Final = ("id_number", "phone_number")
"""Fields that leave the page with their owner."""


@dataclass(frozen=True, slots=True)
class Entry:
    """How long a field may be, what may stand in it, and whether it is hidden."""

    longest: int
    chars: str = digits
    secret: bool = False


ENTRIES: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        "staff": Entry(12, LETTERS),
        "pin": Entry(12, secret=True),
        "second_staff": Entry(12, LETTERS),
        "second_pin": Entry(12, secret=True),
        "imei_dialled": Entry(17),
        "imei_label": Entry(17),
        "first_use": Entry(8),
        "invoice_date": Entry(8),
        "made": Entry(8),
        "new_price": Entry(6),
        "override": Entry(6),
        "id_number": Entry(24, LETTERS, secret=True),
        "phone_number": Entry(15, secret=True),
        "seal": Entry(32, LETTERS),
        "shelf": Entry(12, LETTERS),
        "package": Entry(32, LETTERS),
        "carrier": Entry(32, LETTERS),
        "vehicle": Entry(12, LETTERS),
        "received": Entry(6),
        "code": Entry(512, LETTERS + "$%*+./: "),
        "amount": Entry(6),
        "cash_amount": Entry(6),
        "line_mass": Entry(5),
        **{f"note_{note}": Entry(4) for note in NOTES_FEN},
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One page's worth of unfinished work. Every method returns a new draft."""

    focus: str = ""  # the field that keys and scans go to
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)
    choices: Mapping[str, str] = field(default_factory=dict)
    ticks: frozenset[str] = frozenset()
    strokes: tuple[Stroke, ...] = field(default=(), repr=False)
    seals: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        return self.fields.get(name, "")

    def choice(self, name: str, default: str = "") -> str:
        return self.choices.get(name, default)

    def yuan(self, name: str) -> int:
        """A field of whole yuan, in fen; 0 when empty."""
        return int(self.text(name) or 0) * 100

    def day(self, name: str) -> str:
        """A field YYYYMMDD as YYYY-MM-DD; "" when empty. What is no date is passed on for the flow to refuse."""
        text = self.text(name)
        return f"{text[:4]}-{text[4:6]}-{text[6:]}" if text else ""

    def counted_fen(self) -> int:
        """The cash drawer's notes and coins, in fen."""
        return sum(note * int(self.text(f"note_{note}") or 0) for note in NOTES_FEN)

    def typed(self, char: str) -> Draft:
        """One key of a keypad: a character, ERASE or CLEAR. What does not belong into the field is dropped."""
        entry, old = ENTRIES.get(self.focus), self.text(self.focus)
        if entry is None:
            return self
        if char in (ERASE, CLEAR):
            return self.filled(self.focus, old[:-1] if char == ERASE else "")
        if len(char) != 1 or char not in entry.chars or len(old) >= entry.longest:
            return self
        return self.filled(self.focus, old + char)

    def filled(self, name: str, text: str) -> Draft:
        """``text`` in place of what stood there; too much of it, or a foreign character, leaves the field as it was."""
        entry = ENTRIES.get(name)
        if entry is None or len(text) > entry.longest or any(char not in entry.chars for char in text):
            return self
        return replace(self, fields={**self.fields, name: text})

    def focused(self, name: str) -> Draft:
        return replace(self, focus=name)

    def chosen(self, name: str, value: str) -> Draft:
        return replace(self, choices={**self.choices, name: value})

    def ticked(self, name: str) -> Draft:
        return replace(self, ticks=self.ticks ^ {name})

    def stroked(self, points: Stroke) -> Draft:
        """One more stroke of the signature; beyond what a hand writes, nothing is added."""
        kept = tuple((min(1000, max(0, x)), min(1000, max(0, y))) for x, y in points[:MOST_POINTS])
        if not kept or len(self.strokes) >= MOST_STROKES:
            return self
        return replace(self, strokes=(*self.strokes, kept))

    def unsigned(self) -> Draft:
        return replace(self, strokes=())

    def without(self, *names: str) -> Draft:
        """The fields of ``names`` emptied."""
        return replace(self, fields={key: text for key, text in self.fields.items() if key not in names})
