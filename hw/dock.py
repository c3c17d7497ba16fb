"""The dock over its serial line: one thread listens, keeps the pulse and connects anew; orders wait for their end.

It never says more than the last report, and says itself offline after two seconds without one. It decides nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from firmware_agent import dock_wire as dw
from hw.errors import FaultOf, HwError
from hw.link.serial import ByteLink, SerialLink, check_where
from hw.proto.dock import Described, DockFacts, Ended, Event, Host, Reported, intent_id

SILENT_S = 2.0
PULSE_S = 0.5
ANSWER_S = 3.0
"""A bolt has three tries of 0.4 s; then the order is said once more, which is harmless, and given as long again."""
RETRY_S = 0.5
_READ_S = 0.1

_REASONS: Mapping[int, tuple[str, str]] = {
    dw.STOPPED: ("dock_stopped", "the emergency stop is pressed; nothing was moved"),
    dw.JAMMED: ("dock_jammed", "the bolt did not get where it was sent"),
    dw.DOOR_OPEN: ("dock_door_open", "the bin's door is not locked; its flap stays locked"),
    dw.FLAP_OPEN: ("dock_flap_open", "the bin's flap is open or released; its door stays locked"),
    dw.HOT: ("dock_hot", "the bay is too hot; its power stays off"),
    dw.NO_PLACE: ("dock_no_place", "the dock has no such bin or bay"),
    dw.TARE_RANGE: ("dock_tare", "the scale is not at rest, or too far from zero"),
    dw.MEMORY: ("dock_memory", "the controller cannot remember orders any more; nothing was moved"),
    dw.REPLACED: ("dock_replaced", "a later order for the same lock came first"),
    dw.FORGOTTEN: (
        "dock_restarted",
        "the controller was restarted in the middle of an order; look at its sensors",
    ),
    dw.UNKNOWN_ACT: ("dock_old", "the controller does not know this order"),
}
_COLOURS = {name: number for number, name in enumerate(dw.COLOURS)}


class DockTrouble(HwError):
    """An order that was not done, or of which nobody knows. ``reason`` has words on the screens, with ``values``."""

    fault: ClassVar[FaultOf] = "phone"

    def __init__(self, reason: str, detail: str, values: Mapping[str, str | int] | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.values = dict(values or {})


class DockGone(DockTrouble):
    """The dock does not answer."""

    fault: ClassVar[FaultOf] = "link"


class SerialDock:
    """One dock; its thread runs until :meth:`close`. Thread-safe. ``connect`` opens the line anew each time."""

    def __init__(self, connect: Callable[[], ByteLink]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._facts = DockFacts()
        self._changes = 0
        self._heard_s = -SILENT_S
        self._was_online = False
        self._tampers_read = 0
        self._host: Host | None = None
        self._link: ByteLink | None = None
        self._ended: dict[bytes, Ended] = {}
        self._asked: set[bytes] = set()
        self._stop = threading.Event()
        self.described: Described | None = None
        self.noise = 0
        self.why_offline = "not connected yet"
        self._thread = threading.Thread(target=self._run, name="dock", daemon=True)
        self._thread.start()

    # -- what it says ---------------------------------------------------------------------------

    def facts(self) -> DockFacts:
        """The last report, and whether it is fresh."""
        with self._changed:
            return replace(self._facts, online=self._is_online())

    def wait(self, after: int, timeout_s: float) -> int:
        """Until the facts, or whether it is online, changed since change number ``after``; the number now."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != after or self._stop.is_set(), timeout_s)
            return self._changes

    def told_tampered(self, tampers: int) -> None:
        """So many openings of the housing are written down; the next pulse says so, and the controller lets go."""
        with self._changed:
            self._tampers_read = tampers

    def _is_online(self) -> bool:
        return self._link is not None and time.monotonic() - self._heard_s < SILENT_S

    # -- what it is told ------------------------------------------------------------------------

    def release_flap(self, bin: int, intent: str) -> None:
        """Let the flap be opened; returns when its bolt is back."""
        self._order(intent, dw.RELEASE_FLAP, bin, {"bin": bin})

    def lock_flap(self, bin: int, intent: str) -> None:
        """Lock it; one that is open locks once it is closed."""
        self._order(intent, dw.LOCK_FLAP, bin, {"bin": bin})

    def release_door(self, bin: int, intent: str) -> None:
        """Let staff open the bin."""
        self._order(intent, dw.RELEASE_DOOR, bin, {"bin": bin})

    def lock_door(self, bin: int, intent: str) -> None:
        """Lock it; one that is open locks once it is closed."""
        self._order(intent, dw.LOCK_DOOR, bin, {"bin": bin})

    def release_drawer(self, intent: str) -> None:
        """Let the hazard drawer be opened."""
        self._order(intent, dw.RELEASE_DRAWER, 0, {})

    def lock_drawer(self, intent: str) -> None:
        """Lock it; one that is open locks once it is closed."""
        self._order(intent, dw.LOCK_DRAWER, 0, {})

    def tare(self, intent: str) -> None:
        """Call what is on the plate zero, up to 200 g from the factory's."""
        self._order(intent, dw.TARE, 0, {})

    def power(self, bay: int, on: bool, intent: str) -> None:
        """Switch a bay's power."""
        self._order(intent, dw.POWER, bay, {"bay": bay}, int(on))

    def light(self, bay: int, colour: Literal["off", "white", "green", "amber", "red"], intent: str) -> None:
        """Show a colour at a bay."""
        self._order(intent, dw.LIGHT, bay, {"bay": bay}, _COLOURS[colour])

    def close(self) -> None:
        """End the thread and let go of the line; the dock stays as it is."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(ANSWER_S)

    def _order(
        self, intent: str, act: int, number: int, values: Mapping[str, str | int], value: int = 0
    ) -> None:
        """Say it, wait for its end; once more after a while. Raises DockTrouble."""
        name = intent_id(intent)
        with self._changed:
            self._asked.add(name)
        try:
            ended = self._say(name, act, number, value, 1) or self._say(name, act, number, value, 2)
        finally:
            with self._changed:
                self._asked.discard(name)
                self._ended.pop(name, None)
        if ended is None:
            raise DockGone("dock_no_answer", "the dock was told, but does not say what came of it", values)
        if ended.outcome in (dw.OK, dw.LATER):
            return
        reason, detail = _REASONS[ended.outcome]
        raise DockTrouble(reason, detail, values)

    def _say(self, name: bytes, act: int, number: int, value: int, time_of_asking: int) -> Ended | None:
        """None: no answer in time. A second time is harmless: the controller does each intent once."""
        with self._changed:
            if self._stop.is_set() or not self._is_online() or self._link is None or self._host is None:
                if time_of_asking > 1:
                    return None
                raise DockGone("dock_offline", f"the dock does not answer: {self.why_offline}")
            link, frame = self._link, self._host.order(name, act, number, value)
        try:
            link.write(frame)
        except HwError:
            return None  # perhaps some of it went: the second time asks what came of it
        with self._changed:
            self._changed.wait_for(lambda: name in self._ended or self._stop.is_set(), ANSWER_S)
            return self._ended.get(name)

    # -- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                link = self._connect()
            except HwError as exc:
                self._offline(exc.detail)
                self._stop.wait(RETRY_S)
                continue
            try:
                self._converse(link)
            except HwError as exc:
                self._offline(exc.detail)
            finally:
                with self._changed:
                    self._link = self._host = None
                link.close()
            self._offline(self.why_offline)
            self._stop.wait(RETRY_S)

    def _converse(self, link: ByteLink) -> None:
        """Until the line breaks, or says nothing that can be read for so long that it is better opened anew."""
        host = Host()
        link.write(host.greet())
        with self._changed:
            self._link, self._host = link, host
        opened_s = pulsed_s = time.monotonic()
        while not self._stop.is_set():
            data = link.read(_READ_S)
            now_s = time.monotonic()
            for event in host.receive(data) if data else ():
                self._take(event, now_s)
            if now_s - pulsed_s >= PULSE_S:
                pulsed_s = now_s
                link.write(host.pulse(self._tampers_read))
            self._notice_silence()
            if now_s - max(opened_s, self._heard_s) >= 2 * SILENT_S:
                self.why_offline = (
                    "it is connected, but what it says is no report" if self.noise else "it is silent"
                )
                return

    def _take(self, event: Event, now_s: float) -> None:
        with self._changed:
            if isinstance(event, Reported):
                is_news = event.facts != self._facts or not self._was_online
                self._facts, self._heard_s, self._was_online = event.facts, now_s, True
                if is_news:
                    self._change()
            elif isinstance(event, Ended):
                if event.intent in self._asked:
                    self._ended[event.intent] = event
                    self._changed.notify_all()
            elif isinstance(event, Described):
                self.described = event
            else:
                self.noise += 1

    def _notice_silence(self) -> None:
        with self._changed:
            if self._was_online and not self._is_online():
                self._was_online = False
                self.why_offline = "it is silent"
                self._change()

    def _offline(self, why: str) -> None:
        with self._changed:
            self.why_offline = why
            if self._was_online:
                self._was_online = False
                self._change()

    def _change(self) -> None:
        self._changes += 1
        self._changed.notify_all()


def open_dock(where: str) -> SerialDock:
    """The dock at ``where`` (``serial:/dev/NAME`` or ``tcp:HOST:PORT``), connected or not. Raises BadWhere."""
    check_where(where)
    return SerialDock(lambda: SerialLink(where))
