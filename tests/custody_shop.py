"""A shop that can lose power at any commit or effect, and the network it belongs to. Chance decides nothing here.

The desk is the real one over a real database, its steps taken one by one; questions to the world are answered when
the test says so, or never.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

from ulid import ULID

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import rounds
from kiosk.flow.counter.desk import CounterDesk
from kiosk.flow.counter.tools import Shop as Figures
from kiosk.flow.counter.tools import Tools
from kiosk.flow.counter.work import Errand, ask
from kiosk.store.database import FILE, Database
from recycling.goods import Category
from recycling.trade import State, Trade
from recycling.voucher import unverified
from service.technician import Role, Technician
from tests import custody_checks
from tests.counter_fakes import (
    BINS,
    FakeClaims,
    FakeClock,
    FakeDock,
    FakeReference,
    KillableStore,
    Killed,
    World,
    verify_answer,
)
from tests.custody_guesses import Guesses

STAFF = {"1001": "482913", "1002": "573829", "9001": "918273", "1003": "602714"}
"""Number and PIN: a beginner, a technician who may approve, a manager, and one whose certificate is over."""

BAY = "tcp:bay-1"
PROMISING = (c.ManifestDraft, c.ManifestRedirect, c.ManifestSeal, c.ManifestPickUp)
PROMISES = ("manifest.drafted", "manifest.redirected", "manifest.sealed", "manifest.picked_up")
BUGS = frozenset({"unforeseen", "store_failed", "unknown_command"})
"""What a counter says only by a mistake of its own, or where the database had to stop it."""


class Network:
    """Headquarters: it answers at once, and hears of what became of it from the ledgers while the line holds."""

    def __init__(self) -> None:
        self.online = True
        self.claims: dict[str, tuple[str, str]] = {}  # IMEI -> shop and trade
        self.taken: set[str] = set()  # trades that were accepted
        self.processed: set[str] = set()
        self.promised: dict[str, str] = {}  # voucher -> shop
        self.redeemed: set[str] = set()
        self._heard: dict[str, int] = {}

    def hear(self, shop: str, books: custody_checks.Books) -> None:
        """What is new in that shop's ledger."""
        if not self.online:
            return
        for one in books.entries[self._heard.get(shop, 0) :]:
            kind, trade, body = one.entry.kind, one.entry.visit, one.body or {}
            if kind == "trade.accepted":
                if self.claim(shop, str(body["imei"]), trade) == "granted":
                    self.taken.add(trade)
            elif kind == "trade.returned":
                self._end(trade)
            elif kind == "item.placed" and body["to"] == "gone" and "trade" in body:
                self.processed |= self._end(str(body["trade"]))
            elif kind == "voucher.redeemed":
                self.redeemed.add(str(body["voucher"]))
        self._heard[shop] = len(books.entries)

    def claim(self, shop: str, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed"]:
        """A shop's new trade takes over its own earlier one that nobody has accepted."""
        if imei in self.processed:
            return "processed"
        holder, held = self.claims.get(imei, (shop, trade))
        if held != trade and (holder != shop or held in self.taken):
            return "elsewhere"
        self.claims[imei] = (shop, trade)
        return "granted"

    def redeem(self, shop: str, code: str) -> Literal["granted", "used"]:
        """A promise to one shop, until a ledger says that it was kept."""
        voucher = unverified(code).voucher
        if voucher in self.redeemed or self.promised.setdefault(voucher, shop) != shop:
            return "used"
        return "granted"

    def _end(self, trade: str) -> set[str]:
        ended = {imei for imei, (_, held) in self.claims.items() if held == trade}
        self.claims = {imei: held for imei, held in self.claims.items() if imei not in ended}
        return ended


class Line(FakeClaims):
    """One shop's line to it."""

    def __init__(self, network: Network, shop: str) -> None:
        super().__init__()
        self._network, self._shop = network, shop

    def claim(self, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed", "offline"]:
        return self._network.claim(self._shop, imei, trade) if self._network.online else "offline"

    def redeem(self, voucher: str, station: str) -> Literal["granted", "used", "offline"]:
        return self._network.redeem(self._shop, voucher) if self._network.online else "offline"


class Reference(FakeReference):
    """Licences and certificates that outlast every clock of these tests, and some that do not hold."""

    def __init__(self) -> None:
        super().__init__()
        far = date(2090, 1, 1)
        self.people = {
            number: (replace(one, certificate_until=far), pin) for number, (one, pin) in self.people.items()
        }
        self.people["1003"] = (
            Technician("1003", "Old", Role.TECHNICIAN, 3, date(2026, 7, 1)),
            f"pin:{STAFF['1003']}",
        )
        self.listed["green"] = replace(self.listed["green"], licence_until=far)
        self.listed["also"] = replace(self.listed["green"], processor="also", public_key="44" * 32)
        small = (Category.CHARGER, Category.ACCESSORY)
        self.listed["small"] = replace(
            self.listed["green"], processor="small", categories=small, public_key="33" * 32
        )


class Dock(FakeDock):
    """Knows what is really in each bin: the thing that was in somebody's hands when it fell."""

    hand = ""
    inside: dict[str, int]  # item -> bin

    def fall(self, number: int, percent: int = 2) -> None:
        if self.hand and self.of(number).flap == "open":
            self.inside[self.hand] = number
            self.hand = ""
            super().fall(number, percent)


class Shop:
    """One station: its world, its folder and the process that works in it just now."""

    def __init__(
        self,
        name: str,
        folder: Path,
        template: Path,
        clock: FakeClock,
        network: Network,
        float_fen: int = 0,
    ) -> None:
        self.name, self.float_fen = name, float_fen
        folder.mkdir()
        shutil.copyfile(template / FILE, folder / FILE)
        self.world = World(folder)
        self.world.clock, self.world.claims = clock, Line(network, name)
        self.world.reference = Reference()
        self.world.dock = self.dock = Dock(self.world.point)
        self.dock.inside = {}
        hashes = {pin_hash: number for number, (_, pin_hash) in self.world.reference.people.items()}
        self.guesses = Guesses(clock, hashes)
        self.kills = 0
        self._ticket = self._ids = 0
        self.books: custody_checks.Books | None = None
        self.pending: list[Errand] = []
        self._eye = sqlite3.connect(folder / FILE, isolation_level=None)  # told by SQLite of others' commits
        self._version = 0
        self._open()

    def _open(self) -> None:
        world = self.world
        self.pending = []
        self.database = Database(world.folder, self.name)
        self.store = KillableStore(self.database, world.clock)
        self.store.world = world
        figures = Figures(self.name, bins=BINS, bays={1: BAY, 2: "tcp:bay-2"}, first_float_fen=self.float_fen)
        tools = Tools(
            self.store,
            world.clock,
            figures,
            world.reference,
            self.guesses.compare,
            self.dock,  # type: ignore[arg-type]
            world.printer,
            world.camera,
            world.register,
            world.claims,
            world.payments,
            world.eraser,
            verify_answer=verify_answer,
            sign=lambda message: bytes(64),
            new_id=self._next_id,
        )
        self.desk = CounterDesk(tools)
        self.work = self.desk.work
        self.work.errand = self.pending.append
        self.work.read_lists()
        rounds.recover(self.work)

    def _next_id(self) -> str:
        """In order of making, whatever the clock says, and no other shop's."""
        self._ids += 1
        return str(ULID.from_bytes(self.name.encode()[:5].ljust(8) + self._ids.to_bytes(8)))

    def alive(self, act: Callable[[], None]) -> None:
        """Do it; where the power goes, begin anew, as often as it takes."""
        try:
            act()
        except Killed:
            self._again()
        self.desk._show()
        assert not {one.reason for one in self.work.said.values()} & BUGS, self.work.said
        if self.guesses.compared:
            self.guesses.seen(self._told("staff.refused"))
            assert not self.guesses.broken, self.guesses.broken

    def _told(self, *kinds: str) -> int:
        """How many entries of those kinds stand in the ledger."""
        marks = ", ".join("?" * len(kinds))
        (count,) = self._eye.execute(
            f"SELECT count(*) FROM ledger_leaves WHERE kind IN ({marks})", kinds
        ).fetchone()
        return int(count)

    def _again(self) -> None:
        self.kills += 1
        while True:
            self.database.close()
            try:
                self._open()
            except Killed:
                continue
            return

    def cut(self, points: int) -> None:
        """The power goes that many commits and effects from now."""
        self.world.kill_at = self.world.points + points

    # -- what can happen

    def do(self, command: c.Command) -> None:
        """One touch."""

        def act() -> None:
            self._ticket += 1
            self.desk._handle(self._ticket, command)

        if not isinstance(command, PROMISING):
            self.alive(act)
            return
        before = self._told(*PROMISES)
        self.alive(act)
        if self._told(*PROMISES) != before:
            self._licence_holds(command)

    def _licence_holds(self, command: c.Command) -> None:
        """5: nothing was just promised or given to a processor whose licence is over."""
        manifest = self.work.memory.manifests.get(getattr(command, "manifest", ""))
        name = manifest.processor if manifest else getattr(command, "processor", "")
        until = self.world.reference.listed[name].licence_until
        assert self.work.tools.shop.today(self.world.clock.wall_ms()) <= until, f"{name}: {until}: {command}"

    def deliver(self, first: bool = True) -> None:
        """The answer to one question arrives."""

        def act() -> None:
            errand = self.pending.pop(0 if first else -1)
            self.work.finish(errand, ask(errand))

        if self.pending:
            self.alive(act)

    def deliver_all(self) -> None:
        """And every question that follows from an answer."""
        for _ in range(40):
            if not self.pending:
                return
            self.deliver()
        raise AssertionError("the counter asks without end")

    def lost_answer(self) -> None:
        """A question reaches the world; the power goes before its answer is here."""
        if self.pending:
            errand = self.pending.pop(0)
            try:
                ask(errand)
            except Killed:
                pass
            self._again()

    def look(self) -> None:
        """The dock reports."""
        self.alive(lambda: rounds.look(self.work, self.dock.facts()))  # type: ignore[arg-type]

    def tick(self) -> None:
        """The worker's round."""
        self.alive(lambda: rounds.tick(self.work))

    def checked(self, whole: bool = False) -> custody_checks.Books:
        """Its books as they are now, found right; ``whole``: the ledger's chain from its beginning, too."""
        (version,) = self._eye.execute("PRAGMA data_version").fetchone()
        if whole or self.books is None or version != self._version:
            self._version = version
            self.books = custody_checks.station(self.database.path, None if whole else self.books)
            custody_checks.world(self, self.books)
        return self.books

    # -- what really happened

    @property
    def moved(self) -> dict[str, int]:
        """Money that left, by key."""
        return self.world.payments.moved

    @property
    def ordered(self) -> list[str]:
        """Trades whose phones were told to erase themselves."""
        return [order.trade for order in self.world.eraser.orders]

    @property
    def packable(self) -> list[str]:
        """What the repository says may be packed."""
        return [item.item for item in self.store.packable(self.world.clock.wall_ms())]

    @property
    def shown(self) -> Counter[str]:
        """Right PINs, by staff number."""
        return self.guesses.right

    # -- what staff see

    def trades(self, *states: State) -> list[Trade]:
        """In order of beginning."""
        return [
            one
            for one in sorted(self.work.memory.trades.values(), key=lambda trade: trade.trade)
            if not states or one.state in states
        ]

    def log_in(self, who: Literal["1001", "1002", "9001", "1003"] = "9001") -> None:
        """If nobody is, or only somebody who may do nothing."""
        technician = self.work.desk.technician
        if technician is None or technician.staff == "1003":
            self.do(c.StaffIn(who, STAFF[who]))

    def second(self) -> c.Second:
        """Somebody else than who is logged in and may approve."""
        technician = self.work.desk.technician
        other = "1002" if technician is None or technician.staff != "1002" else "9001"
        return c.Second(other, STAFF[other])

    def close(self) -> None:
        """The end of the test."""
        self._eye.close()
        self.database.close()
