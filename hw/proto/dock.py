"""The station's half of the dock's protocol as a state machine without I/O: orders in, bytes out, facts back.

It decides nothing and keeps no time. docs/dock.md has the frames and the rules.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from firmware_agent import dock_wire as dw
from firmware_agent.wire import Deframer, Frame, WireError, frame
from hw.errors import LocalProtocolError

Lock = Literal["locked", "released", "jammed"]
Leaf = Literal["closed", "open", "jammed"]
Door = Literal["locked", "released", "open"]
Colour = Literal["off", "white", "green", "amber", "red"]

_LOCKS: tuple[Lock, ...] = ("locked", "released", "jammed")
_LEAVES: tuple[Leaf, ...] = ("closed", "open", "jammed")
_TROUBLES = ("", "drift", "overload", "silent")
_COLOURS: tuple[Colour, ...] = ("off", "white", "green", "amber", "red")


@dataclass(frozen=True, slots=True)
class BinFacts:
    """One bin; ``falls`` counts modulo 65536 since the controller's power on."""

    number: int
    lock: Lock
    flap: Leaf
    door: Door
    fill_percent: int
    falls: int


@dataclass(frozen=True, slots=True)
class ScaleFacts:
    """``trouble``: "" or drift, overload, silent."""

    mass_g: int
    stable: bool
    trouble: str


@dataclass(frozen=True, slots=True)
class BayFacts:
    """A phone bay; a temperature of 127 means that its sensor does not answer."""

    number: int
    power: bool
    temperature_c: int
    hot: bool
    light: Colour


@dataclass(frozen=True, slots=True)
class DockFacts:
    """The dock as its last report says; :class:`hw.dock.SerialDock` decides whether it is ``online``."""

    online: bool = False
    boots: int = 0
    bins: tuple[BinFacts, ...] = ()
    drawer: Door = "locked"
    drawer_full: bool = False
    scale: ScaleFacts = ScaleFacts(0, False, "silent")
    bays: tuple[BayFacts, ...] = ()
    tampered: bool = False
    stopped: bool = False
    tampers: int = 0  # times the housing was opened, ever
    memory_lost: bool = False  # the controller's flash takes nothing: it refuses to release


@dataclass(frozen=True, slots=True)
class Described:
    """Who the controller is, and the protocol version it agreed to."""

    version: int
    bins: int
    bays: int
    serial: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A report that is newer than the one before."""

    facts: DockFacts


@dataclass(frozen=True, slots=True)
class Ended:
    """An order's end: ``outcome`` is one of dock_wire's; ``is_repeat``: it had been taken before."""

    intent: bytes
    outcome: int
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class Noise:
    """Something came that was no frame of this protocol; ``code`` is ours or what the controller complained of."""

    code: int
    from_controller: bool


Event = Described | Reported | Ended | Noise


def intent_id(intent: str) -> bytes:
    """16 bytes for an order, the same for the same intent."""
    return hashlib.sha256(intent.encode()).digest()[: dw.INTENT_BYTES]


class Host:
    """One connection. Nothing that the controller sends raises; what cannot be read is :class:`Noise`."""

    def __init__(self) -> None:
        self._deframer = Deframer(dw.MAX_PAYLOAD_BYTES)
        self._sequence = 0
        self._newest: tuple[int, int] | None = None

    def greet(self) -> bytes:
        """Ask who is there; the answer is followed by a report at once."""
        return self._frame(dw.GREET, dw.pack_greet(dw.OLDEST_VERSION, dw.VERSION))

    def pulse(self, tampers_read: int) -> bytes:
        """Say that the station lives, and how many openings of the housing were read."""
        return self._frame(dw.PULSE, dw.pack_pulse(tampers_read))

    def order(self, intent: bytes, act: int, number: int = 0, value: int = 0) -> bytes:
        """One order. Raises LocalProtocolError for one that no controller could take."""
        if len(intent) != dw.INTENT_BYTES or not any(intent):
            raise LocalProtocolError("an order for the dock without an intent")
        if act not in dw.ACTS or not 0 <= number <= 255 or not 0 <= value <= 255:
            raise LocalProtocolError(f"no order for a dock: {act} {number} {value}")
        return self._frame(dw.ORDER, dw.pack_order(intent, act, number, value))

    def receive(self, data: bytes) -> list[Event]:
        """What the bytes mean, in order."""
        events: list[Event] = []
        view = memoryview(data)
        while view:
            view = view[self._deframer.feed(view) :]
            while (event := self._next()) is not None:
                if event is not _STALE:
                    events.append(event)
        return events

    def _next(self) -> Event | None:
        try:
            got = self._deframer.next()
            return None if got is None else self._meant(got)
        except WireError as exc:
            return Noise(exc.code, False)

    def _meant(self, got: Frame) -> Event:
        if got.kind == dw.REPORT:
            return self._reported(dw.unpack_report(got.payload))
        if got.kind == dw.DONE:
            return Ended(*dw.unpack_done(got.payload))
        if got.kind == dw.ABOUT:
            return Described(*dw.unpack_about(got.payload))
        if got.kind == dw.REFUSED:
            return Noise(dw.unpack_refused(got.payload)[0], True)
        return Noise(got.kind, False)

    def _reported(self, report: dw.Report) -> Event:
        """A report older than one before it, within the same start of the controller, is not news."""
        if self._newest is not None and self._newest[0] == report.boots:
            ahead = (report.sequence - self._newest[1]) & 0xFFFFFFFF
            if ahead == 0 or ahead >= 1 << 31:
                return _STALE
        self._newest = (report.boots, report.sequence)
        return Reported(facts_of(report))

    def _frame(self, kind: int, payload: bytes) -> bytes:
        self._sequence = self._sequence % 0xFFFF + 1  # never 0, which complaints about noise carry
        return frame(kind, self._sequence, payload)


_STALE = Noise(-1, False)


def facts_of(report: dw.Report) -> DockFacts:
    """A report in the words of the counter; ``online`` stays False here."""
    return DockFacts(
        boots=report.boots,
        bins=tuple(
            BinFacts(
                number,
                _LOCKS[one.lock],
                _LEAVES[one.flap],
                _door(one.door_lock, one.door),
                one.fill_percent,
                one.falls,
            )
            for number, one in enumerate(report.bins, 1)
        ),
        drawer=_door(report.drawer_lock, report.drawer),
        drawer_full=report.drawer_full,
        scale=ScaleFacts(report.mass_g, report.is_stable, _TROUBLES[report.scale]),
        bays=tuple(
            BayFacts(
                number,
                bool(bay.bits & dw.POWERED),
                bay.temperature_c,
                bool(bay.bits & dw.BAY_HOT),
                _COLOURS[bay.light],
            )
            for number, bay in enumerate(report.bays, 1)
        ),
        tampered=bool(report.flags & (dw.TAMPER_NOW | dw.TAMPER_UNREAD)),
        stopped=bool(report.flags & dw.STOP),
        tampers=report.tampers,
        memory_lost=bool(report.flags & dw.MEMORY_LOST),
    )


def _door(lock: int, leaf: int) -> Door:
    """A leaf that is not closed is open; a bolt that is anywhere but home does not lock."""
    if leaf != dw.CLOSED:
        return "open"
    return "locked" if lock == dw.LOCKED else "released"
