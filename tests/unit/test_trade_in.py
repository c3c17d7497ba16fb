"""The trade-in machine: nothing accepted without id, signature and a fresh check; nothing settled without a seal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.flow.counter.diagram import redraw
from recycling import trade_events as e
from recycling.errors import RecyclingError, Refused
from recycling.goods import Hazard
from recycling.trade import (
    CHECK_GOOD_MS,
    CONSENTS,
    DAY_MS,
    ENDED,
    HOLD_MS,
    LIVE,
    PAID,
    Acceptance,
    Inspection,
    LockCheck,
    Photo,
    Quote,
    State,
    Trade,
)
from recycling.trade_in import MACHINE, TABLE
from tests.machine_promises import assert_whole

NOW = 1_784_599_200_000
CHECK = LockCheck("clean", "file 1", "granted", "same", "none", NOW)
SEEN = Inspection({"powers_on": "yes"}, "d", "A", (), "2026-1", 180, Hazard.NONE, "1001", NOW)
QUOTE = Quote(105_000, (), "2026-07", "1001", NOW + 8 * 3_600_000, payout_fen=105_000)
GIVEN = Acceptance(CONSENTS, "2026-1", "done", "id_card", "aa", "bb", "cash", NOW)
IMEI = "490154203237518"
OFFERED = Trade(
    "T", NOW, NOW, "1001", State.OFFERED, imei_digest="dd", check=CHECK, inspection=SEEN, quote=QUOTE
)
step = MACHINE.step


def refused(trade: Trade, event: object) -> str:
    with pytest.raises(Refused) as caught:
        step(trade, event)
    return caught.value.reason


def test_the_machine_is_whole() -> None:
    assert_whole(MACHINE)


def test_a_rule_that_leads_where_it_may_not_is_our_own_bug() -> None:
    table = dict(TABLE)
    table[State.OFFERED, e.Declined] = replace(TABLE[State.OFFERED, e.Declined], to=frozenset())
    with pytest.raises(RecyclingError, match="must not lead"):
        replace(MACHINE, table=table).step(OFFERED, e.Declined(NOW))


def test_an_acceptance_stands_with_consents_id_signature_and_check() -> None:
    after = step(OFFERED, e.Accepted(NOW, GIVEN, IMEI))
    assert after.state is State.ACCEPTED
    assert after.imei == IMEI


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (replace(GIVEN, signature_digest=""), "signature_missing"),
        (replace(GIVEN, id_digest=""), "id_missing"),
        (replace(GIVEN, id_kind="library_card"), "id_missing"),
        (replace(GIVEN, backup=""), "consent_missing"),
        (replace(GIVEN, text_version=""), "consent_missing"),
        (replace(GIVEN, payout="top_up"), "payout_wrong"),
        (replace(GIVEN, payout="cheque"), "payout_wrong"),
        *((replace(GIVEN, consents=CONSENTS - {one}), "consent_missing") for one in sorted(CONSENTS)),
    ],
)
def test_an_acceptance_that_lacks_anything_is_refused(given: Acceptance, reason: str) -> None:
    assert refused(OFFERED, e.Accepted(NOW, given, IMEI)) == reason


@pytest.mark.parametrize(
    ("at_ms", "reason"),
    [(CHECK_GOOD_MS - 1, ""), (CHECK_GOOD_MS, "check_old"), (-1, "check_old")],
)
def test_a_check_is_good_for_less_than_24_hours(at_ms: int, reason: str) -> None:
    trade = replace(OFFERED, quote=replace(QUOTE, good_until_ms=NOW + 2 * DAY_MS))
    event = e.Accepted(NOW + at_ms, GIVEN, IMEI)
    if reason:
        assert refused(trade, event) == reason
    else:
        assert step(trade, event).state is State.ACCEPTED


@pytest.mark.parametrize(
    "check",
    [
        replace(CHECK, register="blacklisted"),
        replace(CHECK, register="unknown"),
        replace(CHECK, claim="elsewhere"),
        replace(CHECK, claim="processed"),
        replace(CHECK, phone="differs"),
    ],
)
def test_a_check_that_does_not_pass_never_leads_to_an_acceptance(check: LockCheck) -> None:
    assert refused(replace(OFFERED, check=check), e.Accepted(NOW, GIVEN, IMEI)) == "check_not_passing"
    assert refused(replace(OFFERED, state=State.IDENTIFIED), e.Checked(NOW, check)) == "check_not_passing"


def test_the_quote_ends_at_its_moment_and_not_before() -> None:
    until = QUOTE.good_until_ms
    assert refused(OFFERED, e.Expired(until - 1)) == "not_expired"
    assert step(OFFERED, e.Expired(until)).state is State.EXPIRED
    assert refused(OFFERED, e.Accepted(until, replace(GIVEN, at_ms=until), IMEI)) == "quote_expired"


def test_the_quoter_is_not_the_second_approver() -> None:
    quoted = replace(OFFERED, state=State.QUOTED, quote=replace(QUOTE, needs_second=True))
    assert refused(quoted, e.Offered(NOW)) == "second_needed"
    assert refused(quoted, e.Approved(NOW, "1001")) == "approver_is_quoter"
    approved = step(quoted, e.Approved(NOW, "1002"))
    assert step(approved, e.Offered(NOW)).state is State.OFFERED
    assert step(approved, e.Quoted(NOW, QUOTE)).approved_by == ""
    assert step(approved, e.Flagged(NOW, ("mass_off",))).approved_by == ""


def test_a_flag_needs_a_second_person_too() -> None:
    quoted = replace(OFFERED, state=State.QUOTED, flags=("imei_differs",))
    assert refused(quoted, e.Offered(NOW)) == "second_needed"


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        (replace(QUOTE, price_fen=-1, payout_fen=-1), "amount_negative"),
        (replace(QUOTE, voucher_fen=-5), "amount_negative"),
        (replace(QUOTE, payout_fen=104_900), "amounts_differ"),
    ],
)
def test_amounts_are_never_below_zero_and_always_add_up(quote: Quote, reason: str) -> None:
    assert refused(replace(OFFERED, state=State.INSPECTED), e.Quoted(NOW, quote)) == reason


def test_a_top_up_adds_up_on_both_sides_of_the_new_price() -> None:
    inspected = replace(OFFERED, state=State.INSPECTED)
    below = replace(QUOTE, payout_fen=0, new_price_fen=399_900, to_pay_fen=294_900)
    above = replace(QUOTE, payout_fen=0, new_price_fen=50_000, to_pay_fen=0, voucher_fen=55_000)
    assert step(inspected, e.Quoted(NOW, below)).state is State.QUOTED
    assert step(inspected, e.Quoted(NOW, above)).state is State.QUOTED


def test_a_locked_phone_is_taken_for_nothing_only() -> None:
    locked = replace(OFFERED, state=State.INSPECTED, check=replace(CHECK, lock="frp"))
    assert refused(locked, e.Quoted(NOW, QUOTE)) == "locked_is_free"
    free = replace(QUOTE, price_fen=0, payout_fen=0)
    assert step(locked, e.Quoted(NOW, free)).state is State.QUOTED


def test_nothing_is_erased_that_nobody_accepted() -> None:
    for state in State:
        if state not in (State.ACCEPTED, State.ERASING):
            assert refused(replace(OFFERED, state=state), e.EraseBegun(NOW, "heron", "S")) == "not_now"
    forged = replace(OFFERED, state=State.ACCEPTED)
    assert refused(forged, e.EraseBegun(NOW, "heron", "S")) == "not_accepted"


def test_another_phone_in_the_bay_is_refused() -> None:
    erasing = replace(OFFERED, state=State.ERASING, acceptance=GIVEN, serial="S1")
    assert refused(erasing, e.EraseBegun(NOW, "heron", "S2")) == "wrong_phone"
    assert step(erasing, e.EraseBegun(NOW, "heron", "")).serial == "S1"


SEALED = replace(OFFERED, state=State.SEALED, acceptance=GIVEN, seal="SEAL1", certificate="EC1", imei=IMEI)


def test_settled_needs_a_seal_and_a_certificate_or_destruction_and_headquarters_word() -> None:
    assert step(SEALED, e.Settled(NOW)).state is State.SETTLED
    assert step(replace(SEALED, certificate="", destroy="files"), e.Settled(NOW)).state is State.SETTLED
    assert refused(replace(SEALED, seal=""), e.Settled(NOW)) == "not_sealed"
    assert refused(replace(SEALED, certificate=""), e.Settled(NOW)) == "not_erased"
    offline = replace(SEALED, check=replace(CHECK, claim="offline"))
    assert refused(offline, e.Settled(NOW)) == "provisional"


@pytest.mark.parametrize("state", [State.ACCEPTED, State.ERASED, State.DESTROY, State.SEALED])
def test_a_provisional_one_is_confirmed_or_stopped(state: State) -> None:
    offline = replace(SEALED, state=state, check=replace(CHECK, claim="offline"))
    confirmed = step(offline, e.ClaimAnswered(NOW, "granted"))
    assert confirmed.state is state
    assert not confirmed.provisional
    stopped = step(offline, e.ClaimAnswered(NOW, "elsewhere"))
    assert (stopped.state, stopped.stopped) == (State.STOPPED, "claim_elsewhere")
    assert step(confirmed, e.ClaimAnswered(NOW, "elsewhere")) is confirmed


def test_held_means_30_days_and_another_check() -> None:
    held = step(replace(SEALED, state=State.SETTLED), e.Held(NOW, "A3"))
    assert held.hold_until_ms == NOW + HOLD_MS
    fresh = replace(CHECK, at_ms=NOW + HOLD_MS)
    assert refused(held, e.Released(NOW + HOLD_MS - 1, fresh)) == "held_still"
    assert step(held, e.Released(NOW + HOLD_MS, fresh)).state is State.RELEASED
    for bad in ("elsewhere", "offline"):
        assert refused(held, e.Released(NOW + HOLD_MS, replace(fresh, claim=bad))) == "check_not_passing"


def test_a_swollen_phone_bypasses_the_shelf() -> None:
    swollen = replace(SEALED, state=State.SETTLED, inspection=replace(SEEN, hazard=Hazard.SWOLLEN))
    assert refused(swollen, e.Held(NOW, "A3")) == "quarantine_only"
    assert step(swollen, e.Quarantined(NOW, "Q1")).state is State.QUARANTINED
    assert refused(replace(SEALED, state=State.SETTLED), e.Quarantined(NOW, "Q1")) == "not_hazardous"


def test_saying_it_twice_changes_nothing() -> None:
    for state, event in (
        (State.SETTLED, e.Settled(NOW)),
        (State.DECLINED, e.Declined(NOW)),
        (State.RETURNED, e.Returned(NOW)),
        (State.PROCESSED, e.Processed(NOW)),
    ):
        trade = replace(SEALED, state=state)
        assert step(trade, event) is trade


def test_a_new_inspection_takes_quote_and_approval_away() -> None:
    approved = replace(OFFERED, state=State.QUOTED, approved_by="1002")
    again = step(approved, e.Inspected(NOW, SEEN))
    assert (again.state, again.quote, again.approved_by) == (State.INSPECTED, None, "")


def test_a_photo_of_the_same_side_takes_the_place_of_the_first() -> None:
    trade = replace(OFFERED, state=State.CLEARED)
    twice = step(
        step(trade, e.Photographed(NOW, Photo("front", "a"))), e.Photographed(NOW, Photo("front", "b"))
    )
    assert twice.photos == (Photo("front", "b"),)


def test_ended_live_and_paid_do_not_overlap_wrongly() -> None:
    assert not ENDED & LIVE
    assert {State.PROCESSED} == PAID - LIVE


def test_the_document_shows_the_tables_as_they_are() -> None:
    document = (Path(__file__).parents[2] / "docs/counter.md").read_text("utf-8")
    assert redraw(document) == document, "python -m kiosk.flow.counter.diagram docs/counter.md"
