"""A scripted shop for staff's pages: answers every command at once. And a finger that counts its touches."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import CounterView, ErasureView, Said, TradeView
from kiosk.ui.samples_staff import CERTIFIED, CLEAN, QUESTIONS, QUOTE, TOP_UP, TRADE
from kiosk.ui.samples_stock import DRAFT, HERE, PLUGGED, STAFF
from tests.ui import looks
from tests.ui.test_visit import touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

PIN = "471147"
ASKED = tuple(replace(one, given="") for one in QUESTIONS)


class Shop:
    """Answers every command at once, as a counter does on a good day."""

    def __init__(self, hand: Stagehand, view: CounterView, locked: bool = False) -> None:
        self.hand, self.locked = hand, locked
        hand.counter.clear()
        hand.counter.shown = view
        hand.counter.do = self.do  # type: ignore[method-assign]
        hand.desk.shown = PLUGGED

    @property
    def asked(self) -> list[Any]:
        return self.hand.counter.asked

    def do(self, command: ask.Command) -> int:
        self.asked.append(command)
        act = getattr(self, f"_{type(command).__name__}", None)
        if act is not None:
            act(command)
        return len(self.asked)

    def trade(self, state: str, **changes: object) -> None:
        old, *others = self.hand.counter.shown.trades
        new = replace(old, state=state, next=(), **changes)  # type: ignore[arg-type]
        self.hand.counter.shown = replace(self.hand.counter.shown, trades=(new, *others))

    def _StaffIn(self, command: ask.StaffIn) -> None:
        self.hand.counter.shown = replace(self.hand.counter.shown, staff=STAFF)

    def _StaffOut(self, _: object) -> None:
        self.hand.counter.shown = replace(self.hand.counter.shown, staff=None)

    def _StaffHere(self, command: ask.StaffHere) -> None:
        view, ticket = self.hand.counter.shown, len(self.asked)
        if command.pin == PIN and view.staff is not None:
            self.hand.counter.shown = replace(view, staff=replace(view.staff, back_ticket=ticket), said=None)
        else:
            self.hand.counter.shown = replace(view, said=Said("pin_wrong", {}, ticket))

    def _TradeBegin(self, _: object) -> None:
        new = TradeView(TRADE, "draft", model_names={"zh": "流明 鹭", "en": "Lumen Heron"})
        view = self.hand.counter.shown
        self.hand.counter.shown = replace(view, trades=(new, *view.trades))

    def _TradeIdentify(self, command: ask.TradeIdentify) -> None:
        self.trade("identified", model=command.model, imei=command.imei_dialled)

    def _TradeCheck(self, _: object) -> None:
        self.trade("cleared", checks=CLEAN, questions=ASKED)

    def _TradePhoto(self, command: ask.TradePhoto) -> None:
        old = self.hand.counter.shown.trades[0]
        self.trade(old.state, photos=(*old.photos, command.side))

    def _TradeInspect(self, _: object) -> None:
        self.trade("inspected", grade="B", mass_g=181)

    def _TradeQuote(self, command: ask.TradeQuote) -> None:
        self.trade("quoted", quote=TOP_UP if command.new_price_fen else QUOTE)

    def _TradeOffer(self, _: object) -> None:
        self.trade("offered")

    def _TradeDecline(self, _: object) -> None:
        self.trade("declined")

    def _TradeAccept(self, command: ask.TradeAccept) -> None:
        self.trade("accepted", payout=command.payout, signed=True)

    def _EraseStart(self, _: object) -> None:
        if self.locked:
            self.trade("erasing", erasure=ErasureView("running", "factory_reset", "reset_guide"))
        else:
            self.trade("erased", erasure=CERTIFIED, certificate="EC-1")

    def _EraseResetDone(self, _: object) -> None:
        self.trade("erased", erasure=CERTIFIED, certificate="EC-1")

    def _TradeSeal(self, command: ask.TradeSeal) -> None:
        self.trade("sealed", seal=command.seal)

    def _TradeSettle(self, _: object) -> None:
        self.trade("sealed", settlement="intended")

    def _CashHanded(self, _: object) -> None:
        self.trade("settled", settlement="paid")

    def _TradeHold(self, command: ask.TradeHold) -> None:
        self.trade("held", place=f"shelf:{command.shelf}", hold_days_left=30)

    def _ManifestDraft(self, _: object) -> None:
        view = self.hand.counter.shown
        self.hand.counter.shown = replace(
            view, manifests=(replace(DRAFT, items=0, mass_g=0), *view.manifests)
        )

    def _manifest(self, **changes: object) -> None:
        view = self.hand.counter.shown
        new = replace(view.manifests[0], **changes)  # type: ignore[arg-type]
        self.hand.counter.shown = replace(view, manifests=(new, *view.manifests[1:]))

    def _ManifestAdd(self, _: object) -> None:
        self._manifest(items=1, mass_g=171)

    def _ManifestSeal(self, command: ask.ManifestSeal) -> None:
        self._manifest(state="sealed", seals=command.seals)


class Taps:
    """Real touches, counted."""

    def __init__(self, hand: Stagehand) -> None:
        self.hand, self.count = hand, 0

    def __call__(self, *keys: str) -> None:
        for key in keys:
            touch(self.hand, key)
            self.count += 1

    def type(self, text: str) -> None:
        self(*(f"k_{char}" for char in text))


def scan(hand: Stagehand, code: str) -> None:
    """As the wedge's keys come: through the window, quicker than any finger."""
    from kivy.core.window import Window

    for char in code:
        Window.dispatch("on_textinput", char)
    Window.dispatch("on_key_down", 13, 40, None, [])
    hand.app.refresh()
    hand.settle()


def sign(hand: Stagehand) -> None:
    """One stroke with a finger in the field."""
    from kivy.base import EventLoop

    from kiosk.ui.parts.signature import Signature
    from kiosk.ui.stagehand import Finger

    field = next(one for one in hand.widgets() if isinstance(one, Signature))
    left, bottom, right, top = looks.box_of(field)
    finger = Finger(left + 40, bottom + 40)
    finger.press()
    hand.tick()
    finger.move({"x": (right - 40) / 1079, "y": (top - 40) / 1919})
    EventLoop.post_dispatch_input("update", finger)
    finger.lift()
    hand.clock.now_s += 0.5
    hand.app.refresh()
    hand.settle()


def at_queue(hand: Stagehand, view: CounterView = HERE, locked: bool = False) -> Shop:
    """Logged in as ``view`` says, with nothing asked yet."""
    shop = Shop(hand, replace(view, staff=None), locked)
    front = hand.app.front
    front.admit()
    hand.clock.now_s += 1
    front.choose_language("zh")
    front.enter_staff()
    hand.app.refresh()
    hand.counter.shown = view
    hand.app.refresh()
    hand.settle()
    shop.asked.clear()
    return shop


def log_in(hand: Stagehand) -> None:
    """By number and PIN, after whoever was here logged out; back at the queue."""
    touch(hand, "log_out")
    finger = Taps(hand)
    finger.type(STAFF.staff)
    finger("field_pin")
    finger.type(PIN)
    finger("log_in")
    assert hand.app.shown.page == "staff_queue"
