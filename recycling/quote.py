"""From a price book, a model, an age and a grading to a price, line by line; and how a credit is settled.

Money in whole fen; no float touches it. It stores nothing and approves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from recycling.errors import Refused
from recycling.fraud import Action, Flag, opening
from recycling.inspection import Grading
from recycling.price_book import FULL_BP, PriceBook

YUAN_FEN = 100
SECOND_ABOVE_FEN = 200_000
"""Above it a second member of staff approves."""

MAX_NEW_PRICE_FEN = 100_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a quote; all lines add up to the price. ``bp`` is the rate of a product.

    ``key``: base, curve, grade, one of :data:`recycling.inspection.DEDUCTIONS`, floor, rounding, override.
    """

    key: str
    amount_fen: int
    bp: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What the old phone brings, in whole yuan."""

    price_fen: int
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A credit against a new phone: one of the first and the last two is 0."""

    to_pay_fen: int
    payout_fen: int
    voucher_fen: int


def price(book: PriceBook, model: str, age_months: int, grading: Grading) -> Price:
    """Floor to whole yuan of max(scrap, base x curve x grade - sum of base x curve x deduction), each product floored.

    :class:`Refused` "model_unknown" (``model``).
    """
    found = book.models.get(model)
    if found is None:
        raise Refused("model_unknown", f"the price book has no model {model[:64]!r}", {"model": model[:64]})
    curve_bp, grade_bp = book.curve_at(age_months), book.grades_bp[grading.grade]
    worth_fen = found.base_fen * curve_bp // FULL_BP
    graded_fen = worth_fen * grade_bp // FULL_BP
    lines = [
        Line("base", found.base_fen),
        Line("curve", worth_fen - found.base_fen, curve_bp),
        Line("grade", graded_fen - worth_fen, grade_bp),
    ]
    for key in grading.deductions:
        rate_bp = book.deductions_bp[key]
        lines.append(Line(key, -(worth_fen * rate_bp // FULL_BP), rate_bp))
    return _ended(lines, book.scrap_fen)


def _ended(lines: list[Line], scrap_fen: int) -> Price:
    total_fen = sum(one.amount_fen for one in lines)
    if total_fen < scrap_fen:
        lines.append(Line("floor", scrap_fen - total_fen))
        total_fen = scrap_fen
    odd_fen = total_fen % YUAN_FEN
    if odd_fen:
        lines.append(Line("rounding", -odd_fen))
    return Price(total_fen - odd_fen, tuple(lines))


def override(book: PriceBook, model: str, price_fen: int, reason: str) -> Price:
    """A price that staff set by hand. :class:`Refused` "override_reason", "override_yuan", "override_range",
    "model_unknown".
    """
    found = book.models.get(model)
    if found is None:
        raise Refused("model_unknown", f"the price book has no model {model[:64]!r}", {"model": model[:64]})
    if not reason.strip():
        raise Refused("override_reason", "a price set by hand needs a reason")
    if price_fen % YUAN_FEN:
        raise Refused("override_yuan", "a price is whole yuan")
    if not 0 <= price_fen <= found.base_fen:
        most = found.base_fen // YUAN_FEN
        raise Refused("override_range", f"the price lies between 0 and {most} yuan", {"most_yuan": most})
    return Price(price_fen, (Line("override", price_fen),))


def settle(new_price_fen: int, credit_fen: int) -> Split:
    """Towards a new phone: what is left to pay, and a voucher for what is too much. Without one (0): all is paid out.

    :class:`Refused` "amount_range".
    """
    if not 0 <= new_price_fen <= MAX_NEW_PRICE_FEN or not 0 <= credit_fen <= MAX_NEW_PRICE_FEN:
        raise Refused("amount_range", "an amount is not below 0 and not above a million yuan")
    if new_price_fen == 0:
        return Split(0, credit_fen, 0)
    return Split(max(0, new_price_fen - credit_fen), 0, max(0, credit_fen - new_price_fen))


def needs_second(price_fen: int, override: bool, flags: Iterable[Flag] = ()) -> bool:
    """Above 2,000 yuan, on a price set by hand, on a flag for review."""
    return price_fen > SECOND_ABOVE_FEN or override or any(one.action is Action.REVIEW for one in flags)


def good_until(at_ms: int, zone: ZoneInfo, closing: str = "20:30") -> int:
    """Close of business of that day in the station's zone, in UTC ms; of the next day for a quote made after it."""
    minute = opening(f"00:00-{closing}")[1]
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    for days in (0, 1):
        day = local.date() + timedelta(days=days)
        end = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
        end_ms = int(end.timestamp() * 1000)
        if end_ms > at_ms:
            return end_ms
    return at_ms + 86_400_000


def age_months(since: date, today: date) -> int:
    """Whole months that have passed, never below 0."""
    months = (today.year - since.year) * 12 + today.month - since.month
    return max(0, months - (today.day < since.day))
