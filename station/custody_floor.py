"""The people around a counter of the custody matrix: staff and customers who go on from whatever they find.

They press commands, move hands, and look for themselves where a thing is. What they are to bring about is said in
custody_flows.py.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hw.virtual.control import Customer
from hw.virtual.dock_hands import DockHands
from hw.virtual.printer import PrinterHands
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.desk import CounterDesk
from kiosk.flow.counter.view import CounterView, TradeView
from kiosk.store.database import FILE
from kiosk.till import VirtualPayments
from recycling.goods import Lodging
from station.counter_attendant import CounterAttendant
from station.counter_hands import GOODS_G, CounterHands
from station.custody_rig import BINS, HEADQUARTERS, PAYEE, PEOPLE, Headquarters, Place, ShopClock
from station.errors import NEEDS_STAFF, StationError
from station.sample_shop import FIRST, MANAGER
from station.sample_shop import SECOND as APPROVING

WAIT_S = 45.0
SETTLING = ("scale_settling", "scale_empty", "busy")
SECOND = c.Second(FIRST.staff, FIRST.pin)
APPROVER = c.Second(APPROVING.staff, APPROVING.pin)


class Truth:
    """The kiosk's own tables, read from outside."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    def now(self, table: str, key: str) -> list[dict[str, Any]]:
        """The newest revision of every row."""
        query = (
            f"SELECT * FROM {table} a WHERE revision ="  # noqa: S608 - our own names
            f" (SELECT max(revision) FROM {table} b WHERE b.{key} = a.{key})"
        )
        with contextlib.closing(sqlite3.connect(self._path, timeout=20.0)) as base:
            base.row_factory = sqlite3.Row
            return [dict(row) for row in base.execute(query)]

    def items(self) -> list[dict[str, Any]]:
        """Every item, where it is now."""
        return self.now("items", "item")

    def trades(self) -> list[dict[str, Any]]:
        """Every trade-in."""
        return self.now("trades", "trade")

    def manifests(self) -> list[dict[str, Any]]:
        """Every manifest."""
        return self.now("manifests", "manifest")


class Floor:
    """Everybody and everything at the counter in one life. Raises :class:`StationError` where it does not go on."""

    def __init__(self, desk: CounterDesk, place: Place, clock: ShopClock) -> None:
        self.desk, self.place, self.clock = desk, place, clock
        self.finger = CounterAttendant(desk, timeout_s=WAIT_S)
        bins = {number: kind.value for number, kind in enumerate(BINS, 1)}
        self.dock = DockHands(place.dock_control)
        self.hands = CounterHands(self.dock, PrinterHands(place.printer_control), bins)
        self.truth = Truth(place.state)
        self.headquarters = Headquarters(place.folder / HEADQUARTERS)
        self.payee = VirtualPayments(place.folder / PAYEE)
        self.called_staff = False  # somebody had to say where a thing is
        self._people = place.folder / PEOPLE

    @property
    def view(self) -> CounterView:
        """The screens."""
        return self.desk.view()

    @property
    def phone(self) -> Customer:
        """The hands at the phone of this case."""
        return Customer(self.place.phone_control)

    # -- what people remember

    def knows(self, what: str) -> bool:
        """Whether people remember that."""
        return what in self._memories()

    def remember(self, what: str) -> None:
        """Also in the next life."""
        self._people.write_text(json.dumps(sorted({*self._memories(), what})), "utf-8")

    def _memories(self) -> list[str]:
        return json.loads(self._people.read_text("utf-8")) if self._people.exists() else []

    # -- pressing

    def press(self, command: c.Command, *fine: str) -> str:
        """Press it, again while the scale moves; the reason where it was refused with one of ``fine``."""
        deadline = time.monotonic() + WAIT_S
        while True:
            said = self.finger.ask(command)
            reason = said.reason if said is not None else ""
            if reason not in SETTLING or reason in fine or time.monotonic() > deadline:
                break
            threading.Event().wait(0.05)
        if reason and reason not in fine:
            raise StationError(f"{type(command).__name__}: {reason}", NEEDS_STAFF)
        return reason

    def wait(self, is_so: Callable[[], object], what: str) -> None:
        """Until it is so."""
        self.finger.wait(is_so, what)

    def staff(self) -> None:
        """Somebody is logged in."""
        if self.view.staff is None:
            self.press(c.StaffIn(MANAGER.staff, MANAGER.pin))

    # -- the dock

    def calm(self) -> None:
        """Until the dock is seen, every flap is locked, and every order has an outcome or staff were called."""
        work = self.desk.work

        def is_calm() -> bool:
            watched = [
                one
                for one in list(work.memory.intents.values())
                if one.state == "open" and one.kind in ("flap", "trade_flap", "drawer")
            ]
            facts = work.facts
            locked = facts is not None and all(one.lock == "locked" for one in facts.bins)
            # Decided is not yet shown, and people go by what is shown.
            entering = {
                one.item for one in list(work.memory.items.values()) if one.place.lodging is Lodging.ENTERING
            }
            shown = {one.item for one in self.view.items if one.place.startswith("entering")}
            return facts is not None and facts.online and locked and not watched and shown == entering

        self.wait(is_calm, "every order to the dock has an outcome")

    def shut(self) -> None:
        """Whoever stands there pushes flaps, doors and the drawer to, and takes what lies on the scale."""
        status = self.dock.status()
        for number in self.hands.bins:
            if status[f"bin{number}_flap"] != "closed":
                self.dock.close_flap(number)
            if status[f"bin{number}_door"] != "closed":
                self.dock.act("close_door", bin=number)
        if status["drawer"] != "closed":
            self.dock.act("close_drawer")
        self.dock.take()

    def resolve(self) -> None:
        """Staff look where each thing is that nobody saw falling, and say it."""
        self.shut()
        self.calm()
        for item in self.view.items:
            if item.place.startswith("entering"):
                self._say_where(item.item, item.place)
        for trade in self.view.trades:
            if trade.state == "released" and self.desk.work.memory.intent_for(trade.trade, "trade_flap"):
                self._say_where(trade.trade, "bin:1")
        drop = self.view.drop
        if drop is not None:
            self.press(c.DropDone(drop.drop))

    def _say_where(self, item: str, place: str) -> None:
        self.called_staff = True
        self.staff()
        kind, _, number = place.removeprefix("entering:").partition(":")
        if kind == "drawer":
            if self.dock.status()["drawer_g"] == 0:
                self.press(c.DropResolve(item, "owner"))
                return
            self.empty_drawer()
            self.press(c.DropResolve(item, "quarantine", GOODS_G["battery"]))
            return
        fell = self.physical_g(int(number)) > self.booked_g(int(number))
        home = "shelf" if any(one.trade == item for one in self.view.trades) else "owner"
        self.press(c.DropResolve(item, "bin" if fell else home))

    def empty_drawer(self) -> None:
        """Two gloves."""
        self.press(c.DrawerOpen())
        self.dock.wait(10, drawer_lock="released")
        self.hands.clear_drawer()

    def physical_g(self, number: int) -> int:
        """What really lies in a bin."""
        return int(self.dock.status()[f"bin{number}_g"])

    def booked_g(self, number: int) -> int:
        """What the book says of it."""
        inside = [one for one in self.truth.items() if one["place"] == f"bin:{number}"]
        return sum(int(one["mass_g"]) for one in inside)

    def throw_in(self, number: int) -> None:
        """Through a released flap; refused hands are somebody else's turn."""
        self.dock.wait(15, **{f"bin{number}_lock": "released"})
        self.hands.throw_in(number)

    # -- trade-ins

    def trade(self) -> TradeView | None:
        """The one on the screen."""
        return next((one for one in self.view.trades if one.state != "returned"), None)

    def rest(self) -> None:
        """Until nothing is asked, printed or watched any more."""
        self.shut()
        self.calm()
        work = self.desk.work

        def unrest() -> list[str]:
            facts = work.facts
            if facts is None:
                return ["no dock"]
            slips = [f"{one.what} {one.state} {one.why}" for one in list(work.memory.slips.values())]
            doors = [f"door {one.number} {one.door}" for one in facts.bins if one.door != "locked"]
            drawer = [f"drawer {facts.drawer}"] if facts.drawer != "locked" else []
            return [*list(work.busy.values()), *slips, *doors, *drawer]

        try:
            self.wait(lambda: not unrest(), "every slip is printed, drawer and doors are locked")
        except StationError as exc:
            raise StationError(f"never at rest: {', '.join(unrest())}", NEEDS_STAFF) from exc
