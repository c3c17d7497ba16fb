"""A scanner that types like a keyboard, told from fingers by its pace, and what kind of code it read. Sees no window.

A code is a burst of characters ended by Enter or Tab. One that was interrupted is never taken for a shorter code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from recycling.errors import Refused
from recycling.imei import imei

FAST_S: Final = 0.05  # between two characters of a scanner; fingers are slower
APART_S: Final = 0.5  # between two characters of one burst at the most, however busy this machine is
FORGET_S: Final = 2.0  # after this the torn head of a burst says nothing about what comes
SHORTEST: Final = 2
LONGEST: Final = 600  # a voucher's code is the longest of ours, with room
UNREADABLE: Final = "scan_unreadable"
_ENDS: Final = ("\r", "\n", "\t")
_BURST_GAPS: Final = 3  # as many fast gaps in a row come from no finger

_KINDS: Final = (
    ("voucher", re.compile(r"V[A-Z2-7]{100,255}")),
    ("shelf", re.compile(r"(?:SHELF:)?[A-Z]{1,2}-?[0-9]{1,3}")),
    ("parcel", re.compile(r"(?:B[0-9]{1,2}|Q)-[0-9]{4,12}")),
    ("seal", re.compile(r"[A-Z]{1,6}-?[0-9]{5,14}|[0-9]{6,12}")),
    ("badge", re.compile(r"STAFF:[0-9]{1,6}")),
    ("qr", re.compile(r"PSS1 [ -~]{4,500}|https?://[!-~]{4,500}|[0-7][0-9A-HJKMNP-TV-Z]{25}")),
)
"""Kinds and their forms; the first that fits. IMEIs are looked at before them. A shelf's label carries its
prefix, since two or three characters are too few to tell a scanner from fingers.
"""
_PREFIXES: Final = {"shelf": "SHELF:", "badge": "STAFF:"}
_IMEI: Final = re.compile(r"(?:IMEI[: ]?)?([0-9]{14,16})")
_ID_CARD: Final = re.compile(r"[0-9]{17}[0-9X]")
_ID_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS: Final = "10X98765432"  # GB 11643-1999, by the weighted sum modulo 11


@dataclass(frozen=True, slots=True)
class Scan:
    """What was scanned: ``kind`` is "imei", "seal", "voucher", "shelf", "parcel", "badge", "id", "qr" or
    "unreadable".

    ``reason`` is "" or, when unreadable, the machine name that has words; ``text`` is empty then.
    """

    kind: str
    text: str = ""
    reason: str = ""


def read(text: str) -> Scan:
    """What kind of code ``text`` is. Never raises; what is none of ours is unreadable."""
    code = text.strip()
    if not SHORTEST <= len(code) <= LONGEST:
        return Scan("unreadable", reason=UNREADABLE)
    if number := _IMEI.fullmatch(code):
        return _imei(number[1])
    if _ID_CARD.fullmatch(code):
        total = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, code, strict=False))
        right = _ID_CHECKS[total % 11] == code[17]
        return Scan("id", code) if right else Scan("unreadable", reason=UNREADABLE)
    kind = next((kind for kind, form in _KINDS if form.fullmatch(code)), None)
    if kind is None:
        return Scan("unreadable", reason=UNREADABLE)
    return Scan(kind, code.removeprefix(_PREFIXES.get(kind, "")))


def _imei(digits: str) -> Scan:
    try:
        imei(digits)
    except Refused as exc:
        # Misread; what else may be wrong with a number, the desk says in words of its own.
        if exc.reason == "imei_check":
            return Scan("unreadable", reason=UNREADABLE)
    return Scan("imei", digits)


class Wedge:
    """Takes every key with its time. Not thread-safe: keys come from one window."""

    def __init__(self) -> None:
        self._start()
        self._torn_at_s: float | None = None

    def _start(self) -> None:
        self._text = ""
        self._fast = self._slow = 0
        self._too_long = False
        self._last_s: float | None = None

    @property
    def bursting(self) -> bool:
        """Whether what is being typed comes from a scanner, so that no text field should take it."""
        return self._fast >= _BURST_GAPS and self._fast > self._slow

    def key(self, char: str, at_s: float) -> Scan | None:
        """One key (or what a text event carried at once), ``at_s`` on any clock that only goes forward.

        Returns the scan when this key ended one; None while it goes on, and for what fingers typed.
        """
        found: Scan | None = None
        for one in char[: LONGEST + 1]:
            found = None
            if one in _ENDS:
                found = self._end(at_s)
            else:
                self._take(one, at_s)
        return found

    def _take(self, char: str, at_s: float) -> None:
        gap_s = 0.0 if self._last_s is None else at_s - self._last_s
        if self._last_s is not None and not 0 <= gap_s <= APART_S:
            torn = self.bursting and gap_s <= FORGET_S
            self._start()
            if torn:
                self._torn_at_s = at_s
        elif self._last_s is not None:
            self._fast += gap_s <= FAST_S
            self._slow += gap_s > FAST_S
        self._last_s = at_s
        self._too_long = self._too_long or len(self._text) >= LONGEST
        if not self._too_long:
            self._text += char

    def _end(self, at_s: float) -> Scan | None:
        text, burst, slow, too_long = self._text, self.bursting, self._slow, self._too_long
        late = self._last_s is not None and not 0 <= at_s - self._last_s <= APART_S
        torn = self._torn_at_s is not None and 0 <= at_s - self._torn_at_s <= FORGET_S
        self._start()
        self._torn_at_s = None
        if not text or not (burst or torn):
            return None
        if slow or torn or late or too_long or not text.isprintable():
            return Scan("unreadable", reason=UNREADABLE)
        return read(text)
