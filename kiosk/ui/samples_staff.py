"""Sample moments of staff's pages, for the gallery and for tests. No flow, no device."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kiosk.flow.counter.view import (
    CounterView,
    ErasureView,
    LineView,
    QuestionView,
    QuoteView,
    Said,
    TradeView,
    Trouble,
)
from kiosk.flow.view import DeskView
from kiosk.ui.sample import Sample, Step
from kiosk.ui.samples_stock import HERE, NOW_MS, PLUGGED, STAFF, at, stock_samples, typed

TRADE: Final = "01K9Z3V5Q0J8M4TRADE1"
QUESTIONS: Final = (
    QuestionView("powers_on", ("yes", "no"), "yes"),
    QuestionView("swollen", ("no", "yes"), "no"),
    QuestionView("water", ("none", "seen"), "none"),
    QuestionView("lock", ("none", "locked"), "none"),
    QuestionView("screen", ("flawless", "worn", "scratched", "cracked"), "cracked"),
    QuestionView("display", ("good", "spots", "dead"), "good"),
    QuestionView("back", ("flawless", "worn", "cracked")),
    QuestionView("frame", ("straight", "dented", "bent")),
    QuestionView("buttons", ("good", "fault")),
    QuestionView("camera", ("good", "fault")),
    QuestionView("battery", ("90_up", "80_89", "below_80", "not_read")),
    QuestionView("charger", ("yes", "no")),
)
"""As recycling.inspection.QUESTIONS; a test holds them equal."""
CLEAN: Final = {"register": "clean", "claim": "granted", "phone": "same", "lock": "none"}
QUOTE: Final = QuoteView(
    price_fen=109_200,
    lines=(
        LineView("base", 300_000),
        LineView("curve", -90_000, 7000),
        LineView("grade", -31_500, 8500),
        LineView("screen_crack", -52_500, 2500),
        LineView("battery_weak", -16_800, 800),
    ),
    book="2026-11",
    good_until_ms=NOW_MS + 7_200_000,
    payout_fen=109_200,
)
TOP_UP: Final = replace(QUOTE, new_price_fen=399_900, to_pay_fen=290_700, payout_fen=0)
DEAR: Final = replace(QUOTE, price_fen=268_000, payout_fen=268_000, needs_approval=True)
PHONE: Final = TradeView(
    trade=TRADE,
    state="draft",
    model_names={"zh": "流明 鹭", "en": "Lumen Heron"},
    model="heron",
    imei="353879234252633",
    since_ms=NOW_MS - 840_000,
    questions=QUESTIONS,
)
CERTIFIED: Final = ErasureView(
    state="certified",
    method="fastboot_erase",
    percent=100,
    files_before=1204,
    files_after=0,
    wizard=True,
    verification="inspection",
    bay=2,
)
SIGNATURE: Final = (
    ((120, 620), (180, 700), (240, 610), (200, 420), (300, 380), (420, 640)),
    ((460, 700), (470, 300)),
    ((430, 520), (560, 540), (700, 430), (860, 600)),
)


def phone(state: str, **changes: object) -> TradeView:
    """The sample trade at ``state``."""
    return replace(PHONE, state=state, **changes)  # type: ignore[arg-type]


def counter(*trades: TradeView, **changes: object) -> CounterView:
    """The sample counter with these trades."""
    return replace(HERE, trades=trades, **changes)  # type: ignore[arg-type]


def _open(name: str, trade: TradeView, *steps: Step, desk: DeskView | None = None) -> Sample:
    return at(name, counter(trade), ("staff", "open_trade", TRADE), *steps, desk=desk)


def _way_in() -> list[Sample]:
    nobody = replace(HERE, staff=None)
    trades = (
        phone("offered", trade="01K9T5", since_ms=NOW_MS - 240_000, quote=QUOTE),
        phone("identified", trade="01K9T4", repeat=True, model_names={"zh": "山湖 5", "en": "Tarn 5"}),
        phone("erasing", trade="01K9T3", model_names={"zh": "流明 鹪", "en": "Lumen Wren"}),
        phone("held", trade="01K9T2", hold_days_left=12, place="shelf:A3", since_ms=NOW_MS - 1_555_200_000),
    )
    busy = counter(*trades, troubles=(Trouble("printer_no_paper"),), waiting_slips=2)
    return [
        at("login", nobody, ("staff", "focus", "pin"), *typed("4711")),
        at("login_wait", replace(nobody, login_wait_s=45)),
        at("queue", counter()),
        at("queue_busy", busy),
        at("queue_expired", counter(staff=replace(STAFF, certificate_days=-3))),
    ]


def _intake() -> list[Sample]:
    refused = phone("draft", imei="", model_names={}, said=Said("imei_length", {"digits": 14}, subject=TRADE))
    fair = phone("inspected", checks=CLEAN, grade="B", mass_g=181)
    fixing: tuple[Step, ...] = (("staff", "step", "override"), ("staff", "focus", "override"))
    reason: Step = ("staff", "choose", "override_reason", "market")
    dear = phone("quoted", checks=CLEAN, grade="A", quote=DEAR)
    calling: tuple[Step, ...] = (("staff", "ask_second", "approve"), *typed("1002"))
    flagged = phone("inspected", checks=CLEAN, grade="B", mass_g=181, flags=("mass", "invoice"))
    stopped = phone("stopped", stopped="blacklisted", checks={**CLEAN, "register": "blacklisted"})
    empty = phone("draft", imei="", model_names={})
    return [
        _open("identify", empty, *typed("353879234252633"), ("staff", "choose", "model", "wren"), desk=PLUGGED),
        _open("identify_refused", refused),
        _open("papers", empty, ("staff", "step", "papers"), ("staff", "focus", "invoice_date"), *typed("20240311")),
        _open("check", phone("identified", repeat=True)),
        _open("check_offline", phone("identified", checks={**CLEAN, "claim": "offline", "register": "unknown"})),
        _open("inspect", phone("cleared", checks=CLEAN, photos=("front", "back"))),
        _open("stopped", stopped),
        _open("quote_use", fair, ("staff", "use", "top_up"), *typed("3999")),
        _open("quote_flags", flagged),
        _open("quote", phone("quoted", checks=CLEAN, grade="B", quote=QUOTE)),
        _open("quote_top_up", phone("quoted", checks=CLEAN, grade="B", quote=TOP_UP)),
        _open("quote_second", dear),
        _open("second", dear, *calling),
        _open("override", phone("quoted", grade="B", quote=QUOTE), *fixing, *typed("1200"), reason),
    ]  # fmt: skip


def _customer() -> list[Sample]:
    offered = phone("offered", checks=CLEAN, grade="B", quote=TOP_UP, flags=("mass",))
    sold = phone("offered", checks=CLEAN, grade="B", quote=QUOTE)
    ticks = tuple(("staff", "tick", one) for one in ("owner", "cards_out"))
    signing: tuple[Step, ...] = (("staff", "step", "sign"), ("staff", "focus", "id_number"))
    strokes = tuple(("staff", "stroke", stroke) for stroke in SIGNATURE)
    transfer: tuple[Step, ...] = (
        ("staff", "choose", "payout", "transfer"),
        ("staff", "type_in", "phone_number"),
    )
    waiting = counter(phone("accepted"), login_wait_s=45)
    return [
        _open("offer", offered, *ticks),
        _open("sign", sold, *signing, *typed("11010519491231002X"), *strokes),
        _open("sign_typing", sold, *signing, *typed("1101051949"), ("staff", "choose", "typing", "yes")),
        _open("sign_phone", sold, *signing, *transfer, *typed("1380013")),
        _open("here", phone("accepted"), ("staff", "face_customer"), *typed("471")),
        at("here_wait", waiting, ("staff", "open_trade", TRADE), ("staff", "face_customer")),
        _open("here_offer", offered, ("staff", "turn_back")),
        _open("here_pin", phone("erased"), ("staff", "face_customer"), ("staff", "turn_back")),
        _open("handover", phone("stopped", stopped="blacklisted"), ("staff", "face_customer")),
    ]  # fmt: skip


def _after() -> list[Sample]:
    def erasing(**changes: object) -> TradeView:
        return phone("erasing", erasure=replace(CERTIFIED, **{"state": "running", **changes}))  # type: ignore[arg-type]

    paid = {"quote": TOP_UP, "seal": "KS-004512", "erasure": CERTIFIED, "certificate": "EC-2026-000117"}
    credit = replace(QUOTE, price_fen=105_000, payout_fen=0, new_price_fen=50_000, voucher_fen=55_000)
    lacks = Said("cash_short", {"have_fen": 31_800, "need_fen": QUOTE.payout_fen}, 1, TRADE)
    short = phone("sealed", settlement="intended", payout="cash", said=lacks, **{**paid, "quote": QUOTE})
    poor = counter(short, staff=replace(STAFF, cash_fen=31_800))
    return [
        _open("erase", phone("accepted"), desk=PLUGGED),
        _open("erase_unplugged", phone("accepted", provisional=True)),
        _open("erase_unheard", phone("accepted", next=("EraseStart",))),
        _open("erase_running", erasing(percent=46, step="erasing")),
        _open("erase_looking", erasing(state="verifying", step="looking")),
        _open("erase_reset", erasing(step="reset_guide", method="factory_reset")),
        _open("erase_failed", erasing(state="failed", files_after=37, attempt=2), desk=PLUGGED),
        _open("give_up", erasing(state="failed", attempt=3), ("staff", "step", "give_up")),
        _open("seal", phone("erased", **paid)),
        _open("seal_destroy", phone("destroy")),
        _open("settle", phone("sealed", **paid)),
        _open("settle_cash", phone("sealed", settlement="intended", **paid)),
        at("settle_short", poor, ("staff", "open_trade", TRADE)),
        _open("settle_voucher", phone("sealed", settlement="unknown", **{**paid, "quote": credit})),
        _open("hold", phone("settled", voucher="VABCDEFGH234567" * 8, **{**paid, "quote": credit})),
        _open("held", phone("held", hold_days_left=12, place="shelf:A3")),
        _open("wait", phone("manifested", place="parcel:KS-004512")),
        _open("released", phone("released", place="shelf:A3")),
    ]


def staff_samples() -> list[Sample]:
    """All of them, in the order of a trade-in."""
    return _way_in() + _intake() + _customer() + _after() + stock_samples()
