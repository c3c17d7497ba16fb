"""Whose turn the screen is: what a customer had in hand comes back to staff by a PIN only, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import ErasureView, QuoteView, Said, TradeView
from kiosk.ui import words
from kiosk.ui.samples_staff import CERTIFIED, CLEAN, QUOTE, SIGNATURE, TOP_UP, TRADE, phone
from kiosk.ui.samples_stock import HERE, STAFF
from kiosk.ui.staff.offer_panels import CONSENTS
from kiosk.ui.staff_front import LOCK_S
from tests.ui import looks
from tests.ui.staff_shop import ASKED, PIN, Shop, Taps, at_queue, log_in, scan
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = [pytest.mark.ui, pytest.mark.timeout(120)]
OFFERED = phone("offered", quote=QUOTE)


@pytest.fixture(autouse=True)
def _own_shop(hand: Stagehand) -> Iterator[None]:
    yield
    vars(hand.counter).pop("do", None)


def look(hand: Stagehand) -> str:
    hand.app.refresh()
    hand.settle()
    return hand.app.shown.page


def accepted(hand: Stagehand, trade: TradeView = OFFERED) -> tuple[Shop, Taps]:
    """The customer has just said yes."""
    shop, tap = at_queue(hand, replace(HERE, trades=(trade,))), Taps(hand)
    tap(f"trade_{TRADE}")
    shop.trade("accepted", payout="cash", signed=True)
    assert look(hand) == "staff_here"
    return shop, tap


def test_after_the_customers_yes_only_the_pin_leads_to_the_erasing(hand: Stagehand) -> None:
    shop, tap = accepted(hand)
    assert "erase" not in {one.key for one in looks.taps(hand)}
    tap.type("471148")
    assert "471148" not in said(hand)
    tap("back_in")
    assert hand.app.shown.page == "staff_here"
    assert words.Words("zh")("said.pin_wrong.what") in said(hand)
    tap.type(PIN)
    tap("back_in")
    assert hand.app.shown.page == "staff_erase"
    assert [one for one in shop.asked if isinstance(one, ask.StaffHere)] == [
        ask.StaffHere("471148"),
        ask.StaffHere(PIN),
    ]


def test_an_answer_that_does_not_say_yes_gives_nothing(hand: Stagehand) -> None:
    """The refusal may be gone already when the screen looks: only the counter's own ticket opens it."""
    shop, tap = accepted(hand)
    shop._StaffHere = lambda command: None  # type: ignore[attr-defined]
    tap.type(PIN)
    tap("back_in")
    assert look(hand) == "staff_here"
    view = hand.counter.shown
    assert view.staff is not None
    hand.counter.shown = replace(view, staff=replace(view.staff, back_ticket=len(shop.asked) - 1))
    assert look(hand) == "staff_here", "another ticket's yes"


def test_while_locked_the_wait_is_shown_and_nothing_is_asked(hand: Stagehand) -> None:
    shop, tap = accepted(hand)
    hand.counter.shown = replace(hand.counter.shown, login_wait_s=45)
    look(hand)
    assert "45 秒" in said(hand)
    tap.type(PIN)
    tap("back_in")
    hand.app.staff("back_in")
    assert shop.asked == []


def test_somebody_else_logs_in_and_goes_on_with_the_same_work(hand: Stagehand) -> None:
    shop, tap = accepted(hand)
    tap("somebody_else")
    assert (hand.app.shown.page, shop.asked) == ("staff_login", [ask.StaffOut()])
    tap.type("1002")
    tap("field_pin")
    tap.type("606606")
    tap("log_in")
    assert hand.app.shown.page == "staff_erase"


def test_who_declines_has_the_phone_back_only_from_a_colleague(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, trades=(OFFERED,))), Taps(hand)
    tap(f"trade_{TRADE}", "offer_decline")
    assert hand.app.shown.page == "staff_handover"
    tap("turn_back", "not_back")
    assert hand.app.shown.page == "staff_handover"
    tap("turn_back")
    tap.type(PIN)
    tap("back_in")
    assert hand.app.shown.page == "staff_handback"
    assert isinstance(shop.asked[0], ask.TradeDecline)


def test_a_colleague_takes_the_screen_from_an_offer_and_the_offer_stays(hand: Stagehand) -> None:
    _, tap = at_queue(hand, replace(HERE, trades=(OFFERED,))), Taps(hand)
    tap(f"trade_{TRADE}", "consent_owner", "turn_back")
    tap.type("47")
    tap("not_back")
    assert hand.app.shown.page == "staff_offer"
    assert hand.app.front.staff.draft.ticks == {"owner"}
    assert hand.app.front.staff.draft.text("pin") == ""
    tap("turn_back")
    tap.type(PIN)
    tap("back_in")
    assert hand.app.shown.page == "staff_queue"
    tap(f"trade_{TRADE}")
    assert hand.app.shown.page == "staff_offer"


def test_whoever_is_still_logged_in_shows_a_pin_when_the_screen_was_the_customers(hand: Stagehand) -> None:
    """The log-out on leaving may not have been answered yet, or have failed."""
    shop = at_queue(hand)
    shop._StaffOut = lambda command: None  # type: ignore[attr-defined,method-assign]
    touch(hand, "home")
    touch(hand, "staff")
    assert hand.counter.shown.staff is not None
    assert hand.app.shown.page == "staff_here"


def test_the_log_ins_own_length_of_pin_needs_no_key_after_it(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, trades=(OFFERED,))), Taps(hand)
    log_in(hand)
    tap(f"trade_{TRADE}", "turn_back")
    tap.type(PIN)
    assert shop.asked[2:] == [ask.StaffHere(PIN)]
    assert hand.app.shown.page == "staff_queue"


def test_a_reset_by_hand_left_standing_logs_out_and_the_work_goes_on(hand: Stagehand) -> None:
    guided = ErasureView("running", "factory_reset", "reset_guide")
    shop = at_queue(hand, replace(HERE, trades=(phone("erasing", erasure=guided),)))
    touch(hand, f"trade_{TRADE}")
    hand.clock.now_s += LOCK_S + 1
    hand.app.refresh()
    assert shop.asked == [ask.StaffOut()]
    assert look(hand) == "staff_login"
    hand.counter.shown = replace(hand.counter.shown, staff=STAFF)
    assert look(hand) == "staff_erase"
    assert "恢复出厂" in said(hand)


# -- the customer's phone number


def signing(hand: Stagehand, quote: QuoteView = QUOTE) -> tuple[Shop, Taps]:
    shop = at_queue(hand, replace(HERE, trades=(replace(OFFERED, quote=quote),)))
    tap = Taps(hand)
    tap(f"trade_{TRADE}", *(f"consent_{one}" for one in CONSENTS), "backup_done", "to_signing")
    hand.app.staff("scanned", "id", "11010519491231002X")
    for stroke in SIGNATURE:
        hand.app.staff("stroke", stroke)
    return shop, tap


def test_a_transfer_needs_a_phone_number_and_cash_does_not(hand: Stagehand) -> None:
    shop, tap = signing(hand)
    tap("payout_transfer", "accept")
    assert "转账要留手机号" in said(hand)
    tap("field_phone_number")
    tap.type("12800138000")
    tap("typed", "accept")
    assert "11 位" in said(hand)
    tap("field_phone_number", "k_clear")
    tap.type("13800138000")
    assert "13800138000" not in said(hand)
    assert "8 000" in said(hand)
    assert "13800138000" not in repr(hand.app.front.staff.shown)
    tap("typed", "accept")
    asked = shop.asked[-1]
    assert isinstance(asked, ask.TradeAccept)
    assert (asked.payout, asked.phone_number) == ("transfer", "13800138000")
    assert hand.app.front.staff.draft.text("phone_number") == ""


def test_a_guest_with_a_passport_leaves_a_number_of_another_country(hand: Stagehand) -> None:
    shop, tap = signing(hand)
    tap("id_passport", "payout_transfer", "field_phone_number")
    tap.type("85212345678")
    tap("typed", "accept")
    assert shop.asked[-1].phone_number == "85212345678"


def test_nobody_finds_what_a_customer_typed_and_left(hand: Stagehand) -> None:
    _, tap = signing(hand, TOP_UP)
    tap("field_phone_number")
    tap.type("13800138000")
    hand.clock.now_s += LOCK_S + 1
    hand.app.refresh()
    draft = hand.app.front.staff.draft
    assert (draft.text("phone_number"), draft.text("id_number"), draft.strokes) == ("", "", ())


# -- touches saved


def test_a_phones_number_scanned_at_the_queue_begins_its_trade_in_or_opens_it(hand: Stagehand) -> None:
    shop, _ = at_queue(hand), Taps(hand)
    scan(hand, "353879234252633")
    assert hand.app.shown.page == "staff_identify"
    assert hand.app.front.staff.draft.text("imei_dialled") == "353879234252633"
    assert [type(one) for one in shop.asked] == [ask.TradeBegin]
    shop = at_queue(hand, replace(HERE, trades=(phone("sealed", quote=QUOTE, payout="cash"),)))
    scan(hand, "353879234252633")
    assert hand.app.shown.page == "staff_settle"
    assert shop.asked == []


def test_a_model_is_preset_only_where_the_phone_can_be_no_other(hand: Stagehand) -> None:
    like_it = phone("held", trade="01K9T1", imei="353879230000004")
    at_queue(hand, replace(HERE, trades=(like_it,)))
    scan(hand, "353879234252633")
    assert hand.app.front.staff.shown.model == "heron"
    heron = hand.counter.models[0]
    hand.counter.models = (*hand.counter.models, replace(heron, model="heron-256", storage="256 GB"))
    look(hand)
    assert hand.app.front.staff.shown.model == "", "the same name with another storage has another price"
    hand.counter.models = (hand.counter.models[1],)
    look(hand)
    assert hand.app.front.staff.shown.model == "wren", "there is only one"


def test_a_phone_that_told_its_number_over_the_cable_powers_on(hand: Stagehand) -> None:
    at_queue(hand, replace(HERE, trades=(phone("cleared", checks=CLEAN, questions=ASKED),)))
    touch(hand, f"trade_{TRADE}")
    assert "还有 10 项没答" in said(hand)
    shop = at_queue(
        hand,
        replace(HERE, trades=(phone("cleared", checks={**CLEAN, "phone": "silent"}, questions=ASKED),)),
    )
    touch(hand, f"trade_{TRADE}")
    assert "还有 11 项没答" in said(hand)
    assert shop.asked == []


@pytest.mark.parametrize(
    ("payout", "quote", "asked_for"),
    [
        ("top_up", TOP_UP, True),
        ("cash", QUOTE, True),
        ("transfer", QUOTE, False),
        ("cash", QuoteView(50_000, new_price_fen=50_000), False),
    ],
)
def test_the_seal_leads_to_the_money_where_nothing_is_left_to_choose(
    hand: Stagehand, payout: str, quote: QuoteView, asked_for: bool
) -> None:
    erased = phone("erased", erasure=CERTIFIED, payout=payout, quote=quote)
    shop = at_queue(hand, replace(HERE, trades=(erased,)))
    touch(hand, f"trade_{TRADE}")
    scan(hand, "KS-0045120")
    assert [type(one) for one in shop.asked] == [ask.TradeSeal, *([ask.TradeSettle] if asked_for else [])]
    assert ("cash" in {one.key for one in looks.taps(hand)}) is asked_for


def test_a_settlement_that_was_refused_is_asked_for_by_a_touch(hand: Stagehand) -> None:
    erased = phone("erased", erasure=CERTIFIED, payout="cash", quote=QUOTE)
    shop = at_queue(hand, replace(HERE, trades=(erased,)))
    short = Said("cash_short", {"have_fen": 0, "need_fen": 109_200}, 2, TRADE)
    shop._TradeSettle = lambda command: shop.trade("sealed", said=short)  # type: ignore[method-assign]
    touch(hand, f"trade_{TRADE}")
    scan(hand, "KS-0045120")
    assert "¥1,092" in said(hand)
    for _ in range(3):
        look(hand)
    assert [type(one) for one in shop.asked] == [ask.TradeSeal, ask.TradeSettle], "once, not at each look"
    touch(hand, "settle")
    assert len(shop.asked) == 3
