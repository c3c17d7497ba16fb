"""Where a line of Chinese or English may break (the core of UAX #14 and of the Chinese 禁则). Measures nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NEVER_STARTS: Final = "，。、；：？！）》】」』”’…—·％,.;:?!)]}%/"
NEVER_ENDS: Final = "（《【「『“‘([{"
Measure = Callable[[str], float]


def _wide(char: str) -> bool:
    return "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\uff00" <= char <= "\uffef"


def pieces(text: str) -> list[str]:
    """What stays together on one line: a Latin word with its space, one Chinese character with its punctuation."""
    found: list[str] = []
    for char in text:
        previous = found[-1] if found else ""
        if previous and _joins(previous, char):
            found[-1] = previous + char
        else:
            found.append(char)
    return found


def _joins(previous: str, char: str) -> bool:
    last = previous[-1]
    if char in NEVER_STARTS or char == " " or last in NEVER_ENDS:
        return True
    if last == " ":
        # "2 号" stays together: a lone figure at a line's end reads as a mistake.
        return previous[:-1].isdigit() and _wide(char)
    return not _wide(last) and not _wide(char) and last not in "—…"


def _split_long(piece: str, width: float, measure: Measure) -> list[str]:
    parts = [""]
    for char in piece:
        if parts[-1] and measure(parts[-1] + char) > width:
            parts.append("")
        parts[-1] += char
    return parts


def _fill(units: list[str], width: float, measure: Measure) -> list[str]:
    lines = [""]
    for unit in units:
        if lines[-1] and measure((lines[-1] + unit).rstrip()) > width:
            lines.append("")
        lines[-1] += unit
    return [line.strip() for line in lines]


def wrap(text: str, width: float, measure: Measure, balance: bool = False) -> str:
    """``text`` with line feeds so that no line is wider than ``width`` (in ``measure``'s unit).

    ``balance`` evens the lines out, for headings: the same number of lines, none left nearly empty.
    """
    return "\n".join(_wrap_paragraph(line, width, measure, balance) for line in text.split("\n"))


def _wrap_paragraph(text: str, width: float, measure: Measure, balance: bool) -> str:
    units: list[str] = []
    for piece in pieces(text):
        fits = measure(piece.rstrip()) <= width
        units.extend([piece] if fits else _split_long(piece, width, measure))
    lines = _fill(units, width, measure)
    if not balance or len(lines) == 1:
        return "\n".join(lines)
    low, high = width / 2, width
    for _ in range(7):
        middle = (low + high) / 2
        if len(_fill(units, middle, measure)) > len(lines) or any(
            measure(u.rstrip()) > middle for u in units
        ):
            low = middle
        else:
            high = middle
    return "\n".join(_fill(units, high, measure))
