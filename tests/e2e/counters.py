"""A small network for tests: one headquarters, one broker, and the counters of several stations."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ledger.keys
from hw.virtual.control import Customer
from kiosk.assembly import KEY_FILE, Station
from kiosk.flow.desk import Bay
from kiosk.settings import Broker, Settings
from station.broker import Broker as Mosquitto
from station.children import Child
from station.counter_attendant import CounterAttendant
from station.counter_hands import CounterHands
from station.counter_staff import SOUND, Deal, Staff
from station.counter_visitor import Visitor
from station.sample_shop import FIRST, MANAGER
from station.shop import Shop, ShopClock, open_shop, until_open_ms

HQ_S = 60.0
DEAD = {**SOUND, "powers_on": "no"}
"""Answers for a phone that cannot be erased: it goes to destruction, for the scrap price."""


def imei(number: int) -> str:
    """A whole IMEI of its own."""
    digits = f"35680109{number:06d}"
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(digits))
    return digits + str(-sum(value // 10 + value % 10 for value in doubled) % 10)


class Counter:
    """One station's counter with people at it."""

    def __init__(self, network: Network, name: str, shop: Shop, settings: Settings) -> None:
        self.network, self.name, self.shop, self.settings = network, name, shop, settings
        self.clock = ShopClock()
        self.clock.pass_ms(until_open_ms(self.clock.wall_ms()))
        self.hands: CounterHands = shop.hands
        self.start()

    def start(self, **changes: Any) -> None:
        """Open the station, with other settings of its shop where given."""
        assert self.settings.shop is not None
        chosen = dataclasses.replace(self.settings.shop, **changes)
        self.station = Station(dataclasses.replace(self.settings, shop=chosen), self.clock)
        self.station.start()
        assert self.station.counter is not None
        self.finger = CounterAttendant(self.station.counter)
        self.visitor = Visitor(self.finger, self.hands)
        self.staff = Staff(self.finger, self.hands)
        if chosen.dock:
            self.finger.wait(
                lambda: any(one.door == "locked" for one in self.finger.view.bins), "the dock answers"
            )

    def stop(self) -> None:
        """Close the station; its devices stay on."""
        self.station.stop()

    def mend(self) -> None:
        """Everything is as delivered again, and nothing lies on the scale."""
        self.hands.mend()
        self.hands.dock.take()
        self.hands.printer.mend()

    def troubles(self) -> set[str]:
        """What staff are told of the devices."""
        return {one.what for one in self.finger.view.troubles}

    def kinds(self, subject: str) -> list[str]:
        """Kinds of the ledger entries about something, in order."""
        with contextlib.closing(self.station.database.raw_connection()) as connection:
            rows = connection.execute(
                "SELECT kind FROM ledger_leaves WHERE visit = ? ORDER BY idx", (subject,)
            )
            return [row[0] for row in rows]

    def sealed(self, number: int, new_price_fen: int = 0, payout: str = "transfer") -> str:
        """A dead phone as far as its seal: nothing is left but to pay for it."""
        deal = Deal(
            imei(number), "heron", "", answers=DEAD, new_price_fen=new_price_fen, payout=payout, photos=()
        )
        self.staff.log_in(FIRST)
        trade = self.staff.take_in(deal)
        self.staff.offer(trade, deal, MANAGER)
        self.staff.accept(trade, deal)
        self.staff.give_up(trade, "powers_on")
        self.staff.seal(trade, f"SEAL-{number:06d}")
        return trade


class Network:
    """``with Network(folder, ("A", "B")) as network``: everything runs and ends with the block."""

    def __init__(self, folder: Path, stations: tuple[str, ...], models: tuple[str, ...] = ()) -> None:
        self.folder, self._names, self._models = folder, stations, models
        self._stack = contextlib.ExitStack()
        self.counters: dict[str, Counter] = {}
        self.phones: list[Child] = []

    def __enter__(self) -> Network:
        with contextlib.ExitStack() as stack:
            self._broker = stack.enter_context(Mosquitto(self.folder / "broker"))
            for name in self._names:
                self._key(name)
            self.hq = self._headquarters()
            stack.callback(self._stop_headquarters)
            for number, model in enumerate(self._models, 1):
                self.phones.append(stack.enter_context(self._phone(number, model)))
            for name in self._names:
                self.counters[name] = self._counter(stack, name)
                stack.callback(self.counters[name].stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *ending: object) -> None:
        self._stack.close()

    def _phone(self, number: int, model: str) -> Child:
        state = str(self.folder / f"phone-{number}")
        words = ("--model", model, "--state", state, "--boot-delay", "0.3")
        return Child("phone", *words, log=self.folder / "phones.log")

    def _key(self, name: str) -> None:
        state = self.folder / name / "station"
        state.mkdir(parents=True)
        key = ledger.keys.load_or_create(state / KEY_FILE)
        ledger.keys.save_public(key.public_key(), self.folder / f"{name}.pub.pem")

    def _headquarters(self) -> Child:
        pins = [word for name in self._names for word in ("--pin", f"{name}={self.folder / name}.pub.pem")]
        places = ("--broker", f"127.0.0.1:{self._broker.port}", "--web", "127.0.0.1:0")
        return Child("hq", "--state", str(self.folder / "hq"), *places, *pins, log=self.folder / "hq.log")

    def _counter(self, stack: contextlib.ExitStack, name: str) -> Counter:
        state = self.folder / name / "station"
        shop = open_shop(stack, self.folder / name, state, name, len(self.phones))
        settings = Settings(
            state_dir=state,
            station=name,
            bays=tuple(Bay(number, child.ready["usbip"]) for number, child in enumerate(self.phones, 1)),
            broker=Broker("127.0.0.1", self._broker.port, self.folder / "hq" / "hq-public.pem"),
            shop=shop.settings,
        )
        return Counter(self, name, shop, settings)

    def customer(self, number: int = 1) -> Customer:
        """The hands at a phone."""
        return Customer(self.phones[number - 1].ready["control"])

    # -- headquarters

    def hq_goes(self) -> None:
        """Headquarters' power is cut."""
        self.hq.kill()

    def hq_comes(self) -> None:
        """It is there again, with everything it knew."""
        self.hq = self._headquarters()

    def _stop_headquarters(self) -> None:
        self.hq.stop()

    def told(self, path: str, is_there: Callable[[Any], object]) -> Any:
        """Headquarters' JSON once it is so; fails when it never is."""
        deadline = time.monotonic() + HQ_S
        found: Any = None
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, OSError):
                address = str(self.hq.ready["web"]).rstrip("/") + path
                with urllib.request.urlopen(address, timeout=10) as answer:
                    found = json.load(answer)
                if is_there(found):
                    return found
            threading.Event().wait(0.1)
        raise AssertionError(f"headquarters does not say so: {path}: {found}")
