"""Which commands a trade-in can take next, in the order of use. A hint for the screens; the machine decides."""

from __future__ import annotations

from kiosk.flow.counter.work import Work
from recycling.erasure import ATTEMPTS
from recycling.erasure import State as ErasureState
from recycling.goods import Hazard
from recycling.settlement import State as Payment
from recycling.trade import State, Trade
from recycling.trade_moves import needs_second

S = State

STEPS: dict[State, tuple[str, ...]] = {
    S.DRAFT: ("TradeIdentify", "TradeDecline"),
    S.IDENTIFIED: ("TradeCheck", "TradeIdentify", "TradeDecline"),
    S.CLEARED: ("TradePhoto", "TradeInspect", "TradeDecline"),
    S.INSPECTED: ("TradeQuote", "TradePhoto", "TradeInspect", "TradeDecline"),
    S.OFFERED: ("TradeAccept", "TradeDecline", "TradeQuote"),
    S.DECLINED: ("TradeReturn",),
    S.EXPIRED: ("TradeReturn",),
    S.STOPPED: ("TradeReturn",),
    S.ERASED: ("TradeSeal",),
    S.DESTROY: ("TradeSeal",),
    S.SETTLED: ("TradeHold",),
    S.RELEASED: ("TradeBin", "ManifestAdd"),
    S.QUARANTINED: ("ManifestAdd",),
}


def next_steps(work: Work, trade: Trade) -> tuple[str, ...]:
    """Names of :mod:`kiosk.flow.counter.commands`; none while something is being asked."""
    if trade.trade in work.busy:
        return ()
    if trade.state is S.QUOTED:
        first = "TradeApprove" if needs_second(trade) else "TradeOffer"
        return (first, "TradeQuote", "TradeInspect", "TradeDecline")
    if trade.state in (S.ACCEPTED, S.ERASING):
        return _erasing(work, trade)
    if trade.state is S.SEALED:
        return _settling(work, trade)
    if trade.state is S.HELD:
        return ("TradeRelease",) if work.now_ms >= trade.hold_until_ms else ()
    return STEPS.get(trade.state, ())


def _erasing(work: Work, trade: Trade) -> tuple[str, ...]:
    erasure = work.memory.erasures.get(trade.trade)
    if trade.hazard is not Hazard.NONE:
        return ("EraseGiveUp",)
    if erasure is None:
        locked = trade.check is not None and trade.check.lock != "none"
        dead = trade.inspection is not None and trade.inspection.answers.get("powers_on") == "no"
        hopeless = locked or dead or trade.trade in work.unheard
        return ("EraseStart", "EraseGiveUp") if hopeless else ("EraseStart",)
    if erasure.state is ErasureState.RUNNING and erasure.method == "factory_reset":
        return ("EraseResetDone", "EraseStart")
    if erasure.state is ErasureState.FAILED:
        again = () if erasure.attempt >= ATTEMPTS else ("EraseStart",)
        return (*again, "EraseResetDone", "EraseGiveUp")
    return ("EraseStart", "EraseGiveUp")


def _settling(work: Work, trade: Trade) -> tuple[str, ...]:
    if trade.provisional:
        return ()
    payment = work.memory.settlement(trade.trade)
    if payment is None:
        return ("TradeSettle",)
    if payment.method == "transfer" or payment.state is Payment.PAID:
        return ("TradeSettle",)
    return ("CashHanded",)
