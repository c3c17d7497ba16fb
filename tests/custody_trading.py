"""Acts of trading in: the usual way of a phone, some steps of it, and any touch at any time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kiosk.flow.counter import commands as c
from recycling.erasure import State as Erasing
from recycling.goods import Hazard
from recycling.trade import CONSENTS, State, Trade
from tests.counter_fakes import ANSWERS, IMEIS, SIGNATURE, FakePhone
from tests.custody_shop import BAY, Shop
from tests.custody_stage import Stage, bins, numbers, shops

MODELS = {"heron": 180, "wren": 150, "kinglet": 210}
ID_NUMBERS = ("110101199003070000", "110101198012120000")
PHONE_NUMBER = "13800000000"
SEEN = (
    ANSWERS,
    {**ANSWERS, "screen": "cracked"},
    {**ANSWERS, "swollen": "yes"},
    {**ANSWERS, "powers_on": "no"},
)


class Trading(Stage):
    """At the counter."""

    @rule(shop=shops)
    def trade_begins(self, shop: int) -> None:
        self.shops[shop].do(c.TradeBegin("zh"))

    @rule(
        shop=shops, which=numbers, steps=st.integers(1, 14), variant=st.integers(0, 15), prompt=st.booleans()
    )
    def trade_goes_on(self, shop: int, which: int, steps: int, variant: int, prompt: bool) -> None:
        """The usual way, some steps of it."""
        self._goes_on(self.shops[shop], which, steps, variant, prompt)

    @rule(shop=shops, steps=st.integers(9, 20), variant=st.sampled_from((0, 0, 1, 2, 3, 5, 8)))
    def trade_runs(self, shop: int, steps: int, variant: int) -> None:
        """Begun and taken a long way at once."""
        place = self.shops[shop]
        if len(place.trades()) < 5:
            place.do(c.TradeBegin("en"))
        self._goes_on(place, len(place.trades()) - 1, steps, variant, True)

    def _goes_on(self, shop: Shop, which: int, steps: int, variant: int, prompt: bool) -> None:
        known = shop.trades()
        if not known:
            return
        name = known[which % len(known)].trade
        for _ in range(steps):
            trade = shop.work.memory.trades.get(name)
            if trade is None:
                return
            shop.log_in()
            self._next(shop, trade, variant)
            if prompt:
                shop.deliver_all()

    def _next(self, shop: Shop, trade: Trade, variant: int) -> None:
        name = trade.trade
        match trade.state:
            case State.DRAFT:
                imei = IMEIS[variant % 3]
                shop.do(
                    c.TradeIdentify(
                        name, imei, model=tuple(MODELS)[variant % 3], bay="1" if variant & 4 else ""
                    )
                )
            case State.IDENTIFIED:
                shop.do(c.TradeCheck(name, "frp" if variant == 7 else "none"))
            case State.CLEARED:
                if variant & 1:
                    shop.do(c.TradePhoto(name, "front"))
                    shop.deliver_all()
                shop.dock.put(MODELS.get(trade.model, 180))
                shop.do(c.TradeInspect(name, SEEN[variant % len(SEEN) if variant > 7 else 0]))
                shop.dock.put(0)
            case State.INSPECTED:
                new_fen = (0, 0, 30_000, 900_000)[variant % 4]
                override = 50_000 if variant == 11 else None
                shop.do(c.TradeQuote(name, new_fen, override, "loyal" if override else ""))
            case State.QUOTED:
                shop.do(c.TradeOffer(name))
                if shop.work.memory.trades[name].state is State.QUOTED:
                    shop.do(c.TradeApprove(name, shop.second()))
            case State.OFFERED:
                self._accepts(shop, trade, variant)
            case _:
                self._after(shop, trade, variant)

    def _accepts(self, shop: Shop, trade: Trade, variant: int) -> None:
        top_up = trade.quote is not None and trade.quote.new_price_fen
        payout = "top_up" if top_up else ("cash", "transfer")[variant & 1]
        number = ID_NUMBERS[variant % 2]
        shop.do(
            c.TradeAccept(
                trade.trade, CONSENTS, "2026-1", "done", "id_card", number, SIGNATURE, payout, PHONE_NUMBER
            )
        )

    def _after(self, shop: Shop, trade: Trade, variant: int) -> None:
        name = trade.trade
        match trade.state:
            case State.ACCEPTED | State.ERASING:
                self._erases(shop, trade, variant)
            case State.ERASED | State.DESTROY:
                shop.do(c.TradeSeal(name, self._seal()))
            case State.SEALED:
                shop.world.payments.fault = ("", "", "unknown_paid", "refused", "", "unknown_unpaid")[
                    variant % 6
                ]
                again = any(one.trade == name for one in shop.work.memory.settlements.values())
                shop.do(c.TradeSettle(name, "cash" if again and variant & 1 else ""))
                if trade.acceptance is not None and trade.acceptance.payout != "transfer":
                    self._cash_moves(shop, trade, variant)
            case State.SETTLED:
                shop.do(c.TradeHold(name, "A3"))
            case State.HELD:
                shop.do(c.TradeRelease(name))
            case State.RELEASED:
                shop.do(c.TradeBin(name, (1, 5)[variant & 1]))
                shop.dock.hand = name
                self._through(shop, (1, 5)[variant & 1])
            case State.DECLINED | State.EXPIRED | State.STOPPED:
                shop.do(c.TradeReturn(name))
            case _:
                shop.look()

    def _cash_moves(self, shop: Shop, trade: Trade, variant: int) -> None:
        """Counted out or in; what the drawer lacks two people put in, or somebody takes it away meanwhile."""
        said = shop.work.said.get(trade.trade)
        if said is not None and said.reason == "cash_short":
            if variant & 8:
                shop.do(c.CashChange(150_000, "float", shop.second()))
            shop.do(c.TradeSettle(trade.trade, "" if variant & 8 else "transfer"))
        elif variant & 2:
            shift = shop.work.memory.shift
            held_fen = shop.store.cash_fen(shift.shift) if shift else 0
            shop.do(c.CashChange(-held_fen, "safe", shop.second()))
        shop.do(c.CashHanded(trade.trade, trade.quote.to_pay_fen if trade.quote else 0))

    def _erases(self, shop: Shop, trade: Trade, variant: int) -> None:
        name = trade.trade
        known = shop.work.memory.erasures.get(name)
        if known is not None and known.method == "factory_reset" and known.state is Erasing.RUNNING:
            if variant != 6 and BAY in shop.world.eraser.phones:
                shop.world.eraser.factory_reset(BAY)
            shop.do(c.EraseResetDone(name, variant % 2 == 0))
            return
        if (known is not None and known.attempt >= 3) or trade.hazard is not Hazard.NONE:
            shop.do(c.EraseGiveUp(name, "no"))
            return
        phone = FakePhone(trade.model, f"S-{trade.imei}", trade.imei, unlocked=variant % 3 != 1)
        shop.world.eraser.phones[BAY] = replace(phone, lies=variant == 9)
        shop.do(c.EraseStart(name, "1"))

    @rule(shop=shops, which=numbers, what=st.integers(0, 17), seal=st.integers(1, 4), number=bins)
    def out_of_order(self, shop: int, which: int, what: int, seal: int, number: int) -> None:
        """Any touch at any time, also about what it is not meant for."""
        place = self.shops[shop]
        memory = place.work.memory
        names = sorted({*memory.trades, *memory.items})
        if not names:
            return
        name = names[which % len(names)]
        second = place.second()
        place.do(
            (
                c.TradeIdentify(name, IMEIS[0], model="heron"),
                c.TradeCheck(name, ("none", "frp")[seal % 2]),
                c.TradeInspect(name, SEEN[seal % 4], weigh=False),
                c.TradeQuote(name, 0, 120_000 if seal == 1 else None, "loyal"),
                c.TradeApprove(name, second),
                c.TradeOffer(name),
                c.TradeDecline(name),
                c.TradeReturn(name),
                c.EraseStart(name, "1"),
                c.EraseGiveUp(name, "dead"),
                c.TradeSeal(name, f"SEAL-{seal:04}"),
                c.TradeSettle(name, ("", "cash", "transfer")[seal % 3]),
                c.CashHanded(name, 1_000_000),
                c.TradeHold(name, "B1"),
                c.TradeRelease(name),
                c.TradeBin(name, number),
                c.DrawerEmpty(name, f"P{seal}", 300),
                c.DropResolve(name, ("bin", "owner", "quarantine", "shelf")[seal - 1], 200),
            )[what]
        )
