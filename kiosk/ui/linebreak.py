"""Where a line of Chinese or English may break (the core of UAX #14 and of 禁则). Measures nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NEVER_STARTS: Final = "，。、；：？！）》】」』”’…—·％,.;:?!)]}%/"
NEVER_ENDS: Final = "（《【「『“‘([{"
PHRASE_ENDS: Final = frozenset("，。、；：？！")
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


def _fill_phrases(units: list[str], width: float, measure: Measure) -> list[str]:
    """Like _fill, but a line gives its last words to the next where a Chinese phrase ends in its second half."""
    lines: list[list[str]] = [[]]
    for unit in units:
        line = lines[-1]
        if line and measure("".join([*line, unit]).rstrip()) > width:
            ends = [i + 1 for i, piece in enumerate(line) if piece.rstrip()[-1:] in PHRASE_ENDS]
            cut = ends[-1] if ends and measure("".join(line[: ends[-1]])) >= width * 0.4 else len(line)
            lines[-1:] = [line[:cut], line[cut:]]
        lines[-1].append(unit)
    return ["".join(line).strip() for line in lines]


def wrap(text: str, width: float, measure: Measure, balance: bool = False) -> str:
    """``text`` with line feeds so that no line is wider than ``width`` (in ``measure``'s unit).

    ``balance`` breaks Chinese after a phrase where that costs no line, and else evens the lines out.
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
    phrases = _fill_phrases(units, width, measure)
    if phrases != lines and len(phrases) == len(lines):
        return "\n".join(phrases)
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
