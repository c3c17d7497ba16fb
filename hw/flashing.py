"""Writing one partition: raw where it fits the phone's download buffer, else as sparse parts.

Whether it may be written, and to which phone, is settled before; this only sends and counts.
"""

from __future__ import annotations

import hashlib
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from hw.bootloader import Bootloader
from hw.errors import HwError, LocalProtocolError, PhoneRefused
from hw.proto import fastboot, sparse
from hw.readahead import Fill

CHUNK_BYTES = 256 << 10  # stays in a core's cache between reading and sending

OnBytes = Callable[[int, int], None]
_Data = Iterator[bytes | memoryview] | Fill


class Image(Protocol):
    """Bytes to be written; ``chunks`` opens them anew each time."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self, size_bytes: int) -> Iterator[bytes | memoryview]: ...


def flash(
    bootloader: Bootloader, partition: str, image: Image, on_progress: OnBytes, base: Image | None = None
) -> int:
    """Download and flash ``image``; the bytes sent.

    With ``base``, what the partition is known to hold, only blocks that differ travel. ``on_progress`` gets
    bytes the bus has completed; the last one only after the phone's OKAY to the last flash command.
    Raises PhoneRefused, LinkLost, PhoneTimeout, RemoteProtocolError, Forbidden; their ``written`` is True
    once a flash command had been sent.
    """
    fastboot.check_command(f"flash:{partition}")  # before a single byte travels
    if image.size_bytes <= 0:
        raise LocalProtocolError(f"the image for {partition} is empty")
    limit = fastboot.number(bootloader.variable("max-download-size") or "")
    if not limit:
        raise PhoneRefused("the phone does not say how many bytes it takes at once")
    limit = min(limit, fastboot.MAX_DOWNLOAD_BYTES)
    if base is None and image.size_bytes <= limit:
        total, parts = image.size_bytes, iter([(image.size_bytes, _whole(image))])
    else:
        total, parts = _sparse_parts(image, limit, base)
    done, flashing = 0, False
    for size_bytes, data in parts:
        before = done

        def sent(count: int, before: int = before) -> None:
            on_progress(min(before + count, total - 1), total)

        try:
            bootloader.download(size_bytes, data, sent)
            flashing = True
            bootloader.flash(partition)
        except HwError as exc:
            exc.written = flashing
            raise
        done += size_bytes
    on_progress(total, total)
    return total


def _whole(image: Image) -> _Data:
    return image.fill() if isinstance(image, FileImage) else image.chunks(CHUNK_BYTES)


def _sparse_parts(image: Image, limit: int, base: Image | None) -> tuple[int, Iterator[tuple[int, _Data]]]:
    runs = sparse.runs(
        image.chunks(CHUNK_BYTES), image.size_bytes, base.chunks(CHUNK_BYTES) if base else None
    )
    parts = sparse.split(runs, image.size_bytes, limit)
    source = sparse.Source(image.chunks(CHUNK_BYTES))
    return sum(part.size_bytes for part in parts), (
        (part.size_bytes, sparse.encode(part, source)) for part in parts
    )


class FileImage:
    """An image file, held open: replacing its name changes nothing. Never mapped: a cut file would kill us."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)
        self.size_bytes = os.fstat(self._handle).st_size

    @property
    def sha256(self) -> str:
        """Hex, computed now."""
        digest = hashlib.sha256()
        for chunk in self.chunks(CHUNK_BYTES):
            digest.update(chunk)
        return digest.hexdigest()

    def chunks(self, size_bytes: int) -> Iterator[memoryview]:
        """The content from its start; a piece is only valid until the next one is asked for."""
        fill = self.fill()
        buffer = memoryview(bytearray(size_bytes))
        while count := fill(buffer):
            yield buffer[:count]

    def fill(self) -> Fill:
        """The content from its start, read straight into the buffers that are sent."""
        offset = 0

        def fill(buffer: memoryview) -> int:
            nonlocal offset
            filled = 0
            while filled < len(buffer) and (count := os.preadv(self._handle, [buffer[filled:]], offset)):
                filled, offset = filled + count, offset + count
            return filled

        return fill
