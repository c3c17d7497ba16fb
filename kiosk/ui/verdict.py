"""How to say what became of the customer's files without saying more than was read. Pure: counts in, word keys out."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flow.view import UserDataView


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the comparison: a word key with its count, and how to feel about it."""

    key: str
    count: int
    mood: str  # safe, plain, do, stop


def all_read(data: UserDataView) -> bool:
    """Every file was read in full before and after, nothing is unknown: only then may the screen say "all"."""
    return (
        data.before > 0
        and data.after == data.before
        and data.identical == data.hashed == data.before
        and not (data.changed or data.missing or data.unreadable or data.truncated)
    )


def headline(data: UserDataView) -> str:
    """The word key of the one sentence about the files; its parameter ``n`` is :func:`headline_count`."""
    if data.before == 0:
        return "result.headline.none"
    if all_read(data):
        return "result.headline.all"
    if data.missing or data.changed:
        return "result.headline.differs"
    return "result.headline.some"


def headline_count(data: UserDataView) -> int:
    """Files the headline speaks for: those before the update that are there after it."""
    return data.before - data.missing


def rows(data: UserDataView) -> tuple[Row, ...]:
    """What was compared and how, most reassuring first; zero lines are left out except the first."""
    by_bytes = min(data.hashed, data.identical)
    lines = [Row("result.row.identical", by_bytes, "safe")]
    by_listing = data.identical - by_bytes
    optional = (
        Row("result.row.listed", by_listing, "plain"),
        Row("result.row.unreadable", data.unreadable, "do"),
        Row("result.row.changed", data.changed, "stop"),
        Row("result.row.missing", data.missing, "stop"),
        Row("result.row.added", data.added, "plain"),
    )
    lines.extend(row for row in optional if row.count > 0)
    return tuple(lines)
