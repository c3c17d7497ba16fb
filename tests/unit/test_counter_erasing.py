"""Erasing a customer's phone at the counter: whose it is, how, and what is said of it."""

from __future__ import annotations

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import ANSWERS, IMEIS, LIN, ZHAO, Counter, World


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
    staffed.put_in(105_000)
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashHanded(trade))
    staffed.must(c.TradeHold(trade, "Q1"))
    assert staffed.trade(trade).place == "quarantine:Q1"
