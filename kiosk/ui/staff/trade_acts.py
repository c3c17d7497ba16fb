"""What staff and customer do to one trade-in, touch by touch. Asks the counter; decides no rule of the trade."""

from __future__ import annotations

import re
from typing import Any, Final

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import CounterView, QuestionView, Said, TradeView
from kiosk.ui.staff.draft import Draft
from kiosk.ui.staff.floor import TRADE, Floor

ANSWER: Final = "answer_"  # prefix of an inspection answer among the choices
TAC_DIGITS: Final = 8  # of an IMEI: the type of phone
MOST_TYPES: Final = 500
MOBILE: Final = re.compile(
    r"1[3-9][0-9]{9}"
)  # of the mainland; a guest's own is taken with a guest's document
LEAST_DIGITS: Final = 5


class TradeActs(Floor):
    """Identify to settle. The trade is the one that is open."""

    language = "zh"  # of a trade-in that a scan begins
    _scanned_imei = ""  # of the trade-in that it begins
    _scanned_for = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._types: dict[str, str] = {}  # type number -> model

    @property
    def _trade(self) -> str:
        return self._spot.trade

    def begin_trade(self, language: str) -> None:
        """A phone is laid on the counter; its page opens once the counter knows it."""
        if self._waiting():
            return
        self._trades_before = frozenset(one.trade for one in self._view.trades)
        self._do(ask.TradeBegin(language))

    def _scanned_at_queue(self, imei: str) -> None:
        """A phone's number, before anything was touched: its trade-in is opened, or begun with it."""
        open_one = next((one.trade for one in self._view.trades if one.imei == imei), "")
        if open_one:
            self.open_trade(open_one)
        elif self._view.trading and not self._waiting():
            self._scanned_imei = imei
            self.begin_trade(self.language)

    def _model(self) -> str:
        """The chosen one, or the one that it can only be."""
        return self.draft.choice("model") or self._likely()

    def _likely(self) -> str:
        """The only one listed; else that of a phone of the same type number, if no other storage goes by its name."""
        models = self._counter.estimate_models()
        if len(models) == 1:
            return models[0].model
        tac = self.draft.text("imei_dialled")[:TAC_DIGITS]
        known = self._types.get(tac, "") if len(tac) == TAC_DIGITS else ""
        names = [one.names for one in models if one.model == known]
        return known if names and sum(one.names == names[0] for one in models) == 1 else ""

    def _learn(self, view: CounterView) -> None:
        """Which model goes by which type number, from the trade-ins of this day."""
        for one in view.trades:
            if one.model and one.imei[:TAC_DIGITS].isdigit():
                self._types[one.imei[:TAC_DIGITS]] = one.model
        while len(self._types) > MOST_TYPES:
            del self._types[next(iter(self._types))]

    def identify(self, bay: str, serial: str) -> None:
        """``bay``: where the phone is plugged in, "" = nowhere."""
        draft = self.draft
        if not draft.text("imei_dialled"):
            self._refuse("imei_wanted")
            return
        if not self._model():
            self._refuse("model_wanted")
            return
        self._do(
            ask.TradeIdentify(
                self._trade,
                imei_dialled=draft.text("imei_dialled"),
                imei_label=draft.text("imei_label"),
                model=self._model(),
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
        self._set(self.draft.without("new_price").chosen("use", name).focused("new_price"))

    def quote(self) -> None:
        """By the book; towards a new phone when its price was typed."""
        new_price_fen = self.draft.yuan("new_price")
        if wants_new(self.draft) and not new_price_fen:
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
            self._mine = Said("")
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
        chosen = draft.choice("payout", payout)
        if why := _number_lacks(draft, chosen):
            self._refuse(why)
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
                payout=chosen,
                phone_number=draft.text("phone_number"),
            )
        )

    def type_in(self, name: str) -> None:
        """A field of the signing page, by keys in place of the signature's field."""
        self._set(self.draft.chosen("typing", "yes").focused(name))

    def typed_in(self) -> None:
        """Back to the signature."""
        self._set(self.draft.chosen("typing", "no").focused("id_number"))

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
        """``method``: "cash" after a transfer was refused, "transfer" where the drawer lacks the cash."""
        self._do(ask.TradeSettle(self._trade, method))

    def _settle_at_once(self, trade: TradeView | None) -> None:
        """The bag is closed and money changes hands over the counter: nothing is left to choose."""
        if trade is None or trade.quote is None or trade.settlement or trade.provisional:
            return
        if trade.payout in ("cash", "top_up") and (trade.quote.to_pay_fen or trade.quote.payout_fen):
            self.settle()

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


def given_to(draft: Draft, trade: TradeView, question: QuestionView) -> str:
    """The answer on the page: what was touched since, else what the counter has, else what the check has shown."""
    known = {"lock": "none"} if trade.checks.get("lock") == "none" else {}
    if trade.checks.get("phone") == "same":
        known["powers_on"] = "yes"  # it has told its number over the cable
    return draft.choice(ANSWER + question.key, question.given or known.get(question.key, ""))


def wants_new(draft: Draft) -> bool:
    """Whether it goes towards a new phone: said, or a price typed."""
    return draft.choice("use") == "top_up" or bool(draft.text("new_price"))


def _number_lacks(draft: Draft, payout: str) -> str:
    """Why the phone number is not one yet, "" when it is. Only a transfer needs one: whom to tell if it is refused."""
    number = draft.text("phone_number")
    if not number:
        return "phone_wanted" if payout == "transfer" else ""
    if draft.choice("id_kind", "id_card") == "id_card":
        return "" if MOBILE.fullmatch(number) else "mobile_wanted"
    return "" if len(number) >= LEAST_DIGITS else "phone_unreadable"
