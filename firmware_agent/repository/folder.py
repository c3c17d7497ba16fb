"""A catalogue's repository as a folder of files, the way mirrors serve it. It signs nothing and verifies nothing.

``metadata/`` and ``targets/`` with TUF's consistent names; every file appears whole or not at all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp

from firmware_agent.durable import disk, write_file
from firmware_agent.errors import BuildFailed
from firmware_agent.wanted import PIECE_BYTES, Pieces, pieces_of

MIRRORS = "mirrors.json"
ROLLOUT = "rollout"
"""The online role that may hold releases back."""
_CHUNK_BYTES = 1024 * 1024
T = TypeVar("T", Root, Timestamp, Snapshot, Targets)
_VERSIONED = re.compile(r"(\d{1,9})\.(.+)\.json\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Content:
    """A file's length, its hash, and those of its pieces."""

    size_bytes: int
    sha256: str
    pieces: Pieces


class Repository:
    """One repository. Use it inside ``with repository.held():`` when changing it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metadata = folder / "metadata"
        self.targets = folder / "targets"

    @contextmanager
    def held(self, *, make: bool = False) -> Iterator[None]:
        """One writer at a time. The folder is made only for ``make``: a mistyped one is not."""
        if not make and not self.exists():
            raise no_repository(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise BuildFailed("cannot_write", f"{self.folder}: {exc.strerror}") from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._sweep()
            yield
        finally:
            os.close(handle)

    # -- what is published

    def exists(self) -> bool:
        """Whether it has been made: the first root is the last thing that making it writes."""
        return (self.metadata / "1.root.json").is_file()

    def root(self) -> Metadata[Root]:
        """The newest."""
        return self._read(Metadata[Root], f"{self.newest('root')}.root")

    def timestamp(self) -> Metadata[Timestamp]:
        """The one that is served."""
        return self._read(Metadata[Timestamp], "timestamp")

    def snapshot(self) -> Metadata[Snapshot]:
        """The one that the timestamp names."""
        version = self.timestamp().signed.snapshot_meta.version
        return self._read(Metadata[Snapshot], f"{version}.snapshot")

    def role(self, name: str) -> Metadata[Targets]:
        """``targets``, a maker or ``rollout``, as the snapshot names it."""
        meta = self.snapshot().signed.meta.get(f"{name}.json")
        if meta is None:
            raise BuildFailed("no_role", f"the repository has no role {name!r}")
        return self._read(Metadata[Targets], f"{meta.version}.{name}")

    def roles(self) -> list[str]:
        """Every role that carries targets."""
        return sorted(name.removesuffix(".json") for name in self.snapshot().signed.meta)

    def newest(self, role: str) -> int:
        """The highest version of a role that any file has, also one that an interrupted run left; 0 = none."""
        found = [_VERSIONED.match(path.name) for path in self.metadata.glob(f"*.{role}.json")]
        return max((int(match[1]) for match in found if match and match[2] == role), default=0)

    def path(self, target: TargetFile) -> Path:
        """Where a target's file lies."""
        return self.targets / target.get_prefixed_paths()[0]

    # -- adding to it

    def write_metadata(self, name: str, raw: bytes) -> None:
        """``metadata/<name>.json``, atomically and durably."""
        self.metadata.mkdir(parents=True, exist_ok=True)
        write_file(self.metadata / f"{name}.json", raw)

    def add_bytes(self, target: str, raw: bytes) -> Content:
        """A small target file."""
        content = Content(len(raw), hashlib.sha256(raw).hexdigest(), pieces_of(raw))
        if not self.holds(target, content.sha256):
            write_file(self._place(target, content.sha256), raw)
        return content

    def add_file(self, target: str, source: Path, sha256: str | None = None) -> Content:
        """Copy a file in; ``BuildFailed`` when it is not the one with that hash."""
        content = read_content(source)
        if sha256 not in (None, content.sha256):
            raise BuildFailed("hash_mismatch", f"{source} is not what its manifest says")
        if not self.holds(target, content.sha256):
            _copy(source, self._place(target, content.sha256), content)
        return content

    def holds(self, target: str, sha256: str) -> bool:
        """Whether the file is there with the bytes that its name promises."""
        path = self._place(target, sha256)
        return path.is_file() and read_content(path).sha256 == sha256

    def _sweep(self) -> None:
        """What interrupted runs were writing; nobody else writes while the lock is held."""
        for folder in (self.metadata, self.targets):
            for path in folder.rglob(".*.new"):
                disk().unlink(path)

    def _place(self, target: str, sha256: str) -> Path:
        folder, _, name = target.rpartition("/")
        place = self.targets / folder
        place.mkdir(parents=True, exist_ok=True)
        return place / f"{sha256}.{name}"

    def _read(self, kind: type[Metadata[T]], name: str) -> Metadata[T]:
        path = self.metadata / f"{name}.json"
        try:
            return kind.from_bytes(path.read_bytes())
        except OSError as exc:
            raise BuildFailed("no_repository", f"{path}: {exc.strerror}") from exc
        except RepositoryError as exc:
            raise BuildFailed("bad_repository", f"{path} is not metadata: {exc}") from exc


def no_repository(folder: Path) -> BuildFailed:
    """Most often a mistyped name."""
    return BuildFailed("no_repository", f"{folder}: no repository here")


def read_content(path: Path) -> Content:
    """Hash a file, whole and by pieces."""
    try:
        with path.open("rb") as file:
            return _hash(file)
    except OSError as exc:
        raise BuildFailed("no_file", f"{path}: {exc.strerror}") from exc


def _hash(file: BinaryIO) -> Content:
    whole, piece = hashlib.sha256(), hashlib.sha256()
    pieces: list[bytes] = []
    size_bytes = 0
    while chunk := file.read(_CHUNK_BYTES):
        whole.update(chunk)
        piece.update(chunk)
        size_bytes += len(chunk)
        if size_bytes % PIECE_BYTES == 0:
            pieces.append(piece.digest())
            piece = hashlib.sha256()
    if size_bytes % PIECE_BYTES:
        pieces.append(piece.digest())
    return Content(size_bytes, whole.hexdigest(), Pieces(PIECE_BYTES, tuple(pieces)))


def _copy(source: Path, path: Path, content: Content) -> None:
    """Whole or not at all; what is written is hashed again, for the source may change meanwhile."""
    scratch = path.with_name(f".{path.name[:80]}.new")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    digest, offset = hashlib.sha256(), 0
    try:
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                disk().write(handle, chunk, offset)
                digest.update(chunk)
                offset += len(chunk)
        disk().sync(handle)
    finally:
        os.close(handle)
    if digest.hexdigest() != content.sha256:
        disk().unlink(scratch)
        raise BuildFailed("changed", f"{source} changed while it was read")
    disk().rename(scratch, path)
