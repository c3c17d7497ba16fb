"""What staff do to the drawer's cash and to vouchers, touch by touch. Asks the counter; decides no rule of theirs."""

from __future__ import annotations

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import Said
from kiosk.ui.staff.draft import NOTES_FEN, Draft
from kiosk.ui.staff.floor import Floor


class TillActs(Floor):
    """The shift's close, cash that no trade-in moves, vouchers."""

    _redeeming = 0  # ticket of a voucher that is asked about
    _changing = 0  # ticket of cash put in or taken

    # -- the shift

    def close_shift(self) -> None:
        """Counted first, compared after: a difference needs a reason and a second person."""
        staff = self._view.staff
        if staff is None:
            return
        counted = self.draft.counted_fen()
        if not any(self.draft.text(f"note_{note}") for note in NOTES_FEN):
            self._refuse("count_wanted")
        elif counted == staff.cash_fen:
            self._do(ask.ShiftClose(counted))
        else:
            self.choose("counted", "yes")

    def _close_different(self, second: ask.Second) -> None:
        self._do(ask.ShiftClose(self.draft.counted_fen(), self.draft.choice("difference"), second))
        self._spot.place = "shift"

    # -- cash in, cash to the safe

    def cash_way(self, way: str) -> None:
        """Into the drawer ("in") or out of it ("out"); a reason for one is none for the other."""
        if way != self.draft.choice("way"):
            self._set(self.draft.chosen("way", way).chosen("cash_reason", ""))

    def change_cash(self) -> None:
        """Amount, way and reason are there: a second person counts it, too."""
        draft = self.draft
        if not draft.yuan("cash_amount"):
            self._refuse("cash_wanted")
        elif not draft.choice("way") or not draft.choice("cash_reason"):
            self._refuse("cash_why_wanted")
        else:
            self.ask_second("cash")

    def _change_cash(self, second: ask.Second) -> None:
        self._spot.place = "cash"
        if self._waiting():
            return
        draft = self.draft
        amount_fen = draft.yuan("cash_amount") * (-1 if draft.choice("way") == "out" else 1)
        self._do(ask.CashChange(amount_fen, draft.choice("cash_reason"), second))
        self._changing = self._ticket

    def _changed(self, said: Said | None) -> None:
        """Answered, and not with a no: the sum is gone from the page, so that nobody books it twice."""
        if not self._changing:
            return
        booked = self._changing == self._ticket and (said is None or said.ticket != self._changing)
        if booked and self._spot.place == "cash":
            way, amount = self.draft.choice("way"), self.draft.text("cash_amount")
            self._set(Draft(focus="cash_amount", choices={"booked": way, "booked_yuan": amount}))
        self._changing = 0

    # -- vouchers

    def redeem(self) -> None:
        """A voucher towards a bill."""
        if not self.draft.text("code") or not self.draft.yuan("amount"):
            self._refuse("voucher_wanted")
            return
        if self._waiting():
            return
        self._do(ask.VoucherRedeem(self.draft.text("code"), self.draft.yuan("amount")))
        self._redeeming = self._ticket

    def _redeemed(self, said: Said | None) -> None:
        """Answered, and not with a no: the code is gone from the page, for asked about again it is a replay."""
        if not self._redeeming:
            return
        redeemed = self._redeeming == self._ticket and (said is None or said.ticket != self._redeeming)
        if redeemed and self._spot.place == "voucher":
            self._set(Draft(focus="amount", choices={"redeemed": "yes"}))
        self._redeeming = 0
