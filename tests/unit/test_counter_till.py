"""The drawer: what may be paid out of it, cash put in or taken to the safe before two people, and where it stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.things import CashMove
from kiosk.flow.counter.view import StaffView
from tests.counter_fakes import LIN, SECOND, WU, Counter, World

PAYOUT_FEN = 105_000  # a heron without a fault


def staff_of(counter: Counter) -> StaffView:
    shown = counter.view().staff
    assert shown is not None
    return shown


# -- paying out


def test_cash_that_the_drawer_does_not_hold_is_not_promised(staffed: Counter) -> None:
    trade = staffed.to_sealed(payout="cash")
    staffed.put_in(PAYOUT_FEN - 1)
    assert staffed.do(c.TradeSettle(trade)) == "cash_short"
    said = staffed.trade(trade).said
    assert said is not None
    assert said.values == {"have_fen": PAYOUT_FEN - 1, "need_fen": PAYOUT_FEN}
    assert staffed.trade(trade).settlement == ""
    assert "settlement.intended" not in staffed.entries(trade)
    staffed.put_in(1)
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashHanded(trade))
    assert staff_of(staffed).cash_fen == 0
    assert staffed.trade(trade).state == "settled"


def test_cash_that_went_to_the_safe_in_between_is_not_handed_over(staffed: Counter) -> None:
    trade = staffed.to_sealed(payout="cash")
    staffed.put_in(PAYOUT_FEN)
    staffed.must(c.TradeSettle(trade))
    staffed.must(c.CashChange(-100, "safe", SECOND))
    assert staffed.do(c.CashHanded(trade)) == "cash_short"
    shown = staffed.trade(trade)
    assert (shown.state, shown.settlement, shown.next) == ("sealed", "intended", ("CashHanded",))
    staffed.put_in(100)
    staffed.must(c.CashHanded(trade))
    assert staff_of(staffed).cash_fen == 0


@pytest.mark.parametrize("promised", [False, True])
def test_where_the_cash_is_missing_the_money_may_go_by_transfer(
    staffed: Counter, world: World, promised: bool
) -> None:
    trade = staffed.to_sealed(payout="cash")
    if promised:
        staffed.put_in(PAYOUT_FEN)
        staffed.must(c.TradeSettle(trade))
        staffed.must(c.CashChange(-1, "safe", SECOND))
    else:
        assert staffed.do(c.TradeSettle(trade)) == "cash_short"
    staffed.must(c.TradeSettle(trade, "transfer"))
    key = f"{trade}-2" if promised else trade
    assert world.payments.moved == {key: PAYOUT_FEN}
    assert staffed.trade(trade).state == "settled"
    assert [one.state.value for one in staffed.store.settlements(trade)] == ["refused", "paid"][
        1 - promised :
    ]
    assert staffed.do(c.CashHanded(trade)) == "not_now", "it is paid, and no cash follows"
    assert staff_of(staffed).cash_fen == (PAYOUT_FEN - 1 if promised else 0)


def test_who_was_promised_cash_that_is_there_gets_cash(staffed: Counter, world: World) -> None:
    trade = staffed.to_sealed(payout="cash")
    staffed.put_in(PAYOUT_FEN)
    assert staffed.do(c.TradeSettle(trade, "transfer")) == "payout_wrong"
    staffed.must(c.TradeSettle(trade))
    assert staffed.do(c.TradeSettle(trade, "transfer")) == "payout_wrong"
    assert world.payments.moved == {}
    staffed.must(c.CashHanded(trade))


@pytest.mark.parametrize("method", ["", "cash"])
def test_asking_again_for_cash_that_is_promised_does_nothing_more(staffed: Counter, method: str) -> None:
    trade = staffed.to_sealed(payout="cash")
    staffed.put_in(PAYOUT_FEN)
    staffed.must(c.TradeSettle(trade))
    told = staffed.entries(trade)
    staffed.must(c.TradeSettle(trade, method))
    assert staffed.entries(trade) == told
    assert [one.key for one in staffed.store.settlements(trade)] == [trade]


def test_a_transfer_that_nobody_can_make_leaves_the_promised_cash_promised(world: World) -> None:
    counter = Counter(world, payments=None)
    counter.log_in(LIN)
    trade = counter.to_sealed(payout="cash")
    counter.put_in(PAYOUT_FEN)
    counter.must(c.TradeSettle(trade))
    counter.must(c.CashChange(-1, "safe", SECOND))
    assert counter.do(c.TradeSettle(trade, "transfer")) == "payments_missing"
    assert counter.trade(trade).settlement == "intended"
    counter.put_in(1)
    counter.must(c.CashHanded(trade))


# -- put in, taken out


def test_cash_changes_before_two_people_and_stands_in_the_book(staffed: Counter) -> None:
    staffed.must(c.CashChange(50_000, " float ", SECOND))
    staffed.must(c.CashChange(-20_000, "safe", SECOND))
    assert staff_of(staffed).cash_fen == 30_000
    assert staffed.bodies("cash.changed") == [
        {"amount_fen": 50_000, "reason": "float", "second": SECOND.staff},
        {"amount_fen": -20_000, "reason": "safe", "second": SECOND.staff},
    ]
    shift = staff_of(staffed).shift
    assert [move.amount_fen for move in staffed.store.cash_moves(shift)] == [50_000, -20_000]


def test_a_book_that_stands_below_nothing_can_be_filled_up(staffed: Counter) -> None:
    """Earlier versions paid out what the drawer did not hold."""
    owed = CashMove("OWED", staff_of(staffed).shift, "", -1000, staffed.world.clock.wall_ms())
    staffed.work.commit(owed)
    staffed.put_in(500)
    assert staffed.do(c.CashChange(-1, "safe", SECOND)) == "cash_short"
    staffed.put_in(501)
    staffed.must(c.CashChange(-1, "safe", SECOND))
    assert staff_of(staffed).cash_fen == 0


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (c.CashChange(0, "float", SECOND), "cash_amount"),
        (c.CashChange(10_000_001, "float", SECOND), "cash_amount"),
        (c.CashChange(-10_000_001, "float", SECOND), "cash_amount"),
        (c.CashChange(100, "  ", SECOND), "cash_reason"),
        (c.CashChange(100, "x" * 41, SECOND), "cash_reason"),
        (c.CashChange(100, "a\nb", SECOND), "cash_reason"),
        (c.CashChange(-1001, "safe", SECOND), "cash_short"),
        (c.CashChange(100, "float", c.Second(*LIN)), "second_same"),
        (c.CashChange(100, "float", c.Second(SECOND.staff, "111111")), "pin_wrong"),
    ],
)
def test_cash_that_may_not_change_moves_nothing(staffed: Counter, command: c.CashChange, reason: str) -> None:
    staffed.put_in(1000)
    assert staffed.do(command) == reason
    assert staff_of(staffed).cash_fen == 1000
    assert len(staffed.bodies("cash.changed")) == 1


def test_nobody_changes_cash_without_a_shift_or_a_log_in(counter: Counter) -> None:
    assert counter.do(c.CashChange(100, "float", SECOND)) == "not_logged_in"
    counter.log_in()
    counter.must(c.ShiftClose(0))
    assert counter.do(c.CashChange(100, "float", SECOND)) == "not_logged_in"


def test_the_shift_closes_on_what_was_put_in_and_taken_and_its_slip_says_so(
    staffed: Counter, world: World
) -> None:
    staffed.put_in(70_000)
    staffed.must(c.CashChange(-20_000, "safe", SECOND))
    assert staffed.do(c.ShiftClose(70_000)) == "cash_differs"
    staffed.must(c.ShiftClose(50_000))
    closed = staffed.bodies("shift.closed")[0]
    assert (closed["expected_fen"], closed["difference_fen"]) == (50_000, 0)
    rows = {line.text: line.right for line in world.printer.paper[-1] if line.kind == "pair"}
    assert (rows["放入现金"], rows["存入保险柜"]) == ("￥700.00", "￥200.00")
    assert (rows["付出现金"], rows["收入现金"]) == ("￥0.00", "￥0.00")


def test_the_rows_of_the_shift_slip_add_up_to_what_the_drawer_should_hold(world: World) -> None:
    counter = Counter(world)
    counter.work.tools = replace(
        counter.work.tools, shop=replace(counter.work.tools.shop, first_float_fen=700_00)
    )
    counter.log_in(LIN)
    counter.put_in(PAYOUT_FEN)
    trade = counter.to_sealed(payout="cash")
    for command in (c.TradeSettle(trade), c.CashHanded(trade), c.CashChange(-100_00, "safe", SECOND)):
        counter.must(command)
    expected_fen = staff_of(counter).cash_fen
    counter.must(c.ShiftClose(expected_fen))
    rows = {line.text: line.right for line in world.printer.paper[-1]}
    fen = {
        name: round(float(rows[name].lstrip("￥¥").replace(",", "")) * 100)
        for name in ("上班次留下", "收入现金", "付出现金", "放入现金", "存入保险柜", "应有现金")
    }
    assert fen["上班次留下"] == 700_00
    assert fen["付出现金"] == PAYOUT_FEN
    assert (
        expected_fen
        == fen["应有现金"]
        == (fen["上班次留下"] + fen["收入现金"] - fen["付出现金"] + fen["放入现金"] - fen["存入保险柜"])
    )


@pytest.mark.parametrize(("reason", "second"), [("", SECOND), ("  ", SECOND), ("a coin is missing", None)])
def test_a_difference_wants_both_a_second_person_and_a_reason(
    staffed: Counter, reason: str, second: c.Second | None
) -> None:
    assert staffed.do(c.ShiftClose(1, reason, second)) == "cash_differs"
    assert "shift.closed" not in staffed.entries()


def test_a_second_person_whose_certificate_has_expired_is_none(staffed: Counter, world: World) -> None:
    found, pin = world.reference.people[WU[0]]
    world.reference.people[WU[0]] = (replace(found, certificate_until=date(2026, 1, 1)), pin)
    assert staffed.do(c.CashChange(100, "float", SECOND)) == "certificate_expired"
    assert staffed.bodies("cash.changed") == []
