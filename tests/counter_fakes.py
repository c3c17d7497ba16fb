"""The counter's world as plain classes: dock, printer, camera, registers, payee, phones. Faults are values.

A :class:`World` outlives the counter that works in it, as the real one outlives a process that was killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from kiosk.counter_ports import EraseOrder, SlipLine
from kiosk.flow.book import Mark
from kiosk.flow.counter import bench, commands, rounds, snapshot
from kiosk.flow.counter.things import Change
from kiosk.flow.counter.tools import Shop, Tools
from kiosk.flow.counter.view import CounterView, TradeView
from kiosk.flow.counter.work import Work
from kiosk.store.counter_book import CounterStore
from kiosk.store.database import Database
from recycling.goods import Category
from recycling.inspection import DEDUCTIONS, QUESTIONS, Grade
from recycling.price_book import ModelPrice, PriceBook
from recycling.processor import Processor
from recycling.trade_in import CONSENTS
from service.technician import Role, Technician

DAY_MS = 86_400_000
BEGIN_MS = 1_784_599_200_000  # 2026-07-21 10:00 in Shanghai
IMEIS = ("490154203237518", "356938035643809", "352099001761481", "868932036356090")
BINS = {1: Category.PHONE, 2: Category.BATTERY, 3: Category.CHARGER, 4: Category.ACCESSORY, 5: Category.PHONE}
ANSWERS = {question.key: question.answers[0] for question in QUESTIONS}
SIGNATURE = (tuple((100 + 10 * step, 500 + step) for step in range(12)),)


class Killed(BaseException):
    """The process died here."""


class FakeClock:
    """Moved by hand; a restart of the station keeps it."""

    def __init__(self, wall_ms: int = BEGIN_MS) -> None:
        self.wall, self.mono = wall_ms, 1_000_000

    def wall_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def pass_s(self, seconds: float) -> None:
        self.wall += int(1000 * seconds)
        self.mono += int(1000 * seconds)

    def pass_days(self, days: float) -> None:
        self.pass_s(86_400 * days)


class Trouble(Exception):
    """What an adapter raises."""

    def __init__(self, reason: str, fault: str = "") -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, reason
        if fault:
            self.fault = fault


@dataclass(frozen=True)
class BinFacts:
    number: int
    lock: Literal["locked", "released", "jammed"] = "locked"
    flap: Literal["closed", "open", "jammed"] = "closed"
    door: Literal["locked", "released", "open"] = "locked"
    fill_percent: int = 0
    falls: int = 0


@dataclass(frozen=True)
class ScaleFacts:
    mass_g: int = 0
    stable: bool = True
    trouble: str = ""


@dataclass(frozen=True)
class DockFacts:
    online: bool = True
    boots: int = 1
    bins: Sequence[BinFacts] = ()
    drawer: Literal["locked", "released", "open"] = "locked"
    drawer_full: bool = False
    scale: ScaleFacts = ScaleFacts()
    bays: Sequence[object] = ()
    tampered: bool = False
    tampers: int = 0
    stopped: bool = False


class FakeDock:
    """Orders by intent, each done once. ``refuse``: what the next order is answered with."""

    def __init__(self, effect: Callable[[str], None], bins: Sequence[int] = tuple(BINS)) -> None:
        self._effect = effect
        self.now = DockFacts(bins=tuple(BinFacts(number) for number in bins))
        self.done: list[tuple[str, int, str]] = []
        self.refuse = ""
        self.silent = ""  # the order is done, and the answer lost
        self.tampers_read = 0

    # -- the port

    def facts(self) -> DockFacts:
        return self.now

    def wait(self, after: int, timeout_s: float) -> int:
        threading.Event().wait(min(timeout_s, 0.01))
        return after + 1

    def told_tampered(self, tampers: int) -> None:
        self.tampers_read = tampers

    def release_flap(self, bin: int, intent: str) -> None:
        self._order("release_flap", bin, intent, lambda one: replace(one, lock="released"))

    def lock_flap(self, bin: int, intent: str) -> None:
        self._order(
            "lock_flap", bin, intent, lambda one: replace(one, lock="locked") if one.lock != "jammed" else one
        )

    def release_door(self, bin: int, intent: str) -> None:
        self._order("release_door", bin, intent, lambda one: replace(one, door="released"))

    def lock_door(self, bin: int, intent: str) -> None:
        self._order("lock_door", bin, intent, lambda one: replace(one, door="locked"))

    def release_drawer(self, intent: str) -> None:
        self._order("release_drawer", 0, intent, None)

    def lock_drawer(self, intent: str) -> None:
        self._order("lock_drawer", 0, intent, None)

    def tare(self, intent: str) -> None:
        self._order("tare", 0, intent, None)

    def power(self, bay: int, on: bool, intent: str) -> None:
        self._order("power", bay, intent, None)

    def light(self, bay: int, colour: str, intent: str) -> None:
        self._order("light", bay, intent, None)

    def close(self) -> None:
        return

    def _order(
        self, act: str, number: int, intent: str, change: Callable[[BinFacts], BinFacts] | None
    ) -> None:
        self._effect(f"before {act}")
        if not self.now.online:
            raise Trouble("dock_offline")
        if self.refuse:
            reason, self.refuse = self.refuse, ""
            raise Trouble(reason)
        if not any(intent == known for _, _, known in self.done):
            self.done.append((act, number, intent))
            if change is not None:
                self.bin(number, change)
            elif act in ("release_drawer", "lock_drawer"):
                self.set(drawer="released" if act == "release_drawer" else "locked")
        self._effect(f"after {act}")
        if self.silent:
            reason, self.silent = self.silent, ""
            raise Trouble(reason)

    # -- the hands

    def set(self, **values: object) -> None:
        self.now = replace(self.now, **values)  # type: ignore[arg-type]

    def bin(self, number: int, change: Callable[[BinFacts], BinFacts]) -> None:
        self.set(bins=tuple(change(one) if one.number == number else one for one in self.now.bins))

    def put(self, mass_g: int) -> None:
        """On the scale."""
        self.set(scale=replace(self.now.scale, mass_g=mass_g, stable=True))

    def of(self, number: int) -> BinFacts:
        return next(one for one in self.now.bins if one.number == number)

    def open(self, number: int) -> None:
        """By hand, if it lets."""
        if self.of(number).lock == "released":
            self.bin(number, lambda one: replace(one, flap="open"))

    def fall(self, number: int, percent: int = 2) -> None:
        """Through an open flap."""
        if self.of(number).flap == "open":
            self.bin(
                number,
                lambda one: replace(
                    one,
                    falls=(one.falls + 1) % 65536,
                    fill_percent=min(100, one.fill_percent + percent),
                ),
            )
            self.put(0)

    def shut(self, number: int) -> None:
        """Flap closed: the controller locks it by itself."""
        self.bin(number, lambda one: replace(one, flap="closed", lock="locked"))

    def relock(self, number: int) -> None:
        """Nobody opened it in time."""
        self.shut(number)

    def restart(self) -> None:
        """The controller: its counters begin anew, its locks stay."""
        self.set(boots=self.now.boots + 1)
        self.set(bins=tuple(replace(one, falls=0) for one in self.now.bins))


class FakePrinter:
    """Keeps its paper. ``at``: "ready", "no_paper", "off" ..."""

    def __init__(self, effect: Callable[[str], None]) -> None:
        self._effect = effect
        self.at = "ready"
        self.paper: list[Sequence[SlipLine]] = []

    def state(self) -> str:
        return self.at

    def print(self, lines: Sequence[SlipLine]) -> None:
        self._effect("before print")
        if self.at != "ready":
            raise Trouble(f"printer_{self.at}")
        self.paper.append(lines)
        self._effect("after print")

    def texts(self) -> str:
        return "\n".join(f"{line.text} {line.right}" for page in self.paper for line in page)


class FakeCamera:
    """Another picture each time, unless ``same``."""

    def __init__(self) -> None:
        self.same = False
        self.fault = ""
        self._taken = 0

    def take(self) -> bytes:
        if self.fault:
            raise Trouble(self.fault)
        self._taken += 0 if self.same else 1
        return b"\xff\xd8picture %d" % self._taken


class FakeRegister:
    """Clean unless listed."""

    def __init__(self) -> None:
        self.listed: dict[str, Literal["blacklisted", "unknown"]] = {}

    def look(self, imei: str) -> tuple[Literal["clean", "blacklisted", "unknown"], str]:
        return self.listed.get(imei, "clean"), "fake 1"


class FakeClaims:
    """Headquarters: one live trade per IMEI, each voucher once."""

    def __init__(self) -> None:
        self.online = True
        self.claims: dict[str, str] = {}
        self.processed: set[str] = set()
        self.used: set[str] = set()

    def claim(self, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed", "offline"]:
        if not self.online:
            return "offline"
        if imei in self.processed:
            return "processed"
        return "granted" if self.claims.setdefault(imei, trade) == trade else "elsewhere"

    def redeem(self, voucher: str, station: str) -> Literal["granted", "used", "offline"]:
        if not self.online:
            return "offline"
        if voucher in self.used:
            return "used"
        self.used.add(voucher)
        return "granted"


class FakePayments:
    """A payee with a memory. ``fault``: "unknown_paid", "unknown_unpaid", "refused", "offline"."""

    def __init__(self, effect: Callable[[str], None]) -> None:
        self._effect = effect
        self.fault = ""
        self.moved: dict[str, int] = {}
        self.said_no: set[str] = set()
        self.asked: list[str] = []

    def pay(self, key: str, amount_fen: int, method: str) -> Literal["paid", "refused", "unknown"]:
        self._effect("before pay")
        self.asked.append(key)
        if self.fault in ("offline", "unknown_unpaid"):
            return "unknown"
        if self.fault == "refused" and key not in self.moved:
            self.said_no.add(key)
            return "refused"
        self.moved.setdefault(key, amount_fen)
        self._effect("after pay")
        return "unknown" if self.fault == "unknown_paid" else "paid"

    def state(self, key: str) -> Literal["paid", "refused", "unknown", "never_asked"]:
        if self.fault == "offline":
            return "unknown"
        if key in self.moved:
            return "paid"
        return "refused" if key in self.said_no else "never_asked"


@dataclass
class FakePhone:
    """What stands in a bay."""

    product: str = "heron"
    serial: str = "HERON0001"
    imei: str = IMEIS[0]
    unlocked: bool = True
    mode: str = "bootloader"
    files: int = 200
    wizard: bool = False
    tells_wizard: bool = True
    lies: bool = False  # says OKAY and erases nothing


@dataclass(frozen=True)
class Look:
    mode: str
    product: str = ""
    serial: str = ""
    imei: str = ""
    unlocked: bool | None = None
    mtp_serial: str = ""
    files: int | None = None
    wizard: bool | None = None


class FakeEraser:
    """Phones by bay. ``fault``: raised in the middle of the next erase, "lost" or "refused"."""

    def __init__(self, effect: Callable[[str], None]) -> None:
        self._effect = effect
        self.phones: dict[str, FakePhone] = {}
        self.fault = ""
        self.orders: list[EraseOrder] = []

    def look(self, where: str, timeout_s: float, stop: threading.Event | None = None) -> Look:
        phone = self.phones.get(where)
        if phone is None:
            raise Trouble("phone_silent", "timeout")
        if phone.mode == "bootloader":
            return Look("bootloader", phone.product, phone.serial, phone.imei, phone.unlocked)
        wizard = phone.wizard if phone.tells_wizard else None
        return Look(
            "normal", phone.product, mtp_serial=f"mtp-{phone.serial}", files=phone.files, wizard=wizard
        )

    def erase(self, where: str, order: EraseOrder, on_step: Callable[[str, int], None]) -> None:
        self._effect("before erase")
        phone = self.phones.get(where)
        if phone is None:
            raise Trouble("", "link")
        if (phone.product, phone.serial) != (order.product, order.serial):
            raise Trouble("", "swapped")
        self.orders.append(order)
        on_step("userdata", 10)
        if self.fault:
            fault, self.fault = self.fault, ""
            raise Trouble("", "link" if fault == "lost" else "phone")
        if not phone.lies:
            phone.files = 0
            phone.wizard = True
        phone.mode = "normal"
        on_step("done", 100)
        self._effect("after erase")

    def factory_reset(self, where: str) -> None:
        """By its owner's hands."""
        phone = self.phones[where]
        phone.files, phone.wizard, phone.mode = 0, True, "normal"


def price_book(version: str = "2026-07") -> PriceBook:
    """Three models; the third is worth more than one person may decide."""
    models = {
        "heron": ModelPrice(
            "heron", "Marsh", {"zh": "苍鹭", "en": "Heron"}, "128 GB", 150_000, 180, "2025-07"
        ),
        "wren": ModelPrice("wren", "Marsh", {"zh": "鹪鹩", "en": "Wren"}, "64 GB", 60_000, 150, "2024-07"),
        "kinglet": ModelPrice(
            "kinglet", "Marsh", {"zh": "戴菊", "en": "Kinglet"}, "512 GB", 500_000, 210, "2026-01"
        ),
    }
    rates = dict(zip(DEDUCTIONS, (2500, 800, 100, 500, 900, 1200), strict=True))
    grades = dict(zip(Grade, (10_000, 8500, 6500, 3500, 0), strict=True))
    curve = (10_000,) * 6 + (9000,) * 6 + (7000,) * 13
    return PriceBook(version, 0, models, curve, grades, rates, 500, ("9001", "9002"))


class FakeReference:
    """Two technicians, a manager, two processors, one price book."""

    def __init__(self) -> None:
        until = date(2027, 6, 30)
        self.people = {
            "1001": (Technician("1001", "Lin", Role.TECHNICIAN, 1, until), "pin:482913"),
            "1002": (Technician("1002", "Wu", Role.TECHNICIAN, 2, until), "pin:573829"),
            "9001": (Technician("9001", "Zhao", Role.MANAGER, 3, until), "pin:918273"),
        }
        every = tuple(Category)
        self.listed = {
            "green": Processor(
                "green",
                "Green Loop",
                {"zh": "绿环", "en": "Green Loop"},
                "L-1",
                date(2027, 1, 1),
                every,
                "11" * 32,
            ),
            "late": Processor(
                "late", "Too Late", {"zh": "迟到", "en": "Late"}, "L-2", date(2026, 7, 1), every, "22" * 32
            ),
        }
        self.book: PriceBook | None = price_book()

    def licence(self, processor: str, until: date) -> None:
        """Its licence ends on another day."""
        self.listed[processor] = replace(self.listed[processor], licence_until=until)

    def price_book(self, at_ms: int) -> PriceBook | None:
        return self.book

    def staff(self, number: str) -> tuple[Technician, str] | None:
        return self.people.get(number)

    def processors(self) -> tuple[Processor, ...]:
        return tuple(self.listed.values())

    def processor(self, processor: str) -> Processor | None:
        return self.listed.get(processor)


def right_pin(pin: str, pin_hash: str) -> bool:
    return f"pin:{pin}" == pin_hash


def verify_answer(message: bytes, key: str) -> bytes | None:
    """A stand-in for a signature: the key, then the payload."""
    prefix = bytes.fromhex(key)
    return message[32:] if message.startswith(prefix) else None


LIN, WU, ZHAO = ("1001", "482913"), ("1002", "573829"), ("9001", "918273")
SECOND = commands.Second(*WU)


@dataclass
class World:
    """Everything outside the process. ``kill_at``: the number of the point at which the process dies next."""

    folder: Path
    kill_at: int = 0
    kill_on: str = ""  # or the next point of that name
    points: int = 0
    passed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.dock = FakeDock(self.point)
        self.printer = FakePrinter(self.point)
        self.camera = FakeCamera()
        self.register = FakeRegister()
        self.claims = FakeClaims()
        self.payments = FakePayments(self.point)
        self.eraser = FakeEraser(self.point)
        self.reference = FakeReference()

    def point(self, name: str) -> None:
        """Around every effect and every commit."""
        self.points += 1
        self.passed.append(name)
        if self.points == self.kill_at or name == self.kill_on:
            self.kill_on = ""
            raise Killed(name)


class KillableStore(CounterStore):
    """A store that can die before or after any commit."""

    world: World

    def commit(self, change: Change) -> Mark:
        self.world.point("before commit")
        mark = super().commit(change)
        self.world.point("after commit")
        return mark


class Counter:
    """One process at the counter, without threads: every call is finished when it returns."""

    def __init__(self, world: World, **ports: object) -> None:
        self.world = world
        self.database = Database(world.folder, "shop-1")
        self.store = KillableStore(self.database, world.clock)
        self.store.world = world
        known: dict[str, object] = {
            "dock": world.dock,
            "printer": world.printer,
            "camera": world.camera,
            "register": world.register,
            "claims": world.claims,
            "payments": world.payments,
            "eraser": world.eraser,
            "verify_answer": verify_answer,
            "sign": lambda message: bytes(64),
        }
        shop = Shop("shop-1", bins=BINS, bays={1: "tcp:bay-1", 2: "tcp:bay-2"})
        self.tools = Tools(
            self.store,
            world.clock,
            shop,
            world.reference,
            right_pin,
            **{**known, **ports},  # type: ignore[arg-type]
        )
        self.work = Work(self.tools)
        self.work.read_lists()
        rounds.recover(self.work)
        self.look()
        self._ticket = 0

    def close(self) -> None:
        self.database.close()

    # -- asking

    def do(self, command: commands.Command) -> str:
        """The reason of the refusal, "" where it was done."""
        self._ticket += 1
        bench.handle(self.work, self._ticket, command)
        said = [one for one in self.work.said.values() if one.ticket == self._ticket]
        return said[0].reason if said else ""

    def must(self, command: commands.Command) -> None:
        reason = self.do(command)
        assert reason == "", f"{type(command).__name__}: {reason}"

    def look(self) -> None:
        """The dock's report comes in."""
        if self.tools.dock is not None:
            rounds.look(self.work, self.tools.dock.facts())

    def tick(self, seconds: float = 0.0) -> None:
        self.world.clock.pass_s(seconds)
        rounds.tick(self.work)

    def view(self) -> CounterView:
        return snapshot.view(self.work, self._ticket)

    def trade(self, trade: str) -> TradeView:
        found = self.view().trade(trade)
        assert found is not None
        return found

    def entries(self, subject: str = "") -> list[str]:
        """Kinds of the ledger's entries, in order."""
        import ledger.store

        with self.database.reading() as connection:
            from kiosk.store.database import raw_of

            found = ledger.store.entries(raw_of(connection), 0, 10_000, subject or None)
        return [one.entry.kind for one in found]

    def bodies(self, kind: str) -> list[dict[str, object]]:
        import ledger.store

        with self.database.reading() as connection:
            from kiosk.store.database import raw_of

            found = ledger.store.entries(raw_of(connection), 0, 10_000)
        return [one.body or {} for one in found if one.entry.kind == kind]

    # -- whole passages

    def log_in(self, who: tuple[str, str] = LIN) -> None:
        self.must(commands.StaffIn(*who))

    def put_in(self, amount_fen: int) -> None:
        """Cash into the drawer."""
        self.must(commands.CashChange(amount_fen, "float", SECOND))

    def begin_trade(self) -> str:
        self.must(commands.TradeBegin("zh"))
        return next(one.trade for one in self.view().trades if one.state == "draft")

    def to_cleared(self, imei: str = IMEIS[0], model: str = "heron", lock: str = "none") -> str:
        trade = self.begin_trade()
        self.must(commands.TradeIdentify(trade, imei, model=model))
        self.must(commands.TradeCheck(trade, lock))
        return trade

    def to_quoted(self, imei: str = IMEIS[0], model: str = "heron", new_fen: int = 0) -> str:
        trade = self.to_cleared(imei, model)
        self.world.dock.put({"heron": 180, "wren": 150, "kinglet": 210}[model])
        self.must(commands.TradeInspect(trade, ANSWERS))
        self.world.dock.put(0)
        self.must(commands.TradeQuote(trade, new_fen))
        return trade

    def accept(self, trade: str, payout: str = "cash", id_number: str = "110101199003070000") -> str:
        return self.do(
            commands.TradeAccept(
                trade, CONSENTS, "2026-1", "done", "id_card", id_number, SIGNATURE, payout, "13800000000"
            )
        )

    def to_accepted(self, imei: str = IMEIS[0], payout: str = "cash", new_fen: int = 0) -> str:
        trade = self.to_quoted(imei, new_fen=new_fen)
        self.must(commands.TradeOffer(trade))
        reason = self.accept(trade, payout)
        assert reason == "", reason
        return trade

    def plug_in(self, imei: str = IMEIS[0], **values: object) -> FakePhone:
        phone = FakePhone(imei=imei, **values)  # type: ignore[arg-type]
        self.world.eraser.phones["tcp:bay-1"] = phone
        return phone

    def to_sealed(self, imei: str = IMEIS[0], payout: str = "cash", seal: str = "SEAL-0001") -> str:
        trade = self.to_accepted(imei, payout)
        self.plug_in(imei)
        self.must(commands.EraseStart(trade, "1"))
        self.must(commands.TradeSeal(trade, seal))
        return trade

    def to_held(self, imei: str = IMEIS[0], seal: str = "SEAL-0001") -> str:
        trade = self.to_sealed(imei, "transfer", seal)
        self.must(commands.TradeSettle(trade))
        self.must(commands.TradeHold(trade, "A3"))
        return trade

    # -- at the bins

    def to_weigh(self, category: str = "charger", mass_g: int = 90) -> str:
        self.must(commands.DropBegin("zh"))
        drop = self.view().drop
        assert drop is not None
        self.must(commands.DropCategory(drop.drop, category))
        self.must(commands.DropHazard(drop.drop, "none"))
        if category == "battery":
            self.must(commands.DropTaped(drop.drop, True))
        self.world.dock.put(mass_g)
        self.look()
        return drop.drop

    def drop_in(self, number: int, percent: int = 2) -> None:
        """The hands of whoever stands there."""
        dock = self.world.dock
        self.look()
        dock.open(number)
        self.look()
        dock.fall(number, percent)
        self.look()
        dock.shut(number)
        self.look()

    def drop_off(self, category: str = "charger", mass_g: int = 90, percent: int = 2) -> str:
        drop = self.to_weigh(category, mass_g)
        self.must(commands.DropOpen(drop))
        shown = self.view().drop
        assert shown is not None
        self.drop_in(shown.bin, percent)
        self.must(commands.DropDone(drop))
        return drop
