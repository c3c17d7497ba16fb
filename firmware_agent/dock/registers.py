"""What the bits and voltages of the Pico's dock board mean: pure figures, to be tried without the chip."""

from firmware_agent.dock_wire import LOCKED, RELEASED

BOLT_PULSE_MS = 200
"""A motor bolt runs for so long; its end switches stop it earlier."""
FALL_DEAD_MS = 150
"""One thing that tumbles breaks a barrier more than once."""
_COLOURS = (
    0,
    0b1110,
    0b0100,
    0b0110,
    0b0010,
)  # off, white, green, amber (red and green), red; bit 0 is the power
_EMPTY_RAW, _FULL_RAW = 13000, 45000
_NTC = (
    # (raw of 65535 with 10 kOhm to 3.3 V above an NTC of 10 kOhm, B 3950, degrees)
    (50300, 0), (43580, 10), (36400, 20), (32768, 25), (29200, 30), (22600, 40), (19780, 45), (17170, 50),
    (12800, 60), (7060, 80), (3930, 100),
)  # fmt: skip
_BROKEN_RAW, _SHORT_RAW = 62000, 1500


def bolt_outputs(is_door: bool, position: int) -> int:
    """The bit that drives a bolt: flap 1 and 2, door 16 and 32 (lock, release)."""
    return (1 if position == LOCKED else 2) << (4 if is_door else 0)


def position_of(bits: int, between: int) -> int:
    """A bolt's two end switches, bit 0 locked and bit 1 released; ``between`` where neither or both say yes."""
    return {1: LOCKED, 2: RELEASED}.get(bits & 3, between)


def bay_outputs(colour: int) -> int:
    """Bits 1 to 3 (red, green, blue) of a bay's register."""
    return _COLOURS[colour] if colour < len(_COLOURS) else 0


def fill_of(raw: int) -> int:
    """Percent from the distance sensor over a bin: its voltage rises as what lies there comes nearer."""
    return max(0, min(100, (raw - _EMPTY_RAW) * 100 // (_FULL_RAW - _EMPTY_RAW)))


def celsius(raw: int) -> "int | None":
    """Degrees from an NTC's divider; None where it is broken off or short. The hotter, the lower."""
    if not _SHORT_RAW < raw < _BROKEN_RAW:
        return None
    before = _NTC[0]
    for point in _NTC:
        if raw >= point[0]:
            if point is before:
                return point[1]
            share = (before[0] - raw) * (point[1] - before[1])
            return before[1] + share // (before[0] - point[0])
        before = point
    return before[1]
