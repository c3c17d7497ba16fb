"""The process that is a virtual dock's controller: the very files that go on a board, on four pipes. Reads no frame.

Under MicroPython, or where there is none under this Python.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hw.virtual.agent_process import interpreter, sources
from hw.virtual.errors import BadState

HEAP = "192k"
"""What an RP2040 leaves a program."""
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MODULE = "firmware_agent.dock.main"
_PIECE_BYTES = 16384
_ANSWER_BYTES = 65536
_libc = ctypes.CDLL(None)


def _dies_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def command() -> list[str]:
    """How the controller is started, without its own arguments."""
    try:
        return [str(interpreter()), "-X", f"heapsize={HEAP}", "-m", _MODULE]
    except BadState:
        return [sys.executable, "-m", _MODULE]


class ControllerProcess:
    """One running controller; it dies with the thread that makes it. One thread reads, one takes turns."""

    def __init__(self, folder: Path) -> None:
        sensors_in, self._sensors = os.pipe()
        self._driven, driven_out = os.pipe()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MICROPY")}
        paths = {"MICROPYPATH": str(sources()), "PYTHONPATH": str(sources())}
        with (folder / "controller.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [*command(), str(folder), str(sensors_in), str(driven_out)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
                env={**kept, **paths},
                pass_fds=(sensors_in, driven_out),
                preexec_fn=_dies_with_us,  # noqa: PLW1509 - one call into a library that is loaded already
            )
        os.close(sensors_in)
        os.close(driven_out)
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin, self._stdout = self._popen.stdin, self._popen.stdout
        self._held = bytearray()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def turn(self, sensors: Mapping[str, Any], timeout_s: float) -> dict[str, Any] | None:
        """Show it the sensors; what it drives. None: it has ended, or does not answer in time, as one that hangs."""
        try:
            os.write(self._sensors, json.dumps(sensors).encode() + b"\n")
            while b"\n" not in self._held:
                ready, _, _ = select.select([self._driven], [], [], timeout_s)
                piece = os.read(self._driven, _PIECE_BYTES) if ready else b""
                if not piece or len(self._held) > _ANSWER_BYTES:
                    return None
                self._held += piece
        except OSError:
            return None
        line, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        found = json.loads(line)
        return found if isinstance(found, dict) else None

    def read(self) -> bytes:
        """What it says to the station next; b"" once it has ended."""
        return os.read(self._stdout.fileno(), _PIECE_BYTES)

    def write(self, data: bytes) -> None:
        """Bytes from the station; what a process that has ended does not take is lost."""
        view = memoryview(data)
        with contextlib.suppress(OSError, ValueError):
            while view:
                view = view[os.write(self._stdin.fileno(), view) :]

    def kill(self) -> None:
        """Take its power away."""
        self._popen.kill()

    def close(self) -> None:
        """Kill it and let go of its pipes; its reader must have come to the end."""
        self._popen.kill()
        self._popen.wait()
        for descriptor in (self._sensors, self._driven):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        for stream in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                stream.close()
