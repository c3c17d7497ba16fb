"""The update agent as a bare process: frames over its pipes, power cuts by its own hand, no USB between.

For the fault matrix, the benchmark and the tests of refusals. It decides nothing about an update.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from firmware_agent import wire
from hw.proto import agent
from hw.proto.agent_facts import Event, Ordered, Rebooting, Refused, Welcomed, Working
from hw.virtual.agent_process import start
from station.errors import OURS, StationError

KILLED = -9
PATIENCE_S = 60.0
_PIECE_BYTES = 65536


class Died(Exception):
    """The process ended while an answer was awaited. ``code`` as subprocess has it: -9 after a power cut."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the agent's process ended with {code}")
        self.code = code


class Declined(Exception):
    """The agent refused a question. ``refused`` has the code and a line for people."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.line)
        self.refused = refused


class AgentProcess:
    """One life of a device between two resets. ``cut``: ``N:PART``, the flash operation it dies at."""

    def __init__(
        self, state: Path, *, cut: str = "", measured: bool = False, log: Path | None = None
    ) -> None:
        extra = {"AGENT_CUT": cut} if cut else {}
        extra |= {"AGENT_MEM": "1"} if measured else {}
        with open(log or os.devnull, "ab") as errors:
            self._process = start(state, extra, errors.fileno())
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._came = bytearray()

    def write(self, data: bytes) -> None:
        """All of it, taking what comes meanwhile, so that neither end waits for the other. Raises :class:`Died`."""
        view = memoryview(data)
        while view:
            readable, writable, _ = select.select([self._from], [self._to], [], PATIENCE_S)
            if not readable and not writable:
                raise StationError("the agent takes no bytes and says nothing", OURS)
            if readable:
                self._take()
            if writable:
                try:
                    view = view[os.write(self._to, view[:_PIECE_BYTES]) :]
                except BlockingIOError:
                    continue  # an atomic write that does not fit yet
                except BrokenPipeError:
                    raise Died(self.wait()) from None

    def read(self) -> bytes:
        """What came; waits for at least one byte. Raises :class:`Died` at the process's end."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._came:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._from], [], [], left)[0]:
                raise StationError(f"the agent said nothing for {PATIENCE_S:.0f} s", OURS)
            self._take()
        data, self._came = bytes(self._came), bytearray()
        return data

    def _take(self) -> None:
        data = os.read(self._from, _PIECE_BYTES)
        if not data:
            raise Died(self.wait())
        self._came += data

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        try:
            return self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired as exc:
            raise StationError("the agent's process does not end", OURS) from exc

    def close(self) -> None:
        """Take the power away, where it still runs."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __enter__(self) -> AgentProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Talk:
    """A station's conversation with one process, question by question. ``sent_bytes`` of the patch, this time."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process
        self.host = agent.Host()
        self.sent_bytes = 0
        self._events: list[Event] = []

    def hello(self) -> wire.Welcome:
        """What the device says of itself."""
        event = self.ask(self.host.hello())
        assert isinstance(event, Welcomed)
        return event.welcome

    def place(self, signed: bytes) -> Ordered:
        """Send an order with its signature. Raises :class:`Declined`."""
        event = self.ask(self.host.place_order(signed[:192], signed[192:]))
        assert isinstance(event, Ordered)
        return event

    def send(self, patch: bytes) -> None:
        """The patch from where the device stands, with as much in flight as it allows."""
        while self.host.taken < len(patch):
            while size_bytes := self.host.room():
                at = self.host.sent
                self.process.write(self.host.data(patch[at : at + size_bytes]))
                self.sent_bytes += size_bytes
            self._next()
        while self._events:  # several answers may have come at once
            self._next()

    def commit(self) -> None:
        """Have the image built; returns when it is whole."""
        event = self.ask(self.host.commit())
        while isinstance(event, Working) and event.done < event.total:
            event = self._next()

    def reboot(self) -> int:
        """Restart: the process's exit code."""
        assert isinstance(self.ask(self.host.reboot()), Rebooting)
        return self.process.wait()

    def ask(self, frame: bytes) -> Event:
        """The first answer to it. Raises :class:`Declined`."""
        self.process.write(frame)
        return self._next()

    def _next(self) -> Event:
        while not self._events:
            self._events += self.host.receive(self.process.read())
        event = self._events.pop(0)
        if isinstance(event, Refused):
            raise Declined(event)
        return event


def frames(data: bytes) -> list[wire.Frame]:
    """Whole frames of what a device said."""
    deframer, found = wire.Deframer(), []
    view = memoryview(data)
    while view:
        view = view[deframer.feed(view) :]
        while (frame := deframer.next()) is not None:
            found.append(frame)
    return found


def refusals(answers: Sequence[wire.Frame]) -> list[tuple[int, int]]:
    """(code, detail) of those that are refusals."""
    return [wire.unpack_refused(frame.payload) for frame in answers if frame.kind == wire.REFUSED]


def operations(state: Path) -> int:
    """Flash writes and erases since the device's last start, as its flash counts them."""
    count, _bytes = struct.unpack("<QQ", (state / "ops").read_bytes())
    return int(count)


def peak_memory(state: Path) -> tuple[int, int]:
    """(most bytes of heap in use, bytes of heap) of the last life that was measured."""
    found = json.loads((state / "memory.json").read_text("utf-8"))
    return int(found["peak_bytes"]), int(found["heap_bytes"])
