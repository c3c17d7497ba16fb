"""What is in front of staff: log-in, place, page, scans and the three minutes without a touch. Draws nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import CounterView, Said, TradeView
from kiosk.ui.staff.draft import ENTRIES, Draft
from kiosk.ui.staff.floor import HERE, LOGIN, MINUTE_MS, QUEUE, SECOND, TRADE, Spot, StaffShown
from kiosk.ui.staff.steps import step_of, under_way
from kiosk.ui.staff.stock_acts import StockActs
from kiosk.ui.staff.till_acts import TillActs
from kiosk.ui.staff.trade_acts import TradeActs
from kiosk.ui.staff.turn import Turn

LOCK_S: Final = 180.0
PREFIX: Final = "staff_"
PUBLIC: Final = ("offer", "sign", "handover", "erase")
WITHIN: Final[dict[str, tuple[str, ...]]] = {
    "identify": ("papers",),
    "quote": ("override",),
    "offer": ("sign",),
    "erase": ("give_up",),
}
"""Pages within a trade's page, by their names in Spot.step."""
FIRST_FIELD: Final[dict[str, str]] = {
    "login": "staff",
    HERE: "pin",
    "identify": "imei_dialled",
    "quote": "new_price",
    "seal": "seal",
    "hold": "shelf",
    "voucher": "amount",
    "manifest": "seal",
    "drawer": "package",
    "shift": "note_10000",
    "cash": "cash_amount",
    "correct": "line_mass",
}
"""The field that keys and scans go to when a page comes up."""
SCANS: Final[dict[str, tuple[str, ...]]] = {
    "imei": ("imei_dialled", "imei_label"),
    "seal": ("seal", "package"),
    "shelf": ("shelf",),
    "voucher": ("code",),
    "parcel": ("package",),
}
"""Where a scan of that kind goes; of two fields into the one in focus, or the first that is empty."""


TOGETHER: Final = (
    {"offer", "sign"},
    {"offer", HERE},
    {"identify", "papers"},
    {"manifest", SECOND},
    {"shift", SECOND},
    {"cash", SECOND},
)
"""Pages that share a draft: what was typed on one stays for the other."""


class StaffFront(TradeActs, StockActs, TillActs, Turn):
    """``page`` and ``idle`` are called on every look while staff's place is shown, ``touched`` on every touch."""

    shown = StaffShown()
    # weak: a page that is gone is not told
    watcher: Callable[[], Callable[[StaffShown], None] | None] | None = None
    _touched_s = 0.0
    _near_s = 0.0  # of the last touch itself
    _erasing = False

    def enter(self, language: str = "zh") -> None:
        """The staff entry was touched; work that was left goes on after the log-in.

        Whoever has not been logged out yet shows that it is them: this screen was the customers'.
        """
        self.language = language
        self.touched(self._now_s())
        self._view = self._counter.view()
        self._page = ""
        self._ticket = self._knocked = 0
        self._held, self._calling = self._view.staff is not None, False
        self._clear_secrets()

    def forget(self) -> None:
        """As after a start: nothing is known of the phones and parcels that were here."""
        self._types.clear()
        self._last_province = ""

    def leave(self) -> None:
        """The screen goes to another place: nobody else acts in this name."""
        self._clear_secrets()
        self._view = self._counter.view()
        if self._view.staff is not None or self._waiting():  # a log-in may be on its way
            self._counter.do(ask.StaffOut())
        self._spot, self.shown = Spot(), StaffShown()

    def touched(self, now_s: float) -> None:
        """Somebody touched the screen, anywhere, at ``now_s`` (monotonic)."""
        self._touched_s = self._near_s = now_s

    def idle(self, now_s: float) -> None:
        """A look at ``now_s``: log out after three minutes without a touch, but never while a cable erases a phone.

        They count from the end of its second look: the certificate names who is logged in then. A phone that is
        reset on its own screen waits for a touch anyway, and so for a log-in.
        """
        if self._erasing:
            self._touched_s = now_s
            self._alone = self._alone or now_s - self._near_s >= LOCK_S
        if now_s - self._touched_s < LOCK_S or self._view.staff is None:
            return
        self._touched_s = now_s
        self._clear_secrets()
        self._ticket = self._counter.do(ask.StaffOut())

    # -- looking

    def page(self, view: CounterView) -> str:
        """The page's name; "" leaves for home: nobody logs in, and the screen is the customers'."""
        self._view = view
        if view.staff is None and self._now_s() - self._touched_s >= LOCK_S:
            return ""
        self._whose_turn(view)
        self._follow(view)
        trade = view.trade(self._spot.trade)
        self._erasing = trade is not None and trade.state == "erasing" and under_way(trade.erasure)
        self._stood_by(self._erasing)
        page = self._page_of(view, trade)
        if page != self._page:
            if (self._page, page) == ("seal", "settle"):
                self._settle_at_once(trade)
            self._turn(page)
        self.shown = StaffShown(
            page=PREFIX + page,
            view=view,
            trade=trade,
            manifest=next((one for one in view.manifests if one.manifest == self._spot.manifest), None),
            bin=next((one for one in view.bins if one.number == self._spot.bin), None),
            draft=self.draft,
            said=self._said_on(page, trade),
            waiting=self._waiting(),
            now_ms=self._wall_ms() // MINUTE_MS * MINUTE_MS,
            models=self._counter.estimate_models() if page == "identify" else (),
            model=self._model() if page == "identify" else "",
            province=self._province(),
            reason=self._spot.reason,
            unread=self._unread,
            public=page in PUBLIC,
        )
        tell = self.watcher() if self.watcher is not None else None
        if tell is not None:
            tell(self.shown)
        return self.shown.page

    def _page_of(self, view: CounterView, trade: TradeView | None) -> str:
        if view.staff is None:
            if self._spot.place == SECOND:
                self.no_second()  # what it was about leaves the page
            return LOGIN
        if self._spot.place == TRADE and trade is None:
            self._go(QUEUE)
        return self._gated(self._wanted(trade), trade)

    def _wanted(self, trade: TradeView | None) -> str:
        if self._spot.place != TRADE or trade is None:
            return self._spot.place
        step, within = step_of(trade), self._spot.step
        return within if within in WITHIN.get(step, ()) else step

    def _turn(self, page: str) -> None:
        """Another page: an empty draft for it, but within a trade's customer page and its own sub-pages."""
        if not any({page, self._page} <= pair for pair in TOGETHER) and page != SECOND:
            self._set(Draft(choices={"model": self.draft.choice("model")} if page == "identify" else {}))
        self._page = page
        self._learn(self._view)
        if page == "identify" and self._scanned_imei:
            if self._spot.trade == self._scanned_for:
                self._set(self.draft.filled("imei_dialled", self._scanned_imei).focused("imei_label"))
            self._scanned_imei = ""
        if page in FIRST_FIELD and not self.draft.focus:
            self.focus(FIRST_FIELD[page])

    def _follow(self, view: CounterView) -> None:
        """Opens what was begun, once the counter shows it; leaves what is gone."""
        if self._waiting():
            return
        self._redeemed(view.said)
        self._changed(view.said)
        self._left(view.said)
        if self._trades_before is not None:
            begun = [one.trade for one in view.trades if one.trade not in self._trades_before]
            self._trades_before = None
            self._scanned_for = begun[0] if begun else ""
            if begun:
                self.open_trade(begun[0])
            else:
                self._scanned_imei = ""
        if self._manifests_before is not None:
            drafted = [one.manifest for one in view.manifests if one.manifest not in self._manifests_before]
            self._manifests_before = None
            if drafted:
                self.open_manifest(drafted[0])

    # -- who

    def key(self, char: str) -> None:
        """A key of the keypad."""
        super().key(char)
        if self._page == HERE:
            self._typed_pin()

    def log_in(self) -> None:
        draft = self.draft
        if not draft.text("staff") or not draft.text("pin"):
            self._refuse("login_wanted")
            return
        if not self._waiting():
            self._tried_digits = len(draft.text("pin"))
        self._do(ask.StaffIn(draft.text("staff"), draft.text("pin")))
        self._clear_pins()

    def log_out(self) -> None:
        self._ticket, self._mine = self._counter.do(ask.StaffOut()), Said("")  # whatever is waited for
        self._spot = Spot()

    def second_in(self) -> None:
        """The second person's number and PIN, for whatever was asked."""
        draft = self.draft
        if not draft.text("second_staff") or not draft.text("second_pin"):
            self._refuse("login_wanted")
            return
        second = ask.Second(draft.text("second_staff"), draft.text("second_pin"))
        {
            "approve": self._approve,
            "empty": self._empty,
            "seal": self.seal_manifest,
            "difference": self._close_different,
            "cash": self._change_cash,
        }[self._spot.reason](second)
        self._clear_pins()

    def no_second(self) -> None:
        """Back to where the second person was called from."""
        back = {"approve": TRADE, "empty": "bin", "seal": "manifest", "difference": "shift", "cash": "cash"}
        self._spot.place = back.get(self._spot.reason, QUEUE)
        self._clear_pins()

    # -- the scanner

    def scanned(self, kind: str, text: str) -> None:
        """A code was read; it goes to the field it fits on this page, and acts where a scan is all there is to say."""
        self.touched(self._now_s())
        self._unread = False
        page = self._page
        if page == "manifest" and kind == "seal":
            self._take_seal(text)
            return
        if page == QUEUE and kind == "imei":
            self._scanned_at_queue(text)
            return
        name = self._field_for(kind)
        if not name or name not in ENTRIES:
            self._unread = True
            return
        before = self.draft
        self._set(before.filled(name, text))
        if self.draft is before:
            self._unread = True
            return
        if page == "seal" and name == "seal":
            self.seal()
        elif page == "hold" and name == "shelf":
            self.hold()
        elif name in ("staff", "second_staff"):
            self.focus("pin" if name == "staff" else "second_pin")
        elif name == "imei_dialled":
            self.focus("imei_label")

    def scan_failed(self) -> None:
        """The scanner read rubbish: said once, nothing is changed."""
        self._unread = True

    def _field_for(self, kind: str) -> str:
        on_page = {
            "login": ("staff",),
            SECOND: ("second_staff",),
            "identify": ("imei_dialled", "imei_label"),
            "seal": ("seal",),
            "drawer": ("package",),
            "hold": ("shelf",),
            "voucher": ("code",),
            "sign": ("id_number",),
        }.get(self._page, ())
        alone = self._page in ("login", SECOND, "sign")  # badges and id cards come in every form
        fitting = on_page if alone else tuple(name for name in SCANS.get(kind, ()) if name in on_page)
        if self.draft.focus in fitting and not self.draft.text(self.draft.focus):
            return self.draft.focus
        return next((name for name in fitting if not self.draft.text(name)), fitting[0] if fitting else "")
