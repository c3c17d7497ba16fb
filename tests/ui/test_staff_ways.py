"""Staff's front without a window: no page without a way on, nothing of one person left for the next, late answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import ErasureView, Said, TradeView
from kiosk.ui import words
from kiosk.ui.samples_staff import CERTIFIED, QUESTIONS, QUOTE, SIGNATURE, TOP_UP, TRADE, phone
from kiosk.ui.samples_stock import DRAFT, HERE, STAFF
from kiosk.ui.staff.draft import Draft
from kiosk.ui.staff.floor import StaffShown
from kiosk.ui.staff.offer_panels import CONSENTS
from kiosk.ui.staff.panel import Segment, Slots, Strip
from kiosk.ui.staff.panels import PANELS
from kiosk.ui.staff.scene import Scene
from kiosk.ui.staff.steps import step_of
from kiosk.ui.staff_front import LOCK_S
from recycling import trade_in
from recycling.erasure import State as ErasureState
from tests.ui.staff_desk import BAYS, SAY, Desk, waits, ways_on

OTHER = TradeView("01K9OTHER", "draft", model_names={"zh": "山湖 5", "en": "Tarn 5"})


@pytest.fixture
def desk() -> Desk:
    return Desk()


ERASURES = [
    ErasureView(state.value, method, step, attempt=attempt)
    for state, method, step, attempt in product(
        ErasureState, ("", "fastboot_erase", "factory_reset"), ("", "reset_guide", "looking"), (1, 3)
    )
]  # fmt: skip


def coming(trade: TradeView) -> tuple[tuple[str, ...], ...]:
    """What the counter may say comes next; () also while it asks somebody."""
    erasure = trade.erasure
    if trade.state == "sealed":
        return (), ("TradeSettle",), ("CashHanded",)
    if trade.state not in ("accepted", "erasing"):
        return ((),)
    if erasure.state == "running" and erasure.method == "factory_reset":
        return (), ("EraseResetDone", "EraseStart")
    if erasure.state == "failed":
        again = ("EraseStart",) if erasure.attempt < erasure.attempts else ()
        return (), (*again, "EraseResetDone", "EraseGiveUp")
    first = (("EraseStart",),) if not erasure.state else ()
    return (), *first, ("EraseStart", "EraseGiveUp"), ("EraseGiveUp",)


def states() -> Iterator[TradeView]:
    """Every trade-in that staff may open, as the counter may show it."""
    quotes = (QUOTE, TOP_UP, replace(QUOTE, needs_approval=True))
    for state in trade_in.State:
        erasures = [ErasureView(), *ERASURES] if state in ("accepted", "erasing") else [CERTIFIED]
        payments = ("", "intended", "unknown", "waiting") if state == "sealed" else ("",)
        for erasure, quote, payment, provisional in product(erasures, quotes, payments, (False, True)):
            trade = phone(
                state.value, erasure=erasure, quote=quote, settlement=payment,
                provisional=provisional, questions=QUESTIONS, place="shelf:A3",
            )  # fmt: skip
            yield from (replace(trade, next=one) for one in coming(trade))


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_trade_in_stands_on_a_page_without_a_way_on_or_a_clear_wait(language: str) -> None:
    """A way on is more than the way back; a wait is a dial, or the main button that says why it is not open."""
    found = set()
    for trade, bays in product(states(), ((), BAYS)):
        page = step_of(trade)
        shown = StaffShown(f"staff_{page}", replace(HERE, trades=(trade,)), trade)
        panel = PANELS[f"staff_{page}"](Scene(shown, SAY[language], bays))
        ways = {*ways_on(panel), *(one.key for one in panel.deeds if one.main)}
        found.add(trade.state)
        over = page == "wait"
        assert waits(panel) or ways - {"back"} or (over and ways == {"back"}), trade
        assert waits(panel) or "back" in ways or page == "offer", "nobody else can be served meanwhile"
    assert found == {one.value for one in trade_in.State}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_cash_that_the_drawer_lacks_is_paid_by_transfer_at_a_touch(desk: Desk, language: str) -> None:
    short = Said("cash_short", {"have_fen": 31_800, "need_fen": 109_200}, 1, TRADE)
    poor = replace(STAFF, cash_fen=31_800)
    for settlement, coming in (("", ("TradeSettle",)), ("intended", ("CashHanded",))):
        trade = phone("sealed", quote=QUOTE, payout="cash", settlement=settlement, next=coming, said=short)
        desk.counter.shown = replace(HERE, staff=poor, trades=(trade,))
        desk.front.open_trade(TRADE)
        assert desk.look() == "settle"
        deed = next(one for one in desk.panel(language).deeds if one.key == "by_transfer")
        getattr(desk.front, deed.touch.action)(*deed.touch.values)
        assert desk.counter.asked.pop() == ask.TradeSettle(TRADE, "transfer")
        desk.front._ticket = 0


@pytest.mark.parametrize(
    ("payout", "cash_fen", "said"),
    [
        ("cash", 318_000, "cash_short"),  # a colleague has put cash in since
        ("top_up", 0, "cash_short"),
        ("transfer", 0, "payment_refused"),
        ("cash", 0, "provisional"),
    ],
)
def test_a_transfer_is_offered_only_where_it_is_let(
    desk: Desk, payout: str, cash_fen: int, said: str
) -> None:
    trade = phone(
        "sealed", quote=QUOTE, payout=payout, said=Said(said, {"have_fen": 1, "need_fen": 2}, 1, TRADE)
    )
    desk.counter.show(replace(HERE, staff=replace(STAFF, cash_fen=cash_fen), trades=(trade,)))
    desk.front.open_trade(TRADE)
    desk.look()
    assert "by_transfer" not in ways_on(desk.panel())


# -- who


def test_the_wait_for_this_persons_pin_is_shown_and_nothing_is_asked(desk: Desk) -> None:
    """Three wrong ones lock a number, five lock the keypad."""
    desk.trades(phone("accepted"))
    desk.front.face_customer()
    desk.front.open_trade(TRADE)
    desk.counter.shown = replace(desk.counter.shown, staff=replace(STAFF, pin_wait_s=25))
    assert desk.look() == "here"
    panel = desk.panel()
    assert any(isinstance(one, Strip) and "25 秒" in one.words for one in panel.lead)
    assert "back_in" not in ways_on(panel)
    desk.type("471147")
    desk.front.back_in()
    assert desk.counter.asked == []


def test_a_log_in_that_is_still_asked_about_is_logged_out_when_its_screen_is_left(desk: Desk) -> None:
    desk.counter.show(replace(HERE, staff=None))
    assert desk.look() == "login"
    desk.front.focus("staff")
    desk.type("1001")
    desk.front.focus("pin")
    desk.type("471147")
    desk.counter.answered = 0
    desk.front.log_in()
    desk.front.leave()
    assert desk.counter.asked == [ask.StaffIn("1001", "471147"), ask.StaffOut()]


def test_who_logs_out_is_logged_out_whatever_is_waited_for(desk: Desk) -> None:
    desk.front.go("manifests")
    desk.look()
    desk.counter.answered = 0
    desk.front.draft_manifest("P1")
    desk.look()
    desk.front.log_out()
    assert desk.counter.asked[1:] == [ask.StaffOut()]


def test_where_nothing_lies_behind_the_pin_there_is_no_way_back_to_it(desk: Desk) -> None:
    desk.front.enter("zh")  # the log-out on leaving was not answered
    assert desk.look() == "here"
    assert "not_back" not in ways_on(desk.panel())


def test_somebody_else_who_takes_the_screen_from_an_offer_does_not_give_it_back(desk: Desk) -> None:
    desk.trades(phone("offered", quote=QUOTE))
    desk.front.open_trade(TRADE)
    assert desk.look() == "offer"
    desk.front.turn_back()
    assert desk.look() == "here"
    desk.front.somebody_else()
    desk.counter.shown = replace(desk.counter.shown, staff=None)
    assert desk.look() == "login"
    desk.counter.shown = replace(desk.counter.shown, staff=replace(STAFF, staff="1002"))
    assert desk.look() == "queue"


def test_an_erasing_that_nobody_stood_by_ends_before_the_pin(desk: Desk) -> None:
    """Nobody is logged out meanwhile, for the certificate names them; who comes by then is not let in for it."""
    desk.trades(phone("erasing", erasure=replace(CERTIFIED, state="running", percent=40)))
    desk.front.open_trade(TRADE)
    assert desk.look() == "erase"
    assert desk.look(LOCK_S + 1) == "erase"
    assert desk.counter.asked == []
    desk.trades(phone("erased", erasure=CERTIFIED))
    assert desk.look() == "here"
    assert desk.look(1.0) == "here"
    assert desk.counter.asked == []


def test_an_erasing_that_somebody_stood_by_goes_on_at_once(desk: Desk) -> None:
    desk.trades(phone("erasing", erasure=replace(CERTIFIED, state="running", percent=40)))
    desk.front.open_trade(TRADE)
    desk.look()
    for _ in range(3):
        desk.front.touched(desk.clock.now_s)
        assert desk.look(LOCK_S - 1) == "erase"
    desk.trades(phone("erased", erasure=CERTIFIED))
    assert desk.look() == "seal"


# -- what was typed


def test_what_a_customer_typed_is_nowhere_once_the_screen_was_left(desk: Desk) -> None:
    desk.trades(phone("offered", quote=QUOTE))
    desk.front.open_trade(TRADE)
    desk.look()
    for one in CONSENTS:
        desk.front.tick(one)
    desk.front.choose("backup", "done")
    desk.front.to_signing(CONSENTS)
    desk.look()
    desk.front.scanned("id", "11010519491231002X")
    desk.front.stroke(SIGNATURE[0])
    desk.look()
    assert desk.front.shown.draft.text("id_number")
    desk.front.leave()
    for draft in (desk.front.draft, desk.front.shown.draft):
        assert (draft.text("id_number"), draft.strokes) == ("", ())


def test_a_voucher_answered_late_touches_no_other_page(desk: Desk) -> None:
    desk.front.go("voucher")
    desk.look()
    desk.front.scanned("voucher", "VABC234")
    desk.front.focus("amount")
    desk.type("500")
    desk.counter.answered = 0
    desk.front.redeem()
    desk.trades(OTHER)
    desk.front.open_trade(OTHER.trade)
    assert desk.look() == "identify"
    desk.type("35387923")
    desk.counter.answered = None
    desk.look()
    assert (desk.front.draft.text("imei_dialled"), desk.front.draft.focus) == ("35387923", "imei_dialled")


def test_cash_answered_late_touches_no_other_page(desk: Desk) -> None:
    desk.front.go("cash")
    desk.look()
    desk.type("2000")
    desk.front.cash_way("in")
    desk.front.choose("cash_reason", "float")
    desk.front.change_cash()
    assert desk.look() == "second"
    desk.type("1002")
    desk.front.focus("second_pin")
    desk.type("471147")
    desk.counter.answered = 0
    desk.front.second_in()
    assert desk.look() == "cash"
    desk.front.go("shift")
    assert desk.look() == "shift"
    desk.counter.answered = None
    desk.look()
    desk.type("12")
    assert desk.front.draft.counted_fen() == 120_000


def test_a_number_scanned_for_a_trade_in_that_did_not_begin_is_not_anothers(desk: Desk) -> None:
    desk.trades(OTHER)
    desk.look()
    desk.front.scanned("imei", "353879234252633")
    desk.refuse("certificate_expired")
    desk.look()
    desk.front.open_trade(OTHER.trade)
    assert desk.look() == "identify"
    assert desk.front.draft.text("imei_dialled") == ""


@pytest.mark.parametrize(
    ("place", "reason"), [("shift", "difference"), ("cash", "cash"), ("manifest", "seal")]
)
def test_a_colleague_who_comes_after_the_log_out_confirms_nothing_that_was_lost_with_it(
    desk: Desk, place: str, reason: str
) -> None:
    desk.counter.shown = replace(desk.counter.shown, manifests=(DRAFT,))
    desk.front.open_manifest(DRAFT.manifest)
    desk.front.go(place)
    desk.look()
    desk.front.ask_second(reason)
    assert desk.look() == "second"
    desk.look(LOCK_S + 1)
    desk.counter.shown = replace(desk.counter.shown, staff=None)
    assert desk.look() == "login"
    desk.counter.shown = replace(desk.counter.shown, staff=STAFF)
    assert desk.look() == place


def test_the_field_that_is_typed_into_comes_first_while_a_customer_types() -> None:
    trade = phone("offered", quote=QUOTE)
    draft = Draft(focus="phone_number", choices={"typing": "yes"})
    shown = StaffShown("staff_sign", replace(HERE, trades=(trade,)), trade, draft=draft)
    panel = PANELS["staff_sign"](Scene(shown, SAY["zh"], BAYS))
    fields = [one for one in panel.lead if isinstance(one, Slots)]
    assert fields[0].slots[0].key == "phone_number"
    assert not any(isinstance(one, Segment) for one in panel.lead), "they push the field off a low screen"


@pytest.mark.parametrize("reason", ["empty", "seal", "difference", "cash"])
def test_a_second_person_reads_of_prices_only_where_a_price_is_approved(desk: Desk, reason: str) -> None:
    desk.front.ask_second(reason)
    desk.look()
    assert "报价" not in repr(desk.panel("zh"))
    assert "price" not in repr(desk.panel("en"))
