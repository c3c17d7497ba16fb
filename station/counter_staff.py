"""Simulated staff and the customer before them: a trade-in step by step, bins, drawer and manifests.

It presses what the screens offer and moves what hands move; every rule is the counter's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from hw.virtual.control import Customer
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import TradeView
from recycling.inspection import QUESTIONS
from recycling.trade import CONSENTS
from station.counter_attendant import CounterAttendant
from station.counter_hands import CounterHands
from station.errors import NEEDS_STAFF, StationError
from station.sample_shop import FIRST, MANAGER, SampleStaff

ERASE_S = 150.0
SCALE_S = 15.0
AGAIN_S = 0.3
TEXT_VERSION = "trade-1"
ID_NUMBER = "11010519491231002X"
SIGNATURE = (tuple((120 + 40 * step, 400 + 60 * (step % 3)) for step in range(16)),)
SOUND = {question.key: question.answers[0] for question in QUESTIONS}
"""Answers for a flawless phone."""


@dataclass(frozen=True, slots=True)
class Deal:
    """What the customer at the counter wants, and what staff find."""

    imei: str
    model: str
    bay: str
    made: str = "2025-11-02"
    answers: Mapping[str, str] = field(default_factory=lambda: dict(SOUND))
    lock: str = "none"
    new_price_fen: int = 0
    payout: str = "cash"
    id_number: str = ID_NUMBER
    photos: tuple[str, ...] = ("front", "back")
    language: str = "zh"


class Staff:
    """Whoever is logged in. Raises :class:`StationError` where the screen refuses or does not go on."""

    def __init__(self, finger: CounterAttendant, hands: CounterHands) -> None:
        self.finger, self.hands = finger, hands

    def log_in(self, who: SampleStaff = FIRST) -> None:
        """Number and PIN; who was there before goes."""
        if self.finger.view.staff is not None:
            self.finger.press(c.StaffOut())
        self.finger.press(c.StaffIn(who.staff, who.pin))

    # -- a trade-in

    def take_in(self, deal: Deal) -> str:
        """From the phone on the counter to its inspection; the trade-in's number."""
        trade = self.checked(deal)
        for side in deal.photos:
            self.finger.press(c.TradePhoto(trade, side))
        self.hands.put("phone")
        self.press_at_rest(c.TradeInspect(trade, deal.answers))
        self.hands.dock.take()
        return trade

    def checked(self, deal: Deal) -> str:
        """Begun, identified and checked; it may have been stopped."""
        trade = self.identified(deal)
        self.finger.press(c.TradeCheck(trade, deal.lock))
        return trade

    def identified(self, deal: Deal) -> str:
        """Begun, and its IMEI typed."""
        before = {one.trade for one in self.finger.view.trades}
        self.finger.press(c.TradeBegin(deal.language))
        new = [one.trade for one in self.finger.view.trades if one.trade not in before]
        if len(new) != 1:
            raise StationError("no new trade-in is on the screen", NEEDS_STAFF)
        made = c.TradeIdentify(new[0], deal.imei, deal.imei, deal.model, bay=deal.bay, made=deal.made)
        self.finger.press(made)
        return new[0]

    def offer(self, trade: str, deal: Deal, second: SampleStaff = MANAGER) -> None:
        """Price, second approval where it is needed, and the screen turned."""
        self.finger.press(c.TradeQuote(trade, deal.new_price_fen))
        if "TradeApprove" in self.finger.trade(trade).next:
            self.finger.press(c.TradeApprove(trade, c.Second(second.staff, second.pin)))
        self.finger.press(c.TradeOffer(trade))

    def accept(self, trade: str, deal: Deal) -> None:
        """The customer's own touches."""
        self.finger.press(
            c.TradeAccept(
                trade,
                CONSENTS,
                TEXT_VERSION,
                "done",
                "id_card",
                deal.id_number,
                SIGNATURE,
                deal.payout,
            )
        )

    def clean_by_cable(self, trade: str, bay: str, phone: Customer) -> TradeView:
        """Keys held, cable in: the unlocked phone is erased over its cable and looked at again."""
        phone.hold_keys()
        phone.wait(60, mode="bootloader")
        self.finger.press(c.EraseStart(trade, bay))
        self.finger.wait(lambda: self._erased(trade), "erased and certified", ERASE_S)
        return self.finger.trade(trade)

    def reset_by_hand(self, trade: str, bay: str, phone: Customer) -> TradeView:
        """A locked phone: its own factory reset, on its screen, and staff's eyes on the wizard."""
        phone.unlock()
        self.finger.press(c.EraseStart(trade, bay))
        phone.factory_reset("settings")
        phone.wait(60, mode="normal")
        self.finger.press(c.EraseResetDone(trade, wizard_seen=True))
        self.finger.wait(lambda: self._erased(trade), "reset and certified", ERASE_S)
        return self.finger.trade(trade)

    def _erased(self, trade: str) -> bool:
        shown = self.finger.trade(trade)
        if shown.erasure.state in ("failed", "interrupted") and shown.next:
            why = shown.said.reason if shown.said else shown.erasure.state
            raise StationError(f"trade-in {trade} is not erased: {why}", NEEDS_STAFF)
        return shown.state == "erased"

    def give_up(self, trade: str, reason: str) -> None:
        """It cannot be erased: to destruction."""
        self.finger.press(c.EraseGiveUp(trade, reason))

    def seal(self, trade: str, seal: str) -> None:
        """Into its bag."""
        self.finger.press(c.TradeSeal(trade, seal))

    def settle(self, trade: str) -> TradeView:
        """Payment, cash or the new phone over the counter."""
        self.finger.press(c.TradeSettle(trade))
        self.finger.wait(lambda: self.finger.trade(trade).next, "the payment's next step")
        shown = self.finger.trade(trade)
        if "CashHanded" in shown.next:
            due_fen = shown.quote.to_pay_fen if shown.quote else 0
            self.finger.press(c.CashHanded(trade, due_fen))
        self.finger.wait(lambda: self.finger.trade(trade).state == "settled", "settled")
        return self.finger.trade(trade)

    def press_at_rest(self, command: c.Command) -> None:
        """Press it again while the scale says that it still moves, as staff do."""
        said = self.finger.ask(command)
        deadline = time.monotonic() + SCALE_S
        while said is not None and said.reason in ("scale_settling", "scale_empty"):
            if time.monotonic() > deadline:
                break
            threading.Event().wait(AGAIN_S)
            said = self.finger.ask(command)
        if said is not None:
            raise StationError(f"{type(command).__name__}: {said.reason}", NEEDS_STAFF)

    # -- bins, drawer, manifests

    def into_bin(self, trade: str, number: int) -> None:
        """A released phone through the flap."""
        self.hands.put("phone")
        self.finger.press(c.TradeBin(trade, number))
        self.hands.dock.wait(SCALE_S, **{f"bin{number}_lock": "released"})
        self.hands.throw_in(number)
        self.finger.wait(lambda: self.finger.trade(trade).state == "binned", "the phone fell into the bin")

    def pack_drawer(self, item: str, package: str, mass_g: int) -> None:
        """Take the dangerous thing out, pack it by itself, put it into quarantine."""
        self.finger.press(c.DrawerOpen())
        self.hands.dock.wait(SCALE_S, drawer_lock="released")
        self.hands.clear_drawer()
        self.finger.press(c.DrawerEmpty(item, package, mass_g))

    def draft(self, processor: str) -> str:
        """A new manifest's number."""
        before = {one.manifest for one in self.finger.view.manifests}
        self.finger.press(c.ManifestDraft(processor))
        new = [one.manifest for one in self.finger.view.manifests if one.manifest not in before]
        if len(new) != 1:
            raise StationError("no new manifest is on the screen", NEEDS_STAFF)
        return new[0]

    def empty(self, number: int, manifest: str, second: SampleStaff) -> None:
        """Two people carry a bin's bag into the manifest's parcel."""
        self.finger.press(c.BinEmpty(number, manifest, c.Second(second.staff, second.pin)))
        self.hands.dock.wait(SCALE_S, **{f"bin{number}_door_lock": "released"})
        self.hands.carry_out(number)
        self.finger.press(c.BinClosed(number))

    def send(self, manifest: str, seals: tuple[str, ...], second: SampleStaff) -> None:
        """Seal with a second person, and hand it to the carrier."""
        self.finger.press(c.ManifestSeal(manifest, seals, c.Second(second.staff, second.pin)))
        self.finger.press(c.ManifestPickUp(manifest, "Sample Carriers", "SH-A10086", "road"))
