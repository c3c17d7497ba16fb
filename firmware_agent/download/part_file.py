"""A file while it is being downloaded: what of it is here, and whether that is right. It knows no network."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_agent.durable import disk
from firmware_agent.errors import NoRoom, ReleaseRefused, Stopped
from firmware_agent.wanted import Wanted
from firmware_agent.watch import Watch

_CHECK_BYTES = 1024 * 1024
_SYNC_EVERY_S = 5.0
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
BEFORE = ""
"""The source of bytes that an earlier run left."""


class PieceWrong(Exception):
    """A piece came whole and is not what the catalogue vouched for; it was thrown away.

    ``sources`` gave it; with one, that one is to blame.
    """

    def __init__(self, offset: int, sources: frozenset[str]) -> None:
        super().__init__(f"the piece at {offset} is wrong")
        self.offset = offset
        self.sources = sources


class PartFile:
    """The bytes from the start up to :attr:`at_bytes`. Use it as a context manager.

    The length of the file is the only record of how far it is: after a power cut every byte is checked again.
    """

    def __init__(
        self, wanted: Wanted, path: Path, watch: Watch, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self.wanted = wanted
        self.at_bytes = 0
        self.best_bytes = 0  # the furthest it ever was: progress never falls
        self._pieces = wanted.cut()
        self._watch = watch
        self._clock = clock_s
        self._synced_s = clock_s()
        self._whole = hashlib.sha256()
        self._whole_before = self._whole.copy()  # at the current piece's start
        self._piece = hashlib.sha256()
        self._sources: set[str] = set()
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._handle = os.open(path, flags, 0o644)
        except OSError as exc:
            raise _failed(exc) from exc
        if not stat.S_ISREG(os.fstat(self._handle).st_mode):
            os.close(self._handle)
            raise ReleaseRefused("cache_unwritable", f"{path.name} is not a file")

    @property
    def left_bytes(self) -> int:
        """Still to come."""
        return self.wanted.size_bytes - self.at_bytes

    @property
    def piece_start(self) -> int:
        """Where the piece that is being filled begins."""
        return self.at_bytes - self.at_bytes % self._pieces.size_bytes

    @property
    def piece_end(self) -> int:
        """Where the piece that is being filled ends."""
        return min(self.piece_start + self._pieces.size_bytes, self.wanted.size_bytes)

    def resume(self) -> None:
        """Check what is here, and cut it after the last good piece; an unfinished one behind it is kept."""
        have = min(os.fstat(self._handle).st_size, self.wanted.size_bytes)
        self._cut(have)
        try:
            while self.at_bytes < have:
                if self._watch.stop.is_set():
                    raise Stopped
                raw = self._read(min(_CHECK_BYTES, have - self.at_bytes))
                if not raw:
                    break
                self._count(raw, BEFORE)
        except PieceWrong:
            pass  # already cut off: it comes again
        if self.at_bytes < have:
            self._cut(self.at_bytes)

    def add(self, data: bytes, source: str) -> None:
        """The next bytes, from a mirror's URL; at most what is left. Raises :class:`PieceWrong`, ``NoRoom``."""
        if len(data) > self.left_bytes:
            raise ValueError(f"{len(data)} bytes where {self.left_bytes} are left")
        view = memoryview(data)
        while view.nbytes:
            now = view[: self.piece_end - self.at_bytes]
            view = view[now.nbytes :]
            try:
                disk().write(self._handle, now, self.at_bytes)
            except OSError as exc:
                raise _failed(exc) from exc
            self._count(now, source)
            if self.at_bytes == self.piece_start and self._clock() - self._synced_s >= _SYNC_EVERY_S:
                self.sync()

    def throw_piece(self) -> None:
        """Forget the unfinished piece: it shall come from one mirror alone."""
        start = self.piece_start
        self._back_to(start)

    def throw_all(self) -> None:
        """Forget everything."""
        self._whole_before = hashlib.sha256()
        self._back_to(0)

    def is_right(self) -> bool:
        """Whether the whole, once it is here, has the catalogue's hash."""
        return self._whole.hexdigest() == self.wanted.sha256

    def sync(self) -> None:
        """What is here survives a power cut."""
        try:
            disk().sync(self._handle)
        except OSError as exc:
            raise _failed(exc) from exc
        self._synced_s = self._clock()

    def _count(self, data: bytes | memoryview, source: str) -> None:
        """Bytes that are in the file: into the hashes, which are compared where a piece ends."""
        view = memoryview(data)
        while view.nbytes:
            now = view[: self.piece_end - self.at_bytes]
            view = view[now.nbytes :]
            number, ends = self.at_bytes // self._pieces.size_bytes, self.piece_end
            self._whole.update(now)
            self._piece.update(now)
            self._sources.add(source)
            self.at_bytes += now.nbytes
            if self.at_bytes == ends:
                self._judge(number)
            self._tell()

    def _judge(self, number: int) -> None:
        if self._piece.digest() != self._pieces.sha256[number]:
            start, sources = number * self._pieces.size_bytes, frozenset(self._sources)
            self._back_to(start)
            raise PieceWrong(start, sources)
        self._piece = hashlib.sha256()
        self._whole_before = self._whole.copy()
        self._sources = set()

    def _back_to(self, start: int) -> None:
        self._whole, self._piece, self._sources = self._whole_before.copy(), hashlib.sha256(), set()
        self.at_bytes = start
        self._cut(start)

    def _cut(self, size_bytes: int) -> None:
        if os.fstat(self._handle).st_size != size_bytes:
            try:
                disk().truncate(self._handle, size_bytes)
            except OSError as exc:
                raise _failed(exc) from exc

    def _read(self, size_bytes: int) -> bytes:
        try:
            return os.pread(self._handle, size_bytes, self.at_bytes)
        except OSError:
            return b""  # what cannot be read is not here

    def _tell(self) -> None:
        if self.at_bytes > self.best_bytes:
            self.best_bytes = self.at_bytes
            self._watch.on_bytes(self.best_bytes, self.wanted.size_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._handle)


def _failed(exc: OSError) -> NoRoom | ReleaseRefused:
    if exc.errno in _FULL:
        return NoRoom("disk_full", f"the disk of the cache is full: {exc.strerror}")
    return ReleaseRefused("cache_unwritable", f"the cache cannot be written: {exc.strerror}")
