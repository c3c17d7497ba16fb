"""Whose turn the screen is: what the customer had in hand comes back to staff by a PIN only. Draws nothing."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import CounterView, Said, TradeView
from kiosk.ui.staff.floor import HERE, QUEUE, SECOND, TRADE, Floor

CUSTOMERS: Final = ("offer", "sign")
"""Pages that turn the screen to the customer; from the first of them on the customer has it."""
STRAIGHT: Final = "erase"  # after the customer's yes nobody reads a page in between


class Turn(Floor):
    """Base of the front: which page may follow once a customer had the screen."""

    _held = False  # the customer had it since the last PIN
    _calling = False  # a colleague stands there and types it
    _knocked = 0  # ticket under which it was asked about
    _tried_digits = 0  # of the PIN that is being logged in with
    _digits = 0  # of the one that did
    _alone = False  # an erasing was left standing

    def face_customer(self) -> None:
        """The screen is turned round."""
        self._held = True

    def turn_back(self) -> None:
        """A colleague wants the screen: the PIN is asked for."""
        self._calling = True
        self.focus("pin")

    def not_back(self) -> None:
        """The customer reads on."""
        self._calling = False
        self._clear_pins()
        self.focus("")

    def somebody_else(self) -> None:
        """Another colleague logs in, and goes on with the same work."""
        self._clear_secrets()
        self._do(ask.StaffOut())

    def back_in(self) -> None:
        """The PIN of whoever is logged in."""
        staff = self._view.staff
        if self._view.login_wait_s or (staff and staff.pin_wait_s) or self._waiting():
            return
        if not self.draft.text("pin"):
            self._refuse("pin_wanted")
            return
        self._do(ask.StaffHere(self.draft.text("pin")))
        self._knocked = self._ticket
        self._clear_pins()

    def _typed_pin(self) -> None:
        """The last digit of a PIN as long as the one that logged in needs no key after it."""
        if self._digits and len(self.draft.text("pin")) == self._digits:
            self.back_in()

    def _whose_turn(self, view: CounterView) -> None:
        """The counter's own word, under the ticket it was asked for, gives the screen back; a log-in does so, too."""
        if view.staff is None:
            if self._calling:
                self._off_the_offer(view)
            self._held = self._calling = self._alone = False
            self._digits = 0
            return
        if not self._digits:
            self._digits, self._tried_digits = self._tried_digits, 0
        if self._knocked and view.staff.back_ticket == self._knocked:
            self._knocked = 0
            self._held = self._calling = False
            self._off_the_offer(view)

    def _off_the_offer(self, view: CounterView) -> None:
        """The offer's own page would give the screen away again."""
        trade = view.trade(self._spot.trade)
        if self._spot.place == TRADE and trade is not None and trade.state == "offered":
            self._go(QUEUE)

    def _stood_by(self, erasing: bool) -> None:
        """Whoever finds the screen after an erasing that was left standing shows who they are."""
        if self._alone and not erasing:
            self._alone = False
            self._held = self._calling = True

    def _said_on(self, page: str, trade: TradeView | None) -> Said | None:
        """Where the PIN is typed the customer looks on: nothing but the answer to it."""
        said = self._said(trade if self._spot.place in (TRADE, SECOND) and page != HERE else None)
        other = page == HERE and said is not None and said.ticket not in (0, self._knocked)
        return None if other else said

    def _gated(self, page: str, trade: TradeView | None) -> str:
        """``page``, or what stands before it while the customer has the screen."""
        if page in CUSTOMERS:
            self._held = True
            return HERE if self._calling else page
        if not self._held:
            return page
        return HERE if self._calling or trade is None or page == STRAIGHT else "handover"
