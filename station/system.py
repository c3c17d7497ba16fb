"""A whole station on this machine: broker, headquarters, virtual phones and counter, and a kiosk's settings between.

For the demo, the fault matrix, the benchmarks and the tests. It starts and stops; it decides nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import ledger.keys
from hw.virtual.control import Customer
from kiosk.assembly import KEY_FILE
from kiosk.flow.desk import Bay
from kiosk.flow.timeouts import Timeouts
from kiosk.settings import Broker, Settings
from station.broker import Broker as Mosquitto
from station.children import Child
from station.counter_hands import CounterHands
from station.errors import UNREACHABLE, StationError
from station.mirrors import Mirrors, say
from station.sample_agent import Factory, make_agent_releases
from station.sample_firmware import MIB, make_releases
from station.shop import Shop, open_shop

MODELS = ("heron", "wren")
AGENT_MODELS = ("kinglet", "firecrest")
"""Models with our update agent; their virtual phones need the MicroPython interpreter."""
MAX_PHONES = 8
DRAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class PhoneChoice:
    """One virtual phone to start; ``words`` are further options of ``station phone``."""

    model: str
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class System:
    """``with System(folder, phones) as system``: everything runs, and ends with the block, kept in ``folder``."""

    folder: Path
    phones: tuple[PhoneChoice, ...]
    station: str = "demo-1"
    system_mib: int = 64
    hash_budget_s: float = 60.0
    timeouts: Timeouts = field(default_factory=Timeouts)
    signed: bool = False  # updates come over mirrors, by a signed catalogue; else from the folder of releases
    counter: bool = False  # a dock, a printer, staff and prices: drop-off and trade-in are offered
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    children: list[Child] = field(default_factory=list)
    mosquitto: Mosquitto = field(init=False)
    hq: Child = field(init=False)
    settings: Settings = field(init=False)
    mirrors: Mirrors | None = None
    shop: Shop | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        say("system: firmware from this machine's own files")
        models = tuple(sorted({phone.model for phone in self.phones} & set(MODELS)))
        agents = tuple(sorted({phone.model for phone in self.phones} & set(AGENT_MODELS)))
        factory = make_releases(self.folder / "releases", models, self.system_mib * MIB)
        born = make_agent_releases(self.folder / "releases", agents)
        say("system: broker")
        self.mosquitto = Mosquitto(self.folder / "broker")
        self.mosquitto.start()
        stack.callback(self.mosquitto.stop)
        say("system: headquarters")
        self.hq = stack.enter_context(self._headquarters())
        self._start_phones(stack, factory, born)
        self.settings = Settings(
            state_dir=self.folder / "station",
            station=self.station,
            bays=tuple(Bay(number, child.ready["usbip"]) for number, child in enumerate(self.children, 1)),
            releases_dir=self.folder / "releases",
            broker=Broker("127.0.0.1", self.mosquitto.port, self.folder / "hq" / "hq-public.pem"),
            hash_budget_s=self.hash_budget_s,
            timeouts=self.timeouts,
        )
        if self.counter:
            say("system: dock, printer and an invented shop")
            state = self.settings.state_dir
            self.shop = open_shop(stack, self.folder, state, self.station, len(self.phones))
            self.settings = dataclasses.replace(self.settings, shop=self.shop.settings)
        if self.signed and (models or agents):
            self.mirrors = Mirrors(self.folder, (*models, *agents))
            self.settings = self.mirrors.start(stack, self.settings)

    def _start_phones(
        self, stack: contextlib.ExitStack, factory: Mapping[str, Path], born: Mapping[str, Factory]
    ) -> None:
        for number, phone in enumerate(self.phones, 1):
            say(f"system: phone {number}, {phone.model}")
            firmware: tuple[str, ...] = ()
            if phone.model in factory:
                firmware = ("--firmware", str(factory[phone.model]))
            if phone.model in born:
                firmware = _agent_words(born[phone.model])
            state = self.folder / f"phone-{number}"
            words = ("--model", phone.model, "--state", str(state), *firmware, *phone.words)
            self.children.append(stack.enter_context(Child("phone", *words, log=self.folder / "phones.log")))

    def _headquarters(self) -> Child:
        state = self.folder / "station"
        state.mkdir(exist_ok=True)
        key = ledger.keys.load_or_create(state / KEY_FILE)
        pin = self.folder / "station-key.pub.pem"
        ledger.keys.save_public(key.public_key(), pin)
        places = ("--broker", f"127.0.0.1:{self.mosquitto.port}", "--web", "127.0.0.1:0")
        words = ("--state", str(self.folder / "hq"), *places, "--pin", f"{self.station}={pin}")
        return Child("hq", *words, log=self.folder / "hq.log")

    @property
    def web(self) -> str:
        """Headquarters' address, without a slash at the end."""
        return str(self.hq.ready["web"]).rstrip("/")

    @property
    def hands(self) -> CounterHands:
        """The hands at dock and printer."""
        assert self.shop is not None
        return self.shop.hands

    def customer(self, number: int) -> Customer:
        """The hands of the customer at bay ``number`` (1-based)."""
        return Customer(self.children[number - 1].ready["control"])

    def ask_hq(self, path: str) -> Any:
        """One GET of headquarters' JSON; raises :class:`StationError` when it does not answer."""
        try:
            with urllib.request.urlopen(self.web + path, timeout=10) as answer:  # noqa: S310 - our own loopback address
                return json.load(answer)
        except (urllib.error.URLError, OSError, ValueError) as exc:
            raise StationError(f"headquarters does not answer {path}: {exc}", UNREACHABLE) from exc

    def audit(self, entries: int, timeout_s: float = DRAIN_S) -> dict[str, Any]:
        """Headquarters' own count once it holds ``entries`` entries, or as it stands after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while True:
            count: dict[str, Any] = self.ask_hq("/api/audit")
            if count["entries"] >= entries or time.monotonic() > deadline:
                return count
            threading.Event().wait(0.1)


def _agent_words(factory: Factory) -> tuple[str, ...]:
    return "--firmware", str(factory.image), "--trust", str(factory.public_key)
