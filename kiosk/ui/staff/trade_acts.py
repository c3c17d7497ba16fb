"""What staff and customer do to one trade-in, touch by touch. Asks the counter; decides no rule of the trade."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import QuestionView, Said, TradeView
from kiosk.ui.staff.draft import Draft
from kiosk.ui.staff.floor import SECOND, TRADE, Floor

ANSWER: Final = "answer_"  # prefix of an inspection answer among the choices


class TradeActs(Floor):
    """Identify to settle. The trade is the one that is open."""

    _redeeming = 0  # ticket of a voucher that is asked about

    @property
    def _trade(self) -> str:
        return self._spot.trade

    def begin_trade(self, language: str) -> None:
        """A phone is laid on the counter; its page opens once the counter knows it."""
        if self._waiting():
            return
        self._trades_before = frozenset(one.trade for one in self._view.trades)
        self._do(ask.TradeBegin(language))

    def identify(self, bay: str, serial: str) -> None:
        """``bay``: where the phone is plugged in, "" = nowhere."""
        draft = self.draft
        if not draft.text("imei_dialled"):
            self._refuse("imei_wanted")
            return
        if not draft.choice("model"):
            self._refuse("model_wanted")
            return
        self._do(
            ask.TradeIdentify(
                self._trade,
                imei_dialled=draft.text("imei_dialled"),
                imei_label=draft.text("imei_label"),
                model=draft.choice("model"),
                serial=serial,
                bay=bay,
                first_use=draft.day("first_use"),
                invoice_date=draft.day("invoice_date"),
                made=draft.day("made"),
            )
        )

    def check(self, lock_seen: str) -> None:
        self.choose("lock_seen", lock_seen)
        self._do(ask.TradeCheck(self._trade, lock_seen))

    def photo(self, side: str) -> None:
        self._do(ask.TradePhoto(self._trade, side))

    def answer(self, question: str, answer: str) -> None:
        self.choose(ANSWER + question, answer)

    def inspect(self) -> None:
        """Every question has to be answered first: a grade rests on all of them."""
        trade = self._view.trade(self._trade)
        if trade is None:
            return
        answers = {one.key: given_to(self.draft, trade, one) for one in trade.questions}
        missing = sum(1 for given in answers.values() if not given)
        if missing:
            self._refuse("answers_wanted", n=missing)
            return
        self._do(ask.TradeInspect(self._trade, answers))

    def use(self, name: str) -> None:
        """Money or a new phone: for the latter its price is typed."""
        self.choose("use", name)
        self.focus("new_price" if name == "top_up" else "")

    def quote(self) -> None:
        """By the book; towards a new phone when its price was typed."""
        new_price_fen = self.draft.yuan("new_price") if self.draft.choice("use") == "top_up" else 0
        if self.draft.choice("use") == "top_up" and not new_price_fen:
            self._refuse("new_price_wanted")
            return
        self._do(ask.TradeQuote(self._trade, new_price_fen))

    def override(self) -> None:
        """Staff's own price, with a reason from the list."""
        trade, draft = self._view.trade(self._trade), self.draft
        if not draft.text("override") or not draft.choice("override_reason"):
            self._refuse("override_wanted")
            return
        new_price_fen = trade.quote.new_price_fen if trade and trade.quote else 0
        self._do(
            ask.TradeQuote(
                self._trade, new_price_fen, draft.yuan("override"), draft.choice("override_reason")
            )
        )
        self._spot.step = ""

    def ask_second(self, reason: str) -> None:
        """Opens the page for the second person; what was typed before stays behind it."""
        self._spot.reason, self._spot.place = reason, SECOND
        self.focus("second_staff")

    def _approve(self, second: ask.Second) -> None:
        self._do(ask.TradeApprove(self._trade, second))
        self._spot.place = TRADE

    def offer(self) -> None:
        """Turns the screen to the customer."""
        self._set(Draft())
        self._spot.step = ""
        self._do(ask.TradeOffer(self._trade))

    def decline(self) -> None:
        self._do(ask.TradeDecline(self._trade))

    def to_signing(self, consents: tuple[str, ...]) -> None:
        """The customer has read everything: each consent by its own tick, and the backup."""
        if any(one not in self.draft.ticks for one in consents):
            self._refuse("consents_wanted")
        elif not self.draft.choice("backup"):
            self._refuse("backup_wanted")
        else:
            self._mine = type(self._mine)("")
            self._spot.step = "sign"
            self.focus("id_number")

    def accept(self, text_version: str, consents: tuple[str, ...], payout: str) -> None:
        """The customer's own touch, under id and signature."""
        draft = self.draft
        if len(draft.text("id_number")) < 4:
            self._refuse("id_wanted")
            return
        if not draft.strokes:
            self._refuse("signature_wanted")
            return
        self._do(
            ask.TradeAccept(
                self._trade,
                consents=frozenset(consents) & draft.ticks,
                text_version=text_version,
                backup=draft.choice("backup"),
                id_kind=draft.choice("id_kind", "id_card"),
                id_number=draft.text("id_number"),
                signature=draft.strokes,
                payout=draft.choice("payout", payout),
                phone_number=draft.text("phone_number"),
            )
        )

    def hand_back(self) -> None:
        self._do(ask.TradeReturn(self._trade))

    def erase(self, bay: str) -> None:
        self._do(ask.EraseStart(self._trade, bay))

    def reset_done(self) -> None:
        """The words on the button are staff's own: they see the set-up wizard."""
        self._do(ask.EraseResetDone(self._trade, wizard_seen=True))

    def give_up(self) -> None:
        """To destruction, for a reason from the list."""
        if not self.draft.choice("give_up"):
            self._refuse("reason_wanted")
            return
        self._do(ask.EraseGiveUp(self._trade, self.draft.choice("give_up")))
        self._spot.step = ""

    def seal(self) -> None:
        if not self.draft.text("seal"):
            self._refuse("seal_wanted")
            return
        self._do(ask.TradeSeal(self._trade, self.draft.text("seal")))

    def settle(self, method: str = "") -> None:
        """``method``: "cash" after a transfer was refused."""
        self._do(ask.TradeSettle(self._trade, method))

    def cash(self, expected_fen: int) -> None:
        """Money changed hands: what the customer gave (``expected_fen`` unless another sum was typed)."""
        received_fen = self.draft.yuan("received") if self.draft.text("received") else expected_fen
        self._do(ask.CashHanded(self._trade, received_fen))

    def hold(self) -> None:
        if not self.draft.text("shelf"):
            self._refuse("shelf_wanted")
            return
        self._do(ask.TradeHold(self._trade, self.draft.text("shelf")))

    def release(self) -> None:
        self._do(ask.TradeRelease(self._trade))

    def put_into(self, number: int) -> None:
        self._do(ask.TradeBin(self._trade, number))

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
        if self._redeeming == self._ticket and (said is None or said.ticket != self._redeeming):
            self._set(Draft(focus="amount", choices={"redeemed": "yes"}))
        self._redeeming = 0


def given_to(draft: Draft, trade: TradeView, question: QuestionView) -> str:
    """The answer on the page: what was touched since, else what the counter has, else what the check has shown."""
    known = {"lock": "none"} if trade.checks.get("lock") == "none" else {}
    return draft.choice(ANSWER + question.key, question.given or known.get(question.key, ""))
