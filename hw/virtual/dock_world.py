"""The plant of a virtual dock: bolts, flaps, doors, a scale, bays, and people's hands. It has no clock of its own.

It knows nothing of the controller but the pins: what :meth:`World.sensors` shows and :meth:`World.drive` takes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hw.virtual.dock_gate import BETWEEN, LOCKED, RELEASED, Gate
from hw.virtual.errors import BadState, Refused

_BOLT_NAMES = {LOCKED: "locked", RELEASED: "released", BETWEEN: "between"}
ROOM_C = 22
ZERO_TICKS, TICKS_PER_KG, MAX_G = 84000, 420000, 8000
COLOURS = ("off", "white", "green", "amber", "red")
THING_PERCENT = 2

SPECS = (
    "jam-flap:N jam-lock:N jam-door:N jam-drawer drift:G noise:G scale-silent bay-silent:N reset hang cut-line "
    "garbage garbage-in:BYTES none"
)
"""Every fault, for help and errors; the ones from ``reset`` on are the controller's and the line's."""


@dataclass(slots=True)
class BinPlant:
    """One bin. ``falls``: ever; ``counted``: by its light barrier since the controller's power on."""

    flap: Gate
    door: Gate
    fill_percent: int = 0
    mass_g: int = 0
    falls: int = 0
    counted: int = 0


@dataclass(slots=True)
class BayPlant:
    """One bay; ``temperature_c`` None: its sensor is broken."""

    temperature_c: int | None = ROOM_C
    power: bool = False
    light: int = 0


@dataclass(slots=True)
class World:
    """Everything physical. Not thread-safe: its owner holds a lock."""

    bin_count: int
    bay_count: int
    seed: int = 0
    now_ms: int = 0
    load_g: int = 0
    drift_g: int = 0
    noise_g: float = 0.2
    scale_is_silent: bool = False
    housing_is_open: bool = False
    stop_is_pressed: bool = False
    drawer: Gate = field(default_factory=lambda: Gate("drawer"))
    drawer_holds_g: int = 0
    bins: list[BinPlant] = field(init=False)
    bays: list[BayPlant] = field(init=False)
    _noise: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """The plant as it is delivered: everything locked, closed and empty."""
        self._noise = random.Random(self.seed)  # noqa: S311 - noise, not secrets
        numbers = range(1, self.bin_count + 1)
        self.bins = [BinPlant(Gate(f"flap of bin {n}"), Gate(f"door of bin {n}")) for n in numbers]
        self.bays = [BayPlant() for _ in range(self.bay_count)]

    # -- the controller's pins ------------------------------------------------------------------

    def advance(self, milliseconds: int) -> None:
        """Let time pass."""
        self.now_ms += milliseconds
        for gate in self._gates().values():
            gate.advance(self.now_ms)

    def sensors(self) -> dict[str, Any]:
        """What every sensor says now."""
        return {
            "t": self.now_ms,
            "ticks": self._ticks(),
            "covered": self.load_g > 0,
            "open": self.housing_is_open,
            "stop": self.stop_is_pressed,
            "drawer": {
                "bolt": self.drawer.bolt,
                "leaf": self.drawer.switches(),
                "full": self.drawer_holds_g > 0,
            },
            "bins": [
                {
                    "bolt": one.flap.bolt,
                    "leaf": one.flap.switches(),
                    "door_bolt": one.door.bolt,
                    "door": one.door.switches(),
                    "fill": one.fill_percent,
                    "falls": one.counted & 0xFFFF,
                }
                for one in self.bins
            ],
            "bays": [bay.temperature_c for bay in self.bays],
        }

    def power_on(self) -> None:
        """The controller starts: its counters of falls begin at 0, as a Pico's do; what is a sensor stays."""
        for one in self.bins:
            one.counted = 0

    def drive(self, orders: Mapping[str, Any]) -> None:
        """What the controller put on its pins since the last time."""
        gates = self._gates()
        for name, position in orders["bolts"].items():
            gates[name].drive(int(position), self.now_ms)
        for number, is_on in orders["power"].items():
            self.bays[int(number) - 1].power = bool(is_on)
        for number, colour in orders["light"].items():
            self.bays[int(number) - 1].light = int(colour)

    def _gates(self) -> dict[str, Gate]:
        found = {"drawer": self.drawer}
        for number, one in enumerate(self.bins, 1):
            found[f"flap{number}"], found[f"door{number}"] = one.flap, one.door
        return found

    def _ticks(self) -> int | None:
        if self.scale_is_silent:
            return None
        load_g = self.load_g + self.drift_g + self._noise.uniform(-self.noise_g, self.noise_g)
        return ZERO_TICKS + round(load_g * TICKS_PER_KG / 1000)

    # -- people's hands -------------------------------------------------------------------------

    def put(self, mass_g: int) -> None:
        """Lay something on the scale."""
        self.load_g += mass_g

    def take(self) -> None:
        """Take everything off the scale."""
        self.load_g = 0

    def drop(self, number: int) -> None:
        """Let what lay on the scale, or 50 g where nothing did, fall through a flap that is open."""
        one = self.bin(number)
        if one.flap.leaf != "open":
            raise Refused(f"the flap of bin {number} is not open")
        one.mass_g += self.load_g or 50
        one.falls += 1
        one.counted += 1
        one.fill_percent = min(100, one.fill_percent + THING_PERCENT)
        self.load_g = 0

    def lay_in_drawer(self) -> None:
        """Lay what was on the scale into the drawer."""
        if self.drawer.leaf != "open":
            raise Refused("the drawer is not open")
        self.drawer_holds_g += self.load_g or 50
        self.load_g = 0

    def empty(self, number: int) -> None:
        """Take everything out of a bin whose door is open."""
        one = self.bin(number)
        if one.door.leaf != "open":
            raise Refused(f"the door of bin {number} is not open")
        one.fill_percent = one.mass_g = 0

    def empty_drawer(self) -> None:
        """Take everything out of the drawer."""
        if self.drawer.leaf != "open":
            raise Refused("the drawer is not open")
        self.drawer_holds_g = 0

    def bin(self, number: int) -> BinPlant:
        """Bin ``number``. :class:`Refused` where there is none."""
        if not 1 <= number <= len(self.bins):
            raise Refused(f"this dock has bins 1 to {len(self.bins)}")
        return self.bins[number - 1]

    def bay(self, number: int) -> BayPlant:
        """Bay ``number``. :class:`Refused` where there is none."""
        if not 1 <= number <= len(self.bays):
            raise Refused(f"this dock has bays 1 to {len(self.bays)}")
        return self.bays[number - 1]

    # -- faults ---------------------------------------------------------------------------------

    def fault(self, spec: str) -> bool:
        """Arm a fault of the plant; False: it is none of the plant's. ``none`` mends the plant."""
        kind, _, value = spec.partition(":")
        try:
            number = int(value) if value else 0
        except ValueError as exc:
            raise BadState(f"fault {spec!r} is not of the form it takes; there are: {SPECS}") from exc
        if kind in ("jam-flap", "jam-lock", "jam-door", "bay-silent"):
            self._jam(kind, number)
        elif kind == "jam-drawer":
            self.drawer.bolt_is_jammed = True
        elif kind == "drift":
            self.drift_g = number
        elif kind == "noise":
            self.noise_g = float(number)
        elif kind == "scale-silent":
            self.scale_is_silent = True
        elif kind == "none":
            self._mend()
        else:
            return False
        return True

    def _jam(self, kind: str, number: int) -> None:
        if kind == "bay-silent":
            self.bay(number).temperature_c = None
        elif kind == "jam-flap":
            self.bin(number).flap.leaf_is_jammed = True
        elif kind == "jam-lock":
            self.bin(number).flap.bolt_is_jammed = True
        else:
            self.bin(number).door.bolt_is_jammed = True

    def _mend(self) -> None:
        for gate in self._gates().values():
            gate.bolt_is_jammed = gate.leaf_is_jammed = False
            if gate.leaf == "ajar":
                gate.leaf = "open"
        for bay in self.bays:
            bay.temperature_c = ROOM_C if bay.temperature_c is None else bay.temperature_c
        self.drift_g, self.noise_g, self.scale_is_silent = 0, 0.2, False

    def status(self) -> dict[str, Any]:
        """Everything as people see it, flat: ``bin1_lock``, ``bin1_flap``, ``bay2_power``..."""
        found: dict[str, Any] = {
            "now_ms": self.now_ms,
            "load_g": self.load_g,
            "tampered": self.housing_is_open,
            "stopped": self.stop_is_pressed,
            "drawer_lock": _BOLT_NAMES[self.drawer.bolt],
            "drawer": self.drawer.leaf,
            "drawer_g": self.drawer_holds_g,
        }
        for number, one in enumerate(self.bins, 1):
            found |= {
                f"bin{number}_lock": _BOLT_NAMES[one.flap.bolt],
                f"bin{number}_flap": one.flap.leaf,
                f"bin{number}_door_lock": _BOLT_NAMES[one.door.bolt],
                f"bin{number}_door": one.door.leaf,
                f"bin{number}_fill": one.fill_percent,
                f"bin{number}_g": one.mass_g,
                f"bin{number}_falls": one.falls,
            }
        for number, bay in enumerate(self.bays, 1):
            found |= {
                f"bay{number}_power": bay.power,
                f"bay{number}_c": bay.temperature_c,
                f"bay{number}_light": COLOURS[bay.light] if bay.light < len(COLOURS) else "?",
            }
        return found
