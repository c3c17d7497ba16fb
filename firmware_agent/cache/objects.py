"""Images and packages that were fetched, by their SHA-256: bounded, shared by processes, never half a file.

Whether the bytes are right is its callers' to check, before :meth:`Cache.commit` and after :meth:`Cache.open`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.cache.part import is_same, is_written, open_part, remove
from firmware_agent.cache.pins import Pins
from firmware_agent.durable import disk
from firmware_agent.errors import NoRoom, ReleaseRefused, Stopped
from firmware_agent.watch import Watch

_OBJECT = re.compile(r"[0-9a-f]{64}\Z")
_PART = re.compile(r"([0-9a-f]{64})\.(\d{1,15})\Z", re.ASCII)
_POLL_S = 0.05
_READ_ONLY = 0o444
_NOT_A_FILE = (errno.ELOOP, errno.ENXIO)  # a link, a socket


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file that takes room."""

    path: Path
    sha256: str
    size_bytes: int  # what it takes, or has been promised
    used_ns: int
    is_held: bool  # somebody writes it


class Cache:
    """``ROOT/objects/<sha256>`` whole files, ``ROOT/parts/<sha256>.<size>`` unfinished ones, ``ROOT/pins``.

    For any number of threads and processes. When a file was last used is its modification time.
    """

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._objects = root / "objects"
        self._parts = root / "parts"
        self._limit = limit_bytes
        self._root = root
        for folder in (self._objects, self._parts):
            folder.mkdir(parents=True, exist_ok=True)
        self._pins = Pins(root / "pins")

    # -- what is here

    def path(self, sha256: str) -> Path:
        """Where the whole file lies, if it does."""
        if not _OBJECT.match(sha256):
            raise ReleaseRefused("bad_hash", f"{sha256[:70]!r} is not a SHA-256")
        return self._objects / sha256

    def has(self, sha256: str, size_bytes: int) -> bool:
        """Whether a file of that name and size is here; it is not read."""
        try:
            info = os.lstat(self.path(sha256))
        except OSError:
            return False
        return stat.S_ISREG(info.st_mode) and info.st_size == size_bytes

    def open(self, sha256: str, size_bytes: int) -> int | None:
        """A handle for reading, which the caller closes and whose bytes it checks; None when it is not here.

        A file of the wrong size is thrown away; one that cannot be opened now (``image_unreadable``) is not.
        """
        try:
            handle = os.open(self.path(sha256), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            if exc.errno not in _NOT_A_FILE:  # too many open files, say: it may be good, and a visit's
                raise ReleaseRefused(
                    "image_unreadable", f"an image cannot be opened: {exc.strerror}"
                ) from exc
            self.discard(sha256)
            return None
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode) or info.st_size != size_bytes:
            os.close(handle)
            self.discard(sha256)
            return None
        with contextlib.suppress(OSError):  # used now; a read-only disk still serves
            os.utime(handle)
        return handle

    def discard(self, sha256: str) -> None:
        """Throw a file away: its bytes are not what its name says. What is open stays readable."""
        remove(self.path(sha256))

    # -- filling it

    @contextlib.contextmanager
    def writing(
        self, sha256: str, size_bytes: int, watch: Watch, *, spare: Collection[str] = ()
    ) -> Iterator[Path | None]:
        """The unfinished file, for this process alone, with room made for all of it; None: it is here already.

        What an earlier run left is in it. Whoever comes second waits until the first is done, and hears how far
        that is. Left without :meth:`commit` it stays for the next attempt. ``spare`` is not evicted for it (the
        base that it is made from). Raises ``NoRoom``, ``Stopped``.
        """
        path = self._parts / f"{self.path(sha256).name}.{size_bytes}"
        handle = self._claim(path, sha256, size_bytes, watch)
        if handle is None:
            yield None
            return
        try:
            self._make_room(path, size_bytes, spare)
            yield path
        finally:
            with contextlib.suppress(OSError):
                if os.fstat(handle).st_size == 0 and is_same(path, handle):
                    path.unlink()  # nothing came; an empty name is no use
            os.close(handle)

    def commit(self, part: Path) -> None:
        """The file that :meth:`writing` gave is whole and was checked: from here on it is found.

        A cut at any moment leaves either the part or the object.
        """
        match = _PART.match(part.name)
        if match is None or part.parent != self._parts:
            raise ReleaseRefused("bad_hash", f"{part.name[:80]!r} is not a part of this cache")
        try:
            handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.fstat(handle).st_size != int(match[2]):
                    raise ReleaseRefused("image_truncated", f"{part.name} is not as long as it should be")
                os.fchmod(handle, _READ_ONLY)
                os.utime(handle)
                disk().sync(handle)
            finally:
                os.close(handle)
            disk().rename(part, self._objects / match[1])
            disk().sync_folder(self._parts)
        except OSError as exc:
            raise ReleaseRefused("cache_unwritable", f"the cache cannot be written: {exc.strerror}") from exc

    def _claim(self, path: Path, sha256: str, size_bytes: int, watch: Watch) -> int | None:
        """The part's file under an exclusive lock; None when the object appeared meanwhile."""
        shown_bytes = 0
        while not watch.stop.is_set():
            if self.has(sha256, size_bytes):
                return None
            # Alone, so that nobody evicts it as a leftover between opening and locking it.
            with self._alone():
                handle = open_part(path)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    # A writer may cut off a wrong piece; what was shown never falls.
                    shown_bytes = max(shown_bytes, min(os.fstat(handle).st_size, size_bytes))
                    os.close(handle)
                else:
                    # Its name may have been given to the finished object just before the lock was ours.
                    if is_same(path, handle) and not self.has(sha256, size_bytes):
                        return handle
                    if is_same(path, handle):
                        disk().unlink(
                            path
                        )  # the object appeared since we looked, and this part is our own new one
                    os.close(handle)
                    continue
            watch.on_bytes(shown_bytes, size_bytes)  # also where nothing moves: whoever waits is alive
            watch.stop.wait(_POLL_S)
        raise Stopped

    # -- keeping it bounded

    def pin(self, visit: str, sha256s: Iterable[str]) -> None:
        """Keep these for a visit, also over a restart, until :meth:`unpin`; more may be added later."""
        names = [self.path(sha256).name for sha256 in sha256s]
        with self._alone():
            self._pins.add(visit, names)

    def unpin(self, visit: str) -> None:
        """The visit is over. Never fails."""
        self._pins.remove(visit)

    def sweep(self, open_visits: Iterable[str]) -> int:
        """At the start: forget the pins of visits that are over, remove what does not belong; how many."""
        with self._alone():
            gone = self._pins.keep_only(frozenset(open_visits))
            for folder, pattern in ((self._objects, _OBJECT), (self._parts, _PART)):
                for entry in list(os.scandir(folder)):
                    is_file = entry.is_file(follow_symlinks=False)
                    if not (is_file and pattern.match(entry.name)) and not entry.is_dir(
                        follow_symlinks=False
                    ):
                        remove(Path(entry.path))
                        gone += 1
        return gone

    def used_bytes(self) -> int:
        """What everything here takes, with what was promised to unfinished files that somebody writes."""
        return sum(entry.size_bytes for entry in self._entries(None))

    def _make_room(self, path: Path, size_bytes: int, spare: Collection[str]) -> None:
        """Evict, the longest unused first, until ``size_bytes`` fit under ``path``; ``NoRoom``, and nothing evicted."""
        with self._alone():
            pinned = self._pins.pinned()
            entries = sorted(self._entries(path), key=lambda entry: (entry.used_ns, entry.path.name))
            over = sum(entry.size_bytes for entry in entries) + size_bytes - self._limit
            short = self._short_bytes(path, size_bytes)
            free = [
                entry
                for entry in entries
                if pinned is not None and entry.sha256 not in {*pinned, *spare} and not entry.is_held
            ]
            free_bytes = sum(entry.size_bytes for entry in free)
            if over > free_bytes:
                detail = f"the cache has no room for {size_bytes} bytes: {over - free_bytes} too many"
                raise NoRoom("no_room", detail)
            while free and short <= free_bytes and (over > 0 or short > 0):
                entry = free.pop(0)
                if remove(entry.path):
                    over -= entry.size_bytes
                    short = self._short_bytes(path, size_bytes)
        if over > 0 or short > 0:
            raise NoRoom("disk_full", f"the disk of the cache has no room for {size_bytes} bytes")

    def _entries(self, without: Path | None) -> list[_Entry]:
        found = []
        for folder, is_part in ((self._objects, False), (self._parts, True)):
            for item in list(os.scandir(folder)):
                match = (_PART if is_part else _OBJECT).match(item.name)
                path = Path(item.path)
                try:
                    info = item.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone meanwhile
                if match is None or not stat.S_ISREG(info.st_mode) or path == without:
                    continue
                is_held = is_part and is_written(path)
                size_bytes = max(info.st_size, int(match[2])) if is_held else info.st_size
                found.append(_Entry(path, item.name[:64], size_bytes, info.st_mtime_ns, is_held))
        return found

    def _short_bytes(self, path: Path, size_bytes: int) -> int:
        """How much the disk lacks for the rest of a part."""
        info = os.statvfs(self._root)
        return size_bytes - path.stat().st_size - info.f_bavail * info.f_frsize

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time, over all processes; held for moments only."""
        # Not for writing: what a visit holds already is also told on a disk that became read-only.
        flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(self._root / "lock", flags, 0o644)
        except OSError as exc:
            raise ReleaseRefused("cache_unwritable", f"the cache cannot be locked: {exc.strerror}") from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
