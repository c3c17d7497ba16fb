"""The dock's controller: takes orders, does each once, watches over the gates, bays and scale, and reports.

It moves nothing while the emergency stop is pressed and nothing by itself but what docs/dock.md names. Knows no port
and no chip: :class:`Hardware` has the sensors, ``send`` takes frames.
"""

import firmware_agent.dock_wire as dock_wire  # noqa: PLR0402 - in full: a board gets what is named here
from firmware_agent.device.flash import Region
from firmware_agent.dock.bays import PhoneBay
from firmware_agent.dock.hardware import Hardware
from firmware_agent.dock.locks import Bolt, Gate
from firmware_agent.dock.memory import BLOCKS, Memory
from firmware_agent.dock.reports import fill_report
from firmware_agent.dock.scale import Scale
from firmware_agent.dock.watchdog import HostWatch
from firmware_agent.wire import BAD_PAYLOAD, NO_VERSION, UNKNOWN_KIND, Frame, WireError, frame

FIRMWARE = "dock 1"
REPORT_MS = 500
WAITING_MAX = 16
"""Orders under way; the oldest is given up for a new one."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_RELEASES = (dock_wire.RELEASE_FLAP, dock_wire.RELEASE_DOOR, dock_wire.RELEASE_DRAWER)
_WITHOUT_NUMBER = (dock_wire.RELEASE_DRAWER, dock_wire.LOCK_DRAWER, dock_wire.TARE)
_LOCKS = (dock_wire.LOCK_FLAP, dock_wire.LOCK_DOOR, dock_wire.LOCK_DRAWER)


class Waiting:
    """An order whose bolt is on its way."""

    def __init__(self, sequence: int, intent: bytes, gate: Gate, position: int) -> None:
        self.sequence = sequence
        self.intent = intent
        self.gate = gate
        self.position = position


class Controller:
    """One dock. Call :meth:`tick` often, :meth:`handle` for every frame, :meth:`broken` for bytes that are none."""

    def __init__(self, hardware: Hardware, send: "Callable[[bytes], None]") -> None:
        self.hardware = hardware
        self._send = send
        now_ms = hardware.now_ms()
        self.memory = Memory(Region(hardware.flash, 0, BLOCKS * hardware.flash.block_bytes))
        self.memory.begin()
        self.watch = HostWatch(now_ms)
        self.scale = Scale(hardware.calibration, self.memory.tare_ticks)
        self.flaps = [_gate(hardware, dock_wire.LOCK_FLAP, n) for n in range(1, hardware.bins + 1)]
        self.doors = [_gate(hardware, dock_wire.LOCK_DOOR, n) for n in range(1, hardware.bins + 1)]
        self.drawer = _gate(hardware, dock_wire.LOCK_DRAWER, 0)
        self.bays = [PhoneBay(hardware, number) for number in range(1, hardware.bays + 1)]
        self.is_stopped = hardware.stop_is_pressed()
        self.housing_is_open = False
        self._waiting: list[Waiting] = []
        self._outcomes: dict[bytes, int] = {}  # of the orders that the memory knows, since this start
        self._report = dock_wire.Report()
        self._said = b""
        self._said_ms = now_ms - REPORT_MS
        self._complained = False
        self._sequence = 0

    # -- time -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look at everything once; report what changed, and every half second in any case."""
        now_ms = self.hardware.now_ms()
        self._complained = False
        self.watch.tick(now_ms)
        self._look_at_housing()
        self.is_stopped = self.hardware.stop_is_pressed()
        for gate in self.flaps + self.doors + [self.drawer]:
            gate.tick(now_ms, self.watch.is_silent, self.is_stopped)
        for bay in self.bays:
            bay.tick(self.is_stopped)
        if self.scale.is_due(now_ms):
            self.scale.read(self.hardware.scale_ticks(), self.hardware.scale_is_covered(), now_ms)
        self._tell(now_ms)
        self._answer_waiting()

    def _look_at_housing(self) -> None:
        is_open = self.hardware.housing_is_open()
        if is_open and not self.housing_is_open:
            self.memory.tampers = (self.memory.tampers + 1) & 0xFFFFFFFF
            self.memory.keep()
        self.housing_is_open = is_open

    def _answer_waiting(self) -> None:
        for one in list(self._waiting):
            bolt = one.gate.bolt
            if bolt.is_moving:
                continue
            self._waiting.remove(one)
            if bolt.state == one.position:
                self._done(one.sequence, one.intent, dock_wire.OK)
            else:
                outcome = dock_wire.STOPPED if self.is_stopped else dock_wire.JAMMED
                self._done(one.sequence, one.intent, outcome)

    def _tell(self, now_ms: int) -> None:
        report = self._report
        fill_report(report, self)
        report.sequence = report.uptime_ms = 0
        body = dock_wire.pack_report(report)
        if body == self._said and now_ms - self._said_ms < REPORT_MS:
            return
        self._said, self._said_ms = body, now_ms
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        report.sequence, report.uptime_ms = self._sequence, now_ms
        self._send(frame(dock_wire.REPORT, self._sequence, dock_wire.pack_report(report)))

    # -- the station's frames -------------------------------------------------------------------

    def broken(self, problem: WireError) -> None:
        """Bytes that are no frame: one complaint a turn, however much noise there is."""
        if not self._complained:
            self._complained = True
            self._send(frame(dock_wire.REFUSED, 0, dock_wire.pack_refused(problem.code, problem.detail)))

    def handle(self, got: Frame) -> None:
        """One sound frame. Whatever is in it, it is answered once and changes nothing that it may not."""
        try:
            if got.kind == dock_wire.GREET:
                self._greeted(got)
            elif got.kind == dock_wire.ORDER:
                self._ordered(got)
            elif got.kind == dock_wire.PULSE:
                self._pulsed(dock_wire.unpack_pulse(got.payload))
            else:
                self._refuse(got, UNKNOWN_KIND, got.kind)
                return
        except WireError as problem:
            self._refuse(got, problem.code, problem.detail)
            return
        self.watch.heard(self.hardware.now_ms())

    def _refuse(self, got: Frame, code: int, detail: int = 0) -> None:
        self._send(frame(dock_wire.REFUSED, got.sequence, dock_wire.pack_refused(code, detail)))

    def _greeted(self, got: Frame) -> None:
        oldest, newest = dock_wire.unpack_greet(got.payload)
        if not oldest <= newest or newest < dock_wire.OLDEST_VERSION or oldest > dock_wire.VERSION:
            raise WireError(NO_VERSION, dock_wire.VERSION)
        version = min(newest, dock_wire.VERSION)
        hardware = self.hardware
        about = dock_wire.pack_about(version, hardware.bins, hardware.bays, hardware.serial, FIRMWARE)
        self._send(frame(dock_wire.ABOUT, got.sequence, about))
        self._said = b""  # whoever is new is told at once

    def _pulsed(self, tampers_read: int) -> None:
        memory = self.memory
        if tampers_read != memory.tampers_read and tampers_read == memory.tampers:
            memory.tampers_read = tampers_read
            memory.keep()

    def _ordered(self, got: Frame) -> None:
        intent, act, number, value = dock_wire.unpack_order(got.payload)
        if intent == bytes(dock_wire.INTENT_BYTES):
            raise WireError(BAD_PAYLOAD)
        if self.memory.knows(intent):
            if not any(one.intent == intent for one in self._waiting):
                self._done(got.sequence, intent, self._outcomes.get(intent, dock_wire.FORGOTTEN), True)
            return  # under way: it is answered when it ends
        outcome = self._may(act, number, value)
        # A lock that cannot be remembered may be done twice; a release may not.
        if outcome == dock_wire.OK and not self.memory.take(intent) and act not in _LOCKS:
            outcome = dock_wire.MEMORY
        if outcome == dock_wire.OK:
            self._do(got.sequence, intent, act, number, value)
        else:
            self._done(got.sequence, intent, outcome)

    def _may(self, act: int, number: int, value: int) -> int:
        """OK, or why not; nothing has been done yet."""
        if act not in dock_wire.ACTS or (act == dock_wire.LIGHT and value >= len(dock_wire.COLOURS)):
            return dock_wire.UNKNOWN_ACT
        places = len(self.flaps) if act <= dock_wire.LOCK_DOOR else len(self.bays)
        if act not in _WITHOUT_NUMBER and not 1 <= number <= places:
            return dock_wire.NO_PLACE
        return self._may_here(act, number, value)

    def _may_here(self, act: int, number: int, value: int) -> int:
        """OK, or what of the dock as it is now speaks against it."""
        if self.hardware.stop_is_pressed() and (
            act in _RELEASES + _LOCKS or (act == dock_wire.POWER and value)
        ):
            return dock_wire.STOPPED
        now_ms = self.hardware.now_ms()
        # No bin stands open on both its sides, however quickly one order comes after the other.
        if act == dock_wire.RELEASE_FLAP and not self.doors[number - 1].is_locked(now_ms):
            return dock_wire.DOOR_OPEN
        if act == dock_wire.RELEASE_DOOR and self.flaps[number - 1].may_be_opened(now_ms):
            return dock_wire.FLAP_OPEN
        if act == dock_wire.POWER and value and not self.bays[number - 1].may_be_on:
            return dock_wire.HOT
        if act == dock_wire.TARE and not self.scale.may_be_tared:
            return dock_wire.TARE_RANGE
        return dock_wire.OK

    def _do(self, sequence: int, intent: bytes, act: int, number: int, value: int) -> None:
        if act in _RELEASES or act in _LOCKS:
            self._move(sequence, intent, act, number)
            return
        if act == dock_wire.TARE:
            self.scale.tare()
            self.memory.tare_ticks = self.scale.tare_ticks
            self.memory.keep()
        elif act == dock_wire.POWER:
            self.bays[number - 1].power(value != 0)
        else:
            self.bays[number - 1].show(value)
        self._done(sequence, intent, dock_wire.OK)

    def _move(self, sequence: int, intent: bytes, act: int, number: int) -> None:
        gates = self.flaps if act <= dock_wire.LOCK_FLAP else self.doors
        gate = self.drawer if act >= dock_wire.RELEASE_DRAWER else gates[number - 1]
        now_ms = self.hardware.now_ms()
        for one in list(self._waiting):
            if one.gate is gate or len(self._waiting) >= WAITING_MAX:
                self._waiting.remove(one)
                self._done(one.sequence, one.intent, dock_wire.REPLACED)
        if act in _RELEASES:
            gate.release(now_ms)
        elif not gate.lock(now_ms):
            self._done(sequence, intent, dock_wire.LATER)
            return
        position = dock_wire.RELEASED if act in _RELEASES else dock_wire.LOCKED
        self._waiting.append(Waiting(sequence, intent, gate, position))

    def _done(self, sequence: int, intent: bytes, outcome: int, is_repeat: bool = False) -> None:
        if not is_repeat and self.memory.knows(intent):
            self._outcomes[intent] = outcome
            for known in list(self._outcomes):
                if not self.memory.knows(known):
                    del self._outcomes[known]
        self._tell(self.hardware.now_ms())  # whoever hears that it is done has seen what it looks like
        self._send(frame(dock_wire.DONE, sequence, dock_wire.pack_done(intent, outcome, is_repeat)))


def _gate(hardware: Hardware, act: int, number: int) -> Gate:
    """The flap, door (by number) or drawer that ``act`` locks."""
    now_ms = hardware.now_ms()
    if act == dock_wire.LOCK_DRAWER:
        return Gate(Bolt(hardware.drive_drawer, hardware.drawer_bolt), hardware.drawer_leaf, True, now_ms)
    if act == dock_wire.LOCK_FLAP:
        flap = Bolt(lambda to: hardware.drive_flap(number, to), lambda: hardware.flap_bolt(number))
        return Gate(flap, lambda: hardware.flap_leaf(number), True, now_ms)
    door = Bolt(lambda to: hardware.drive_door(number, to), lambda: hardware.door_bolt(number))
    return Gate(door, lambda: hardware.door_leaf(number), False, now_ms)
