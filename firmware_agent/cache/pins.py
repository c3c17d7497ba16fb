"""What visits hold in the cache: one small file per visit, so that a restart of the station forgets nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from firmware_agent.durable import disk, write_file
from firmware_agent.errors import ReleaseRefused

MAX_PINS = 1000
_VISIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_LINE_BYTES = 65
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class Pins:
    """``FOLDER/<visit>``: one SHA-256 in hex a line. The caller sees to it that one changes it at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, visit: str, sha256s: Iterable[str]) -> None:
        """Hold these, too, for the visit."""
        path = self._path(visit)
        held = (_read(path) or ()) if path.exists() else ()
        names = sorted({*held, *sha256s})
        if len(names) == len(held):  # a disk that is full or read-only must not stand in the way of that
            return
        if len(names) > MAX_PINS:
            raise ReleaseRefused("too_many_pins", f"visit {visit} would hold more than {MAX_PINS} files")
        try:
            write_file(path, "".join(f"{name}\n" for name in names).encode("ascii"))
        except OSError as exc:
            raise ReleaseRefused("cache_unwritable", f"the cache cannot be written: {exc.strerror}") from exc

    def remove(self, visit: str) -> None:
        """Hold nothing for it. Never fails: what stays by mistake goes at the next start."""
        if _VISIT.match(visit):
            try:
                disk().unlink(self._folder / visit)
            except OSError:
                return

    def pinned(self) -> frozenset[str] | None:
        """Everything that is held; None when a pin cannot be read, and so might hold anything."""
        held: set[str] = set()
        for entry in list(os.scandir(self._folder)):
            if not _VISIT.match(entry.name):
                continue
            names = _read(Path(entry.path))
            if names is None:
                return None
            held.update(names)
        return frozenset(held)

    def keep_only(self, visits: frozenset[str]) -> int:
        """Remove the pins of all other visits, and whatever else lies there; how many."""
        gone = 0
        for entry in list(os.scandir(self._folder)):
            if entry.name not in visits and not entry.is_dir(follow_symlinks=False):
                disk().unlink(Path(entry.path))
                gone += 1
        return gone

    def _path(self, visit: str) -> Path:
        if not _VISIT.match(visit):
            raise ReleaseRefused("bad_visit", f"{visit[:70]!r} is not a visit's name")
        return self._folder / visit


def _read(path: Path) -> tuple[str, ...] | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            raw = file.read(MAX_PINS * _LINE_BYTES + 1)
    except FileNotFoundError:
        return ()  # the visit has just ended
    except OSError:
        return None
    lines = raw.decode("ascii", errors="replace").split("\n")
    if len(raw) > MAX_PINS * _LINE_BYTES or lines.pop() or not all(map(_SHA256.match, lines)):
        return None
    return tuple(lines)
