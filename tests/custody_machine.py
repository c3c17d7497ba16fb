"""Two shops, one network, and whatever can happen to them in any order. What must hold is in custody_checks.py."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kiosk.flow.counter import commands as c
from kiosk.store.database import Database
from recycling.erasure import State as Erasing
from recycling.goods import Category, Hazard
from recycling.manifest import LineAnswer, Manifest
from recycling.manifest import State as Shipping
from recycling.processor_answer import Answer, encode
from recycling.trade import CONSENTS, State, Trade
from tests import custody_checks, custody_ends
from tests.counter_fakes import ANSWERS, BINS, IMEIS, SIGNATURE, FakeClock, FakePhone
from tests.custody_shop import BAY, STAFF, Network, Shop

SHOPS = ("north", "south")
MODELS = {"heron": 180, "wren": 150, "kinglet": 210}
ID_NUMBERS = ("110101199003070000", "110101198012120000")
PHONE_NUMBER = "13800000000"
KEYS = {"green": "11" * 32, "small": "33" * 32}
SEEN = (
    ANSWERS,
    {**ANSWERS, "screen": "cracked"},
    {**ANSWERS, "swollen": "yes"},
    {**ANSWERS, "powers_on": "no"},
)

shops = st.integers(0, len(SHOPS) - 1)
numbers = st.integers(0, 5)
bins = st.sampled_from(sorted(BINS))
_TEMPLATES: dict[str, tempfile.TemporaryDirectory[str]] = {}
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where the databases lie: what is checked is what they hold, not that a disk keeps it."""


def template(name: str) -> Path:
    """A fresh database, made once: migrating one takes longer than a whole example."""
    if name not in _TEMPLATES:
        _TEMPLATES[name] = tempfile.TemporaryDirectory(prefix="custody-", dir=MEMORY)
        Database(Path(_TEMPLATES[name].name), name).close()
    return Path(_TEMPLATES[name].name)


class Custody(RuleBasedStateMachine):
    """Rules are what people, devices and the clock can do; none of them knows what is right."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="custody-", dir=MEMORY)
        self.clock, self.network = FakeClock(), Network()
        root = Path(self._folder.name)
        self.shops = [Shop(name, root / name, template(name), self.clock, self.network) for name in SHOPS]
        self.months = self.seals = 0
        self.imei_of = {shop.store.digest(imei): imei for shop in self.shops for imei in IMEIS}
        self.vouchers: list[str] = []

    def teardown(self) -> None:
        try:
            custody_ends.ending(self.shops, self.network, self.clock, self.imei_of)
        finally:
            for shop in self.shops:
                shop.close()
            self._folder.cleanup()

    @initialize(
        trades=st.lists(st.tuples(shops, st.integers(0, 15)), min_size=2, max_size=4),
        months=st.integers(0, 1),
    )
    def begin(self, trades: list[tuple[int, int]], months: int) -> None:
        """The manager opens each shop; some days have gone before."""
        for at, shop in enumerate(self.shops):
            shop.log_in()
            self.somebody_drops(at, Category.CHARGER, 90)
            self.somebody_drops(at, Category.PHONE, 180)
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

    # -- trade-ins

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
                    shop.do(c.CashHanded(name, trade.quote.to_pay_fen if trade.quote else 0))
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

    def _seal(self) -> str:
        self.seals += 1
        return f"SEAL-{self.seals:04}"

    def _through(self, shop: Shop, number: int) -> None:
        """The hands, as they should be."""
        shop.look()
        shop.dock.open(number)
        shop.look()
        shop.dock.fall(number)
        shop.look()
        shop.dock.shut(number)
        shop.look()

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
                c.TradeSettle(name, ("", "cash")[seal % 2]),
                c.CashHanded(name, 1_000_000),
                c.TradeHold(name, "B1"),
                c.TradeRelease(name),
                c.TradeBin(name, number),
                c.DrawerEmpty(name, f"P{seal}", 300),
                c.DropResolve(name, ("bin", "owner", "quarantine", "shelf")[seal - 1], 200),
            )[what]
        )

    # -- at the bins

    @rule(
        shop=shops,
        category=st.sampled_from(sorted(Category)),
        mass_g=st.sampled_from((35, 90, 480, 501, 14_000)),
    )
    def somebody_drops(self, shop: int, category: Category, mass_g: int) -> None:
        """To the flap, and through it where it is released."""
        place = self.shops[shop]
        self._to_flap(place, category, mass_g)
        drop = next(iter(place.work.memory.drops.values()), None)
        if drop is not None and drop.bin:
            place.dock.hand = drop.item
            self._through(place, drop.bin)

    @rule(shop=shops, category=st.sampled_from(sorted(Category)), mass_g=st.sampled_from((35, 90)))
    def somebody_stands(self, shop: int, category: Category, mass_g: int) -> None:
        """To the flap; the hands are left to other rules."""
        self._to_flap(self.shops[shop], category, mass_g)

    def _to_flap(self, shop: Shop, category: Category, mass_g: int) -> None:
        shop.do(c.DropBegin("zh"))
        for drop in list(shop.work.memory.drops):
            shop.do(c.DropCategory(drop, category))
            shop.do(c.DropHazard(drop, "none"))
            if category is Category.BATTERY:
                shop.do(c.DropTaped(drop, True))
            shop.dock.put(mass_g)
            shop.look()
            shop.do(c.DropOpen(drop))

    @rule(shop=shops, hazard=st.sampled_from(("swollen", "hot")), uses=st.booleans(), empties=st.booleans())
    def somebody_warns(self, shop: int, hazard: str, uses: bool, empties: bool) -> None:
        """Something dangerous, into the drawer or not; staff may pack it."""
        place = self.shops[shop]
        place.do(c.DropBegin("en"))
        for drop in list(place.work.memory.drops):
            place.do(c.DropCategory(drop, "battery"))
            place.do(c.DropHazard(drop, hazard))
        if uses and place.dock.now.drawer == "released":
            place.dock.set(drawer="open")
            place.look()
            place.dock.set(drawer="locked", drawer_full=True)
        place.look()
        if empties and place.dock.now.drawer_full:
            place.log_in()
            place.do(c.DrawerOpen())
            place.dock.set(drawer="locked", drawer_full=False)
            for item in [one for one in place.work.memory.items.values() if str(one.place) == "drawer"]:
                place.do(c.DrawerEmpty(item.item, f"P{len(place.work.memory.items)}", 320))
        place.look()

    @rule(
        shop=shops,
        number=bins,
        act=st.sampled_from(("open", "fall", "shut", "jam", "free", "fill", "door", "empty")),
    )
    def hands(self, shop: int, number: int, act: str) -> None:
        """What hands and a worn mechanism can do."""
        dock = self.shops[shop].dock
        match act:
            case "open" | "fall" | "shut":
                if act == "fall" and not dock.hand:
                    waiting = [
                        one for one in self.shops[shop].work.memory.intents.values() if one.kind == "flap"
                    ]
                    dock.hand = next((one.subject for one in waiting if one.figures.get("bin") == number), "")
                getattr(dock, act)(number)
            case "jam":
                dock.bin(number, lambda one: replace(one, flap="jammed"))
            case "free":
                dock.bin(number, lambda one: replace(one, flap="closed", lock="locked"))
            case "fill":
                dock.bin(number, lambda one: replace(one, fill_percent=91))
            case "door" if dock.of(number).door == "released":
                dock.bin(number, lambda one: replace(one, door="open"))
            case "empty" if dock.of(number).door == "open":
                dock.inside = {item: where for item, where in dock.inside.items() if where != number}
                dock.bin(number, lambda one: replace(one, door="released", fill_percent=0))
        self.shops[shop].look()

    @rule(shop=shops, another=st.booleans())
    def person_leaves(self, shop: int, another: bool) -> None:
        place = self.shops[shop]
        for drop in list(place.work.memory.drops):
            place.do(c.DropAnother(drop) if another else c.DropDone(drop))

    # -- out

    @rule(shop=shops, processor=st.sampled_from(("green", "small", "late")))
    def manifest_begins(self, shop: int, processor: str) -> None:
        self.shops[shop].do(c.ManifestDraft(processor))

    @rule(shop=shops, which=numbers, number=bins, closes=st.booleans())
    def bin_is_emptied(self, shop: int, which: int, number: int, closes: bool) -> None:
        """Locked, opened by two, emptied, closed."""
        place = self.shops[shop]
        place.log_in()
        drafts = self._manifests(place, Shipping.DRAFT) or self._manifests(place)
        if not drafts:
            return
        place.do(c.BinEmpty(number, drafts[which % len(drafts)].manifest, place.second()))
        self.hands(shop, number, "door")
        self.hands(shop, number, "empty")
        if closes:
            place.do(c.BinClosed(number))

    @rule(
        shop=shops,
        number=bins,
        steps=st.integers(1, 9),
        refused=st.integers(0, 7),
        apart_g=st.sampled_from((0, 0, 70)),
    )
    def goods_go_out(self, shop: int, number: int, steps: int, refused: int, apart_g: int) -> None:
        """The usual way of a manifest, some steps of it."""
        place = self.shops[shop]
        place.log_in()
        if not self._manifests(place):
            place.do(c.ManifestDraft("green"))
        if not self._manifests(place):
            return
        manifest = self._manifests(place)[-1]
        name = manifest.manifest
        if manifest.state is Shipping.DRAFT:
            self.bin_is_emptied(shop, 0, number, True)
            for item in place.packable:
                place.do(c.ManifestAdd(name, item))
        acts: tuple[Callable[[], None], ...] = (
            lambda: place.do(c.ManifestSeal(name, (self._seal(),), place.second())),
            lambda: place.do(c.ManifestPickUp(name, "Hauler", "B-12345")),
            lambda: self.processor_answers(shop, -1, "answered", refused, apart_g, "green"),
            lambda: place.do(c.ManifestReviseAnswer(name, True)),
            lambda: self.processor_answers(shop, -1, "processed", 0, 0, "green"),
        )
        for act in acts[: max(0, steps - 2)]:
            act()

    @rule(shop=shops, number=bins, what=st.sampled_from(("fault", "hazard", "closed")))
    def bin_is_touched(self, shop: int, number: int, what: str) -> None:
        self.shops[shop].do(c.BinClosed(number) if what == "closed" else c.BinLock(number, what))

    @rule(shop=shops, which=numbers, item=numbers)
    def item_joins(self, shop: int, which: int, item: int) -> None:
        place = self.shops[shop]
        known, items = self._manifests(place), sorted(place.work.memory.items)
        if known and items:
            place.do(c.ManifestAdd(known[which % len(known)].manifest, items[item % len(items)]))

    @rule(shop=shops, which=numbers, means=st.sampled_from(("road", "road", "air")), fresh=st.booleans())
    def manifest_leaves(self, shop: int, which: int, means: str, fresh: bool) -> None:
        place = self.shops[shop]
        place.log_in()
        known = self._manifests(place)
        if not known:
            return
        name = known[which % len(known)].manifest
        place.do(c.ManifestSeal(name, (self._seal() if fresh else "SEAL-0001",), place.second()))
        place.do(c.ManifestPickUp(name, "Hauler", "B-12345", means))

    @rule(
        shop=shops,
        which=numbers,
        stage=st.sampled_from(
            ("received", "answered", "answered", "processed", "proposes", "agrees", "refuses")
        ),
        refused=st.integers(0, 7),
        apart_g=st.sampled_from((0, 0, 40, 4_000)),
        key=st.sampled_from(("green", "green", "small")),
    )
    def processor_answers(
        self, shop: int, which: int, stage: str, refused: int, apart_g: int, key: str
    ) -> None:
        place = self.shops[shop]
        known = self._manifests(place)
        if not known:
            return
        manifest = known[which % len(known)]
        items = tuple(
            LineAnswer(line.item, not refused >> (at % 3) & 1, line.mass_g + (apart_g if at == 0 else 0))
            for at, line in enumerate(manifest.lines)
        )
        changes = {line.item: line.mass_g + 7 for line in manifest.lines[:1]}
        answer = Answer(
            manifest.manifest,
            key,
            stage,
            self.clock.wall_ms(),
            items if stage == "answered" else (),
            changes if stage == "proposes" else {},
            manifest.mass_g if stage == "received" else 0,
        )
        place.do(c.ManifestAnswer(bytes.fromhex(KEYS[key]) + encode(answer)))

    @rule(shop=shops, which=numbers, what=st.integers(0, 2))
    def correction(self, shop: int, which: int, what: int) -> None:
        place = self.shops[shop]
        known = self._manifests(place)
        if not known:
            return
        name = known[which % len(known)].manifest
        lines = known[which % len(known)].lines
        if what == 0 and lines:
            place.do(c.ManifestRevise(name, {lines[0].item: lines[0].mass_g + 5}, "scale"))
        else:
            place.do(c.ManifestReviseAnswer(name, what == 1))

    def _manifests(self, shop: Shop, *states: Shipping) -> list[Manifest]:
        known = sorted(shop.work.memory.manifests.values(), key=lambda one: one.manifest)
        return [one for one in known if not states or one.state in states]

    # -- people, money, time, power

    @rule(shop=shops, who=st.sampled_from(sorted(STAFF)), right=st.sampled_from((True, True, True, False)))
    def somebody_else(self, shop: int, who: str, right: bool) -> None:
        self.shops[shop].do(c.StaffOut())
        self.shops[shop].do(c.StaffIn(who, STAFF[who] if right else "000000"))

    @rule(shop=shops, apart_fen=st.sampled_from((0, 0, 100)))
    def shift_ends(self, shop: int, apart_fen: int) -> None:
        place = self.shops[shop]
        shift = place.work.memory.shift
        expected_fen = place.store.cash_fen(shift.shift) if shift else 0
        second = place.second() if apart_fen else None
        place.do(c.ShiftClose(expected_fen + apart_fen, "miscounted", second))

    @rule(shop=shops, at=shops, which=numbers)
    def voucher_comes(self, shop: int, at: int, which: int) -> None:
        """Issued in one shop, shown in the same or another, as often as anybody likes."""
        issued = sorted(self.shops[shop].work.memory.vouchers.values())
        self.vouchers += [code for code in issued if code not in self.vouchers]
        if self.vouchers:
            self.shops[at].do(c.VoucherRedeem(self.vouchers[which % len(self.vouchers)], 900_000))

    @rule(shop=shops, newest=st.booleans())
    def answer_comes(self, shop: int, newest: bool) -> None:
        self.shops[shop].deliver(not newest)

    @rule(
        shop=shops,
        fault=st.sampled_from(
            ("", "", "unknown_paid", "unknown_unpaid", "refused", "offline", "lost", "phone")
        ),
    )
    def something_breaks(self, shop: int, fault: str) -> None:
        """The payee, or the cable of the next erasing."""
        if fault in ("lost", "phone"):
            self.shops[shop].world.eraser.fault = fault
        else:
            self.shops[shop].world.payments.fault = fault

    @rule(online=st.booleans())
    def line_to_headquarters(self, online: bool) -> None:
        self.network.online = online

    @rule(imei=st.sampled_from(IMEIS[:3]), result=st.sampled_from(("", "", "blacklisted", "unknown")))
    def register_says(self, imei: str, result: str) -> None:
        for shop in self.shops:
            shop.world.register.listed.pop(imei, None)
            if result:
                shop.world.register.listed[imei] = result  # type: ignore[assignment]

    @rule(shop=shops, how=st.sampled_from(("ready", "no_paper", "off")))
    def printer(self, shop: int, how: str) -> None:
        self.shops[shop].world.printer.at = how

    @rule(shop=shops, how=st.sampled_from(("restart", "offline", "online", "stop", "go", "silent", "refuse")))
    def dock(self, shop: int, how: str) -> None:
        dock = self.shops[shop].dock
        match how:
            case "restart":
                dock.restart()
            case "offline" | "online":
                dock.set(online=how == "online")
            case "stop" | "go":
                dock.set(stopped=how == "stop")
            case "silent":
                dock.silent = "dock_no_answer"
            case _:
                dock.refuse = "dock_stopped"
        self.shops[shop].look()

    @rule(seconds=st.sampled_from((36, 61, 600, 36_000, 86_400, -3_600, -172_800)))
    def time_passes(self, seconds: int) -> None:
        """Minutes, to closing time, a day; or somebody sets the clock back."""
        self.clock.wall += 1000 * seconds
        self.clock.mono += 1000 * abs(seconds)
        for shop in self.shops:
            shop.tick()
            shop.look()

    @precondition(lambda self: self.months < 8)
    @rule()
    def month_passes(self) -> None:
        self.months += 1
        self.clock.pass_days(30)
        for shop in self.shops:
            shop.tick()

    @rule(shop=shops, points=st.integers(1, 9))
    def power_will_go(self, shop: int, points: int) -> None:
        self.shops[shop].cut(points)

    @rule(shop=shops)
    def power_goes_while_asking(self, shop: int) -> None:
        self.shops[shop].lost_answer()
