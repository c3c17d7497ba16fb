"""What the screens can read of an answer: a parcel's refusal, the PIN that gave the screen back, a plate refused."""

from __future__ import annotations

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import LIN, SECOND, Counter


def drafted(counter: Counter) -> str:
    counter.must(c.ManifestDraft("green"))
    return counter.view().manifests[0].manifest


def test_a_refusal_about_a_parcel_is_shown_until_the_next_command(staffed: Counter) -> None:
    manifest = drafted(staffed)
    assert staffed.do(c.ManifestSeal(manifest, ("KS-00451",), SECOND)) == "manifest_empty"
    said = staffed.view().said
    assert said is not None
    assert (said.reason, said.subject) == ("manifest_empty", manifest)
    staffed.do(c.DrawerOpen())
    later = staffed.view().said
    assert later is None or later.subject != manifest


def test_a_refusal_about_a_trade_in_stays_with_the_trade_in(staffed: Counter) -> None:
    trade = staffed.begin_trade()
    assert staffed.do(c.TradeOffer(trade))
    view = staffed.view()
    assert view.said is None
    assert view.trades[0].said is not None


def test_the_right_pin_is_answered_under_its_own_ticket(staffed: Counter) -> None:
    assert staffed.do(c.StaffHere("999999")) == "pin_wrong"
    staff = staffed.view().staff
    assert staff is not None
    assert staff.back_ticket == 0
    staffed.must(c.StaffHere(LIN[1]))
    view = staffed.view()
    assert view.staff is not None
    assert view.staff.back_ticket == view.done_ticket


@pytest.mark.parametrize("plate", ["沪A1", "台A12345", "沪A12345🚚"])
def test_a_parcel_leaves_with_a_plate_that_can_be_one(staffed: Counter, plate: str) -> None:
    manifest = drafted(staffed)
    assert staffed.do(c.ManifestPickUp(manifest, "Swift", plate)) == "plate_unreadable"
