"""Three shops of one network, step by step: what a search through random days takes long to come by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk.flow.counter import commands as c
from recycling.trade import State
from tests.counter_fakes import IMEIS
from tests.custody_machine import Custody
from tests.custody_shop import STAFF, Shop

TO_SETTLED = 10
VOUCHER = 2
"""The variant of a phone that is worth more than the new one."""


@pytest.fixture
def days() -> Iterator[Custody]:
    one = Custody()
    for shop in one.shops:
        shop.log_in()
    yield one
    one.holds()
    one.teardown()


def reason(shop: Shop, command: c.Command) -> str:
    shop.do(command)
    ticket = shop._ticket
    shop.deliver_all()
    return next((one.reason for one in shop.work.said.values() if one.ticket == ticket), "")


def traded(days: Custody, shop: Shop, variant: int = VOUCHER) -> str:
    """A phone, paid for."""
    shop.do(c.TradeBegin("zh"))
    days._goes_on(shop, len(shop.trades()) - 1, TO_SETTLED, variant, True)
    trade = shop.trades()[-1]
    assert trade.state is State.SETTLED
    days.holds()
    return trade.trade


def test_a_phone_that_is_live_at_one_shop_is_cleared_at_no_other(days: Custody) -> None:
    north, south, west = days.shops
    traded(days, north)
    for shop in (south, west):
        shop.do(c.TradeBegin("zh"))
        trade = shop.trades()[-1].trade
        shop.do(c.TradeIdentify(trade, IMEIS[VOUCHER], model="kinglet"))
        assert reason(shop, c.TradeCheck(trade)) == ""
        stopped = shop.trades()[-1]
        assert (stopped.state, stopped.stopped) == (State.STOPPED, "claim_elsewhere")


def test_a_voucher_of_one_shop_is_good_once_at_a_third(days: Custody) -> None:
    north, _, west = days.shops
    trade = traded(days, north)
    code = north.work.memory.vouchers[trade]
    assert reason(west, c.VoucherRedeem(code, 900_000)) == ""
    days.holds()
    assert [reason(shop, c.VoucherRedeem(code, 900_000)) for shop in days.shops] == ["voucher_used"] * 3


@pytest.mark.parametrize("second", [False, True])
def test_a_power_cut_after_each_wrong_pin_brings_no_fresh_guesses(days: Custody, second: bool) -> None:
    north = days.shops[0]
    guess = c.CashChange(100, "float", c.Second("9001", "000000")) if second else c.StaffIn("9001", "000000")
    north.do(c.StaffOut())
    for _ in range(12):
        if second:
            north.do(c.StaffIn("1002", STAFF["1002"]))
        north.cut(2)  # the refusal is written down, and nobody is told
        north.do(guess)
        north.cut(0)
    assert reason(north, c.StaffIn("9001", STAFF["9001"])) == "pin_wait"
    assert north.kills == 3
