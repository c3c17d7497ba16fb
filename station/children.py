"""Child processes of the demo, the benchmarks and the fault matrix: started, waited for, never left behind."""

from __future__ import annotations

import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from station.errors import UNREACHABLE, StationError

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Between fork and exec: the kernel ends the child when its parent ends, even by kill -9 (prctl(2))."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One ``station`` command as a process that says ``ready {json}`` on its first line of standard output.

    Raises :class:`StationError` when it ends, or says nothing within ``timeout_s``; its own last line is the reason.
    """

    def __init__(self, *words: str, timeout_s: float = 60.0, log: Path | None = None) -> None:
        self.name = words[0]
        self._log = log
        with open(log or os.devnull, "ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "station", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl, which takes no lock
                start_new_session=True,
            )
        self.ready = self._await_ready(timeout_s)

    def _await_ready(self, timeout_s: float) -> dict[str, Any]:
        lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout is not None
        stdout = self.process.stdout

        def read() -> None:
            for line in stdout:
                lines.put(line)
            lines.put("")

        threading.Thread(target=read, name=f"stdout of {self.name}", daemon=True).start()
        try:
            line = lines.get(timeout=timeout_s)
        except queue.Empty:
            line = ""
        if not line.startswith("ready "):
            self.stop()
            raise StationError(
                f"station {self.name} did not start: {self._last_line() or 'it said nothing'}", UNREACHABLE
            )
        ready = json.loads(line.removeprefix("ready "))
        if not isinstance(ready, dict):
            raise StationError(
                f"station {self.name} did not start: its ready line holds no object", UNREACHABLE
            )
        return ready

    def _last_line(self) -> str:
        if self._log is None or not self._log.exists():
            return ""
        lines = self._log.read_text("utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to end; after ``timeout_s`` make it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def run(words: Sequence[str], timeout_s: float, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one ``station`` command to its end; its streams as text."""
    return subprocess.run(
        [sys.executable, "-m", "station", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **environment},
        preexec_fn=die_with_parent,
    )


def last_json(text: str) -> dict[str, Any]:
    """The one JSON object that ends a command's standard output; raises :class:`StationError` without one."""
    lines = text.strip().splitlines()
    try:
        found = json.loads(lines[-1])
    except (IndexError, json.JSONDecodeError) as exc:
        raise StationError(f"no JSON at the end of the output: {lines[-1] if lines else '(empty)'}") from exc
    if not isinstance(found, dict):
        raise StationError("the JSON at the end of the output is not an object")
    return found
