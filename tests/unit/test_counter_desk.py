"""The counter's flows as people meet them: bins, trade-in, fraud, erasing, money, manifests, staff."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.flow.counter import bench
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.desk import CounterDesk
from recycling.trade_in import CONSENTS
from tests.counter_fakes import ANSWERS, IMEIS, LIN, SECOND, WU, ZHAO, Counter, World
from tests.counter_flows import signed


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def counter(world: World) -> Iterator[Counter]:
    found = Counter(world)
    yield found
    found.close()


@pytest.fixture
def staffed(counter: Counter) -> Counter:
    counter.log_in()
    return counter


def drop_said(counter: Counter) -> str:
    drop = counter.view().drop
    assert drop is not None
    return drop.said.reason if drop.said else ""


def test_every_command_has_a_handler() -> None:
    every = {one for one in vars(c).values() if isinstance(one, type) and issubclass(one, c.Command)}
    assert every - {c.Command} == set(bench.HANDLERS)


# -- drop-off


def test_a_drop_off_ends_with_a_receipt_on_paper_and_screen(counter: Counter, world: World) -> None:
    drop = counter.drop_off("charger", 90)
    shown = counter.view()
    assert (shown.bins[2].items, shown.bins[2].mass_g) == (1, 90)
    assert len(world.printer.paper) == 1
    assert "90" in world.printer.texts()
    assert counter.entries(drop)[:4] == ["drop.begun", "drop.weighed", "drop.assigned", "drop.deposited"]


def test_two_things_of_one_person_add_up(counter: Counter) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    counter.must(c.DropAnother(drop))
    counter.must(c.DropCategory(drop, "accessory"))
    counter.must(c.DropHazard(drop, "none"))
    counter.world.dock.put(30)
    counter.look()
    counter.must(c.DropOpen(drop))
    counter.drop_in(4)
    shown = counter.view().drop
    assert shown is not None
    assert shown.receipt is not None
    assert (shown.receipt.items, shown.receipt.mass_g) == (2, 120)


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        ({"mass_g": 0}, "scale_empty"),
        ({"mass_g": 50, "stable": False}, "scale_settling"),
        ({"mass_g": 7, "trouble": "drift"}, "scale_drift"),
        ({"mass_g": 90000, "trouble": "overload"}, "scale_overload"),
        ({"trouble": "silent"}, "scale_silent"),
        ({"mass_g": 501}, "lithium_piece_mass"),
    ],
)
def test_a_scale_that_cannot_be_believed_opens_nothing(
    counter: Counter, world: World, scale: dict[str, object], reason: str
) -> None:
    drop = counter.to_weigh("battery", 45)
    world.dock.set(scale=replace(world.dock.now.scale, **scale))  # type: ignore[arg-type]
    assert counter.do(c.DropOpen(drop)) == reason
    assert not [act for act, _, _ in world.dock.done if act == "release_flap"]


def test_an_untaped_battery_stays_at_the_tape(counter: Counter) -> None:
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "none"))
    assert counter.do(c.DropTaped(drop.drop, False)) == "tape_first"
    assert counter.do(c.DropOpen(drop.drop)) == "not_now"


def test_a_full_bin_locks_and_the_next_one_of_its_kind_is_taken(counter: Counter, world: World) -> None:
    counter.drop_off("phone", 180, percent=91)
    counter.look()
    assert [one.state for one in counter.view().bins if one.category == "phone"] == ["locked", "open"]
    counter.drop_off("phone", 170, percent=95)
    counter.look()
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "phone"))
    assert counter.do(c.DropHazard(drop.drop, "none")) == "bins_full"
    assert all(one.lock == "locked" for one in world.dock.now.bins)


def test_a_damaged_battery_goes_into_the_drawer_and_never_near_a_bin(counter: Counter, world: World) -> None:
    counter.must(c.DropBegin("en"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "swollen"))
    assert [act for act, _, _ in world.dock.done] == ["release_drawer"]
    assert "call.requested" in counter.entries(drop.drop)
    world.dock.set(drawer="open")
    counter.look()
    world.dock.set(drawer_full=True, drawer="locked")
    counter.look()
    shown = counter.view()
    assert shown.items[0].place == "drawer"
    assert shown.drop is not None
    assert shown.drop.step == "receipt"


def test_a_drawer_that_is_taken_calls_staff_and_opens_nothing(counter: Counter, world: World) -> None:
    world.dock.set(drawer_full=True)
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "hot"))
    assert world.dock.done == []
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.step == "staff"
    counter.log_in()
    counter.must(c.DropResolve(shown.items[0].item, "quarantine", 44))
    assert counter.view().items[0].place == "quarantine"


def test_a_flap_nobody_opens_gives_the_thing_back(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.relock(3)
    counter.look()
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "weigh"
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    assert counter.view().bins[2].items == 1
    assert counter.entries(drop).count("drop.deposited") == 1


def test_an_opened_flap_without_a_fall_closes_the_bin_and_loses_nothing(
    counter: Counter, world: World
) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.open(3)
    counter.look()
    world.dock.shut(3)
    counter.look()
    assert drop_said(counter) == "fall_not_seen"
    shown = counter.view()
    assert [item.place for item in shown.items] == ["entering:bin:3"]
    assert shown.bins[2].state != "open"
    counter.must(c.DropDone(drop))
    assert [item.place for item in counter.view().items] == ["entering:bin:3"]


def test_a_jammed_flap_is_said_and_a_late_fall_still_counts(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.bin(3, lambda one: replace(one, flap="jammed"))
    counter.look()
    assert drop_said(counter) == "flap_jammed"
    assert ("flap_jammed", "bin:3") in {(one.what, one.place) for one in counter.view().troubles}
    world.dock.bin(3, lambda one: replace(one, flap="closed", lock="locked", falls=one.falls + 1))
    counter.look()
    counter.look()
    shown = counter.view()
    assert (shown.bins[2].items, shown.bins[2].state) == (1, "open")
    assert shown.troubles == ()


@pytest.mark.parametrize("reason", ["dock_offline", "dock_stopped"])
def test_an_order_the_dock_refuses_leaves_the_thing_with_its_owner(
    counter: Counter, world: World, reason: str
) -> None:
    drop = counter.to_weigh("charger", 90)
    world.dock.refuse = reason
    counter.do(c.DropOpen(drop))
    assert drop_said(counter) == reason
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "weigh"


def test_an_order_without_an_answer_is_decided_by_what_the_dock_shows(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    world.dock.silent = "dock_no_answer"
    counter.do(c.DropOpen(drop))
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "deposit"
    counter.drop_in(3)
    assert counter.view().bins[2].items == 1


def test_stepping_back_at_an_open_flap_locks_it_and_loses_nothing(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    counter.must(c.DropDone(drop))
    assert world.dock.of(3).lock == "locked"
    counter.look()
    assert counter.view().items == ()
    assert counter.view().bins[2].items == 0


def test_the_receipt_waits_for_a_printer_that_is_off(counter: Counter, world: World) -> None:
    world.printer.at = "off"
    drop = counter.to_weigh()
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.receipt is not None
    assert shown.drop.receipt.printed == "waiting"
    assert shown.drop.receipt.slip.startswith("PSS1 D")
    counter.tick(6)
    counter.tick(6)
    assert counter.entries(drop).count("print.waiting") == 1
    assert {one.what for one in counter.view().troubles} == {"printer_off"}
    world.printer.at = "ready"
    counter.tick(6)
    assert len(world.printer.paper) == 1
    assert counter.view().troubles == ()


def test_without_a_dock_nothing_is_dropped_off_and_trades_go_on(world: World) -> None:
    counter = Counter(world, dock=None)
    assert counter.do(c.DropBegin("zh")) == "dock_missing"
    assert not counter.view().dock
    counter.log_in()
    trade = counter.to_cleared()
    counter.must(c.TradeInspect(trade, ANSWERS))
    assert counter.trade(trade).mass_g == 180
    counter.close()


# -- trade-in


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
    assert staffed.do(c.CashHanded(trade, 294_899)) == "cash_short"
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


# -- erasing


def test_a_phone_is_erased_only_after_its_owner_accepted(staffed: Counter, world: World) -> None:
    trade = staffed.to_quoted()
    staffed.plug_in()
    staffed.must(c.TradeOffer(trade))
    assert staffed.do(c.EraseStart(trade, "1")) == "not_now"
    assert world.eraser.orders == []


def test_an_erased_phone_is_looked_at_again_and_certified(staffed: Counter, world: World) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    staffed.must(c.EraseStart(trade, "1"))
    shown = staffed.trade(trade)
    assert (shown.state, shown.erasure.state, shown.erasure.verification) == (
        "erased",
        "certified",
        "inspection",
    )
    assert world.eraser.orders[0].partitions == ("userdata", "metadata")
    assert shown.certificate in world.printer.texts()


def test_the_certificate_names_who_began_and_not_who_is_there_at_the_end(
    staffed: Counter, world: World
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in(unlocked=False, mode="normal")
    staffed.must(c.EraseStart(trade, "1"))
    staffed.log_in(ZHAO)
    world.eraser.factory_reset("tcp:bay-1")
    staffed.must(c.EraseResetDone(trade))
    assert staffed.trade(trade).certificate in world.printer.texts()
    assert f"工号 {LIN[0]}" in world.printer.texts()
    assert f"工号 {ZHAO[0]}" not in world.printer.texts()


def test_the_bags_label_says_no_more_than_the_certificate(staffed: Counter, world: World) -> None:
    sure = staffed.to_accepted()
    staffed.plug_in()
    staffed.must(c.EraseStart(sure, "1"))
    staffed.must(c.TradeSeal(sure, "SEAL-1"))
    assert "未获确认（见证书）" not in world.printer.texts()
    unsure = staffed.to_accepted(imei=IMEIS[1])
    staffed.plug_in(IMEIS[1], tells_wizard=False)
    staffed.must(c.EraseStart(unsure, "1"))
    assert staffed.trade(unsure).erasure.state == "warning"
    staffed.must(c.TradeSeal(unsure, "SEAL-2"))
    assert "已清除，未获确认（见证书）" in world.printer.texts()


def test_a_phone_that_lies_fails_three_times_and_is_destroyed(staffed: Counter) -> None:
    trade = staffed.to_accepted()
    phone = staffed.plug_in(lies=True)
    assert staffed.do(c.EraseGiveUp(trade, "lies")) == "not_failed"
    for attempt in (1, 2, 3):
        phone.mode = "bootloader"
        staffed.do(c.EraseStart(trade, "1"))
        shown = staffed.trade(trade)
        assert (shown.erasure.state, shown.erasure.attempt) == ("failed", attempt)
        assert shown.said is not None
        assert shown.said.reason == "erase_files_left"
    phone.mode = "bootloader"
    assert staffed.do(c.EraseStart(trade, "1")) == "attempts_used"
    assert staffed.trade(trade).next == ("EraseResetDone", "EraseGiveUp")
    staffed.do(c.EraseResetDone(trade))
    assert staffed.trade(trade).erasure.attempt == 3
    staffed.must(c.EraseGiveUp(trade, "lies"))
    assert staffed.trade(trade).state == "destroy"


def test_a_cable_that_comes_out_interrupts_and_the_same_attempt_goes_on(
    staffed: Counter, world: World
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    world.eraser.fault = "lost"
    staffed.do(c.EraseStart(trade, "1"))
    assert staffed.trade(trade).erasure.state == "interrupted"
    staffed.must(c.EraseStart(trade, "1"))
    assert (staffed.trade(trade).state, staffed.trade(trade).erasure.attempt) == ("erased", 1)


def test_a_locked_phone_is_reset_by_hand_and_looked_at(staffed: Counter, world: World) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in(unlocked=False, mode="normal")
    staffed.must(c.EraseStart(trade, "1"))
    shown = staffed.trade(trade)
    assert (shown.erasure.method, shown.erasure.step, shown.erasure.files_before) == (
        "factory_reset",
        "reset_guide",
        200,
    )
    staffed.must(c.EraseResetDone(trade))
    assert staffed.trade(trade).erasure.state == "failed"
    staffed.must(c.EraseStart(trade, "1"))
    world.eraser.factory_reset("tcp:bay-1")
    staffed.must(c.EraseResetDone(trade))
    assert staffed.trade(trade).state == "erased"
    assert world.eraser.orders == []


def test_where_the_cable_cannot_tell_staff_look_at_the_screen(staffed: Counter, world: World) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in(unlocked=False, mode="normal", tells_wizard=False)
    staffed.must(c.EraseStart(trade, "1"))
    world.eraser.factory_reset("tcp:bay-1")
    staffed.must(c.EraseResetDone(trade))
    assert staffed.trade(trade).erasure.state == "failed"
    staffed.must(c.EraseResetDone(trade, wizard_seen=True))
    assert staffed.trade(trade).state == "erased"


@pytest.mark.parametrize("values", [{"imei": IMEIS[1]}, {"product": "wren"}])
def test_another_phone_in_the_bay_is_never_erased(
    staffed: Counter, world: World, values: dict[str, str]
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in(**values)
    assert staffed.do(c.EraseStart(trade, "1")) == "wrong_phone"
    assert world.eraser.orders == []
    assert staffed.trade(trade).state == "accepted"


def to_accepted_with(counter: Counter, serial: str = "", bay: str = "") -> str:
    """Accepted, with that serial number scanned or the phone plugged in while it was checked."""
    trade = counter.begin_trade()
    counter.must(c.TradeIdentify(trade, IMEIS[0], model="heron", serial=serial, bay=bay))
    counter.must(c.TradeCheck(trade))
    counter.world.dock.put(180)
    counter.must(c.TradeInspect(trade, ANSWERS))
    counter.must(c.TradeQuote(trade))
    counter.must(c.TradeOffer(trade))
    assert counter.accept(trade) == ""
    return trade


@pytest.mark.parametrize("product", ["heron", "lahaina", ""])
def test_a_phone_that_does_not_prove_to_be_the_trades_is_left_to_its_owners_hands(
    staffed: Counter, world: World, product: str
) -> None:
    trade = to_accepted_with(staffed)
    staffed.plug_in("", product=product)
    for _ in range(2):  # a second attempt learns nothing from the first
        staffed.must(c.EraseStart(trade, "1"))
        assert staffed.trade(trade).erasure.method == "factory_reset"
    assert world.eraser.orders == []


@pytest.mark.parametrize("how", ["label", "checked"])
def test_a_phone_of_another_serial_number_than_the_known_one_is_not_erased(
    staffed: Counter, world: World, how: str
) -> None:
    staffed.plug_in("")
    trade = to_accepted_with(staffed, *(("HERON0001", "") if how == "label" else ("", "1")))
    staffed.plug_in("", serial="HERON0002")
    staffed.must(c.EraseStart(trade, "1"))
    assert (staffed.trade(trade).erasure.method, world.eraser.orders) == ("factory_reset", [])


def test_the_serial_number_of_its_label_lets_a_phone_without_an_imei_be_erased(
    staffed: Counter, world: World
) -> None:
    staffed.plug_in("", product="lahaina")
    trade = to_accepted_with(staffed, " HERON0001", "")
    staffed.must(c.EraseStart(trade, "1"))
    assert staffed.trade(trade).state == "erased"
    assert [order.serial for order in world.eraser.orders] == ["HERON0001"]


def test_a_phone_that_says_no_imei_is_not_the_trades_for_having_been_in_the_bay(
    staffed: Counter, world: World
) -> None:
    staffed.plug_in("", product="lahaina")
    trade = to_accepted_with(staffed, bay="1")
    staffed.must(c.EraseStart(trade, "1"))
    assert (staffed.trade(trade).erasure.method, world.eraser.orders) == ("factory_reset", [])


def test_a_phone_of_another_known_model_is_bound_to_no_trade(staffed: Counter, world: World) -> None:
    staffed.plug_in("", product="wren")
    trade = to_accepted_with(staffed, bay="1")
    assert staffed.do(c.EraseStart(trade, "1")) == "wrong_phone"
    staffed.plug_in("", product="lahaina")
    staffed.must(c.EraseStart(trade, "1"))
    assert (staffed.trade(trade).erasure.method, world.eraser.orders) == ("factory_reset", [])


def test_a_swollen_phone_is_never_plugged_in_and_bypasses_the_shelf(staffed: Counter, world: World) -> None:
    trade = staffed.to_cleared()
    world.dock.put(180)
    staffed.must(c.TradeInspect(trade, {**ANSWERS, "swollen": "yes"}))
    staffed.must(c.TradeQuote(trade))
    staffed.must(c.TradeOffer(trade))
    assert staffed.accept(trade) == ""
    staffed.plug_in()
    assert staffed.do(c.EraseStart(trade, "1")) == "hazard_no_cable"
    staffed.must(c.EraseGiveUp(trade, "swollen"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashHanded(trade))
    staffed.must(c.TradeHold(trade, "Q1"))
    assert staffed.trade(trade).place == "quarantine:Q1"


# -- afterwards


def test_a_seal_is_used_once(staffed: Counter) -> None:
    staffed.to_sealed(seal="SEAL-7")
    second = staffed.to_accepted(IMEIS[1])
    staffed.plug_in(IMEIS[1])
    staffed.must(c.EraseStart(second, "1"))
    assert staffed.do(c.TradeSeal(second, "seal-7")) == "seal_used"


def test_held_stock_leaves_after_30_days_and_another_check(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    assert counter.do(c.ManifestAdd(manifest, trade)) == "not_packable"
    world.clock.pass_days(29.99)
    assert counter.do(c.TradeRelease(trade)) == "held_still"
    world.clock.pass_days(0.02)
    assert counter.do(c.ManifestAdd(manifest, trade)) == "not_packable"
    world.register.listed[IMEIS[0]] = "blacklisted"
    assert counter.do(c.TradeRelease(trade)) == "release_refused"
    assert counter.trade(trade).state == "held"
    world.register.listed.clear()
    world.claims.online = False
    assert counter.do(c.TradeRelease(trade)) == "claims_offline"
    world.claims.online = True
    counter.must(c.TradeRelease(trade))
    counter.must(c.ManifestAdd(manifest, trade))
    assert counter.trade(trade).state == "manifested"


def test_a_released_phone_falls_into_a_bin_or_stays_on_its_shelf(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    world.clock.pass_days(31)
    counter.must(c.TradeRelease(trade))
    assert counter.do(c.TradeBin(trade, 2)) == "bin_not_for_it"
    counter.must(c.TradeBin(trade, 1))
    counter.look()
    world.dock.relock(1)
    counter.look()
    assert counter.trade(trade).place == "shelf:A3"
    counter.must(c.TradeBin(trade, 1))
    counter.drop_in(1)
    assert (counter.trade(trade).state, counter.trade(trade).place) == ("binned", "bin:1")


def sent(counter: Counter, world: World) -> tuple[str, list[str]]:
    """Two chargers in a sealed manifest, picked up."""
    for _ in range(2):
        counter.drop_off("charger", 90)
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.BinEmpty(3, manifest, SECOND))
    assert counter.do(c.ManifestSeal(manifest, ("MS-01",), SECOND)) == "bin_open"
    world.dock.bin(3, lambda one: replace(one, door="open", fill_percent=0))
    counter.look()
    assert counter.do(c.BinClosed(3)) == "door_open"
    world.dock.bin(3, lambda one: replace(one, door="released"))
    counter.must(c.BinClosed(3))
    assert counter.do(c.ManifestSeal(manifest, ("MS-01",), c.Second(*LIN))) == "second_same"
    counter.must(c.ManifestSeal(manifest, ("MS-01",), SECOND))
    counter.must(c.ManifestPickUp(manifest, "Swift", "沪A12345"))
    kept = counter.store.manifest(manifest)
    assert kept is not None
    return manifest, [line.item for line in kept.lines]


def test_a_partial_acceptance_brings_the_refused_item_back_into_quarantine(
    staffed: Counter, world: World
) -> None:
    manifest, (first, second) = sent(staffed, world)
    answer = signed(manifest, "answered", {first: (True, 90), second: (False, 90)})
    staffed.must(c.ManifestAnswer(answer))
    staffed.must(c.ManifestAnswer(answer))
    shown = staffed.view()
    assert (shown.manifests[0].state, shown.manifests[0].accepted, shown.manifests[0].refused) == (
        "partial",
        1,
        1,
    )
    assert [(item.item, item.place) for item in shown.items] == [(second, "quarantine:returned")]
    assert staffed.entries().count("manifest.answered") == 1
    staffed.must(c.ManifestAnswer(signed(manifest, "processed")))
    assert staffed.view().manifests[0].state == "processed"
    staffed.must(c.ManifestDraft("green"))
    again = next(one.manifest for one in staffed.view().manifests if one.state == "draft")
    staffed.must(c.ManifestAdd(again, second))


def test_a_discrepancy_stays_open_until_both_sides_agree(staffed: Counter, world: World) -> None:
    manifest, (first, second) = sent(staffed, world)
    staffed.must(c.ManifestAnswer(signed(manifest, "answered", {first: (True, 90), second: (True, 39)})))
    shown = staffed.view().manifests[0]
    assert (shown.discrepancy_g, shown.revision) == (-51, "theirs")
    assert {"manifest.discrepancy", "revision.proposed"} <= set(staffed.entries(manifest))
    assert staffed.do(c.ManifestAnswer(signed(manifest, "processed"))) == "discrepancy_open"
    staffed.must(c.ManifestReviseAnswer(manifest, True))
    assert staffed.view().manifests[0].mass_g == 129
    staffed.must(c.ManifestAnswer(signed(manifest, "processed")))


def test_answers_that_nobody_listed_signed_or_about_another_manifest_are_refused(
    staffed: Counter, world: World
) -> None:
    manifest, items = sent(staffed, world)
    good = dict.fromkeys(items, (True, 90))
    assert staffed.do(c.ManifestAnswer(signed(manifest, "answered", good, key="33" * 32))) == "answer_forged"
    other = signed(manifest, "answered", good, key="22" * 32, processor="late")
    assert staffed.do(c.ManifestAnswer(other)) == "answer_other_manifest"
    stolen = signed(manifest, "answered", good, key="22" * 32)
    assert staffed.do(c.ManifestAnswer(stolen)) == "answer_forged"
    assert staffed.do(c.ManifestAnswer(b"\x11" * 32 + b"rubbish")) == "malformed"


def test_an_expired_or_unlisted_processor_gets_nothing(staffed: Counter) -> None:
    assert staffed.do(c.ManifestDraft("late")) == "licence_expired"
    assert staffed.do(c.ManifestDraft("nobody")) == "processor_unlisted"


def test_a_licence_that_ends_before_the_pick_up_blocks_it(staffed: Counter, world: World) -> None:
    staffed.drop_off("charger", 90)
    staffed.must(c.ManifestDraft("green"))
    manifest = staffed.view().manifests[0].manifest
    staffed.must(c.BinEmpty(3, manifest, SECOND))
    world.dock.bin(3, lambda one: replace(one, door="open", fill_percent=0))
    staffed.look()
    world.dock.bin(3, lambda one: replace(one, door="released"))
    staffed.must(c.BinClosed(3))
    staffed.must(c.ManifestSeal(manifest, ("MS-01",), SECOND))
    world.clock.pass_days(170)
    assert staffed.do(c.ManifestPickUp(manifest, "Swift", "沪A1")) == "processor_not_licensed"


def test_a_bin_that_was_not_opened_keeps_what_is_in_it(staffed: Counter) -> None:
    staffed.drop_off("charger", 90, percent=40)
    staffed.must(c.ManifestDraft("green"))
    manifest = staffed.view().manifests[0].manifest
    staffed.must(c.BinEmpty(3, manifest, SECOND))
    assert staffed.do(c.BinClosed(3)) == "bin_not_opened"
    assert (staffed.view().bins[2].items, staffed.view().manifests[0].items) == (1, 0)


def test_personal_data_goes_when_its_time_is_over_and_not_before(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    world.clock.pass_days(31)
    counter.must(c.TradeRelease(trade))
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.ManifestAdd(manifest, trade))
    counter.must(c.ManifestSeal(manifest, ("MS-09",), c.Second(*ZHAO)))
    counter.must(c.ManifestPickUp(manifest, "Swift", "沪A1"))
    counter.must(c.ManifestAnswer(signed(manifest, "answered", {trade: (True, 180)})))
    counter.must(c.ManifestAnswer(signed(manifest, "processed")))
    for days, left in (
        (29, {"id_number", "phone_number", "signature"}),
        (2, {"id_number", "signature"}),
        (698, {"id_number", "signature"}),
        (2, {"signature"}),
        (366, set()),
    ):
        world.clock.pass_days(days)
        counter.tick()
        assert {one.partition(":")[2] for one in counter.store.kept_subjects()} == left, days


# -- staff


def test_wrong_pins_wait_and_are_told(counter: Counter, world: World) -> None:
    for _ in range(3):
        assert counter.do(c.StaffIn("1001", "111111")) == "pin_wrong"
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    assert {"staff.refused", "staff.locked"} <= set(counter.entries())
    counter.must(c.StaffIn(*WU))
    world.clock.pass_s(31)
    counter.must(c.StaffIn(*LIN))


def test_an_expired_certificate_may_look_and_not_sign(counter: Counter, world: World) -> None:
    world.clock.pass_days(400)
    counter.must(c.StaffIn(*LIN))
    assert counter.do(c.TradeBegin("zh")) == "certificate_expired"


def test_nobody_works_without_logging_in(counter: Counter) -> None:
    for command in (c.TradeBegin("zh"), c.ManifestDraft("green"), c.BinLock(1, "fault"), c.ShiftClose(0)):
        assert counter.do(command) == "not_logged_in"


def test_a_shift_closes_on_the_counted_cash_or_with_a_second_person(staffed: Counter) -> None:
    trade = staffed.to_accepted(payout="top_up", new_fen=399_900)
    staffed.plug_in()
    staffed.must(c.EraseStart(trade, "1"))
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashHanded(trade, 300_000))
    assert staffed.do(c.ShiftClose(294_800)) == "cash_differs"
    staffed.must(c.ShiftClose(294_800, "a coin is missing", SECOND))
    assert staffed.bodies("shift.closed")[0]["difference_fen"] == -100
    assert staffed.view().staff is None
    staffed.log_in(ZHAO)
    carried = staffed.view().staff
    assert carried is not None
    assert carried.cash_fen == 294_800


def test_the_very_first_shift_opens_with_what_the_settings_say_and_the_next_with_what_was_counted(
    world: World,
) -> None:
    counter = Counter(world)
    counter.tools = counter.work.tools = replace(
        counter.tools, shop=replace(counter.tools.shop, first_float_fen=50_000)
    )
    counter.log_in(ZHAO)
    first = counter.view().staff
    assert first is not None
    assert first.cash_fen == 50_000
    counter.must(c.ShiftClose(50_000))
    counter.log_in(ZHAO)
    assert [body["carried_fen"] for body in counter.bodies("shift.opened")] == [50_000, 50_000]


# -- the threads


def test_the_desk_answers_by_ticket_and_never_blocks_who_asks(world: World) -> None:
    counter = Counter(world)
    desk = CounterDesk(counter.tools)
    desk.start()
    try:
        assert desk.ask(c.StaffIn(*LIN)) == ""
        assert desk.ask(c.TradeBegin("zh")) == ""
        trade = desk.work.memory.trades.copy().popitem()[0]
        assert desk.ask(c.TradeIdentify(trade, IMEIS[0], model="heron")) == ""
        assert desk.ask(c.TradeCheck(trade)) == ""
        assert desk.ask(c.TradeCheck(trade, "strange")) == "lock_unknown"
        ticket = desk.do(c.StaffOut())
        assert _until(lambda: desk.view().done_ticket >= ticket)
        assert desk.view().staff is None
        assert len(desk.estimate_models()) == 3
        assert desk.estimate("heron", {}) is None
        assert desk.estimate_questions()[0].key == "age"
    finally:
        desk.stop()
        counter.close()


def test_the_desk_follows_the_dock_without_being_asked(world: World) -> None:
    counter = Counter(world)
    desk = CounterDesk(counter.tools)
    desk.start()
    try:
        world.dock.set(tampered=True)
        assert _until(lambda: any(one.what == "dock_tampered" for one in desk.view().troubles))
        world.dock.bin(1, lambda one: replace(one, fill_percent=93))
        assert _until(lambda: desk.view().bins[0].state == "locked")
    finally:
        desk.stop()
        counter.close()


def _until(true: object) -> bool:
    waiting = threading.Event()
    for _ in range(2000):
        if true():  # type: ignore[operator]
            return True
        waiting.wait(0.01)
    return False
