"""Parcels and the till without a window: corrections, plates, cash. Nothing typed is lost, no touch offered in vain."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.flow.counter import commands as ask
from kiosk.flow.counter.view import ItemView
from kiosk.ui import words
from kiosk.ui.samples_staff import TRADE, phone
from kiosk.ui.samples_stock import AWAY, AWAY_QUIET, DRAFT, HERE, LINES
from kiosk.ui.staff.panel import Strip
from recycling import manifests
from recycling.manifest import State as Parcel
from recycling.manifest_moves import Replied
from tests.ui.staff_desk import SAY, Desk, ways_on


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_correction_that_was_refused_stays_on_its_page_with_every_mass(desk: Desk) -> None:
    desk.counter.shown = replace(desk.counter.shown, manifests=(AWAY_QUIET,))
    desk.front.open_manifest(AWAY_QUIET.manifest)
    desk.look()
    desk.front.go("correct")
    desk.look()
    for line in LINES[:2]:
        desk.front.weigh_line(line.item)
        desk.type("900")
        desk.front.take_mass()
    desk.front.choose("wrong_because", "weighed_again")
    desk.front.revise()
    desk.refuse("store_failed")
    assert desk.look() == "correct"
    assert {line.item: 900 for line in LINES[:2]} == desk.counter.asked[0].changes  # type: ignore[attr-defined]
    assert desk.front.shown.said is not None
    desk.front.revise()
    assert desk.counter.asked[1] == desk.counter.asked[0]
    desk.counter.shown = replace(desk.counter.shown, said=None)
    assert desk.look() == "manifest"


def test_a_long_parcel_is_paged_both_ways(desk: Desk) -> None:
    lines = tuple(replace(LINES[0], item=f"LINE{number}") for number in range(340))
    desk.counter.shown = replace(desk.counter.shown, manifests=(replace(AWAY_QUIET, lines=lines),))
    desk.front.open_manifest(AWAY_QUIET.manifest)
    desk.look()
    desk.front.go("correct")
    desk.look()
    before = next(one for one in desk.panel().deeds if one.key == "leaf_before")
    getattr(desk.front, before.touch.action)(*before.touch.values)
    desk.look()
    assert "line_LINE339" in ways_on(desk.panel())


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_too_much_cash_for_the_safe_is_not_told_to_be_paid_by_transfer(desk: Desk, language: str) -> None:
    desk.front.go("cash")
    desk.look()
    desk.counter.asked.append(ask.StaffOut())
    desk.front._ticket = 1
    desk.refuse("cash_short", have_fen=318_000, need_fen=999_900)
    desk.look()
    strip = next(one for one in desk.panel(language).lead if isinstance(one, Strip))
    assert "¥3,180" in strip.words + strip.more
    assert strip.more != SAY[language]("said.cash_short.next")


def test_a_plate_of_an_older_book_presets_no_province_that_there_is_not(desk: Desk) -> None:
    sealed = replace(DRAFT, state="sealed")
    desk.counter.shown = replace(desk.counter.shown, manifests=(sealed, replace(AWAY_QUIET, vehicle="无牌")))
    desk.front.open_manifest(sealed.manifest)
    desk.look()
    assert desk.front.shown.province == ""


@pytest.mark.parametrize("state", [one.value for one in Parcel])
def test_a_correction_of_theirs_is_answered_only_where_the_domain_hears_the_answer(
    desk: Desk, state: str
) -> None:
    """A parcel that was refused, or is processed, may have one standing open."""
    one = replace(AWAY, state=state)
    desk.counter.shown = replace(desk.counter.shown, manifests=(one,))
    desk.front.open_manifest(one.manifest)
    desk.look()
    may = (Parcel(state), Replied) in manifests.TABLE
    assert ({"agree", "disagree"} <= set(ways_on(desk.panel()))) is may


def test_a_sealed_parcel_with_our_own_correction_may_leave_meanwhile(desk: Desk) -> None:
    """The processor may answer days later; the carrier stands at the door now."""
    one = replace(DRAFT, state="sealed", revision="ours", lines=LINES[:2], changes={LINES[0].item: 900})
    desk.counter.shown = replace(desk.counter.shown, manifests=(one,))
    desk.front.open_manifest(one.manifest)
    desk.look()
    assert "pick_up" in ways_on(desk.panel())
    assert "correct" not in ways_on(desk.panel())
    assert SAY["zh"]("manifest.revision.ours") in repr(desk.panel())


def test_what_was_packed_stays_on_its_page_until_the_counter_has_weighed_it(desk: Desk) -> None:
    desk.front.open_item("01K9ITEM1", "drawer")
    desk.look()
    desk.front.scanned("parcel", "P-000123")
    desk.front.pack_drawer()
    desk.refuse("scale_empty")
    assert desk.look() == "drawer"
    assert desk.front.draft.text("package") == "P-000123"
    assert desk.front.shown.said is not None
    desk.front.pack_drawer()
    desk.counter.shown = replace(desk.counter.shown, said=None)
    assert desk.look() == "bins"
    assert desk.front.draft.text("package") == ""


def test_a_bin_is_emptied_also_before_it_is_full(desk: Desk) -> None:
    desk.counter.shown = replace(desk.counter.shown, manifests=(DRAFT,))
    number = next(one.number for one in HERE.bins if one.state == "open" and one.items)
    desk.front.open_bin(number)
    desk.look()
    desk.front.choose_manifest(DRAFT.manifest)
    desk.look()
    assert {f"into_{DRAFT.manifest}", "lock_fault", "empty_bin"} <= set(ways_on(desk.panel()))
    desk.front.ask_second("empty")
    desk.look()
    desk.front.scanned("badge", "1002")
    desk.type("471147")
    desk.front.second_in()
    assert desk.counter.asked[-1] == ask.BinEmpty(number, DRAFT.manifest, ask.Second("1002", "471147"))


def test_an_open_bin_with_nothing_in_it_is_not_offered_for_emptying(desk: Desk) -> None:
    bins = tuple(replace(one, items=0, mass_g=0) for one in HERE.bins)
    desk.counter.shown = replace(desk.counter.shown, manifests=(DRAFT,), bins=bins)
    number = next(one.number for one in HERE.bins if one.state == "open")
    desk.front.open_bin(number)
    desk.look()
    assert "empty_bin" not in set(ways_on(desk.panel()))


@pytest.mark.parametrize(("state", "offered"), [("held", False), ("released", True)])
def test_only_a_phone_whose_hold_is_over_is_offered_to_a_parcel(
    desk: Desk, state: str, offered: bool
) -> None:
    item = ItemView("01K9ITEM9", "phone", "none", 171, "shelf:A3", 0, TRADE)
    desk.counter.shown = replace(
        desk.counter.shown, manifests=(DRAFT,), items=(item,), trades=(phone(state, place="shelf:A3"),)
    )
    desk.front.open_manifest(DRAFT.manifest)
    desk.look()
    assert (f"add_{item.item}" in set(ways_on(desk.panel()))) is offered
