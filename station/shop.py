"""The counter of a virtual station: dock, printer, staff, prices, register. It starts and furnishes them.

Everything in it is invented (:mod:`station.sample_shop`); how a kiosk binds to it stands in the settings it makes.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hw.virtual.dock_hands import DockHands
from hw.virtual.printer import PrinterHands
from kiosk import assembly
from kiosk.flow.clock import SystemClock
from kiosk.shop_settings import ShopSettings
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from recycling.goods import Category
from station.children import Child
from station.counter_hands import CounterHands
from station.sample_shop import FLOAT_FEN, furnish

BINS: Mapping[int, Category] = {
    1: Category.PHONE,
    2: Category.BATTERY,
    3: Category.CHARGER,
    4: Category.ACCESSORY,
}
ZONE, HOURS = "Asia/Shanghai", "8:30-20:30"
_OPEN_AT, _SHORTEST_DAY = (8, 30), timedelta(minutes=30)
_DAY_MS = 86_400_000


class ShopClock:
    """A clock that people can move forward: so that 30 days of hold pass in a demo. It never goes back."""

    def __init__(self) -> None:
        self._clock, self._lock, self._ahead_ms = SystemClock(), threading.Lock(), 0

    def wall_ms(self) -> int:
        """UTC of the shop's own time."""
        with self._lock:
            return self._clock.wall_ms() + self._ahead_ms

    def mono_ms(self) -> int:
        """For deadlines; it goes with the shop's time."""
        with self._lock:
            return self._clock.mono_ms() + self._ahead_ms

    def pass_days(self, days: int) -> None:
        """That many days later."""
        self.pass_ms(days * _DAY_MS)

    def pass_ms(self, milliseconds: int) -> None:
        """That much later, never earlier."""
        with self._lock:
            self._ahead_ms += max(0, milliseconds)


def until_open_ms(now_ms: int) -> int:
    """How long until the shop is open and stays so for a while; 0 = it is."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(ZONE))
    opens = now.replace(hour=_OPEN_AT[0], minute=_OPEN_AT[1], second=0, microsecond=0)
    closes = now.replace(hour=20, minute=30, second=0, microsecond=0)
    if now < opens:
        return int((opens - now).total_seconds() * 1000) + 60_000
    if now + _SHORTEST_DAY < closes:
        return 0
    return int((opens + timedelta(days=1) - now).total_seconds() * 1000) + 60_000


@dataclass(frozen=True, slots=True)
class Shop:
    """A running shop: its devices and the hands at them."""

    folder: Path
    dock: Child
    printer: Child
    register: Path

    @property
    def settings(self) -> ShopSettings:
        """How a kiosk binds to it."""
        return ShopSettings(
            dock=str(self.dock.ready["where"]),
            bins=tuple(BINS.values()),
            printer=str(self.printer.ready["where"]),
            camera=f"{shlex.quote(sys.executable)} -m hw.virtual.camera",
            register_file=self.register,
            zone=ZONE,
            first_float_fen=FLOAT_FEN,
            virtual_payments=self.folder / "payee.sqlite3",
        )

    @property
    def hands(self) -> CounterHands:
        """Of customers and staff."""
        bins = {number: category.value for number, category in BINS.items()}
        return CounterHands(
            DockHands(self.dock.ready["control"]), PrinterHands(self.printer.ready["control"]), bins
        )


def open_shop(stack: contextlib.ExitStack, folder: Path, state: Path, station: str, bays: int) -> Shop:
    """Start dock and printer below ``folder``, and furnish the station whose database is in ``state``."""
    log = folder / "counter.log"
    places = ("--bins", str(len(BINS)), "--bays", str(min(max(bays, 1), 16)))
    dock = stack.enter_context(Child("dock", "--state", str(folder / "dock"), *places, log=log))
    printer = stack.enter_context(Child("printer", "--state", str(folder / "paper"), log=log))
    clock = SystemClock()
    database, _ = assembly.open_book(state, station)
    try:
        book = ReferenceBook(database, Entries(database, clock), clock)
        register = furnish(book, folder, clock.wall_ms())
    finally:
        database.close()
    return Shop(folder, dock, printer, register)


def toml(shop: ShopSettings) -> list[str]:
    """The counter's lines of a kiosk's configuration; JSON strings are TOML strings."""
    lines = [
        "[dock]",
        f"where = {json.dumps(shop.dock)}",
        f"bins = {json.dumps([category.value for category in shop.bins])}",
        "[printer]",
        f"where = {json.dumps(shop.printer)}",
        "[camera]",
        f"command = {json.dumps(shop.camera)}",
        "[shop]",
        f"zone = {json.dumps(shop.zone)}",
        f"first_float_fen = {shop.first_float_fen}",
    ]
    if shop.virtual_payments is not None:
        lines.append(f"virtual_payments = {json.dumps(str(shop.virtual_payments))}")
    if shop.register_file is not None:
        lines += ["[register]", f"file = {json.dumps(str(shop.register_file))}"]
    return lines
