"""Three shops, one network, and whatever can happen to them in any order. What must hold is in custody_checks.py."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant

from kiosk.flow.counter import commands as c
from recycling.goods import Category
from tests import custody_checks
from tests.custody_goods import Goods
from tests.custody_people import People
from tests.custody_shop import STAFF
from tests.custody_stage import SHOPS, shops
from tests.custody_trading import Trading


class Custody(Trading, Goods, People):
    """Rules are what people, devices and the clock can do; none of them knows what is right."""

    @initialize(
        trades=st.lists(st.tuples(shops, st.integers(0, 15)), min_size=2, max_size=4),
        first=st.tuples(*(st.sampled_from(sorted(STAFF)) for _ in SHOPS)),
        months=st.integers(0, 1),
    )
    def begin(self, trades: list[tuple[int, int]], first: tuple[str, ...], months: int) -> None:
        """Somebody opens each shop; some days have gone before."""
        for at, shop in enumerate(self.shops):
            shop.do(c.StaffIn(first[at], STAFF[first[at]]))
            self.somebody_drops(at, Category.CHARGER, 90)
        self.somebody_drops(trades[0][0], Category.PHONE, 180)
        for at, (which, variant) in enumerate(trades):
            self.shops[which].do(c.TradeBegin("zh"))
            self._goes_on(self.shops[which], len(self.shops[which].trades()) - 1, 11, variant + at, True)
        self.clock.pass_days(31 * months)

    @invariant()
    def holds(self) -> None:
        """Everything, after every rule."""
        found = []
        for shop in self.shops:
            books = shop.checked()
            self.network.hear(shop.name, books)
            found.append(books)
        custody_checks.network(found, self.imei_of)
