"""A virtual receipt printer on a TCP port: it answers, prints on an image, runs out of paper. Parses no command itself.

Like a real one it keeps what it was sent while it has no paper, and goes on when somebody has mended that.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from hw.virtual import escpos_stream as stream
from hw.virtual.control import ControlServer, Customer, meets
from hw.virtual.errors import BadState, Refused
from hw.virtual.listener import Listener
from hw.virtual.paper import Paper

SPECS: Final = "no-paper paper-low cover-open off silent die-after:BYTES paper-out-after:DOTS"
"""Every fault. off: hangs up on everybody; silent: takes bytes and never answers; the last two strike later."""
_LASTING: Final = ("no-paper", "paper-low", "cover-open", "off", "silent")
_LATER: Final = re.compile(r"(die-after|paper-out-after):([0-9]{1,7})")
_RECEIVE_BYTES: Final = 65536
_BUFFER_BYTES: Final = 4 << 20
_DOTS: Final = {48: 576, 32: 384}


@dataclass(slots=True)
class _Condition:
    """What is wrong with it at the moment, and what will be."""

    now: set[str] = field(default_factory=set)
    later: dict[str, int] = field(default_factory=dict)

    def arm(self, spec: str) -> None:
        if spec == "none":
            self.now.clear()
            self.later.clear()
        elif spec in _LASTING:
            self.now.add(spec)
        elif match := _LATER.fullmatch(spec):
            self.later[match[1]] = int(match[2])
        else:
            raise BadState(f"no printer's fault is called {spec!r}; there are: {SPECS}")

    @property
    def paused(self) -> bool:
        return bool(self.now & {"no-paper", "cover-open"})

    def status(self, which: int) -> int:
        """The answer to DLE EOT ``which``."""
        bits = {
            1: 0x08 * self.paused,
            2: 0x04 * ("cover-open" in self.now) | 0x20 * ("no-paper" in self.now),
            3: 0,
            4: 0x60 * ("no-paper" in self.now) | 0x0C * bool(self.now & {"no-paper", "paper-low"}),
        }
        return 0x12 | bits[which]


class VirtualPrinter:
    """Paper, condition and one host at a time (:class:`hw.virtual.control.Hands`). Slips go into ``folder``."""

    def __init__(self, folder: Path, columns: int = 48, faults: tuple[str, ...] = ()) -> None:
        if columns not in _DOTS:
            raise BadState(f"a printer has 32 or 48 columns, not {columns}")
        self._condition = _Condition()
        for spec in faults:
            self._condition.arm(spec)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise BadState(f"{folder}: {exc.strerror}") from exc
        self._folder, self._paper = folder, Paper(_DOTS[columns])
        self._count = len(list(folder.glob("slip-*.png")))
        self._changed = threading.Condition()
        self._buffer, self._taken = b"", 0
        self._texts: list[str] = []
        self._complaints: list[str] = []
        self._peer: socket.socket | None = None

    # -- hands

    def status(self) -> dict[str, Any]:
        """Everything that can be seen of it from outside."""
        with self._changed:
            return {
                "faults": sorted(self._condition.now),
                "slips": len(self._texts),
                "text": self._texts[-1] if self._texts else "",
                "image": str(self._folder / f"slip-{self._count:04d}.png") if self._count else "",
                "bytes": self._taken,
                "waiting_bytes": len(self._buffer),
                "wraps": self._paper.wraps,
                "complaints": list(self._complaints),
            }

    def wait_for(self, conditions: Mapping[str, Any], timeout_s: float) -> bool:
        """Until its status meets all of them."""
        with self._changed:
            return self._changed.wait_for(lambda: meets(self.status(), conditions), timeout_s)

    def act(self, action: str, argument: Mapping[str, Any]) -> None:
        """``fault`` with "spec", or ``mend``: paper in, cover shut, switched on."""
        if action not in ("fault", "mend"):
            raise Refused("a printer's hands: fault, mend")
        with self._changed:
            self._condition.arm("none" if action == "mend" else str(argument.get("spec")))
            if "off" in self._condition.now:
                self._lose_power()
            self._work()
            self._changed.notify_all()

    # -- the host

    def serve(self, sock: socket.socket) -> None:
        """One host, until either hangs up."""
        with self._changed:
            if "off" in self._condition.now:
                return
            self._peer = sock
        with contextlib.suppress(OSError):
            while (data := sock.recv(_RECEIVE_BYTES)) and self._take(data):
                pass
        with self._changed:
            self._peer = None
            if not self._condition.paused:
                self._buffer = b""  # the rest of a command that will never come

    def _take(self, data: bytes) -> bool:
        with self._changed:
            if "silent" in self._condition.now:
                return True
            if self._condition.paused and data[:2] == b"\x10\x04":
                self._real_time(data)
                return True
            left = self._condition.later.get("die-after")
            kept = data if left is None else data[:left]
            self._taken += len(kept)
            self._buffer = (self._buffer + kept)[-_BUFFER_BYTES:]
            self._work()
            if left is not None:
                self._condition.later["die-after"] = left - len(kept)
                if len(kept) < len(data):
                    del self._condition.later["die-after"]
                    self._condition.now.add("off")
                    self._lose_power()
            self._changed.notify_all()
            return "off" not in self._condition.now

    def _real_time(self, data: bytes) -> None:
        for question in re.finditer(rb"\x10\x04([\x01-\x04])", data):
            self._answer(self._condition.status(question[1][0]))

    def _lose_power(self) -> None:
        self._buffer = b""
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.shutdown(socket.SHUT_RDWR)

    def _work(self) -> None:
        """Carry out what is in the buffer, as far as there is paper."""
        while self._buffer and not self._condition.paused:
            try:
                command, length = stream.command(self._buffer, bool(self._paper.modes["chinese"]))
                self._perform(command)
            except stream.Incomplete:
                return
            except (Refused, BadState) as exc:
                self._complaints.append(exc.detail)
                self._lose_power()  # from here on a real one would print rubbish
                return
            self._buffer = self._buffer[length:]
            limit = self._condition.later.get("paper-out-after")
            if limit is not None and self._paper.height >= limit:
                del self._condition.later["paper-out-after"]
                self._condition.now.add("no-paper")

    def _perform(self, command: stream.Command) -> None:
        paper = self._paper
        match command:
            case stream.Status(which):
                self._answer(self._condition.status(which))
            case stream.StatusInTurn():
                self._answer(0x03 if "paper-low" in self._condition.now else 0x00)
            case stream.Initialise():
                paper.initialise()
            case stream.NewLine():
                paper.new_line()
            case stream.Cut():
                self._count += 1
                self._texts.append(paper.cut(self._folder / f"slip-{self._count:04d}.png"))
                (self._folder / f"slip-{self._count:04d}.txt").write_text(self._texts[-1], "utf-8")
            case _:
                self._draw(command)

    def _draw(self, command: stream.Command) -> None:
        drawn: dict[type, Callable[[Any], None]] = {
            stream.Set: self._paper.set,
            stream.Char: self._paper.char,
            stream.FeedDots: self._paper.feed,
            stream.Raster: self._paper.picture,
            stream.Barcode: self._paper.bars,
        }
        drawn[type(command)](command)

    def _answer(self, byte: int) -> None:
        if self._peer is not None:
            with contextlib.suppress(OSError):
                self._peer.sendall(bytes((byte,)))


class ServedPrinter:
    """A virtual printer with its port and its control address, as a context."""

    def __init__(
        self,
        folder: Path,
        columns: int = 48,
        faults: tuple[str, ...] = (),
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.printer = VirtualPrinter(folder, columns, faults)
        self._columns = columns
        # one at a time, as the real one: who comes meanwhile waits
        self._listener = Listener(address, "printer", self.printer.serve, peers=1)
        self._control = ControlServer(self.printer)

    def __enter__(self) -> Self:
        self._listener.start()
        self._control.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.stop()
        self._listener.stop()

    @property
    def where(self) -> str:
        """The address as the station names it."""
        return f"tcp:{self._listener.address}" + ("" if self._columns == 48 else f",columns={self._columns}")

    @property
    def ready(self) -> dict[str, Any]:
        """What the ready line says."""
        return {"where": self.where, "control": self._control.address, "pid": os.getpid()}


class PrinterHands(Customer):
    """Whoever stands beside the printer."""

    def mend(self) -> dict[str, Any]:
        """Paper in, cover shut, switched on."""
        return self._ask({"do": "mend"})
