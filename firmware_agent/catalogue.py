"""Releases in a local folder, checked in full before they are used. No network; signing comes with mirrors.

Layout: ``ROOT/<model>/<version>/manifest.json`` and ``images/*.img`` beside it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_agent.errors import ReleaseRefused
from firmware_agent.manifest import MAX_MANIFEST_BYTES, Part, Release, is_version, parse_manifest, version_key

_MAX_VERSIONS = 1000
_CHECK_BYTES = 1024 * 1024
MANIFEST = "manifest.json"

OnBytes = Callable[[int, int], None]


@dataclass(slots=True)
class LocalImage:
    """An image file that was found whole; kept open, so that replacing its name changes nothing.

    Every attempt reads it again and compares the hash again: the last chunk is only given out once all of
    them together have the right SHA-256, so a file altered meanwhile never gets as far as a flash command.
    """

    part: Part
    _handle: int

    @property
    def size_bytes(self) -> int:
        """As the manifest says, and as the file was."""
        return self.part.size_bytes

    @property
    def sha256(self) -> str:
        """Hex."""
        return self.part.sha256

    def chunks(self, size_bytes: int) -> Iterator[bytes]:
        """The content from its start, in pieces of ``size_bytes``; ``ReleaseRefused`` if it has changed."""
        digest = hashlib.sha256()
        offset = 0
        while offset < self.part.size_bytes:
            wanted = min(size_bytes, self.part.size_bytes - offset)
            chunk = _read(self._handle, wanted, offset)
            digest.update(chunk)
            offset += len(chunk)
            last = offset >= self.part.size_bytes
            if len(chunk) != wanted or (last and digest.hexdigest() != self.part.sha256):
                raise ReleaseRefused("image_changed", f"{self.part.file} has changed since it was checked")
            yield chunk

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


@dataclass(slots=True)
class Images:
    """A release's images, every one of them checked. A context manager that closes them."""

    _by_file: dict[str, LocalImage] = field(default_factory=dict)

    def image(self, file: str) -> LocalImage:
        """By the ``file`` of the manifest."""
        return self._by_file[file]

    def close(self) -> None:
        """Let go of every file."""
        for image in self._by_file.values():
            image.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LocalCatalogue:
    """What this station may offer, from a folder that its operator fills."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def releases(self, model: str) -> Sequence[Release]:
        """Every readable release of a model, newest first. :meth:`exact` says why one is left out."""
        return self._survey(model)[0]

    def newest(self, model: str, variant: str | None) -> Release | None:
        """The newest release for the model and variant; None when there is none.

        With an unknown variant the newest of any: the plan then refuses with the right words. Broken releases
        are passed over; if nothing else is there, :class:`ReleaseRefused` says what is wrong with the newest.
        """
        offered, broken = self._survey(model)
        chosen = next((release for release in offered if variant in (None, release.variant)), None)
        if chosen is None and broken is not None:
            raise broken
        return chosen or next(iter(offered), None)

    def exact(self, model: str, version: str) -> Release:
        """The release of that version; :class:`ReleaseRefused` says what is wrong with it."""
        if not is_version(version):
            raise ReleaseRefused("no_release", f"{version[:40]!r} is not a version")
        return self._read(model, version)

    def open(self, release: Release, on_bytes: OnBytes | None = None) -> Images:
        """Check every image in full and keep them open.

        Raises :class:`ReleaseRefused`: ``image_missing``, ``image_truncated``, ``hash_mismatch``.
        """
        folder = self._root / release.model / release.version
        images: dict[str, LocalImage] = {}
        done = 0
        try:
            for part in release.partitions:
                images[part.file] = LocalImage(part, _open(folder / part.file, part))
                for size_bytes in _check(images[part.file]):
                    done += size_bytes
                    if on_bytes:
                        on_bytes(done, release.size_bytes)
        except BaseException:
            Images(images).close()
            raise
        return Images(images)

    def _survey(self, model: str) -> tuple[list[Release], ReleaseRefused | None]:
        """The readable releases, newest first, and why the newest of the others is not."""
        found: list[Release] = []
        broken: ReleaseRefused | None = None
        for name in sorted(self._versions(model), key=version_key, reverse=True):
            try:
                found.append(self._read(model, name))
            except ReleaseRefused as exc:
                broken = broken or exc
        return found, broken

    def _versions(self, model: str) -> list[str]:
        try:
            names = sorted(entry.name for entry in os.scandir(self._root / model) if entry.is_dir())
        except (OSError, ValueError):
            return []
        return [name for name in names if is_version(name)][:_MAX_VERSIONS]

    def _read(self, model: str, version: str) -> Release:
        path = self._root / model / version / MANIFEST
        try:
            with path.open("rb") as file:
                raw = file.read(MAX_MANIFEST_BYTES + 1)
        except (OSError, ValueError) as exc:
            raise ReleaseRefused("no_release", f"there is no release {model} {version} here") from exc
        release = parse_manifest(raw)
        if release.model != model:
            raise ReleaseRefused("wrong_model", f"the release in {model}/{version} is for {release.model}")
        if release.version != version:
            said = f"{release.model} {release.version}"
            raise ReleaseRefused("bad_manifest", f"the manifest in {model}/{version} is of {said}")
        return release


def _open(path: Path, part: Part) -> int:
    try:
        # O_NOFOLLOW and the parser's bounded name keep the file inside the release.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as exc:
        raise ReleaseRefused("image_missing", f"{part.file} cannot be opened: {exc.strerror}") from exc
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode) or info.st_size != part.size_bytes:
        os.close(handle)
        detail = f"{part.file} has {info.st_size} bytes, the manifest says {part.size_bytes}"
        raise ReleaseRefused("image_truncated", detail)
    return handle


def _check(image: LocalImage) -> Iterator[int]:
    try:
        for chunk in image.chunks(_CHECK_BYTES):
            yield len(chunk)
    except ReleaseRefused as exc:
        raise ReleaseRefused("hash_mismatch", f"{image.part.file} is not what the manifest says") from exc


def _read(handle: int, size_bytes: int, offset: int) -> bytes:
    try:
        first = os.pread(handle, size_bytes, offset)
        if len(first) in (0, size_bytes):
            return first
        pieces = [first]
        while (got := sum(map(len, pieces))) < size_bytes:
            piece = os.pread(handle, size_bytes - got, offset + got)
            if not piece:
                break
            pieces.append(piece)
    except OSError as exc:
        raise ReleaseRefused("image_unreadable", f"an image cannot be read: {exc.strerror}") from exc
    return b"".join(pieces)
