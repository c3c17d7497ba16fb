"""Warranty: from when to when, and what the owner may ask for on a day. Dates only; it stores nothing.

Twelve months; the day of sale is not counted, the last day is included. Without a complete invoice it begins 90 days
after manufacture and is repair only.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

MONTHS = 12
AFTER_MANUFACTURE_DAYS = 90
RETURN_DAYS = 7
EXCHANGE_DAYS = 15


class Right(StrEnum):
    """What the owner may choose."""

    RETURN = "return"
    EXCHANGE = "exchange"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Invoice:
    """As staff read it; "" or 0 for what is missing."""

    sold: date | None = None
    imei: str = ""
    seller: str = ""
    amount_fen: int = 0

    def missing(self) -> tuple[str, ...]:
        """The lines of the checklist that it lacks: date, imei, seller, amount."""
        lines = (
            ("date", self.sold is not None),
            ("imei", bool(self.imei)),
            ("seller", bool(self.seller.strip())),
            ("amount", self.amount_fen > 0),
        )
        return tuple(name for name, there in lines if not there)


@dataclass(frozen=True, slots=True)
class Warranty:
    """``begins``: the day that is not counted; ``last_day`` is included."""

    begins: date
    last_day: date
    repair_only: bool


def warranty(made: date | None, invoice: Invoice | None) -> Warranty | None:
    """By a complete invoice, else by the day of manufacture; None where neither is known."""
    if invoice is not None and invoice.sold is not None and not invoice.missing():
        return Warranty(invoice.sold, _later(invoice.sold, MONTHS), repair_only=False)
    if made is None:
        return None
    begins = made + timedelta(days=AFTER_MANUFACTURE_DAYS)
    return Warranty(begins, _later(begins, MONTHS), repair_only=True)


def rights(of: Warranty | None, day: date) -> tuple[Right, ...]:
    """Days 1 to 7 return, exchange or repair; 8 to 15 exchange or repair; then repair; none after the last day.

    On the day of sale itself, which is not counted, everything is open. A phone that is younger than its
    manufacture + 90 days is under warranty as well: nobody can have bought it before it was made.
    """
    if of is None or day > of.last_day:
        return ()
    days = (day - of.begins).days
    if of.repair_only or days > EXCHANGE_DAYS:
        return (Right.REPAIR,)
    if days > RETURN_DAYS:
        return (Right.EXCHANGE, Right.REPAIR)
    return (Right.RETURN, Right.EXCHANGE, Right.REPAIR)


def days_left(of: Warranty, day: date) -> int:
    """0 on the last day, below 0 afterwards."""
    return (of.last_day - day).days


def _later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    return day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
