"""Drop-off and trade-in over real devices with their faults: one clear line, the next step, and nothing lost.

Two stations, one headquarters, real firmware and protocols; people are simulated and press what the screens offer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.scan import UNREADABLE, Wedge
from station.counter_staff import SOUND, Deal
from station.errors import StationError
from station.sample_shop import BLACKLISTED_IMEI, FIRST, MANAGER
from tests.e2e.counters import Counter, Network, imei

# One worker runs all of this file, so that its network starts once.
pytestmark = pytest.mark.tool("mosquitto")

WORDS = Path(__file__).parents[2] / "kiosk" / "ui" / "locale"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    with Network(tmp_path_factory.mktemp("network"), ("A", "B"), ("heron",)) as running:
        yield running


@pytest.fixture
def counter(network: Network) -> Iterator[Counter]:
    """Station A, with everything in order before and after."""
    here = network.counters["A"]
    yield here
    here.mend()
    if here.finger.view.drop is not None:
        here.finger.press_unoffered(c.DropDone(here.finger.drop().drop))


def has_words(reason: str) -> bool:
    """Whether what happened and the next step have words in both languages."""
    tables = [json.loads((WORDS / f"said.{language}.json").read_text("utf-8")) for language in ("zh", "en")]
    return all(table["said"].get(reason, {}).get(part) for table in tables for part in ("what", "next"))


# -- the dock


def test_a_scale_that_drifts_takes_nothing_by_a_false_figure_and_finds_its_zero(counter: Counter) -> None:
    drop = counter.visitor.begin("charger")
    counter.hands.dock.take()
    counter.hands.dock.fault("drift:250")  # too far for a tare
    counter.hands.dock.pass_time(12)
    counter.finger.wait(lambda: "scale_drift" in counter.troubles(), "the drift is told to staff")
    counter.hands.put("charger")
    counter.hands.dock.pass_time(2)
    counter.finger.wait(lambda: counter.finger.drop().scale == "trouble", "the screen says so")
    said = counter.visitor.open()
    assert said is not None
    assert said.reason == "scale_drift"
    assert has_words("scale_drift")
    assert counter.finger.drop().step == "weigh"
    assert "drop.assigned" not in counter.kinds(drop)
    counter.hands.dock.take()
    counter.hands.dock.fault("drift:12")
    counter.finger.wait(lambda: "scale_drift" not in counter.troubles(), "the scale found its zero")
    counter.visitor.into_bin("charger")
    counter.finger.wait(lambda: counter.finger.drop().step == "receipt", "the receipt")
    receipt = counter.finger.drop().receipt
    assert receipt is not None
    assert receipt.mass_g == 118
    counter.hands.dock.wait(5, bin3_lock="locked")  # nobody puts in a second thing behind it
    counter.hands.dock.fault("none")
    counter.hands.dock.pass_time(12)
    counter.finger.wait(lambda: "scale_drift" in counter.troubles(), "the other way round, too")
    counter.clock.pass_ms(10_000)
    counter.finger.wait(lambda: "scale_drift" not in counter.troubles(), "the scale found its zero again")


def test_a_flap_that_jams_calls_staff_and_the_thing_stays_in_the_book(counter: Counter) -> None:
    drop = counter.visitor.begin("accessory")
    counter.visitor.weigh("accessory")
    counter.hands.dock.fault("jam-flap:4")
    assert counter.visitor.open() is None
    counter.finger.wait(lambda: counter.finger.drop().door == "released", "released")
    counter.hands.dock.open_flap(4)
    counter.finger.wait(lambda: counter.finger.drop().step == "staff", "staff are called")
    said = counter.finger.drop().said
    assert said is not None
    assert (said.reason, said.urgent) == ("flap_jammed", True)
    assert has_words("flap_jammed")
    assert "call.requested" in counter.kinds(drop)
    counter.finger.wait(lambda: "flap_jammed" in counter.troubles(), "the jam is told to staff")
    (item,) = [one for one in counter.finger.view.items if one.place.startswith("entering")]
    assert item.mass_g == 64
    counter.mend()
    counter.hands.dock.close_flap(4)
    counter.finger.wait(lambda: "flap_jammed" not in counter.troubles(), "the flap is free again")
    counter.staff.log_in(FIRST)
    assert counter.finger.ask(c.DropResolve(item.item, "owner")) is None
    assert item.item not in {one.item for one in counter.finger.view.items}
    counter.finger.wait(lambda: bin_of(counter, 4) == "open", "its bin takes things again")


def test_a_damaged_battery_goes_into_the_drawer_which_then_is_shut_and_staff_are_called(
    counter: Counter, network: Network
) -> None:
    brought = counter.visitor.bring("battery", "damaged", "en")
    assert brought.place == "drawer"
    counter.hands.dock.wait(5, drawer_lock="locked")
    assert "call.requested" in counter.kinds(brought.drop)
    (item,) = [one for one in counter.finger.view.items if one.place == "drawer"]
    told = network.told(f"/api/drops/{brought.drop}", lambda got: got["drop"]["items"])
    assert [move["place"] for move in told["chain"]] == ["scale", "entering", "drawer"]
    counter.finger.press(c.DropBegin("zh"))
    drop = counter.finger.drop().drop
    counter.finger.press(c.DropCategory(drop, "battery"))
    counter.finger.press(c.DropHazard(drop, "hot"))
    assert counter.finger.drop().step == "staff"  # one at a time: the drawer is not free
    counter.staff.log_in(MANAGER)
    second = next(one for one in counter.finger.view.items if one.hazard == "hot")
    counter.finger.press(c.DropResolve(second.item, "owner"))
    counter.staff.pack_drawer(item.item, "DB-7", 46)
    assert "quarantine:DB-7" in {one.place for one in counter.finger.view.items}


def bin_of(counter: Counter, number: int) -> str:
    return next(one.state for one in counter.finger.view.bins if one.number == number)


@pytest.mark.parametrize(("fault", "trouble"), [("no-paper", "printer_no_paper"), ("off", "printer_off")])
def test_a_printer_that_fails_leaves_the_receipt_on_the_screen_and_prints_it_once_later(
    counter: Counter, fault: str, trouble: str
) -> None:
    counter.hands.printer.fault(fault)
    drop = counter.visitor.begin("charger")
    counter.visitor.into_bin("charger")
    counter.finger.wait(lambda: printed(counter) == "waiting", "the slip waits")
    receipt = counter.finger.drop().receipt
    assert receipt is not None
    assert drop in receipt.slip
    counter.finger.wait(lambda: trouble in counter.troubles(), "staff are told")
    assert has_words(trouble)
    assert counter.finger.view.waiting_slips == 1
    counter.finger.press(c.DropDone(drop))
    counter.hands.printer.mend()
    counter.clock.pass_ms(10_000)
    counter.finger.wait(lambda: "print.done" in counter.kinds(drop), "it is printed")
    assert counter.kinds(drop).count("print.done") == 1
    pages = [page.read_text("utf-8") for page in (counter.shop.folder / "paper").glob("slip-*.txt")]
    assert sum(drop in page for page in pages) == 1


def printed(counter: Counter) -> str:
    drop = counter.finger.view.drop
    return drop.receipt.printed if drop is not None and drop.receipt is not None else ""


def test_a_full_bin_locks_and_the_next_person_is_told_what_to_do(counter: Counter) -> None:
    counter.hands.dock.fill(2, 95)
    counter.finger.wait(lambda: bin_of(counter, 2) == "locked", "the full bin is locked")
    counter.finger.press(c.DropBegin("zh"))
    drop = counter.finger.drop().drop
    counter.finger.press(c.DropCategory(drop, "battery"))
    said = counter.finger.ask(c.DropHazard(drop, "none"))
    assert said is not None
    assert said.reason == "bins_full"
    assert has_words("bins_full")
    assert counter.hands.dock.status()["bin2_lock"] == "locked"


# -- the counter's devices


def test_without_a_camera_the_trade_goes_on(counter: Counter) -> None:
    counter.stop()
    try:
        counter.start(camera="/nonexistent/camera")
        counter.staff.log_in(FIRST)
        deal = Deal(imei(101), "heron", "", photos=())
        trade = counter.staff.checked(deal)
        said = counter.finger.ask(c.TradePhoto(trade, "front"))
        assert said is not None
        assert said.reason == "camera_missing"
        assert has_words("camera_missing")
        counter.hands.put("phone")
        counter.staff.press_at_rest(c.TradeInspect(trade, SOUND))
        assert counter.finger.trade(trade).state == "inspected"
        counter.finger.press(c.TradeDecline(trade))
        counter.finger.press(c.TradeReturn(trade))
    finally:
        counter.stop()
        counter.start()


def test_rubbish_from_the_scanner_or_the_keypad_changes_nothing(counter: Counter) -> None:
    wedge = Wedge()
    scans = [wedge.key(char, 0.01 * index) for index, char in enumerate("\x02~~<>356\n")]
    assert scans[-1] is not None
    assert scans[-1].reason == UNREADABLE
    assert has_words(UNREADABLE)
    counter.staff.log_in(FIRST)
    counter.finger.press(c.TradeBegin("zh"))
    trade = counter.finger.view.trades[0].trade
    before = counter.kinds(trade)
    for typed, reason in (
        ("000000000000000", "imei_zero"),
        (imei(102)[:-1] + "x", "imei_digits"),
        (imei(102)[:14], "imei_length"),
        (imei(102)[:-1] + str((int(imei(102)[-1]) + 1) % 10), "imei_check"),
    ):
        said = counter.finger.ask(c.TradeIdentify(trade, typed, model="wren"))
        assert said is not None
        assert said.reason == reason
        assert has_words(reason)
    assert counter.finger.trade(trade).state == "draft"
    assert counter.kinds(trade) == before
    counter.finger.press(c.TradeDecline(trade))
    counter.finger.press(c.TradeReturn(trade))


def test_a_locked_phone_is_guided_through_its_own_reset_and_certified(
    counter: Counter, network: Network
) -> None:
    phone = network.customer()
    phone.wait(30, mode="normal")
    deal = Deal(phone.status()["imei"], "heron", "1", payout="transfer")
    counter.staff.log_in(FIRST)
    trade = counter.staff.take_in(deal)
    counter.staff.offer(trade, deal)
    counter.staff.accept(trade, deal)
    shown = counter.staff.reset_by_hand(trade, "1", phone)
    assert (shown.erasure.method, shown.erasure.state) == ("factory_reset", "certified")
    assert shown.certificate
    assert phone.status()["user_objects"] == 0
    counter.staff.seal(trade, "SEAL-900001")
    assert counter.staff.settle(trade).settlement == "paid"


# -- fraud, and headquarters


def test_a_blacklisted_phone_is_stopped_and_only_staff_see_why(counter: Counter, network: Network) -> None:
    counter.staff.log_in(FIRST)
    trade = counter.staff.checked(Deal(BLACKLISTED_IMEI, "heron", ""))
    shown = counter.finger.trade(trade)
    assert (shown.state, shown.stopped, shown.next) == ("stopped", "blacklisted", ("TradeReturn",))
    assert "call.requested" in counter.kinds(trade)
    flags = network.told("/api/fraud", lambda got: any(one["subject"] == trade for one in got["flags"]))
    assert {one["rule"] for one in flags["flags"] if one["subject"] == trade} == {"blacklisted"}
    assert counter.hands.printer.status()["slips"] == 0 or BLACKLISTED_IMEI not in paper(counter)
    counter.finger.press(c.TradeReturn(trade))


def paper(counter: Counter) -> str:
    return str(counter.hands.printer.status()["text"])


def test_a_phone_that_is_live_at_another_station_is_stopped_here(counter: Counter, network: Network) -> None:
    other = network.counters["B"]
    there, here = counter, other
    there.staff.log_in(FIRST)
    first = there.staff.checked(Deal(imei(201), "wren", ""))
    assert there.finger.trade(first).checks["claim"] == "granted"
    here.staff.log_in(MANAGER)
    second = here.staff.checked(Deal(imei(201), "wren", ""))
    assert here.finger.trade(second).stopped == "claim_elsewhere"
    network.told("/api/fraud", lambda got: any(one["subject"] == second for one in got["flags"]))
    there.finger.press(c.TradeDecline(first))
    there.finger.press(c.TradeReturn(first))
    here.finger.press(c.TradeReturn(second))
    network.told(f"/api/trades/{first}", lambda got: got["trade"]["state"] == "returned")
    third = here.staff.checked(Deal(imei(201), "wren", ""))
    assert here.finger.trade(third).state == "cleared"
    here.finger.press(c.TradeDecline(third))
    here.finger.press(c.TradeReturn(third))


def test_an_offline_acceptance_stays_provisional_and_unpaid_until_headquarters_answers(
    counter: Counter, network: Network
) -> None:
    network.hq_goes()
    try:
        trade = counter.sealed(301)
        shown = counter.finger.trade(trade)
        assert (shown.provisional, shown.state, shown.settlement) == (True, "sealed", "waiting")
        assert shown.next == ()
        said = counter.finger.press_unoffered(c.TradeSettle(trade))
        assert said is not None
        assert said.reason == "provisional"
        assert has_words("provisional")
        assert "settlement.intended" not in counter.kinds(trade)
    finally:
        network.hq_comes()
    network.told("/api/stations", lambda got: got["stations"])
    counter.clock.pass_ms(60_000)
    counter.finger.wait(
        lambda: not counter.finger.trade(trade).provisional or _later(counter), "headquarters answers"
    )
    assert "trade.confirmed" in counter.kinds(trade)
    assert counter.staff.settle(trade).settlement == "paid"
    assert counter.kinds(trade).count("settlement.paid") == 1


def _later(counter: Counter) -> bool:
    counter.clock.pass_ms(5_000)
    return False


def test_a_voucher_is_good_once_in_the_whole_network(counter: Counter, network: Network) -> None:
    trade = counter.sealed(401, new_price_fen=100, payout="top_up")
    shown = counter.staff.settle(trade)
    assert shown.quote is not None
    assert (shown.quote.price_fen, shown.quote.voucher_fen, shown.quote.to_pay_fen) == (500, 400, 0)
    code = shown.voucher
    network.told(f"/api/trades/{trade}", lambda got: got["trade"]["voucher_fen"] == 400)
    other = network.counters["B"]
    other.staff.log_in(FIRST)
    assert other.finger.ask(c.VoucherRedeem(code, 5_000)) is None
    counter.staff.log_in(MANAGER)
    said = counter.finger.ask(c.VoucherRedeem(code, 5_000))
    assert said is not None
    assert said.reason == "voucher_used"
    assert has_words("voucher_used")
    said = other.finger.ask(c.VoucherRedeem(code, 5_000))
    assert said is not None
    assert said.reason == "voucher_used"
    flags = network.told(
        "/api/fraud", lambda got: sum(one["rule"] == "voucher_replay" for one in got["flags"]) == 2
    )
    assert {one["station"] for one in flags["flags"] if one["rule"] == "voucher_replay"} == {"A", "B"}


def test_the_attendant_presses_nothing_that_the_screen_does_not_offer(counter: Counter) -> None:
    counter.staff.log_in(FIRST)
    counter.finger.press(c.TradeBegin("zh"))
    trade = counter.finger.view.trades[0].trade
    counter.finger.timeout_s = 0.2
    try:
        with pytest.raises(StationError, match="TradeSettle is offered"):
            counter.finger.press(c.TradeSettle(trade))
    finally:
        counter.finger.timeout_s = 60.0
    counter.finger.press(c.TradeDecline(trade))
    counter.finger.press(c.TradeReturn(trade))
