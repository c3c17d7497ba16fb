"""A drop-off by real touches through the window, and what its screens promise, against a scripted counter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.counter.commands import (
    Command,
    DropAnother,
    DropBegin,
    DropCategory,
    DropDone,
    DropHazard,
    DropOpen,
    DropTaped,
)
from kiosk.flow.counter.view import CounterView, ReceiptView, Said
from kiosk.ui import words
from kiosk.ui.attention import COUNTDOWN_S, IDLE_S
from kiosk.ui.front import Front
from kiosk.ui.said import said_words
from kiosk.ui.samples import SampleDesk, desk_view
from kiosk.ui.samples_counter import DROP, HERE, SampleCounter, drop_view
from kiosk.ui.shown import Place
from recycling.goods import Category, Hazard
from recycling.impact import BATTERIES, MIXED, WEEE
from tests.ui import looks
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = pytest.mark.ui
BOOKS = words.load()
PUT_IN = {"category": "phone", "hazard": "none", "bin": 1, "mass_g": 186, "scale": "stable"}
RECEIPT = ReceiptView(1, 186, 139, WEEE, "PSD1:3:0057:01K9Z3V5Q0J8M4T7", "printed")


def now(hand: Stagehand, view: CounterView) -> None:
    """The counter moves on by itself."""
    hand.counter.shown = view
    hand.app.refresh()
    hand.settle()


def to_home(hand: Stagehand, language: str = "zh") -> None:
    hand.desk.shown = desk_view()
    now(hand, HERE)
    hand.tap(540, 960)
    touch(hand, language)


def keys(hand: Stagehand) -> list[str]:
    return [tap.key for tap in looks.taps(hand)]


def asked(hand: Stagehand) -> list[Command]:
    return hand.counter.asked


# -- the whole way


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_thing_is_dropped_off_with_five_touches(hand: Stagehand, language: str) -> None:
    to_home(hand, language)
    touch(hand, "drop")
    now(hand, drop_view("category"))
    touch(hand, "phone")
    now(hand, drop_view("hazard", category="phone"))
    touch(hand, "none")
    now(hand, drop_view("weigh", category="phone", hazard="none", bin=1))
    now(hand, drop_view("weigh", **PUT_IN))
    assert "186" in said(hand)
    touch(hand, "open")
    for door in ("locked", "released", "open", "closed"):
        now(hand, drop_view("deposit", **PUT_IN, door=door))
        assert hand.app.shown.page == "drop_deposit"
    now(hand, drop_view("receipt", **PUT_IN, receipt=RECEIPT))
    assert "139" in said(hand)
    assert "2012/19" in said(hand)
    touch(hand, "drop_done")
    assert asked(hand) == [
        DropBegin(language),
        DropCategory(DROP, "phone"),
        DropHazard(DROP, "none"),
        DropOpen(DROP),
        DropDone(DROP),
    ]
    now(hand, drop_view("ended"))
    assert hand.app.shown.page == "home"
    assert len(asked(hand)) == 5, "a drop-off that has ended is not ended again"


def test_a_battery_takes_one_touch_more_for_its_poles(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("category"))
    touch(hand, "battery")
    now(hand, drop_view("hazard", category="battery"))
    touch(hand, "none")
    now(hand, drop_view("tape", category="battery", hazard="none"))
    touch(hand, "taped")
    now(hand, drop_view("weigh", category="battery", hazard="none", bin=2, mass_g=45, scale="stable"))
    touch(hand, "open")
    now(hand, drop_view("receipt", category="battery", receipt=replace(RECEIPT, source=BATTERIES)))
    assert "2023/1542" in said(hand)
    touch(hand, "drop_done")
    assert len(asked(hand)) == 6
    assert DropTaped(DROP, True) in asked(hand)


def test_the_same_person_brings_another_thing_with_one_touch(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("receipt", **PUT_IN, receipt=RECEIPT))
    touch(hand, "another")
    assert asked(hand)[-1] == DropAnother(DROP)
    now(hand, drop_view("category"))
    assert hand.app.shown.page == "drop_category"


# -- on the way


def test_nothing_can_be_put_in_before_the_scale_is_sure(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    for scale, mass_g in (("empty", None), ("settling", 150), ("trouble", None), ("stable", None)):
        now(hand, drop_view("weigh", **(PUT_IN | {"scale": scale, "mass_g": mass_g})))
        touch(hand, "open")
        assert DropOpen(DROP) not in asked(hand), scale


def test_a_second_touch_before_the_answer_is_the_same_wish(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("category"))
    hand.counter.answered = 1
    touch(hand, "phone")
    touch(hand, "charger")
    assert asked(hand)[1:] == [DropCategory(DROP, "phone")]


def test_the_language_changes_without_losing_the_thing_on_the_scale(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("weigh", **PUT_IN))
    before = list(asked(hand))
    touch(hand, "language")
    assert hand.app.shown.page == "drop_weigh"
    assert "186 g" in said(hand)
    assert asked(hand) == before


def test_home_is_not_offered_while_a_flap_is_open(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("weigh", **PUT_IN))
    assert "home" in keys(hand)
    for door in ("released", "open", "closed", "jammed"):
        now(hand, drop_view("deposit", **PUT_IN, door=door))
        assert "home" not in keys(hand), door
    assert "call_here" in keys(hand), "a jammed flap calls for somebody"


def test_a_dangerous_thing_never_sees_a_flap(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("hazard", category="phone"))
    touch(hand, "hot")
    assert asked(hand)[-1] == DropHazard(DROP, "hot")
    now(hand, drop_view("drawer", category="phone", hazard="hot"))
    assert hand.app.shown.page == "drop_drawer"
    assert BOOKS["zh"]("drop.drawer.hot_title") in said(hand)
    assert "open" not in keys(hand)


def test_with_the_printer_off_the_code_on_the_screen_is_the_receipt(hand: Stagehand) -> None:
    from kiosk.ui.parts.qr import QrCode

    to_home(hand, "en")
    touch(hand, "drop")
    now(hand, drop_view("receipt", **PUT_IN, receipt=replace(RECEIPT, printed="waiting")))
    assert BOOKS["en"]("drop.receipt.waiting") in said(hand)
    codes = [one for one in hand.widgets() if isinstance(one, QrCode) and one.data]
    assert [one.data for one in codes] == [RECEIPT.slip]
    assert min(codes[0].size) >= 25 * hand.app.theme.dpi / 25.4, "large enough for any phone's camera"


def test_what_nobody_weighed_is_given_no_figure(hand: Stagehand) -> None:
    to_home(hand, "en")
    touch(hand, "drop")
    unweighed = replace(RECEIPT, mass_g=0, kept_g=0)
    now(hand, drop_view("receipt", category="battery", hazard="swollen", receipt=unweighed))
    assert " 0 g" not in said(hand)
    assert "landfill" not in said(hand)
    assert BOOKS["en"]("drop.receipt.drawer") in said(hand)


def test_a_refused_beginning_says_why_and_leads_home(hand: Stagehand) -> None:
    to_home(hand)
    hand.counter.shown = replace(HERE, said=Said("dock_offline", ticket=1))
    touch(hand, "drop")
    assert hand.app.shown.page == "drop_closed"
    touch(hand, "back_home")
    assert hand.app.shown.page == "home"


def test_a_full_bin_is_said_on_its_picture(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    full = tuple(replace(one, state="full") if one.number == 2 else one for one in HERE.bins)
    now(hand, replace(drop_view("category"), bins=full))
    assert said(hand).count(BOOKS["zh"]("drop.full")) == 1


# -- nobody there any more


def idle(hand: Stagehand) -> None:
    hand.clock.now_s += IDLE_S + 1
    hand.app.refresh()
    assert hand.app.shown.sheet.value == "idle"
    hand.clock.now_s += COUNTDOWN_S
    hand.app.refresh()
    hand.settle()


def test_who_walks_away_takes_what_lies_on_the_scale(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("weigh", **PUT_IN))
    idle(hand)
    assert hand.app.shown.asleep
    assert asked(hand)[-1] == DropDone(DROP)


def test_what_staff_are_coming_for_is_not_ended_by_walking_away(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("drawer", category="battery", hazard="swollen"))
    idle(hand)
    assert hand.app.shown.asleep
    assert asked(hand) == [DropBegin("zh")]


def test_a_hand_at_the_flap_counts_as_somebody_there(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "drop")
    now(hand, drop_view("deposit", **PUT_IN, door="released"))
    hand.clock.now_s += IDLE_S - 5
    now(hand, drop_view("deposit", **PUT_IN, door="open"))
    hand.clock.now_s += 10
    hand.app.refresh()
    assert hand.app.shown.sheet.value == ""


# -- what is offered


def test_a_station_without_a_counter_offers_the_update_alone() -> None:
    front = Front(SampleDesk(desk_view()), BOOKS, lambda: 0.0)
    front.look()
    front.admit()
    front.choose_language("zh")
    shown = front.look()
    assert (shown.page, shown.counter, shown.manned) == (Place.HOME, CounterView(), False)


def test_home_offers_what_the_counter_can_do_now(hand: Stagehand) -> None:
    to_home(hand)
    assert {"drop", "estimate", "begin", "staff"} <= set(keys(hand))
    now(hand, replace(HERE, dock=False))
    assert "drop" not in keys(hand)
    now(hand, replace(HERE, trading=False))
    assert "estimate" not in keys(hand)
    touch(hand, "drop")
    now(hand, drop_view("category"))
    assert "staff" not in keys(hand), "the staff entry stands on the first page only"


def test_a_drop_off_that_does_not_appear_leads_home() -> None:
    clock = [0.0]
    counter = SampleCounter()
    counter.show(HERE)
    front = Front(SampleDesk(desk_view()), BOOKS, lambda: clock[0], counter=counter)
    front.look()
    front.admit()
    front.choose_language("zh")
    front.begin_drop()
    assert front.look().page == Place.HOME
    assert front.place is Place.DROP
    clock[0] = 6.0
    front.look()
    assert front.place is Place.HOME


def test_the_deciding_half_knows_no_toolkit() -> None:
    room = Path(words.__file__).parent
    for name in (
        "shown",
        "said",
        "sample",
        "samples_counter",
        "counter_front",
        "drop_front",
        "estimate_front",
    ):
        assert "kivy" not in (room / f"{name}.py").read_text("utf-8"), name


# -- words


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_kind_of_goods_hazard_and_source_has_words(language: str) -> None:
    say = BOOKS[language]
    wanted = {f"goods.{one}" for one in Category} | {f"hazard.{one}" for one in Hazard}
    wanted |= {f"impact.{one}" for one in (WEEE, BATTERIES, MIXED)}
    assert {key for key in wanted if not say.known(key)} == set()


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_a_reason_these_screens_do_not_know_still_says_what_to_do(language: str) -> None:
    say = BOOKS[language]
    assert said_words(say, Said("moon_phase", {"category": "phone"}), "next") == say("drop.said.next")


DROP_REASONS = (
    *("tape_first", "bins_full", "flap_not_opened", "fall_not_seen", "flap_jammed", "flap_left_open"),
    "drawer_not_used",
    *("drawer_full", "drawer_not_free", "dock_missing", "dock_offline", "dock_stopped", "dock_no_answer"),
    *("scale_drift", "scale_overload", "scale_silent", "scale_settling", "scale_empty", "lithium_piece_mass"),
)


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("reason", DROP_REASONS)
def test_why_a_drop_off_does_not_go_on_is_said_in_a_customers_words(reason: str, language: str) -> None:
    say = BOOKS[language]
    for part in ("what", "next"):
        assert said_words(say, Said(reason), part, public=True) == say(f"drop.why.{reason}.{part}")


def test_a_value_its_words_want_and_lack_does_not_stop_the_kiosk(monkeypatch: pytest.MonkeyPatch) -> None:
    say = BOOKS["en"]
    monkeypatch.setitem(say._entries, "said.example.what", "The {category} bin is full: {percent}%.")
    assert said_words(say, Said("example", {"category": "battery"}), "what") == say("drop.said.what")
    good = Said("example", {"category": "battery", "percent": 91})
    assert said_words(say, good, "what") == "The Battery bin is full: 91%."
