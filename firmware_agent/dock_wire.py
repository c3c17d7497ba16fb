"""What a station and a dock's controller say to each other; one source for CPython and MicroPython.

Payloads only: the frames are those of firmware_agent.wire, with smaller payloads. No port, no time, no decision.
docs/dock.md has every field.
"""

import struct

from firmware_agent.wire import BAD_PAYLOAD, WireError, pack_text, unpack_text

VERSION = 1
OLDEST_VERSION = 1
MAX_PAYLOAD_BYTES = 512
"""More than a dock with the most bins and bays needs; a frame that says it has more is passed over."""

MAX_BINS = 16
MAX_BAYS = 16

# -- kinds: station to controller, apart from the update agent's so that neither takes the other for itself
GREET = 0x40
ORDER = 0x41
PULSE = 0x42
# -- controller to station
ABOUT = 0xC0
DONE = 0xC1
REPORT = 0xC2  # the only thing that the controller says unasked
REFUSED = 0xFF

# -- what can be ordered
RELEASE_FLAP = 1
LOCK_FLAP = 2
RELEASE_DOOR = 3
LOCK_DOOR = 4
RELEASE_DRAWER = 5
LOCK_DRAWER = 6
TARE = 7
POWER = 8  # value 0 off, 1 on
LIGHT = 9  # value: one of the colours
ACTS = (
    RELEASE_FLAP, LOCK_FLAP, RELEASE_DOOR, LOCK_DOOR, RELEASE_DRAWER, LOCK_DRAWER, TARE, POWER, LIGHT
)  # fmt: skip

OFF = 0
WHITE = 1
GREEN = 2
AMBER = 3
RED = 4
COLOURS = ("off", "white", "green", "amber", "red")

# -- how an order ended (DONE); beyond LATER nothing was moved, except that JAMMED was tried
OK = 0
LATER = 1  # it locks by itself once the flap, door or drawer is closed
STOPPED = 2  # the emergency stop is pressed
JAMMED = 3  # the bolt's sensor does not say what was ordered
DOOR_OPEN = 4  # a flap over an open or released door stays locked
HOT = 5  # the bay has not cooled down
NO_PLACE = 6  # this dock has no bin or bay of that number
TARE_RANGE = 7  # not at rest, or too far from the factory's zero
MEMORY = 8  # the order could not be remembered, so it was not begun
REPLACED = 9  # a later order for the same lock came before this one had ended
UNKNOWN_ACT = 10
FORGOTTEN = 11  # taken before the controller was restarted: what came of it, the sensors say
FLAP_OPEN = 12  # a door under an open or released flap stays locked
OUTCOMES = 13  # so many

# -- what stands in a report
LOCKED = 0
RELEASED = 1
LOCK_JAMMED = 2

CLOSED = 0
OPEN = 1
LEAF_JAMMED = 2

SCALE_FINE = 0
SCALE_DRIFT = 1
SCALE_OVERLOAD = 2
SCALE_SILENT = 3

# -- bits of Report.flags
TAMPER_NOW = 1  # the housing is open
TAMPER_UNREAD = 2  # it was opened, and no station has said that it knows
STOP = 4
HOST_SILENT = 8  # at the time of the report the station had been silent too long
MEMORY_LOST = 16  # the flash takes nothing: what must be done once is not done

# -- bits of a bay
POWERED = 1
BAY_HOT = 2

INTENT_BYTES = 16
HOT_C = 45
COOL_C = 40
NO_TEMPERATURE = 127
"""A bay whose sensor does not answer; its power is off."""
MAX_MASS_G = 1000000

_GREET = "<BB"
_ORDER = "<16sBBBB"
_DONE = "<16sBB"
_REPORT = "<IIIIHHBBiBBBB"
_REPORT_BYTES = struct.calcsize(_REPORT)
_BIN = "<BBBBH"
_BIN_BYTES = struct.calcsize(_BIN)
_BAY = "<BbBB"
_BAY_BYTES = struct.calcsize(_BAY)


def pack_greet(oldest: int, newest: int) -> bytes:
    """GREET: the oldest and the newest protocol version of the station."""
    return struct.pack(_GREET, oldest, newest)


def unpack_greet(payload: bytes) -> "tuple[int, int]":
    """(oldest, newest); later versions may append."""
    if len(payload) < 2:
        raise WireError(BAD_PAYLOAD)
    oldest, newest = struct.unpack_from(_GREET, payload, 0)
    return oldest, newest


def pack_about(version: int, bins: int, bays: int, serial: str, firmware: str) -> bytes:
    """ABOUT: the protocol version from now on, how many bins and bays, and who the controller is."""
    return struct.pack("<BBBB", version, bins, bays, 0) + pack_text(serial) + pack_text(firmware)


def unpack_about(payload: bytes) -> "tuple[int, int, int, str, str]":
    """(version, bins, bays, serial, firmware)."""
    if len(payload) < 4:
        raise WireError(BAD_PAYLOAD)
    version, bins, bays, _ = struct.unpack_from("<BBBB", payload, 0)
    serial, at = unpack_text(payload, 4)
    firmware, at = unpack_text(payload, at)
    if bins > MAX_BINS or bays > MAX_BAYS:
        raise WireError(BAD_PAYLOAD)
    for letter in serial + firmware:
        if letter < " " or letter == "\x7f":
            raise WireError(BAD_PAYLOAD)
    return version, bins, bays, serial, firmware


def pack_order(intent: bytes, act: int, number: int, value: int = 0) -> bytes:
    """ORDER: 16 bytes that no other order has, what, which bin or bay (0: none), and POWER's or LIGHT's value."""
    return struct.pack(_ORDER, intent, act, number, value, 0)


def unpack_order(payload: bytes) -> "tuple[bytes, int, int, int]":
    """(intent, act, number, value)."""
    if len(payload) < 20:
        raise WireError(BAD_PAYLOAD)
    intent, act, number, value, _ = struct.unpack_from(_ORDER, payload, 0)
    return intent, act, number, value


def pack_done(intent: bytes, outcome: int, is_repeat: bool) -> bytes:
    """DONE: how the order with this intent ended; ``is_repeat``: it had been taken before, nothing was done now."""
    return struct.pack(_DONE, intent, outcome, 1 if is_repeat else 0)


def unpack_done(payload: bytes) -> "tuple[bytes, int, bool]":
    """(intent, outcome, is_repeat)."""
    if len(payload) < 18:
        raise WireError(BAD_PAYLOAD)
    intent, outcome, repeat = struct.unpack_from(_DONE, payload, 0)
    if outcome >= OUTCOMES:
        raise WireError(BAD_PAYLOAD)
    return intent, outcome, repeat != 0


def pack_pulse(tampers_read: int) -> bytes:
    """PULSE: the station lives, and has read that the housing was opened so many times."""
    return struct.pack("<I", tampers_read & 0xFFFFFFFF)


def unpack_pulse(payload: bytes) -> int:
    """Times the housing was opened, as far as the station has read."""
    if len(payload) < 4:
        raise WireError(BAD_PAYLOAD)
    tampers: int = struct.unpack_from("<I", payload, 0)[0]
    return tampers


class Bin:
    """One bin: LOCKED... of flap and door, CLOSED... of both, percent, and falls since power on (16 bits)."""

    def __init__(self) -> None:
        self.lock = LOCKED
        self.flap = CLOSED
        self.door_lock = LOCKED
        self.door = CLOSED
        self.fill_percent = 0
        self.falls = 0


class Bay:
    """One phone bay: POWERED and BAY_HOT bits, degrees Celsius or NO_TEMPERATURE, a colour."""

    def __init__(self) -> None:
        self.bits = 0
        self.temperature_c = NO_TEMPERATURE
        self.light = OFF


class Report:
    """The whole dock at one moment. ``sequence`` rises by one a report; ``boots`` counts the controller's starts.

    ``uptime_ms`` wraps. ``tampers`` counts how often the housing was opened, ever. ``drawer_lock`` and ``drawer``
    as a bin's. ``mass_g`` may be below zero.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.uptime_ms = 0
        self.boots = 0
        self.tampers = 0
        self.flags = 0
        self.drawer_lock = LOCKED
        self.drawer = CLOSED
        self.drawer_full = False
        self.mass_g = 0
        self.is_stable = False
        self.scale = SCALE_SILENT
        self.bins: list[Bin] = []
        self.bays: list[Bay] = []


def pack_report(r: Report) -> bytes:
    """The bytes of a :class:`Report`."""
    out = bytearray(_REPORT_BYTES + len(r.bins) * _BIN_BYTES + len(r.bays) * _BAY_BYTES)
    struct.pack_into(
        _REPORT, out, 0,
        *(r.sequence & 0xFFFFFFFF, r.uptime_ms & 0xFFFFFFFF, r.boots & 0xFFFFFFFF, r.tampers & 0xFFFFFFFF),
        *(r.flags, 1 if r.drawer_full else 0, r.drawer_lock, r.drawer, r.mass_g),
        *(1 if r.is_stable else 0, r.scale, len(r.bins), len(r.bays)),
    )  # fmt: skip
    at = _REPORT_BYTES
    for one in r.bins:
        locks = one.lock | one.door_lock << 4
        struct.pack_into(_BIN, out, at, locks, one.flap, one.door, one.fill_percent, one.falls & 0xFFFF)
        at += _BIN_BYTES
    for bay in r.bays:
        struct.pack_into(_BAY, out, at, bay.bits, bay.temperature_c, bay.light, 0)
        at += _BAY_BYTES
    return bytes(out)


def unpack_report(payload: bytes) -> Report:
    """A :class:`Report`; later versions may append. A value that means nothing is a bad payload."""
    if len(payload) < _REPORT_BYTES:
        raise WireError(BAD_PAYLOAD)
    r = Report()
    fixed = struct.unpack_from(_REPORT, payload, 0)
    r.sequence, r.uptime_ms, r.boots, r.tampers, r.flags, full, r.drawer_lock, r.drawer, r.mass_g = fixed[:9]
    stable, r.scale, bins, bays = fixed[9:]
    r.drawer_full, r.is_stable = full != 0, stable != 0
    if (
        bins > MAX_BINS
        or bays > MAX_BAYS
        or len(payload) < _REPORT_BYTES + bins * _BIN_BYTES + bays * _BAY_BYTES
        or r.drawer_lock > LOCK_JAMMED
        or r.drawer > LEAF_JAMMED
        or r.scale > SCALE_SILENT
        or not -MAX_MASS_G <= r.mass_g <= MAX_MASS_G
    ):
        raise WireError(BAD_PAYLOAD)
    at = _REPORT_BYTES
    for _ in range(bins):
        r.bins.append(_unpack_bin(payload, at))
        at += _BIN_BYTES
    for _ in range(bays):
        bay = Bay()
        bay.bits, bay.temperature_c, bay.light, _reserved = struct.unpack_from(_BAY, payload, at)
        if bay.light >= len(COLOURS):
            raise WireError(BAD_PAYLOAD)
        r.bays.append(bay)
        at += _BAY_BYTES
    return r


def _unpack_bin(payload: bytes, at: int) -> Bin:
    one = Bin()
    locks, one.flap, one.door, one.fill_percent, one.falls = struct.unpack_from(_BIN, payload, at)
    one.lock, one.door_lock = locks & 15, locks >> 4
    locks, leaves = max(one.lock, one.door_lock), max(one.flap, one.door)
    if locks > LOCK_JAMMED or leaves > LEAF_JAMMED or one.fill_percent > 100:
        raise WireError(BAD_PAYLOAD)
    return one


def pack_refused(code: int, detail: int = 0) -> bytes:
    """REFUSED: one of firmware_agent.wire's codes, and a number that belongs to it."""
    return struct.pack("<HI", code, detail & 0xFFFFFFFF)


def unpack_refused(payload: bytes) -> "tuple[int, int]":
    """(code, detail)."""
    if len(payload) < 6:
        raise WireError(BAD_PAYLOAD)
    code, detail = struct.unpack_from("<HI", payload, 0)
    return code, detail
