"""Trade-ins as people meet them, from the label to the money, and what fraud meets."""

from __future__ import annotations

import pytest

from kiosk.flow.counter import commands as c
from recycling.trade_in import CONSENTS
from tests.counter_fakes import ANSWERS, IMEIS, LIN, SECOND, Counter, World


def test_a_whole_trade_in_pays_once_and_is_held(staffed: Counter, world: World) -> None:
    trade = staffed.to_held()
    shown = staffed.trade(trade)
    assert (shown.state, shown.place, shown.hold_days_left) == ("held", "shelf:A3", 30)
    assert world.payments.moved == {trade: 105_000}
    staffed.do(c.TradeSettle(trade))
    assert world.payments.moved == {trade: 105_000}


def test_nothing_personal_stands_in_an_entry_before_the_acceptance(staffed: Counter) -> None:
    trade = staffed.to_quoted()
    assert IMEIS[0] not in str([staffed.bodies(kind) for kind in set(staffed.entries())])
    assert staffed.trade(trade).imei.endswith(IMEIS[0][-4:])
    staffed.must(c.TradeOffer(trade))
    assert staffed.accept(trade) == ""
    every = str([staffed.bodies(kind) for kind in set(staffed.entries())])
    assert IMEIS[0] in every
    assert "110101199003070000" not in every
    assert "13800000000" not in every


def test_a_top_up_takes_the_difference_in_cash(staffed: Counter) -> None:
    trade = staffed.to_accepted(payout="top_up", new_fen=399_900)
    quote = staffed.trade(trade).quote
    assert quote is not None
    assert (quote.to_pay_fen, quote.payout_fen, quote.voucher_fen) == (294_900, 0, 0)
    staffed.plug_in()
    staffed.must(c.EraseStart(trade, "1"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    assert staffed.do(c.CashHanded(trade, 294_899)) == "received_short"
    staffed.must(c.CashHanded(trade, 294_900))
    staffed.must(c.CashHanded(trade, 294_900))
    shown = staffed.view().staff
    assert shown is not None
    assert shown.cash_fen == 294_900


def test_credit_above_the_new_price_becomes_a_voucher_that_is_good_once(
    staffed: Counter, world: World
) -> None:
    trade = staffed.to_accepted(payout="top_up", new_fen=50_000)
    staffed.plug_in()
    staffed.must(c.EraseStart(trade, "1"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    shown = staffed.trade(trade)
    assert shown.state == "settled"
    assert staffed.bodies("voucher.issued")[0]["amount_fen"] == 55_000
    assert staffed.do(c.VoucherRedeem(shown.voucher, 54_999)) == "voucher_above_bill"
    world.claims.online = False
    assert staffed.do(c.VoucherRedeem(shown.voucher, 60_000)) == "voucher_offline"
    world.claims.online = True
    staffed.must(c.VoucherRedeem(shown.voucher, 60_000))
    assert staffed.do(c.VoucherRedeem(shown.voucher, 60_000)) == "voucher_used"
    assert staffed.bodies("fraud.flagged")[-1]["rule"] == "voucher_replay"
    assert staffed.do(c.VoucherRedeem("VRUBBISH", 60_000)) == "voucher_unreadable"


def test_a_refused_transfer_may_be_paid_in_cash_and_only_then(staffed: Counter, world: World) -> None:
    trade = staffed.to_sealed(payout="transfer")
    assert staffed.do(c.TradeSettle(trade, "cash")) == "payout_wrong"
    world.payments.fault = "refused"
    staffed.must(c.TradeSettle(trade))
    assert staffed.trade(trade).settlement == ""
    staffed.put_in(105_000)
    staffed.must(c.TradeSettle(trade, "cash"))
    staffed.must(c.CashHanded(trade))
    assert staffed.trade(trade).state == "settled"
    assert world.payments.moved == {}


def test_an_offline_acceptance_is_provisional_and_unpaid_until_headquarters_answers(
    staffed: Counter, world: World
) -> None:
    world.claims.online = False
    trade = staffed.to_sealed(payout="transfer")
    assert staffed.trade(trade).provisional
    assert staffed.trade(trade).settlement == "waiting"
    assert staffed.do(c.TradeSettle(trade)) == "provisional"
    staffed.tick(31)
    assert staffed.trade(trade).provisional
    world.claims.online = True
    staffed.tick(31)
    assert not staffed.trade(trade).provisional
    staffed.must(c.TradeSettle(trade))
    assert staffed.trade(trade).state == "settled"


def test_a_provisional_one_that_is_live_elsewhere_stops_unpaid(staffed: Counter, world: World) -> None:
    world.claims.online = False
    trade = staffed.to_sealed(payout="transfer")
    world.claims.online = True
    world.claims.claims[IMEIS[0]] = "another"
    staffed.tick(31)
    assert (staffed.trade(trade).state, staffed.trade(trade).stopped) == ("stopped", "claim_elsewhere")
    assert world.payments.moved == {}
    staffed.must(c.TradeReturn(trade))


def test_the_check_is_asked_again_after_24_hours(staffed: Counter, world: World) -> None:
    trade = staffed.to_quoted()
    world.clock.pass_days(1)
    staffed.tick()
    assert staffed.trade(trade).state == "expired"
    second = staffed.to_cleared(IMEIS[1])
    world.clock.pass_days(1)
    world.dock.put(180)
    staffed.must(c.TradeInspect(second, ANSWERS))
    staffed.must(c.TradeQuote(second))
    staffed.must(c.TradeOffer(second))
    assert staffed.accept(second) == "check_old"
    staffed.must(c.TradeCheck(second))
    assert staffed.accept(second) == ""


def test_a_declined_phone_goes_back_and_its_owner_is_forgotten(staffed: Counter) -> None:
    trade = staffed.to_quoted()
    staffed.must(c.TradeOffer(trade))
    staffed.must(c.TradeDecline(trade))
    staffed.must(c.TradeReturn(trade))
    assert staffed.view().trades == ()
    assert staffed.store.reveal(f"{trade}:imei", "imei") is None
    assert staffed.to_cleared()


def test_above_2000_yuan_another_person_approves(staffed: Counter) -> None:
    trade = staffed.to_quoted(model="kinglet")
    assert staffed.trade(trade).next[0] == "TradeApprove"
    assert staffed.do(c.TradeOffer(trade)) == "second_needed"
    assert staffed.do(c.TradeApprove(trade, c.Second(*LIN))) == "second_same"
    assert staffed.do(c.TradeApprove(trade, c.Second("1002", "000000"))) == "pin_wrong"
    staffed.must(c.TradeApprove(trade, SECOND))
    staffed.must(c.TradeOffer(trade))


def test_a_price_by_hand_needs_a_reason_and_a_second_and_three_are_told(staffed: Counter) -> None:
    trade = staffed.to_quoted()
    assert staffed.do(c.TradeQuote(trade, override_fen=90_000)) == "override_reason"
    for imei in IMEIS[1:]:
        other = staffed.to_quoted(imei)
        staffed.must(c.TradeQuote(other, override_fen=90_000, override_reason="scratch"))
        assert staffed.do(c.TradeOffer(other)) == "second_needed"
    assert [body["rule"] for body in staffed.bodies("fraud.flagged")] == ["staff_overrides"]


def test_a_locked_phone_is_taken_for_nothing(staffed: Counter, world: World) -> None:
    trade = staffed.to_cleared(lock="activation")
    world.dock.put(180)
    staffed.must(c.TradeInspect(trade, ANSWERS))
    staffed.must(c.TradeQuote(trade))
    quote = staffed.trade(trade).quote
    assert quote is not None
    assert quote.price_fen == 0
    staffed.must(c.TradeOffer(trade))
    assert staffed.accept(trade) == ""
    staffed.must(c.EraseGiveUp(trade, "locked"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    assert staffed.trade(trade).state == "settled"


# -- fraud


def test_a_blacklisted_phone_stops_and_says_nothing_in_public(staffed: Counter, world: World) -> None:
    world.register.listed[IMEIS[0]] = "blacklisted"
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], model="heron"))
    staffed.must(c.TradeCheck(trade))
    shown = staffed.trade(trade)
    assert (shown.state, shown.stopped, shown.said) == ("stopped", "blacklisted", None)
    assert {"trade.stopped", "fraud.flagged", "call.requested"} <= set(staffed.entries(trade))
    assert world.claims.claims == {}


@pytest.mark.parametrize(
    ("imei", "reason"),
    [
        ("49015420323751", "imei_length"),
        ("4901542032375180", "imei_length"),
        ("000000000000000", "imei_zero"),
        ("490154203237519", "imei_check"),
        ("49015420323751x", "imei_digits"),
    ],
)
def test_a_bad_imei_goes_no_further(staffed: Counter, imei: str, reason: str) -> None:
    trade = staffed.begin_trade()
    assert staffed.do(c.TradeIdentify(trade, imei, model="heron")) == reason
    assert staffed.trade(trade).state == "draft"


def test_different_imeis_on_label_and_screen_go_to_review(staffed: Counter) -> None:
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], IMEIS[1], model="heron"))
    assert staffed.trade(trade).flags == ("imei_differs",)


def test_identifying_again_takes_no_flag_back(staffed: Counter) -> None:
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], IMEIS[1], model="heron"))
    staffed.must(c.TradeIdentify(trade, IMEIS[0], IMEIS[0], model="heron"))
    assert staffed.trade(trade).flags == ("imei_differs",)
    staffed.must(c.TradeCheck(trade))
    staffed.world.dock.put(180)
    staffed.must(c.TradeInspect(trade, ANSWERS))
    staffed.must(c.TradeQuote(trade))
    assert staffed.do(c.TradeOffer(trade)) == "second_needed"


def test_a_phone_that_says_another_imei_stops(staffed: Counter) -> None:
    staffed.plug_in(IMEIS[1])
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], model="heron", bay="1"))
    staffed.must(c.TradeCheck(trade))
    assert staffed.trade(trade).stopped == "imei_usb_differs"


@pytest.mark.parametrize(("live", "rule"), [(True, "claim_elsewhere"), (False, "claim_processed")])
def test_a_phone_that_is_live_or_processed_elsewhere_stops(
    staffed: Counter, world: World, live: bool, rule: str
) -> None:
    if live:
        world.claims.claims[IMEIS[0]] = "another"
    else:
        world.claims.processed.add(IMEIS[0])
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], model="heron"))
    staffed.must(c.TradeCheck(trade))
    assert staffed.trade(trade).stopped == rule


def test_a_phone_that_is_live_here_stops_the_second_trade(staffed: Counter) -> None:
    staffed.to_cleared()
    second = staffed.begin_trade()
    staffed.must(c.TradeIdentify(second, IMEIS[0], model="heron"))
    assert staffed.trade(second).stopped == "imei_live"


def test_the_same_phone_within_30_days_is_a_repeat_and_calls_the_manager(staffed: Counter) -> None:
    first = staffed.to_cleared()
    staffed.must(c.TradeDecline(first))
    staffed.must(c.TradeReturn(first))
    second = staffed.to_cleared()
    assert staffed.trade(second).repeat
    assert "call.requested" in staffed.entries(second)


@pytest.mark.parametrize(
    ("dates", "flag"),
    [
        ({"invoice_date": "2026-07-22"}, "invoice_future"),
        ({"invoice_date": "2025-01-01", "made": "2025-01-02"}, "invoice_before_made"),
        ({"invoice_date": "2025-01-08", "first_use": "2025-01-04"}, "invoice_after_first_use"),
    ],
)
def test_an_invoice_that_does_not_fit_goes_to_review(
    staffed: Counter, dates: dict[str, str], flag: str
) -> None:
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], model="heron", **dates))
    assert staffed.trade(trade).flags == (flag,)
    assert staffed.bodies("trade.review")[0]["rules"] == [flag]


def test_three_devices_of_one_id_in_30_days_are_told_to_headquarters(staffed: Counter) -> None:
    for imei in IMEIS[:3]:
        staffed.to_accepted(imei)
    assert [body["rule"] for body in staffed.bodies("fraud.flagged")] == ["id_velocity"]


def test_a_photo_used_before_is_taken_again(staffed: Counter, world: World) -> None:
    first = staffed.to_cleared()
    staffed.must(c.TradePhoto(first, "front"))
    world.camera.same = True
    second = staffed.to_cleared(IMEIS[1])
    assert staffed.do(c.TradePhoto(second, "front")) == "photo_reused"
    world.camera.same = False
    staffed.must(c.TradePhoto(second, "front"))
    assert staffed.trade(second).photos == ("front",)


def test_a_mass_far_from_the_models_is_inspected_again_and_then_reviewed(
    staffed: Counter, world: World
) -> None:
    trade = staffed.to_cleared()
    world.dock.put(250)
    assert staffed.do(c.TradeInspect(trade, ANSWERS)) == "mass_off"
    assert staffed.do(c.TradeInspect(trade, ANSWERS)) == ""
    staffed.must(c.TradeQuote(trade))
    assert staffed.do(c.TradeOffer(trade)) == "second_needed"


def test_a_missing_camera_is_said_and_the_trade_goes_on(staffed: Counter, world: World) -> None:
    world.camera.fault = "camera_missing"
    trade = staffed.to_cleared()
    assert staffed.do(c.TradePhoto(trade, "front")) == "camera_missing"
    world.dock.put(180)
    staffed.must(c.TradeInspect(trade, ANSWERS))


def test_a_register_that_does_not_answer_clears_nobody(staffed: Counter, world: World) -> None:
    world.register.listed[IMEIS[0]] = "unknown"
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], model="heron"))
    assert staffed.do(c.TradeCheck(trade)) == "register_unknown"
    assert staffed.trade(trade).state == "identified"


@pytest.mark.parametrize("missing", sorted(CONSENTS))
def test_every_consent_is_needed(staffed: Counter, missing: str) -> None:
    trade = staffed.to_quoted()
    staffed.must(c.TradeOffer(trade))
    accept = c.TradeAccept(
        trade, CONSENTS - {missing}, "1", "done", "id_card", "A1234567", (((1, 1),) * 9,), "cash"
    )
    assert staffed.do(accept) == "consent_missing"
