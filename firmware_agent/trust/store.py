"""What a station keeps of the catalogue on its disk, and how that survives a power cut. It believes nothing itself.

``live/`` is ngclient's own folder: the newest of each role that was ever accepted, its memory against
rollbacks. ``whole.json`` names the last set that was complete, so that a refresh which ends in the middle
takes nothing away; it and the index files lie in ``files/`` by their SHA-256.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from firmware_agent.durable import disk, write_file
from firmware_agent.errors import CatalogueRefused, Stopped
from firmware_agent.manifest import SHA256, WORD
from firmware_agent.strict import Strict
from firmware_agent.watch import Watch

MAX_MODELS = 200
"""How many models' indexes are kept fresh; the one that was not asked for the longest goes first."""
MAX_FILE_BYTES = 8 * 1024 * 1024
_MAX_WHOLE_BYTES = 512 * 1024
_MAX_NAMES = 2000
_UNUSED_S = 24 * 3600.0
_SCRATCH_S = 3600.0
_LOCK_POLL_S = 0.05
_NAME = re.compile(r"[!-~]{1,200}\Z", re.ASCII)
_KEYS = frozenset(("format", "refreshed_s", "models", "metadata"))
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Whole:
    """A complete set: metadata file -> SHA-256 of its content; the models whose files are in it."""

    refreshed_s: int = 0
    models: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class Store:
    """The folder. Readers need no lock; whoever changes it holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live = folder / "live"
        self._files = folder / "files"
        self._settled: dict[Path, tuple[int, int]] = {}
        for path in (self.live / "root_history", self._files):
            path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def held(self, stop: threading.Event) -> Iterator[None]:
        """One thread of one process at a time; ``Stopped`` when nobody waits any more."""
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            while not _locked(handle):
                if stop.wait(_LOCK_POLL_S):
                    raise Stopped
            yield
        finally:
            os.close(handle)

    # -- contents by hash

    def content(self, sha256: str) -> bytes | None:
        """The file with that hash; None when it is not here, or not what it was."""
        path = self._files / sha256
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)
        except OSError:
            return None
        return raw if hashlib.sha256(raw).hexdigest() == sha256 else None

    def keep(self, raw: bytes) -> str:
        """Have this content on the disk, durably; its hash."""
        sha256 = hashlib.sha256(raw).hexdigest()
        if self.content(sha256) is None:
            write_file(self._files / sha256, raw)
        else:
            os.utime(self._files / sha256)
        return sha256

    def sweep(self, used: Iterable[str]) -> None:
        """Remove contents that nothing has named for a day, and what an interrupted write left."""
        kept, old_s = frozenset(used), time.time() - _UNUSED_S
        scratch = [path for path in self.live.iterdir() if path.name.startswith(("tmp", "."))]
        for path in (*self._files.iterdir(), *scratch):
            if path.name not in kept and path.lstat().st_mtime < old_s:
                disk().unlink(path)

    # -- the last complete set

    def whole(self, watch: Watch) -> Whole:
        """The last complete set; an empty one when there is none that can be read."""
        try:
            raw = (self.folder / "whole.json").read_bytes()[: _MAX_WHOLE_BYTES + 1]
        except OSError:
            return Whole()
        try:
            return _parse_whole(raw)
        except CatalogueRefused as exc:
            watch.note("catalogue.damaged", file="whole.json", detail=exc.detail)
            return Whole()

    def commit(self, whole: Whole) -> None:
        """Make this the last complete set; all its contents are on the disk already."""
        top = {
            "format": _FORMAT,
            "refreshed_s": whole.refreshed_s,
            "models": list(whole.models),
            "metadata": dict(whole.metadata),
        }
        write_file(self.folder / "whole.json", json.dumps(top).encode("utf-8"))

    def _sweep_scratch(self) -> None:
        """What a write left that ended in the middle; one that goes on is younger."""
        old_s = time.time() - _SCRATCH_S
        for folder in (self.folder, self.live / "root_history"):
            for path in folder.glob(".*.new"):
                with suppress(FileNotFoundError):  # the hint of the time is written without the lock
                    if path.lstat().st_mtime < old_s:
                        disk().unlink(path)

    # -- ngclient's folder

    def heal(self, whole: Whole, watch: Watch) -> None:
        """Put right what a power cut left of the live folder: ngclient's writes are atomic, but not durable.

        A torn file would be fetched again anyway, but it is also the memory against rollbacks.
        """
        self._sweep_scratch()
        for path in (*self.live.glob("*.json"), *(self.live / "root_history").glob("*.json")):
            if path.name != "root.json" and not _parses(path):
                disk().unlink(path)
                watch.note("catalogue.damaged", file=path.name, detail="cannot be read; fetched again")
        for name, sha256 in whole.metadata.items():
            path = self.live_path(name)
            raw = None if path.exists() else self.content(sha256)
            if raw is not None:
                write_file(path, raw)

    def settle(self) -> None:
        """What ngclient has written survives a power cut from here on."""
        for folder in (self.live / "root_history", self.live):
            written = {path: _stamp(path) for path in folder.glob("*.json")}
            fresh = [path for path, stamp in written.items() if self._settled.get(path) != stamp]
            self._settled |= written
            for path in fresh:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    disk().sync(handle)
                finally:
                    os.close(handle)
            if fresh:
                disk().sync_folder(folder)

    def live_path(self, name: str) -> Path:
        """Where ngclient keeps a role's file, or one of the roots (``7.root.json``)."""
        return self.live / "root_history" / name if name.endswith(".root.json") else self.live / name

    # -- the clock

    def seen_s(self) -> int:
        """The latest wall-clock time at which metadata was good; 0 = none."""
        try:
            raw = (self.folder / "clock.json").read_bytes()[:100]
            return _STRICT.integer(
                _STRICT.object(_STRICT.load(raw, 100), frozenset(("seen_s",)), "clock"), "seen_s", 0, 1 << 40
            )
        except (OSError, CatalogueRefused):
            return 0

    def saw(self, now_s: int) -> None:
        """It is at least this late. A hint: that it cannot be written is no reason to stop anything."""
        if now_s > self.seen_s():
            with suppress(OSError):
                write_file(self.folder / "clock.json", json.dumps({"seen_s": now_s}).encode("ascii"))


def _parse_whole(raw: bytes) -> Whole:
    fields = _STRICT.object(_STRICT.load(raw, _MAX_WHOLE_BYTES), _KEYS, "whole")
    _STRICT.format(fields, _FORMAT)
    models = _STRICT.items(fields["models"], 0, MAX_MODELS, "models")
    metadata = fields["metadata"]
    if not isinstance(metadata, dict) or len(metadata) > _MAX_NAMES:
        raise _bad("metadata is not an object")
    if not all(_matches(WORD, model) for model in models):
        raise _bad("models holds something else")
    if not all(_matches(_NAME, name) and "/" not in name for name in metadata):
        raise _bad("metadata holds something else")
    if not all(_matches(SHA256, sha256) for sha256 in metadata.values()):
        raise _bad("metadata holds no hash")
    return Whole(_STRICT.integer(fields, "refreshed_s", 0, 1 << 40), tuple(models), metadata)


def _matches(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.match(value) is not None


def _stamp(path: Path) -> tuple[int, int]:
    info = path.stat()
    return info.st_ino, info.st_mtime_ns


def _parses(path: Path) -> bool:
    try:
        Metadata.from_bytes(path.read_bytes())
    except (OSError, RepositoryError):
        return False
    return True


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_store", f"the stored catalogue: {what}")


_STRICT = Strict(_bad)
