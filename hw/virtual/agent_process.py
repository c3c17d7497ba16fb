"""The MicroPython process that is a virtual phone's update agent: started, spoken to through pipes, killed.

It runs the very files that go on a board. Nothing here reads what passes. A process that ends with RESET asked
for a restart; any other end is a loss of power.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from hw.virtual.errors import BadState

RESET = 3
HEAP = "192k"
"""What the agent has to live in."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_MODULE = "firmware_agent.device.main"
_PIECE_BYTES = 16384
_libc = ctypes.CDLL(None)


def sources() -> Path:
    """The folder that holds the packages a board gets, for MICROPYPATH."""
    return Path(__file__).resolve().parents[2]


def interpreter() -> Path:
    """MicroPython's unix port. :class:`BadState` where there is none."""
    beside = Path(sys.executable).parent / "micropython"
    found = beside if beside.exists() else shutil.which("micropython")
    if found is None:
        raise BadState("a phone with an update agent needs MicroPython's unix port, and there is none here")
    return Path(found)


def _dies_with_us() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(folder: Path, extra: Mapping[str, str], log: int, heap: str = HEAP) -> subprocess.Popen[bytes]:
    """The agent of the phone in ``folder``, on three pipes of its own; ``log`` takes its stderr.

    It dies with the thread that calls this: call from one that lives as long as the phone.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AGENT_", "MICROPY"))}
    return subprocess.Popen(
        [str(interpreter()), "-X", f"heapsize={heap}", "-m", _MODULE, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        bufsize=0,
        env={**kept, "MICROPYPATH": str(sources()), **extra},
        preexec_fn=_dies_with_us,  # noqa: PLW1509 - one call into a library that is loaded already
    )


class Agent:
    """One running process. :meth:`read` belongs to one thread; the rest may be called by any."""

    def __init__(self, folder: Path, extra: Mapping[str, str]) -> None:
        with (folder / "agent.log").open("ab") as log:
            self._popen = start(folder, extra, log.fileno())
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin, self._stdout = self._popen.stdin, self._popen.stdout

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def read(self) -> bytes:
        """What it says next; b"" once it has ended."""
        return os.read(self._stdout.fileno(), _PIECE_BYTES)

    def write(self, data: bytes) -> None:
        """Everything, as fast as it takes it; what a process that has ended does not take is lost."""
        view = memoryview(data)
        with contextlib.suppress(OSError, ValueError):
            while view:
                view = view[os.write(self._stdin.fileno(), view) :]

    def kill(self) -> None:
        """Take the power away, now."""
        self._popen.kill()

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        code = self._popen.wait()
        self._stdout.close()
        with contextlib.suppress(OSError):
            self._stdin.close()
        return code
