"""Which process this is, in a way that a later process can check. Linux /proc only; it ends nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """``started`` is in clock ticks since boot (proc(5), stat field 22)."""

    pid: int
    started: int
    boot_id: str

    @property
    def alive(self) -> bool:
        """The very process, not another one with its pid."""
        return self.boot_id == boot_id() and started(self.pid) == self.started


def myself() -> Process:
    """This process."""
    return Process(os.getpid(), started(os.getpid()) or 0, boot_id())


@cache
def boot_id() -> str:
    """Of this boot of the machine."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()[:64]
    except OSError:
        return "unknown"


def started(pid: int) -> int | None:
    """When a process was started; None when there is none (a zombie counts as none)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("latin-1")
    except OSError:
        return None
    # The name in parentheses may hold spaces and parentheses itself.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def clock_state() -> str:
    """Whether the wall clock is known to be synchronised: "synchronised" or "unknown"."""
    return "synchronised" if Path("/run/systemd/timesync/synchronized").exists() else "unknown"
