"""What the dock's firmware needs of a board: sensors to read, bolts to drive. A port overrides it.

It decides nothing.
"""

from firmware_agent.device.flash import Flash

BETWEEN = 9
"""A bolt whose two sensors both say no."""


class Calibration:
    """The factory's figures for one scale: raw ticks when empty, ticks for a kilogram, the most it may carry."""

    def __init__(self, zero_ticks: int, ticks_per_kg: int, max_g: int) -> None:
        if ticks_per_kg == 0 or not 0 < max_g <= 50000:
            raise ValueError("a scale that cannot be")
        self.zero_ticks = zero_ticks
        self.ticks_per_kg = ticks_per_kg
        self.max_g = max_g


class Hardware:
    """One dock's board. Bins and bays are counted from 1; ``drawer`` is the hazard drawer.

    Bolts are bistable: without power, or through a reset, they stay as they are. A ``drive_`` starts the motor and
    returns; whether the bolt got there only its sensors say (LOCKED, RELEASED of dock_wire, or BETWEEN).
    ``leaf`` sensors are two switches: (is closed, is open).
    """

    serial = ""

    def __init__(self, flash: Flash, bins: int, bays: int, calibration: Calibration) -> None:
        self.flash = flash
        self.bins = bins
        self.bays = bays
        self.calibration = calibration

    def now_ms(self) -> int:
        """Milliseconds since the start; never goes back and does not wrap."""
        raise NotImplementedError

    def drive_flap(self, number: int, position: int) -> None:
        """Move the bolt of a bin's flap."""
        raise NotImplementedError

    def flap_bolt(self, number: int) -> int:
        """Where it is."""
        raise NotImplementedError

    def flap_leaf(self, number: int) -> "tuple[bool, bool]":
        """The flap's own switches."""
        raise NotImplementedError

    def drive_door(self, number: int, position: int) -> None:
        """Move the bolt of a bin's door."""
        raise NotImplementedError

    def door_bolt(self, number: int) -> int:
        """Where it is."""
        raise NotImplementedError

    def door_leaf(self, number: int) -> "tuple[bool, bool]":
        """The door's switches."""
        raise NotImplementedError

    def drive_drawer(self, position: int) -> None:
        """Move the drawer's bolt."""
        raise NotImplementedError

    def drawer_bolt(self) -> int:
        """Where it is."""
        raise NotImplementedError

    def drawer_leaf(self) -> "tuple[bool, bool]":
        """The drawer's switches."""
        raise NotImplementedError

    def drawer_full(self) -> bool:
        """Whether something lies in it."""
        raise NotImplementedError

    def fill_percent(self, number: int) -> int:
        """How full a bin is."""
        raise NotImplementedError

    def falls(self, number: int) -> int:
        """Things that fell past a bin's light barrier since power on; 16 bits, wraps."""
        raise NotImplementedError

    def scale_ticks(self) -> "int | None":
        """A raw reading; None: the converter does not answer."""
        raise NotImplementedError

    def scale_is_covered(self) -> bool:
        """Whether something lies over the sensor in the plate."""
        raise NotImplementedError

    def bay_temperature(self, number: int) -> "int | None":
        """Degrees Celsius; None: the sensor does not answer."""
        raise NotImplementedError

    def set_bay_power(self, number: int, is_on: bool) -> None:
        """VBUS of a bay."""
        raise NotImplementedError

    def set_bay_light(self, number: int, colour: int) -> None:
        """One of dock_wire's colours."""
        raise NotImplementedError

    def housing_is_open(self) -> bool:
        """The tamper switch."""
        raise NotImplementedError

    def stop_is_pressed(self) -> bool:
        """The emergency stop."""
        raise NotImplementedError

    def feed(self) -> None:
        """The hardware's watchdog: called once a turn."""

    def log(self, text: str) -> None:
        """A line for whoever watches the console."""
