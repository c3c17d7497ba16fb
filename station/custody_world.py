"""The world of one custody case, which lives on while its kiosk dies: dock, printer, phone, payee, headquarters.

It starts lives of the counter as processes of their own and watches how they end. What must hold is in
custody_checks.py.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.virtual import serve
from hw.virtual.control import Customer
from hw.virtual.dock import VirtualDock
from hw.virtual.dock_hands import DockHands
from hw.virtual.errors import VirtualPhoneError
from hw.virtual.faults import LYING_ERASE
from hw.virtual.models import Model
from hw.virtual.printer import ServedPrinter
from kiosk.store.database import Database
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from kiosk.till import VirtualPayments
from station import sample_shop
from station.custody_floor import Floor
from station.custody_flows import FLOWS, Flow
from station.custody_rig import (
    BEGIN_MS,
    BINS,
    OTHER_PROCESSOR,
    PAYEE,
    POINTS,
    STATION,
    Place,
    ShopClock,
    counter,
)
from station.custody_trades import IMEI
from station.errors import StationError

LIFE_S = 150.0
SERIAL = "HERCUSTODY1"
OUTCOME = "outcome.json"
MEANWHILE = ("waits", "throws", "leaves", "has long left")
LEAVING = MEANWHILE[2:]
DARK_S = 8.0  # longer than the controller's patience with a silent kiosk

_SPAWN = multiprocessing.get_context("forkserver")
"""Lives are forked off a process without threads or devices, in which everything is imported already."""


_STARTING = threading.Lock()


def preload() -> None:
    """Before the first life."""
    _SPAWN.set_forkserver_preload(["station.custody_life"])


@dataclass(frozen=True, slots=True)
class Ending:
    """How a life ended. ``killed``: at its cut. ``wrong``: what did not come about, "" = all of it did."""

    killed: bool
    wrong: str = ""
    called_staff: bool = False


def live(place: Place, flow: str, cut: str) -> None:
    """A life of the counter in this process: what was open is taken up, the flow goes on to its end."""
    clock = ShopClock(place.folder)
    outcome = {"wrong": "", "called_staff": False}
    try:
        floor = Floor(counter(place, cut, clock), place, clock)
        floor.shut()
        floor.calm()
        FLOWS[flow].run(floor)
        floor.rest()
        outcome["called_staff"] = floor.called_staff
    except Exception as exc:
        # Whatever it is, the matrix reports it as this case's failure.
        outcome["wrong"] = f"{type(exc).__name__}: {exc}"
        logging.getLogger(__name__).exception("the life's flow")
    (place.folder / OUTCOME).write_text(json.dumps(outcome), "utf-8")
    os._exit(0)  # every life ends as by a power cut, this one with nothing left to do


class World:
    """One case's; everything in ``place.folder`` and behind its ports lives on between lives."""

    def __init__(self, place: Place, flow: Flow) -> None:
        self.place, self.flow = place, flow
        self.dock = DockHands(place.dock_control)

    def life(self, cut: str = "") -> Ending:
        """One process at the counter, until it ends or dies."""
        outcome = self.place.folder / OUTCOME
        outcome.unlink(missing_ok=True)
        process = _SPAWN.Process(target=live, args=(self.place, self.flow.name, cut), daemon=True)
        with _STARTING:
            process.start()
        process.join(LIFE_S)
        if process.is_alive():
            process.kill()
            process.join()
            return Ending(False, f"did not end within {LIFE_S:.0f} s")
        if outcome.exists():
            found = json.loads(outcome.read_text("utf-8"))
            return Ending(False, str(found["wrong"]), bool(found["called_staff"]))
        if process.exitcode == -signal.SIGKILL:
            return Ending(True)
        return Ending(False, f"ended with {process.exitcode}")

    def points(self) -> list[str]:
        """Every cut point that the lives so far passed, in order, as "NAME#N"."""
        lines = (self.place.folder / POINTS).read_text("utf-8").splitlines()
        return [line for line in lines if not line.startswith("head ")]

    def head(self) -> int:
        """How many entries a life was told were committed for good."""
        lines = (self.place.folder / POINTS).read_text("utf-8").splitlines()
        return max((int(line.split()[1]) for line in lines if line.startswith("head ")), default=0)

    def phone(self) -> dict[str, Any]:
        """The phone as it stands there; {} without one."""
        return Customer(self.place.phone_control).status() if self.place.phone else {}

    def meanwhile(self, what: str) -> str:
        """While the kiosk is dark: what the customer does (:data:`MEANWHILE`). What is then wrong, or ""."""
        status = self.dock.status()
        for number in range(1, len(BINS) + 1):
            if what == "throws" and status[f"bin{number}_lock"] == "released" and status["load_g"]:
                with contextlib.suppress(VirtualPhoneError):
                    self.dock.open_flap(number)
                    self.dock.drop(number)
                    self.dock.close_flap(number)
            elif what in LEAVING and status[f"bin{number}_flap"] != "closed":
                self.dock.close_flap(number)
        if what == "throws" and status["drawer_lock"] == "released" and status["load_g"]:
            with contextlib.suppress(VirtualPhoneError):
                for act in ("open_drawer", "lay_in_drawer", "close_drawer"):
                    self.dock.act(act)
        if what not in LEAVING:
            return ""
        self.dock.take()
        return self._locks_itself() if what == "has long left" else ""

    def _locks_itself(self) -> str:
        """Without a kiosk everything that customers use locks before long, by the controller alone."""
        if self.dock.status()["drawer"] != "closed":
            self.dock.act("close_drawer")
        self.dock.pass_time(DARK_S)
        status = self.dock.status()
        gates = ["drawer_lock", *(f"bin{number}_lock" for number in range(1, len(BINS) + 1))]
        return "; ".join(
            f"{gate} is {status[gate]} while the kiosk is dark" for gate in gates if status[gate] != "locked"
        )


class Worlds:
    """Makes worlds: a furnished shop once, the beginning of each flow once, then a copy for each case."""

    def __init__(self, folder: Path, firmware: Callable[[Model], Path]) -> None:
        self._folder, self._firmware = folder, firmware
        self._starts: dict[str, Path] = {}
        self._locks = {name: threading.Lock() for name in FLOWS}
        self._shop = folder / "shop"
        self._furnish()

    def _furnish(self) -> None:
        self._shop.mkdir()
        clock = ShopClock(self._shop)
        database = Database(self._shop / "kiosk", STATION)
        try:
            book = ReferenceBook(database, Entries(database, clock), clock)
            sample_shop.furnish(book, self._shop, BEGIN_MS)
            known = book.processor(sample_shop.PROCESSOR)
            assert known is not None
            key = sample_shop.processor_key(OTHER_PROCESSOR).public_key().public_bytes_raw().hex()
            other = dataclasses.replace(known, processor=OTHER_PROCESSOR, public_key=key)
            book.list_processor(other, f"staff:{sample_shop.MANAGER.staff}")
        finally:
            database.close()

    def start_of(self, flow: Flow) -> Path:
        """The folder that the flow begins with: the end of the flow before it, without a cut."""
        if not flow.start:
            return self._shop
        with self._locks[flow.start]:
            if flow.start not in self._starts:
                folder = self._folder / f"start-{len(self._starts)}-{flow.start.replace(' ', '-')}"
                with self.made(FLOWS[flow.start], folder) as world:
                    ending = world.life()
                    if ending.wrong or ending.killed:
                        raise StationError(f"{flow.start}, without a cut: {ending.wrong}")
                self._starts[flow.start] = folder
        return self._starts[flow.start]

    @contextlib.contextmanager
    def made(self, flow: Flow, folder: Path) -> Iterator[World]:
        """A world of its own in ``folder``, switched off at the end; the folder stays."""
        shutil.copytree(self.start_of(flow), folder, ignore=shutil.ignore_patterns(*_NOT_KEPT))
        with contextlib.ExitStack() as stack:
            dock = stack.enter_context(VirtualDock(folder / "dock", len(BINS), 1))
            for number, percent in flow.fills.items():
                dock.act("fill", {"bin": number, "percent": percent})
            printer = stack.enter_context(ServedPrinter(folder / "paper"))
            phone = stack.enter_context(self._phone(flow, folder)).ready if flow.phone else {}
            place = Place(
                folder,
                dock.ready["where"],
                dock.ready["control"],
                printer.where,
                printer.ready["control"],
                phone.get("usbip", ""),
                phone.get("control", ""),
            )
            payee = stack.enter_context(contextlib.closing(VirtualPayments(folder / PAYEE)))
            payee.arm(flow.payee)
            yield World(place, flow)

    def _phone(self, flow: Flow, folder: Path) -> serve.ServedPhone:
        return serve.ServedPhone(
            serve.Options(
                model="heron",
                state=folder / "phone",
                firmware=self._firmware,
                serial=SERIAL,
                imei=IMEI,
                user_bytes=64 << 10,
                boot_s=0.02,
                faults=(LYING_ERASE,) if flow.lying else (),
                locked=flow.locked,
            )
        )


_NOT_KEPT = ("dock", "paper", "phone", "points.log", "people.json", "counter.log", OUTCOME, "clock.json.new")
