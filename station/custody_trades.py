"""A trade-in of the custody matrix, taken up from any state and brought to the one that is wanted. It knows no cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import TradeView
from recycling.inspection import QUESTIONS
from recycling.trade import CONSENTS
from station.custody_floor import APPROVER, Floor
from station.errors import NEEDS_STAFF, StationError

MOST_STEPS = 120
SOUND = {question.key: question.answers[0] for question in QUESTIONS}
SIGNATURE = (tuple((120 + 40 * step, 400 + 60 * (step % 3)) for step in range(16)),)
IMEI = "864701051906707"


@dataclass(frozen=True, slots=True)
class Deal:
    """What the customer wants; ``until``: the state that the flow ends in."""

    until: str
    payout: str = "cash"
    new_price_fen: int = 0
    hq_away: bool = False  # until the phone is sealed
    by_hand: bool = False  # the phone's own factory reset


def trade_in(deal: Deal) -> Callable[[Floor], None]:
    """A phone from the counter to ``deal.until``."""

    def run(floor: Floor) -> None:
        for _ in range(MOST_STEPS):
            floor.staff()
            found = floor.trade()
            states = [row["state"] for row in floor.truth.trades()]
            if deal.until in states:
                floor.headquarters.online(True)
                return
            if deal.hq_away:
                floor.headquarters.online(found is not None and found.state == "sealed")
            if found is None:
                floor.press(c.TradeBegin("zh"))
            else:
                _step(floor, found, deal)
        raise StationError(f"the trade-in never is {deal.until}", NEEDS_STAFF)

    return run


def _step(floor: Floor, trade: TradeView, deal: Deal) -> None:
    if trade.state == "held" and not trade.next:
        floor.clock.pass_days(31)
    if trade.state == "released":
        _into_bin(floor, trade)
        return
    if not trade.next:
        floor.wait(lambda: _changed(floor, trade), f"it goes on from {trade.state}")
        return
    wanted = trade.next[0]
    if wanted in PRESSED:
        floor.press(PRESSED[wanted](trade.trade, deal))
    else:
        BY_HAND[wanted](floor, trade, deal)


def _changed(floor: Floor, before: TradeView) -> bool:
    now = floor.view.trade(before.trade)
    return now is None or now.state != before.state or bool(now.next)


def _inspect(floor: Floor, trade: TradeView, _deal: Deal) -> None:
    floor.hands.put("phone")
    floor.press(c.TradeInspect(trade.trade, SOUND))
    floor.dock.take()


def _accept(floor: Floor, trade: TradeView, deal: Deal) -> None:
    number = "11010519491231002X"
    floor.press(
        c.TradeAccept(
            trade.trade, CONSENTS, "2026-1", "done", "id_card", number, SIGNATURE, deal.payout, "13800000000"
        )
    )


def _erase(floor: Floor, trade: TradeView, deal: Deal) -> None:
    if not deal.by_hand and floor.phone.status()["mode"] != "bootloader":
        floor.phone.wait(30, mode="normal")
        floor.phone.hold_keys()
        floor.phone.wait(30, mode="bootloader")
    floor.press(c.EraseStart(trade.trade, "1"))


def _reset(floor: Floor, trade: TradeView, _deal: Deal) -> None:
    """On the phone's own screen, and staff see the wizard."""
    if not floor.phone.status()["wizard"]:
        floor.phone.wait(30, mode="normal")
        floor.phone.unlock()
        floor.phone.factory_reset("settings")
    floor.phone.wait(30, mode="normal", wizard=True)
    floor.press(c.EraseResetDone(trade.trade, wizard_seen=True))


def _cash(floor: Floor, trade: TradeView, _deal: Deal) -> None:
    assert trade.quote is not None
    floor.press(c.CashHanded(trade.trade, trade.quote.to_pay_fen))


def _settle(floor: Floor, trade: TradeView, _deal: Deal) -> None:
    floor.press(c.TradeSettle(trade.trade), "payment_unknown", "busy")


PRESSED: Mapping[str, Callable[[str, Deal], c.Command]] = {
    "TradeIdentify": lambda trade, _deal: c.TradeIdentify(trade, IMEI, model="heron", made="2025-11-02"),
    "TradeCheck": lambda trade, _deal: c.TradeCheck(trade),
    "TradeQuote": lambda trade, deal: c.TradeQuote(trade, deal.new_price_fen),
    "TradeApprove": lambda trade, _deal: c.TradeApprove(trade, APPROVER),
    "TradeOffer": lambda trade, _deal: c.TradeOffer(trade),
    "EraseGiveUp": lambda trade, _deal: c.EraseGiveUp(trade, "files_left"),
    "TradeSeal": lambda trade, _deal: c.TradeSeal(trade, f"SEAL-{trade[-8:]}"),
    "TradeHold": lambda trade, _deal: c.TradeHold(trade, "A3"),
    "TradeRelease": lambda trade, _deal: c.TradeRelease(trade),
}
"""By the first command that the screen offers: what is one touch."""
BY_HAND: Mapping[str, Callable[[Floor, TradeView, Deal], None]] = {
    "TradePhoto": _inspect,
    "TradeInspect": _inspect,
    "TradeAccept": _accept,
    "EraseStart": _erase,
    "EraseResetDone": _reset,
    "TradeSettle": _settle,
    "CashHanded": _cash,
}
"""What needs more than a touch."""


def _into_bin(floor: Floor, trade: TradeView) -> None:
    floor.resolve()
    found = floor.view.trade(trade.trade)
    if found is None or found.state != "released":
        return
    floor.hands.put("phone")
    floor.press(c.TradeBin(trade.trade, 1))
    floor.throw_in(1)
    floor.wait(lambda: _changed_state(floor, trade), "the phone fell into the bin")


def _changed_state(floor: Floor, before: TradeView) -> bool:
    now = floor.view.trade(before.trade)
    return now is None or now.state != before.state
