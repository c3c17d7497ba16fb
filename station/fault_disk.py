"""A disk that loses power at one chosen moment, for the fault matrix: what was not synced may be gone or torn.

It takes the real disk's place in a process that exists to be killed; it never repairs anything.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn

from firmware_agent.durable import Disk

Phase = Literal["download", "apply", "cache"]
Kind = Literal["bytes", "sync", "name"]
"""The n-th byte written, the n-th fsync, the n-th change of a name (rename, unlink, folder sync)."""
_SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Cut:
    """When the power goes: at count ``at`` (from 1) of a kind of change in a phase."""

    phase: Phase
    kind: Kind
    at: int
    seed: int = 0
    power: bool = True  # False: only the process dies, and the kernel keeps what it was given

    @property
    def text(self) -> str:
        """As on a command line; :meth:`parse` reads it."""
        return f"{self.phase}:{self.kind}:{self.at}:{self.seed}:{'power' if self.power else 'kill'}"

    @classmethod
    def parse(cls, text: str) -> Cut:
        """Raises ``ValueError``."""
        phase, kind, at, seed, how = text.split(":")
        if phase not in ("download", "apply", "cache") or kind not in ("bytes", "sync", "name"):
            raise ValueError(text)
        return cls(phase, kind, int(at), int(seed), how == "power")  # type: ignore[arg-type]


@dataclass(slots=True)
class _Written:
    """One write that no sync has made durable yet, and what was there before."""

    path: Path
    offset: int
    size_bytes: int
    old: bytes
    file_bytes: int  # the file's size before


_Undo = Callable[[random.Random], None]


@dataclass(slots=True)
class CuttingDisk(Disk):
    """Counts per phase and kind; with a ``cut`` it ends the process there by SIGKILL.

    ``phase_of`` tells the phase of a change from the path of its file.
    """

    phase_of: Callable[[Path], Phase]
    cut: Cut | None = None
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    _written: dict[tuple[int, int], list[_Written]] = field(default_factory=dict)  # by device and inode
    _named: list[_Undo] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        """Remembers what was there before, until it is synced."""
        view = memoryview(data).cast("B")
        with self._lock:
            path = _path_of(handle)
            left = self._left(self.phase_of(path), "bytes", view.nbytes)
            if left is not None:
                self._write(handle, view[:left], offset)
                self._die()
            self._write(handle, view, offset)

    def truncate(self, handle: int, size_bytes: int) -> None:
        """A change of a file's size, too, may be gone after a cut."""
        with self._lock:
            self._remember(handle, max(0, os.fstat(handle).st_size - size_bytes), size_bytes)
            Disk.truncate(self, handle, size_bytes)

    def sync(self, handle: int) -> None:
        """From here on the file is safe."""
        with self._lock:
            if self._left(self.phase_of(_path_of(handle)), "sync", 1) is not None:
                self._die()
            Disk.sync(self, handle)
            self._written.pop(_inode(handle), None)

    def rename(self, source: Path, target: Path) -> None:
        """Until the folder is synced, the old names may come back."""
        with self._lock:
            if self._left("cache", "name", 1) is not None:
                self._die()
            had = target.read_bytes() if target.exists() else None
            source.replace(target)
            # A file that was renamed before it was synced loses its bytes under its new name.
            for change in (one for many in self._written.values() for one in many if one.path == source):
                change.path = target

            def undo(draw: random.Random) -> None:
                if draw.random() < 0.5:
                    target.replace(source)
                    if had is not None:
                        target.write_bytes(had)

            self._named.append(undo)
            self.sync_folder(target.parent)

    def unlink(self, path: Path) -> None:
        """A file that was removed may be there again."""
        with self._lock:
            if self._left("cache", "name", 1) is not None:
                self._die()
            if not path.exists():
                return
            grave = path.with_name(f".grave-{len(self._named)}-{path.name}")
            path.replace(grave)

            def undo(draw: random.Random) -> None:
                if draw.random() < 0.5:
                    grave.replace(path)
                else:
                    grave.unlink()

            self._named.append(undo)

    def sync_folder(self, folder: Path) -> None:
        """Names are safe from here on."""
        with self._lock:
            if self._left("cache", "name", 1) is not None:
                self._die()
            Disk.sync_folder(self, folder)
            self._named.clear()
            for grave in folder.glob(".grave-*"):
                grave.unlink()

    # -- inside

    def _write(self, handle: int, view: memoryview, offset: int) -> None:
        self._remember(handle, view.nbytes, offset)
        Disk.write(self, handle, view, offset)

    def _remember(self, handle: int, size_bytes: int, offset: int) -> None:
        if self.cut is None or not self.cut.power:
            return
        path = _path_of(handle)
        old = _read(path, size_bytes, offset)
        change = _Written(path, offset, size_bytes, old, os.fstat(handle).st_size)
        self._written.setdefault(_inode(handle), []).append(change)

    def _left(self, phase: str, kind: str, amount: int) -> int | None:
        """How much of this change still happens before the cut; None: all of it, and life goes on."""
        key = (phase, kind)
        before = self.counts.get(key, 0)
        self.counts[key] = before + amount
        cut = self.cut
        if cut is None or (cut.phase, cut.kind) != key or not before < cut.at <= before + amount:
            return None
        return cut.at - 1 - before

    def _die(self) -> NoReturn:
        assert self.cut is not None
        if self.cut.power:
            draw = random.Random(self.cut.seed)  # noqa: S311 - repeatable, not secret
            for changes in self._written.values():
                _lose(changes, draw)
            for undo in reversed(self._named):
                undo(draw)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")


def _path_of(handle: int) -> Path:
    return Path(os.readlink(f"/proc/self/fd/{handle}"))


def _inode(handle: int) -> tuple[int, int]:
    info = os.fstat(handle)
    return info.st_dev, info.st_ino


def _read(path: Path, size_bytes: int, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(size_bytes)


def _lose(changes: list[_Written], draw: random.Random) -> None:
    """What a power cut leaves of a file's unsynced writes: all gone, or each kept, gone or torn at a sector."""
    path = changes[0].path
    if not path.exists():  # its name has gone; nobody will read it
        return
    as_synced = draw.random() < 1 / 3
    with path.open("r+b") as file:
        for change in reversed(changes):
            torn = draw.randrange(change.size_bytes + 1) // _SECTOR_BYTES * _SECTOR_BYTES
            keep = 0 if as_synced else draw.choice((0, change.size_bytes, torn))
            file.seek(change.offset + keep)
            # Beyond the old end a block that was never written reads as zeros.
            file.write(change.old[keep:].ljust(change.size_bytes - keep, b"\0"))
        if as_synced:
            file.truncate(changes[0].file_bytes)
