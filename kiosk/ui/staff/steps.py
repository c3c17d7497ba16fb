"""Which page a trade is at. A table; it decides nothing else."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import ErasureView, TradeView

STEP_OF: Final[dict[str, str]] = {
    "TradeIdentify": "identify",
    "TradeCheck": "check",
    "TradePhoto": "inspect",
    "TradeInspect": "inspect",
    "TradeQuote": "quote",
    "TradeApprove": "quote",
    "TradeOffer": "quote",
    "TradeAccept": "offer",
    "TradeReturn": "handback",
    "EraseStart": "erase",
    "EraseResetDone": "erase",
    "EraseGiveUp": "erase",
    "TradeSeal": "seal",
    "TradeSettle": "settle",
    "CashHanded": "settle",
    "TradeHold": "hold",
    "TradeRelease": "hold",
    "TradeBin": "hold",
}
"""The trade's page by the first command that may come next."""
STEP_OF_STATE: Final[dict[str, str]] = {
    "draft": "identify",
    "identified": "check",
    "cleared": "inspect",
    "inspected": "quote",
    "quoted": "quote",
    "offered": "offer",
    "accepted": "erase",
    "erasing": "erase",
    "erased": "seal",
    "destroy": "seal",
    "sealed": "settle",
    "settled": "hold",
    "held": "hold",
    "released": "hold",
    "stopped": "handback",
    "declined": "handback",
    "expired": "handback",
}
"""The page of every state in which somebody has something to do."""


def by_hand(erasure: ErasureView) -> bool:
    """A locked phone is reset on its own screen: nothing goes on until somebody touches this one."""
    guided = erasure.method == "factory_reset" and erasure.step in ("", "reset_guide")
    return erasure.state == "running" and guided


def under_way(erasure: ErasureView) -> bool:
    """Erased or looked at over the cable: nobody touches anything for it."""
    return erasure.state in ("running", "verifying") and not by_hand(erasure)


def step_of(trade: TradeView) -> str:
    """The page a trade is at."""
    if trade.state in STEP_OF_STATE:
        return STEP_OF_STATE[trade.state]
    return next((STEP_OF[name] for name in trade.next if name in STEP_OF), "wait")
