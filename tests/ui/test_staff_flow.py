"""Staff's work by real touches, against a scripted shop: taps counted, secrets kept, nobody accused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import QuoteView, Said, TradeView
from kiosk.flow.view import BayView
from kiosk.ui import words
from kiosk.ui.samples import desk_view
from kiosk.ui.samples_staff import CERTIFIED, CLEAN, QUESTIONS, QUOTE, SIGNATURE, TOP_UP, TRADE, phone
from kiosk.ui.samples_stock import HERE, PLUGGED, STAFF
from kiosk.ui.shown import Place
from kiosk.ui.staff.offer_panels import CONSENTS
from kiosk.ui.staff_front import LOCK_S
from recycling import inspection, trade_in
from tests.ui import looks
from tests.ui.staff_shop import ASKED, PIN, Taps, at_queue, log_in, scan, sign
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = [pytest.mark.ui, pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def _own_shop(hand: Stagehand) -> Iterator[None]:
    yield
    vars(hand.counter).pop("do", None)


def test_the_pages_ask_what_the_domain_asks() -> None:
    assert [(one.key, one.answers) for one in QUESTIONS] == [
        (one.key, one.answers) for one in inspection.QUESTIONS
    ]
    assert set(CONSENTS) == set(trade_in.CONSENTS)


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_answer_rule_state_and_field_has_words(language: str) -> None:
    from kiosk.ui.staff.draft import ENTRIES

    say = words.Words(language)
    lacking = [
        key
        for key in (
            *(f"inspection.{one.key}.{answer}" for one in QUESTIONS for answer in ("question", *one.answers)),
            *(f"staff.state.{one.value}" for one in trade_in.State),
            *(f"consent.{one}" for one in CONSENTS),
            *(f"quote.line.{one}" for one in inspection.DEDUCTIONS),
            *(
                f"staff.field.{name.removeprefix('second_')}"
                for name in ENTRIES
                if not name.startswith("note_")
            ),
        )
        if not say.known(key)
    ]
    assert lacking == []


def test_a_code_scanned_after_the_language_was_switched_counts_once(hand: Stagehand) -> None:
    shop, tap = at_queue(hand), Taps(hand)
    tap("begin_trade")
    for _ in range(3):
        hand.app.touch("switch_language")
        hand.settle()
    heard: list[tuple[object, ...]] = []
    hand.app.front.staff.scanned = lambda *values: heard.append(values)
    scan(hand, "353879234252633")
    del hand.app.front.staff.scanned
    assert heard == [("imei", "353879234252633")]
    assert shop.asked


@pytest.mark.parametrize(("locked", "seen_before"), [(False, False), (True, True)])
def test_a_whole_trade_in_with_top_up_takes_forty_touches_at_most(
    hand: Stagehand, locked: bool, seen_before: bool
) -> None:
    """From the queue on, the PIN after the customer's yes among them. A guided reset of a type of phone that was not
    here that day takes one more.
    """
    like_it = phone("held", trade="01K9T1", imei="353879230000004") if seen_before else None
    shop, tap = at_queue(hand, replace(HERE, trades=(like_it,) if like_it else ()), locked), Taps(hand)
    log_in(hand)
    scan(hand, "353879234252633")
    tap(*(() if seen_before else ("model_heron",)), "identify", "lock_none")
    for one in ASKED:
        if one.key not in ("lock", "powers_on"):  # the check has shown them
            tap(f"{one.key}_{one.answers[0]}")
    tap("photo_front", "photo_back", "inspect")
    tap.type("3999")
    tap("quote")
    assert "2,907" in said(hand)
    tap("offer")
    tap(*(f"consent_{one}" for one in CONSENTS), "backup_done", "to_signing")
    hand.app.staff("scanned", "id", "11010519491231002X")  # the id card's reader
    sign(hand)
    tap.count += 1
    tap("accept")
    assert hand.app.shown.page == "staff_here"
    tap.type(PIN)  # as long as the one that logged in: no key after it
    tap("erase")
    if locked:
        tap("reset_done")
    scan(hand, "KS-0045120")
    tap("cash")
    scan(hand, "SHELF:A3")
    quiet = (ask.TradePhoto, ask.StaffOut, ask.StaffIn)
    assert [type(one).__name__ for one in shop.asked if not isinstance(one, quiet)] == [
        *(
            "TradeBegin",
            "TradeIdentify",
            "TradeCheck",
            "TradeInspect",
            "TradeQuote",
            "TradeOffer",
            "TradeAccept",
            "StaffHere",
        ),
        *(("EraseStart", "EraseResetDone") if locked else ("EraseStart",)),
        *("TradeSeal", "TradeSettle", "CashHanded", "TradeHold"),
    ]
    assert tap.count <= 40, tap.count
    identified = next(one for one in shop.asked if isinstance(one, ask.TradeIdentify))
    assert (identified.model, identified.imei_dialled) == ("heron", "353879234252633")
    accepted = next(one for one in shop.asked if isinstance(one, ask.TradeAccept))
    assert accepted.consents == trade_in.CONSENTS
    assert accepted.payout == "top_up"
    assert accepted.text_version.startswith("consent-zh-")
    assert accepted.signature
    assert all(0 <= value <= 1000 for stroke in accepted.signature for point in stroke for value in point)
    erased = next(one for one in shop.asked if isinstance(one, ask.EraseStart))
    assert erased.bay == "usb:1-1.2"


def test_a_manifest_is_filled_and_sealed_with_twelve_touches_at_most(hand: Stagehand) -> None:
    shop, tap = at_queue(hand), Taps(hand)
    tap("tab_manifests", "new_manifest", "processor_P1", "add_01K9ITEM2")
    scan(hand, "KS-0045120")
    tap("seal_manifest")
    hand.app.staff("scanned", "seal", "1002")  # the colleague's badge
    tap.type("471147")
    tap("second_in")
    sealed = shop.asked[-1]
    assert isinstance(sealed, ask.ManifestSeal)
    assert (sealed.seals, sealed.second) == (("KS-0045120",), ask.Second("1002", "471147"))
    assert tap.count <= 12, tap.count


def test_a_pin_is_never_shown_and_not_kept_after_it_was_asked_about(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, staff=None)), Taps(hand)
    tap.type("1001")
    tap("field_pin")
    tap.type("471147")
    assert "471147" not in said(hand)
    assert "471147" not in repr(hand.app.front.staff.shown)
    tap("log_in")
    assert shop.asked == [ask.StaffIn("1001", "471147")]
    assert hand.app.shown.page == "staff_queue"
    assert hand.app.front.staff.draft.text("pin") == ""


def test_after_too_many_wrong_pins_the_wait_is_shown_and_nothing_is_asked(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, staff=None, login_wait_s=45)), Taps(hand)
    assert "45 秒" in said(hand)
    tap.type("1001")
    tap("log_in")
    assert shop.asked == []


def test_three_minutes_without_a_touch_lock_the_counter_and_the_work_goes_on_after(hand: Stagehand) -> None:
    shop = at_queue(hand, replace(HERE, trades=(phone("quoted", quote=QUOTE),)))
    touch(hand, f"trade_{TRADE}")
    hand.clock.now_s += LOCK_S - 1
    hand.app.refresh()
    assert shop.asked == []
    hand.clock.now_s += 2
    hand.app.refresh()
    assert shop.asked == [ask.StaffOut()]
    hand.app.refresh()
    assert hand.app.shown.page == "staff_login"
    hand.counter.shown = replace(hand.counter.shown, staff=STAFF)
    hand.app.refresh()
    assert hand.app.shown.page == "staff_quote"


def test_a_log_in_that_nobody_touches_gives_the_screen_back_to_customers(hand: Stagehand) -> None:
    at_queue(hand, replace(HERE, staff=None))
    hand.clock.now_s += LOCK_S - 1
    hand.app.refresh()
    assert hand.app.shown.page == "staff_login"
    hand.clock.now_s += 2
    hand.app.refresh()
    assert hand.app.front.place is not Place.STAFF


def test_nobody_is_logged_out_while_a_phone_is_erased(hand: Stagehand) -> None:
    erasing = phone("erasing", erasure=replace(CERTIFIED, state="running", percent=40, step="userdata"))
    shop = at_queue(hand, replace(HERE, trades=(erasing,)))
    touch(hand, f"trade_{TRADE}")
    hand.clock.now_s += 10 * LOCK_S
    hand.app.refresh()
    assert shop.asked == []
    assert "40%" in said(hand)


def test_the_three_minutes_count_from_the_end_of_the_second_look(hand: Stagehand) -> None:
    """Who is logged out before it is over does not stand on the certificate."""
    looking = phone("erasing", erasure=replace(CERTIFIED, state="verifying", step="looking"))
    shop = at_queue(hand, replace(HERE, trades=(looking,)))
    touch(hand, f"trade_{TRADE}")
    hand.clock.now_s += 10 * LOCK_S
    hand.app.refresh()
    assert shop.asked == []
    shop.trade("erased", erasure=CERTIFIED)
    hand.app.refresh()
    hand.app.refresh()
    assert (hand.app.shown.page, shop.asked) == ("staff_here", []), "nobody stood by"
    hand.clock.now_s += LOCK_S + 1
    hand.app.refresh()
    assert shop.asked == [ask.StaffOut()]


def test_going_home_logs_out(hand: Stagehand) -> None:
    shop = at_queue(hand)
    touch(hand, "home")
    assert shop.asked == [ask.StaffOut()]


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_customer_reads_nothing_of_flags_checks_or_rules(hand: Stagehand, language: str) -> None:
    flags = ("mass_off", "invoice_future", "id_velocity", "imei_differs")
    offered = phone("offered", quote=QUOTE, flags=flags, checks={**CLEAN, "register": "unknown"})
    at_queue(hand, replace(HERE, trades=(offered,)))
    hand.app.touch("choose_language", language)
    hand.app.touch("enter_staff")
    hand.counter.shown = replace(hand.counter.shown, staff=STAFF)
    hand.app.front.staff.open_trade(TRADE)
    hand.app.refresh()
    hand.settle()
    say = words.Words(language)
    secret = [say(f"staff.rule.{flag}") for flag in (*flags, "blacklisted")]
    secret += [say("staff.result.unknown"), say("staff.source.register"), say("staff.stopped.title")]
    shown = said(hand)
    stopped = phone(
        "stopped", stopped="blacklisted", quote=QUOTE, said=Said("blacklisted", {}, 1, TRADE, True)
    )
    hand.counter.shown = replace(hand.counter.shown, trades=(stopped,))
    hand.app.refresh()
    hand.settle()
    assert hand.app.shown.page == "staff_handover"
    shown += said(hand)
    assert say("offer.colleague") in shown
    assert [one for one in secret if one in shown] == []
    touch(hand, "turn_back")
    assert say("staff.rule.blacklisted") not in said(hand)
    Taps(hand).type(PIN)
    touch(hand, "back_in")
    assert say("staff.rule.blacklisted") in said(hand)


def test_a_scan_of_rubbish_is_said_once_and_changes_nothing(hand: Stagehand) -> None:
    shop = at_queue(hand, replace(HERE, trades=(phone("erased", erasure=CERTIFIED),)))
    touch(hand, f"trade_{TRADE}")
    scan(hand, "%%%!!&&&((")
    assert "这个码读不懂" in said(hand)
    scan(hand, "353879234252633")  # an IMEI is no seal
    assert "这个码读不懂" in said(hand)
    assert shop.asked == []
    scan(hand, "KS-0045120")
    assert shop.asked == [ask.TradeSeal(TRADE, "KS-0045120")]


def test_a_second_touch_while_the_first_is_unanswered_asks_for_nothing(hand: Stagehand) -> None:
    shop = at_queue(hand, replace(HERE, trades=(phone("sealed", quote=QUOTE, seal="KS-1"),)))
    touch(hand, f"trade_{TRADE}")
    hand.counter.answered = 0
    hand.app.staff("settle")
    hand.app.staff("settle")
    assert len(shop.asked) == 1


def test_a_refusal_says_what_happened_and_the_next_step(hand: Stagehand) -> None:
    short = Said("received_short", {"short_fen": 12_300}, 1, TRADE)
    at_queue(hand, replace(HERE, trades=(phone("sealed", quote=TOP_UP, settlement="intended", said=short),)))
    touch(hand, f"trade_{TRADE}")
    assert "还差 ¥123" in said(hand)
    assert "收齐再按" in said(hand)


def test_the_language_changes_on_any_page_and_nothing_typed_is_lost(hand: Stagehand) -> None:
    tap = Taps(hand)
    at_queue(hand, replace(HERE, trades=(phone("offered", quote=QUOTE),)))
    touch(hand, f"trade_{TRADE}")
    tap("consent_owner", "consent_erasure", "language")
    assert "This phone is mine to sell." in said(hand)
    assert hand.app.front.staff.draft.ticks == {"owner", "erasure"}


def test_a_shift_that_differs_needs_a_reason_and_a_second_person(hand: Stagehand) -> None:
    shop, tap = at_queue(hand), Taps(hand)
    tap("tab_shift")
    tap.type("31")
    assert "3,180" not in said(hand)  # the book is not shown before it is counted
    tap("close_shift")
    assert "-¥80" in said(hand)
    tap("ask_second")
    assert hand.app.shown.page == "staff_shift"
    tap("because_change", "ask_second")
    tap.type("1002")
    tap("field_second_pin")
    tap.type("471147")
    tap("second_in")
    assert shop.asked == [ask.ShiftClose(310_000, "change", ask.Second("1002", "471147"))]


def test_a_shift_that_agrees_closes_at_once(hand: Stagehand) -> None:
    shop, tap = at_queue(hand), Taps(hand)
    tap("tab_shift")
    tap.type("31")
    tap("field_note_5000")
    tap.type("1")
    tap("field_note_1000")
    tap.type("3")
    tap("close_shift")
    assert shop.asked == [ask.ShiftClose(318_000)]


def test_without_a_price_book_no_trade_in_begins(hand: Stagehand) -> None:
    at_queue(hand, replace(HERE, trading=False))
    assert "begin_trade" not in {tap.key for tap in looks.taps(hand)}
    assert "没有生效的价目表" in said(hand)


def test_a_processor_without_a_licence_cannot_be_chosen(hand: Stagehand) -> None:
    at_queue(hand)
    touch(hand, "tab_manifests")
    touch(hand, "new_manifest")
    found = {tap.key for tap in looks.taps(hand)}
    assert "processor_P1" in found
    assert "processor_P2" not in found


def test_nothing_is_said_to_be_signed_without_every_consent(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, trades=(phone("offered", quote=QUOTE),))), Taps(hand)
    tap(f"trade_{TRADE}", *(f"consent_{one}" for one in CONSENTS[:-1]), "backup_done", "to_signing")
    assert hand.app.shown.page == "staff_offer"
    tap(f"consent_{CONSENTS[-1]}", "to_signing", "accept")
    assert hand.app.shown.page == "staff_sign"
    assert shop.asked == []
    for stroke in SIGNATURE:
        hand.app.staff("stroke", stroke)
    tap("sign_again", "accept")
    assert shop.asked == []


def test_a_phone_that_is_not_plugged_in_is_not_erased(hand: Stagehand) -> None:
    """The bays the erase page offers are those a phone is in."""
    at_queue(hand, replace(HERE, trades=(phone("accepted"),)))
    hand.desk.shown = desk_view()
    touch(hand, f"trade_{TRADE}")
    touch(hand, "erase")
    assert "请把手机插上线" in said(hand)


def test_the_phone_of_somebody_who_updates_is_nobodys_trade_in(hand: Stagehand) -> None:
    visitor, free = BayView(1, "usb:1-1.1", True, "VISIT"), BayView(2, "usb:1-1.2", True)
    shop, tap = at_queue(hand, replace(HERE, trades=(TradeView(TRADE, "draft"),))), Taps(hand)
    hand.desk.shown = replace(PLUGGED, bays=(visitor, free))
    tap(f"trade_{TRADE}", "model_wren")
    tap.type("353879234252633")
    tap("identify")
    assert [one.bay for one in shop.asked] == ["usb:1-1.2"]
    shop.trade("accepted")
    hand.app.refresh()
    hand.settle()
    tap("erase")
    assert shop.asked[-1] == ask.EraseStart(TRADE, "usb:1-1.2")


def test_of_two_phones_staff_say_which_is_meant(hand: Stagehand) -> None:
    one, two = BayView(1, "usb:1-1.1", True), BayView(2, "usb:1-1.2", True)
    shop, tap = at_queue(hand, replace(HERE, trades=(TradeView(TRADE, "draft"),))), Taps(hand)
    hand.desk.shown = replace(PLUGGED, bays=(one, two))
    tap(f"trade_{TRADE}", "model_wren")
    tap.type("353879234252633")
    tap("identify_bay_2", "identify")
    assert [asked.bay for asked in shop.asked] == ["usb:1-1.2"]
    shop.trade("erasing", erasure=replace(CERTIFIED, state="failed", attempt=1, attempts=3))
    hand.app.refresh()
    hand.settle()
    tap("erase_bay_2")
    assert shop.asked[-1] == ask.EraseStart(TRADE, "usb:1-1.2")


@pytest.mark.parametrize(
    ("quote", "words_and_figure"),
    [
        (QuoteView(105_000, new_price_fen=50_000, voucher_fen=55_000), ("代金券", "¥550")),
        (QuoteView(50_000, new_price_fen=50_000), ("付给客户", "¥0")),
        (QUOTE, ("付给客户", "¥1,092")),
    ],
)
def test_what_is_paid_out_is_never_more_than_the_quote_pays_out(
    hand: Stagehand, quote: QuoteView, words_and_figure: tuple[str, str]
) -> None:
    at_queue(hand, replace(HERE, trades=(phone("sealed", quote=quote),)))
    touch(hand, f"trade_{TRADE}")
    found = [one for one in hand.widgets() if type(one).__name__ == "SumBlock"]
    assert [(one.words, one.figure) for one in found] == [words_and_figure]


def test_who_is_to_sign_may_still_go_back_and_say_no(hand: Stagehand) -> None:
    shop, tap = at_queue(hand, replace(HERE, trades=(phone("offered", quote=QUOTE),))), Taps(hand)
    tap(f"trade_{TRADE}", *(f"consent_{one}" for one in CONSENTS), "backup_done", "to_signing", "sign_back")
    assert hand.app.shown.page == "staff_offer"
    tap("offer_decline")
    assert shop.asked == [ask.TradeDecline(TRADE)]


def test_a_voucher_that_was_redeemed_is_said_to_be_and_not_asked_about_again(hand: Stagehand) -> None:
    shop, tap = at_queue(hand), Taps(hand)
    tap("tab_voucher")
    hand.app.staff("scanned", "voucher", "V" + "A" * 120)
    tap("field_amount")
    tap.type("900")
    hand.counter.answered = 0
    tap("redeem")
    assert "代金券已读到" in said(hand)
    tap("redeem")
    hand.counter.answered = None
    hand.app.refresh()
    assert [type(one) for one in shop.asked] == [ask.VoucherRedeem]
    assert "已核销" in said(hand)
    tap("redeem")
    assert len(shop.asked) == 1, "asked about again it would be taken for a replay"


def test_quick_strokes_and_digits_all_count_but_a_quick_second_press_does_not(hand: Stagehand) -> None:
    at_queue(hand, replace(HERE, staff=None))
    found = {tap.key: looks.box_of(tap) for tap in looks.taps(hand)}
    for key in ("k_1", "k_0", "k_0", "k_1"):
        left, bottom, right, top = found[key]
        hand.tap((left + right) / 2, (bottom + top) / 2, rest_s=0.09)
    assert hand.app.front.staff.draft.text("staff") == "1001"
    left, bottom, right, top = found["home"]
    hand.tap((left + right) / 2, (bottom + top) / 2, rest_s=0.09)
    assert hand.app.shown.page == "staff_login"
