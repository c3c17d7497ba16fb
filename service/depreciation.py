"""What is left of a price after so many days of use, for a refund. It decides nothing else. Money in fen.

0.5 % a day, days in repair not counted, never below 0. It applies when a customer declines a swap that is there;
where there is no phone of the same model, the refund is whole.
"""

from __future__ import annotations

from service.errors import ServiceError

RATE_BP = 50
_FULL_BP = 10_000


def left(price_fen: int, days: int, repair_days: int = 0) -> int:
    """Of ``price_fen`` after ``days`` since the sale. :class:`ServiceError` "days" for what cannot be."""
    if price_fen < 0:
        raise ServiceError("amount", "a price is not below 0")
    if days < 0 or not 0 <= repair_days <= days:
        raise ServiceError(
            "days", "days are counted from the sale, and repair took no more of them than passed"
        )
    charged_fen = price_fen * RATE_BP * (days - repair_days) // _FULL_BP
    return max(0, price_fen - charged_fen)


def refund(price_fen: int, days: int, repair_days: int = 0, *, same_model_in_stock: bool) -> int:
    """What the customer who wants no swap gets back."""
    return left(price_fen, days, repair_days) if same_model_in_stock else price_fen
