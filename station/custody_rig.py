"""One life of a kiosk's counter that can be ended at any commit and around any effect, by its own SIGKILL.

The counter is the assembly's own, over SQLite on disk and real adapters. What its world is made of is in
custody_world.py; what people do is in custody_flows.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import ledger.keys
from kiosk.assembly import KEY_FILE
from kiosk.assembly_counter import CounterRig
from kiosk.flow.book import Mark
from kiosk.flow.counter.desk import CounterDesk
from kiosk.flow.counter.things import Change
from kiosk.flow.counter.tools import Patience, Tools
from kiosk.flow.desk import Bay
from kiosk.ports import Clock
from kiosk.settings import Settings
from kiosk.shop_settings import ShopSettings
from kiosk.store.counter_book import CounterStore
from kiosk.store.database import Database
from recycling.goods import Category
from station import sample_shop

STATION = "shop-1"
BEGIN_MS = (
    1_793_584_800_000  # 2026-11-02 10:00 in Shanghai: the sample price book is in force, the shop is open
)
DAY_MS = 86_400_000
BINS = (Category.PHONE, Category.BATTERY, Category.CHARGER, Category.ACCESSORY, Category.ACCESSORY)
BAY = 1
OTHER_PROCESSOR = "north-works"
"""Listed here beside the sample shop's; its licence holds, too."""

POINTS, CLOCK, PEOPLE, LOG = "points.log", "clock.json", "people.json", "counter.log"
PAYEE, HEADQUARTERS = "payee.sqlite3", "headquarters.sqlite3"

QUICK = Patience(flap_s=40.0, second_look_s=60.0, retry_s=0.5, ask_again_s=0.5)
"""Questions that wait for an answer are asked again at once: nobody drinks tea meanwhile."""

EFFECTS: Mapping[str, frozenset[str]] = {
    "dock": frozenset(
        {"release_flap", "lock_flap", "release_door", "lock_door", "release_drawer", "lock_drawer", "tare"}
    ),
    "printer": frozenset({"print"}),
    "payments": frozenset({"pay"}),
    "claims": frozenset({"claim", "redeem"}),
    "eraser": frozenset({"erase"}),
}
"""By port: what changes the world. Looking at it is no cut point."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one case's world is. ``folder`` holds everything that outlives a kiosk that was killed."""

    folder: Path
    dock: str
    dock_control: str
    printer: str
    printer_control: str
    phone: str = ""
    phone_control: str = ""

    @property
    def state(self) -> Path:
        """The kiosk's own folder."""
        return self.folder / "kiosk"


class Knife:
    """Counts the points of a life; dies at the one that was chosen.

    ``cut``: "NAME#N" for the Nth point of that name, "*#N" for the Nth of all, "" for none.
    """

    def __init__(self, log: Path, cut: str) -> None:
        self._name, _, number = cut.rpartition("#")
        self._number = int(number or 0)
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def point(self, name: str) -> None:
        """Here the power may go."""
        with self._lock:
            for known in (name, "*"):
                self._seen[known] = self._seen.get(known, 0) + 1
            os.write(self._file, f"{name}#{self._seen[name]}\n".encode())
            if self._name in (name, "*") and self._seen[self._name] == self._number:
                os.kill(os.getpid(), signal.SIGKILL)

    def head(self, index: int) -> None:
        """So many entries are committed for good."""
        os.write(self._file, f"head {index}\n".encode())


class CutDatabase(Database):
    """Dies in the middle of a transaction: everything is written, nothing committed."""

    def __init__(self, folder: Path, station: str, knife: Knife) -> None:
        super().__init__(folder, station)
        self._knife = knife
        self.committing = ""

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        """As the real one; the point is the last moment before the commit."""
        with super().writing() as connection:
            yield connection
            if self.committing:
                self._knife.point(f"before commit of {self.committing}")


class CutBook(CounterStore):
    """The counter's own book, with a point before and after each commit."""

    def __init__(self, database: CutDatabase, clock: Clock, knife: Knife) -> None:
        super().__init__(database, clock)
        self._cut, self._knife = database, knife

    def commit(self, change: Change) -> Mark:
        """Named after its entries, or the things that it writes."""
        kinds = [note.record.kind for note in change.notes]
        name = " ".join(dict.fromkeys(kinds or [type(one).__name__ for one in change.things]))
        self._cut.committing = name
        try:
            mark = super().commit(change)
        finally:
            self._cut.committing = ""
        self._knife.head(mark.index)
        self._knife.point(f"after commit of {name}")
        return mark


class CutPort:
    """Any port; its effects have a point before and one after, and an erase one at each of its steps."""

    def __init__(self, name: str, port: object, knife: Knife) -> None:
        self._name, self._port, self._knife = name, port, knife

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if method not in EFFECTS[self._name]:
            return found

        def effect(*words: Any) -> Any:
            self._knife.point(f"before {self._name}.{method}")
            outcome = found(*(self._watched(word) for word in words))
            self._knife.point(f"after {self._name}.{method}")
            return outcome

        return effect

    def _watched(self, word: Any) -> Any:
        if self._name != "eraser" or not callable(word):
            return word

        def on_step(step: str, percent: int) -> None:
            self._knife.point(f"at eraser.erase, {step}")
            word(step, percent)

        return on_step


class ShopClock:
    """The shop's: real time plus the days that were let pass. A restart keeps it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CLOCK
        if not self._path.exists():
            self._write({"began_ms": time.time_ns() // 1_000_000, "passed_ms": 0})
        self._facts: dict[str, int] = json.loads(self._path.read_text("ascii"))

    def wall_ms(self) -> int:
        """UTC, from :data:`BEGIN_MS` on."""
        return BEGIN_MS + time.time_ns() // 1_000_000 - self._facts["began_ms"] + self._facts["passed_ms"]

    def mono_ms(self) -> int:
        """For deadlines."""
        return time.monotonic_ns() // 1_000_000 + self._facts["passed_ms"]

    def pass_days(self, days: int) -> None:
        """At once."""
        facts = {**self._facts, "passed_ms": self._facts["passed_ms"] + days * DAY_MS}
        self._write(facts)
        self._facts = facts

    def _write(self, facts: dict[str, int]) -> None:
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps(facts), "ascii")
        draft.replace(self._path)


class Headquarters:
    """Its word on claims and vouchers, as the real one gives it, in a file of its own that every life shares."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._base() as base:
            base.executescript(
                "CREATE TABLE IF NOT EXISTS claims (imei TEXT PRIMARY KEY, trade TEXT NOT NULL) STRICT;"
                "CREATE TABLE IF NOT EXISTS used (voucher TEXT PRIMARY KEY, station TEXT NOT NULL) STRICT;"
                "CREATE TABLE IF NOT EXISTS away (only_row INTEGER PRIMARY KEY) STRICT;"
            )

    def online(self, is_so: bool) -> None:
        """Whether it answers."""
        with self._base() as base:
            base.execute("DELETE FROM away" if is_so else "INSERT OR IGNORE INTO away VALUES (1)")

    def claim(self, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed", "offline"]:
        """One live trade-in for each IMEI; the same one may ask again."""
        with self._base() as base:
            if base.execute("SELECT 1 FROM away").fetchone():
                return "offline"
            base.execute("INSERT OR IGNORE INTO claims VALUES (?, ?)", (imei, trade))
            (holder,) = base.execute("SELECT trade FROM claims WHERE imei = ?", (imei,)).fetchone()
            return "granted" if holder == trade else "elsewhere"

    def redeem(self, voucher: str, station: str) -> Literal["granted", "used", "offline"]:
        """Once; the station that it was granted to may ask again, and refuses replays by its own book."""
        with self._base() as base:
            if base.execute("SELECT 1 FROM away").fetchone():
                return "offline"
            base.execute("INSERT OR IGNORE INTO used VALUES (?, ?)", (voucher, station))
            (holder,) = base.execute("SELECT station FROM used WHERE voucher = ?", (voucher,)).fetchone()
            return "granted" if holder == station else "used"

    @contextlib.contextmanager
    def _base(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self._path, timeout=20.0)) as base, base:
            yield base


def right_pin(pin: str, _hash: str) -> bool:
    """The sample shop's PINs; the real comparison takes half a second of a processor, and is not what is cut here."""
    return pin in {one.pin for one in sample_shop.STAFF}


def settings_of(place: Place) -> Settings:
    """A kiosk whose devices are the virtual ones."""
    shop = ShopSettings(
        dock=place.dock,
        bins=BINS,
        printer=place.printer,
        register_file=place.folder / sample_shop.REGISTER_FILE,
        first_float_fen=sample_shop.FLOAT_FEN,
        virtual_payments=place.folder / PAYEE,
    )
    bays = (Bay(BAY, place.phone),) if place.phone else ()
    return Settings(place.state, STATION, bays, shop=shop)


def counter(place: Place, cut: str, clock: ShopClock) -> CounterDesk:
    """The counter of one life, started; the assembly's own but for the cut points, the PINs and headquarters.

    It ends with its process.
    """
    logging.basicConfig(
        filename=place.folder / LOG, level=logging.WARNING, format="%(name)s %(message)s", force=True
    )
    knife = Knife(place.folder / POINTS, cut)
    database = CutDatabase(place.state, STATION, knife)
    key = ledger.keys.load_or_create(place.state / KEY_FILE)
    rig = CounterRig(settings_of(place), database, key, None, lambda _mark: None, clock)
    rig.desk.work.tools = _cut(rig.desk.work.tools, place, CutBook(database, clock, knife), knife)
    rig.start()
    return rig.desk


def _cut(tools: Tools, place: Place, book: CutBook, knife: Knife) -> Tools:
    ports: dict[str, object] = {name: getattr(tools, name) for name in EFFECTS}
    ports["claims"] = Headquarters(place.folder / HEADQUARTERS)
    cut = {name: CutPort(name, port, knife) for name, port in ports.items() if port is not None}
    # The PDF beside a certificate's slip is made from the book at any time, and is no effect.
    kept: dict[str, Any] = {"right_pin": right_pin, "keep_certificate": None, "patience": QUICK}
    return dataclasses.replace(tools, book=book, **kept, **cast(Any, cut))
