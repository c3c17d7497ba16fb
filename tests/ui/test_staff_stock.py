"""Parcels and the till by real touches: corrections by both sides, another processor, plates, cash in and out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import ManifestView, Said
from kiosk.ui import words
from kiosk.ui.samples_stock import AWAY, AWAY_QUIET, DRAFT, HERE, LINES
from kiosk.ui.staff.revision_panels import AWAY as AWAY_STATES
from recycling import manifests
from recycling.manifest_moves import Proposed
from recycling.plate import PROVINCES
from tests.ui import looks
from tests.ui.conftest import PORTRAIT
from tests.ui.staff_shop import Shop, Taps, at_queue
from tests.ui.test_visit import said, touch

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = [pytest.mark.ui, pytest.mark.timeout(120)]
SEALED = replace(DRAFT, state="sealed", seals=("KS-004512",))


@pytest.fixture(autouse=True)
def _own_shop(hand: Stagehand) -> Iterator[None]:
    yield
    vars(hand.counter).pop("do", None)


def at_manifest(hand: Stagehand, one: ManifestView) -> tuple[Shop, Taps]:
    shop, tap = at_queue(hand, replace(HERE, manifests=(one,))), Taps(hand)
    tap("tab_manifests", f"manifest_{one.manifest}")
    return shop, tap


def offered(hand: Stagehand) -> set[str]:
    return {one.key for one in looks.taps(hand)}


def test_the_page_corrects_in_the_states_that_the_domain_corrects_in() -> None:
    assert set(AWAY_STATES) == {state.value for state, event in manifests.TABLE if event is Proposed}


def test_every_line_that_was_weighed_again_is_proposed_at_once(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, AWAY_QUIET)
    tap("correct", f"line_{LINES[1].item}")
    tap.type("940")
    tap("take_mass")
    assert "974 克 → 940 克" in said(hand)
    tap("turn_leaf", f"line_{LINES[6].item}")
    tap.type("1200")
    tap("take_mass", "revise")
    hand.app.staff("revise")
    hand.settle()
    assert shop.asked == [], "no reason is given yet"
    tap("because_weighed_again", "revise")
    changes = {LINES[1].item: 940, LINES[6].item: 1200}
    assert shop.asked == [ask.ManifestRevise(AWAY.manifest, changes, "weighed_again")]
    assert hand.app.shown.page == "staff_manifest"


def test_a_mass_typed_as_it_was_is_no_correction(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, AWAY_QUIET)
    tap("correct", f"line_{LINES[0].item}", "take_mass")
    assert "还没有克数" in said(hand)
    tap.type(str(LINES[0].mass_g))
    tap("take_mass", "because_typed_wrong", "revise")
    assert shop.asked == []


def test_what_they_propose_is_shown_line_by_line_before_anybody_agrees(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, AWAY)
    assert "937 克 → 868 克" in said(hand)
    assert "13,686 克 → 13,134 克" in said(hand)
    assert "收到的重量不同" in said(hand)
    assert "correct" not in offered(hand), "one correction at a time"
    tap("turn_leaf")
    assert f"{LINES[7].mass_g:,} 克 → {LINES[7].mass_g - 69:,} 克" in said(hand)
    tap("agree")
    assert shop.asked == [ask.ManifestReviseAnswer(AWAY.manifest, True)]


def test_a_sealed_parcel_with_their_correction_is_answered_before_it_leaves(hand: Stagehand) -> None:
    theirs = replace(SEALED, lines=LINES[:2], changes={LINES[0].item: 900}, revision="theirs")
    at_manifest(hand, theirs)
    assert {"agree", "disagree"} <= offered(hand)


def test_a_draft_goes_to_another_processor_whose_licence_holds(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, replace(DRAFT, processor="P2", processor_name="Hengda"))
    assert "这家处理商的许可已过期" in said(hand)
    tap("redirect")
    assert {"processor_P1", "processor_P3"} <= offered(hand)
    assert "processor_P2" not in offered(hand)
    tap("processor_P3")
    assert shop.asked == [ask.ManifestRedirect(DRAFT.manifest, "P3")]
    assert hand.app.shown.page == "staff_manifest"


def test_a_draft_is_not_sent_to_where_it_goes_already(hand: Stagehand) -> None:
    _, tap = at_manifest(hand, DRAFT)
    tap("redirect")
    assert "processor_P3" in offered(hand)
    assert "processor_P1" not in offered(hand)


def test_a_refusal_about_a_parcel_is_read_on_its_page(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, replace(DRAFT, processor="P2", processor_name="Hengda"))
    refused = Said("processor_not_licensed", {"processor": "新生", "category": "charger"}, 1, DRAFT.manifest)
    shop._ManifestRedirect = lambda command: setattr(  # type: ignore[attr-defined]
        hand.counter, "shown", replace(hand.counter.shown, said=refused)
    )
    tap("redirect", "processor_P3")
    assert words.Words("zh")("said.processor_not_licensed.next") in said(hand)


@pytest.mark.parametrize(("language", "name"), [("zh", "绿源"), ("en", "Lvyuan")])
def test_a_processor_is_named_in_the_language_of_the_screen(
    hand: Stagehand, language: str, name: str
) -> None:
    at_queue(hand, replace(HERE, manifests=(DRAFT, AWAY)))
    if language == "en":
        touch(hand, "language")
    other = {"绿源", "Lvyuan"} - {name}
    for keys in (("tab_manifests",), ("new_manifest",), ("back", f"manifest_{AWAY.manifest}")):
        for key in keys:
            touch(hand, key)
        assert name in said(hand)
        assert not any(one in said(hand) for one in other)


def test_one_test_learns_nothing_of_anothers_plates(hand: Stagehand) -> None:
    hand.app.front.staff._last_province = "沪"
    hand.reset(PORTRAIT)
    assert hand.app.front.staff.shown.province == ""
    at_manifest(hand, SEALED)
    assert hand.app.front.staff.shown.province == ""


def test_a_plate_begins_with_its_province_and_the_next_one_is_preset(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, SEALED)
    tap("field_vehicle")
    tap.type("AD12345")
    tap("pick_up")
    assert "车牌的省份还没选" in said(hand)
    tap("province")
    assert {f"province_{one}" for one in PROVINCES} <= offered(hand)
    tap("province_粤", "pick_up")
    assert shop.asked == [ask.ManifestPickUp(SEALED.manifest, "Lvyuan", "粤AD12345", "road")]
    hand.app.front.staff.open_manifest(SEALED.manifest)
    hand.app.refresh()
    hand.settle()
    tap("field_vehicle")
    tap.type("B12345")
    tap("pick_up")
    assert shop.asked[-1].vehicle == "粤B12345"
    del hand.app.front.staff._last_province


def test_the_province_is_preset_by_the_last_parcel_that_left(hand: Stagehand) -> None:
    at_queue(hand, replace(HERE, manifests=(SEALED, AWAY)))
    touch(hand, "tab_manifests")
    touch(hand, f"manifest_{SEALED.manifest}")
    assert "省份：沪" in said(hand)


def test_a_carrier_from_elsewhere_has_a_plate_without_a_province(hand: Stagehand) -> None:
    shop, tap = at_manifest(hand, SEALED)
    tap("province", "province_other")
    tap.type("SHA10086")
    tap("pick_up")
    assert shop.asked[0].vehicle == "SHA10086"
    del hand.app.front.staff._last_province


def cash(hand: Stagehand) -> tuple[Shop, Taps]:
    shop, tap = at_queue(hand), Taps(hand)
    tap("tab_shift", "tab_cash")
    return shop, tap


def second(tap: Taps) -> None:
    tap.type("1002")
    tap("field_second_pin")
    tap.type("471147")
    tap("second_in")


def test_cash_goes_to_the_safe_before_two_people_and_is_booked_once(hand: Stagehand) -> None:
    shop, tap = cash(hand)
    tap.type("2000")
    tap("change_cash")
    assert shop.asked == [], "which way and why is not said"
    tap("cash_out", "cash_why_safe", "change_cash")
    second(tap)
    colleague = ask.Second("1002", "471147")
    assert shop.asked == [ask.CashChange(-200_000, "safe", colleague)]
    assert "已记账：取出 ¥2,000" in said(hand)
    tap("change_cash")
    assert len(shop.asked) == 1


def test_cash_that_was_refused_stays_on_the_page_with_its_reason(hand: Stagehand) -> None:
    shop, tap = cash(hand)
    short = Said("cash_short", {"have_fen": 318_000, "need_fen": 999_900}, 1)
    shop._CashChange = lambda command: setattr(  # type: ignore[attr-defined]
        hand.counter, "shown", replace(hand.counter.shown, said=short)
    )
    tap("cash_out", "cash_why_bank")
    tap.type("9999")
    tap("change_cash")
    second(tap)
    assert hand.app.shown.page == "staff_cash"
    assert "¥3,180" in said(hand)
    assert hand.app.front.staff.draft.text("cash_amount") == "9999"
    assert hand.app.front.staff.draft.text("second_pin") == ""


def test_a_reason_for_one_way_is_none_for_the_other(hand: Stagehand) -> None:
    _, tap = cash(hand)
    tap("cash_out", "cash_why_safe", "cash_in")
    assert "cash_why_safe" not in offered(hand)
    assert hand.app.front.staff.draft.choice("cash_reason") == ""
