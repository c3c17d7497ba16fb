"""Image files that were found whole and are held open. It does not know where they came from."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from firmware_agent.errors import ReleaseRefused
from firmware_agent.manifest import Part

_CHECK_BYTES = 1024 * 1024


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

    def check(self) -> Iterator[int]:
        """Read it all once, yielding the bytes of each step; ``ReleaseRefused`` ``hash_mismatch``."""
        try:
            for chunk in self.chunks(_CHECK_BYTES):
                yield len(chunk)
        except ReleaseRefused as exc:
            raise ReleaseRefused("hash_mismatch", f"{self.part.file} is not what the manifest says") from exc

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


def open_image(path: Path, part: Part) -> LocalImage:
    """The file as an image of the right size, unread. ``ReleaseRefused``: ``image_missing``, ``image_truncated``."""
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
    return LocalImage(part, handle)


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
