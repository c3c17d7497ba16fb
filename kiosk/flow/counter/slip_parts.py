"""The smallest pieces of paper: a line, a pair, where and when. Lays out no slip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlipLine:
    """:class:`kiosk.counter_ports.SlipLine`: one line of paper."""

    kind: str
    text: str = ""
    right: str = ""


Slip = tuple[SlipLine, ...]
RULE, SPACE, CUT = SlipLine("rule"), SlipLine("space"), SlipLine("cut")


def pair(left: str, right: str) -> SlipLine:
    """A name at the left edge and its value at the right one."""
    return SlipLine("pair", left, right)


@dataclass(frozen=True, slots=True)
class Head:
    """Where and when: the same on every slip."""

    station: str
    at_ms: int
    zone: str  # IANA name
    hotline: str = ""
