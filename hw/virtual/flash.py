"""The phone's flash: a sparse file per partition, written block by block. Knows no slots and no protocols.

What a killed simulator leaves behind is what a phone that lost its power would: the page cache outlives the
process, so no write is repeated or lost; a write under way when the power goes is torn in the middle.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hw.virtual.errors import PowerLost, Refused
from hw.virtual.faults import FaultBox

BLOCK_BYTES = 1 << 20
"""One flash block write: the unit that ``die-at-write:N`` counts."""
FLIPPED_AT = 100
"""Which byte ``corrupt-flash`` flips: inside the signed header of a vbmeta, whose padding nothing covers (AVB 1.0)."""


class Flash:
    """Partitions as files under a directory. One writer at a time; a power cut ends the write under way."""

    def __init__(
        self,
        folder: Path,
        sizes: Mapping[str, int],
        faults: FaultBox,
        base_name: Callable[[str], str],
        on_power_lost: Callable[[], None],
    ) -> None:
        self._folder = folder
        self._sizes = dict(sizes)
        self._faults = faults
        self._base_name = base_name
        self._on_power_lost = on_power_lost
        self._writing = threading.Lock()
        self._power_cycle = 0
        self.writes = 0
        self.on_write: Callable[[], None] = lambda: None
        folder.mkdir(parents=True, exist_ok=True)
        for name, size_bytes in self._sizes.items():
            with self.path(name).open("ab") as file:
                if file.tell() != size_bytes:
                    file.truncate(size_bytes)

    def path(self, partition: str) -> Path:
        """The file that holds ``partition`` (full name), of exactly the partition's size."""
        return self._folder / f"{partition}.img"

    def size_bytes(self, partition: str) -> int | None:
        """The size of ``partition`` (full name), or None where the phone has no such partition."""
        return self._sizes.get(partition)

    def power_off(self) -> None:
        """End the write under way at its next block, and wait for it to end."""
        self._power_cycle += 1
        with self._writing:
            pass

    @contextmanager
    def writer(self, partition: str) -> Iterator[PartitionWriter]:
        """The one writer of ``partition``. Raises :class:`Refused` for a partition that is not there."""
        size_bytes = self.size_bytes(partition)
        if size_bytes is None:
            raise Refused(f"no partition is called {partition}")
        with self._writing:
            descriptor = os.open(self.path(partition), os.O_WRONLY)
            try:
                corrupt = self._faults.corrupts(self._base_name(partition))
                yield PartitionWriter(self, descriptor, size_bytes, corrupt)
            finally:
                os.close(descriptor)

    def erase(self, partition: str) -> None:
        """Destroy what ``partition`` holds: it reads as zeros from then on. The power may go before or half-way."""
        size_bytes = self.size_bytes(partition)
        if size_bytes is None:
            raise Refused(f"no partition is called {partition}")
        base = self._base_name(partition)
        with self._writing:
            if self._faults.erases("off", base):
                self._lose_power()
            if self._faults.erases("die", base):
                self._erase_to(partition, size_bytes // 2)
                self._count()
                self._lose_power()
            os.truncate(self.path(partition), 0)
            os.truncate(self.path(partition), size_bytes)
            self._count()

    def _erase_to(self, partition: str, end: int) -> None:
        """Zeros up to ``end``, from the beginning on; holes of the sparse file are zeros already."""
        with self.path(partition).open("r+b") as file:
            at = 0
            while at < end:
                try:
                    at = os.lseek(file.fileno(), at, os.SEEK_DATA)
                except OSError:  # ENXIO: no data behind it
                    return
                step = min(BLOCK_BYTES, end - at)
                if step > 0:
                    os.pwrite(file.fileno(), bytes(step), at)
                at += max(step, 1)

    def _lose_power(self) -> NoReturn:
        self._on_power_lost()
        raise PowerLost("the power went while flash was erased")

    def _count(self) -> None:
        self.writes += 1
        self.on_write()

    def _block_write(self, descriptor: int, data: memoryview, offset: int, power_cycle: int) -> None:
        if power_cycle != self._power_cycle:
            raise PowerLost("the power went while flash was written")
        self._count()
        if self._faults.dies_at_this_write():
            os.pwrite(descriptor, data[: len(data) // 2], offset)  # torn: half new, half old
            self._on_power_lost()
            raise PowerLost("the power went in the middle of a block write")
        written = 0
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], offset + written)


class PartitionWriter:
    """Writes into one partition at any offset; splits at block boundaries. Made by :meth:`Flash.writer`."""

    def __init__(self, flash: Flash, descriptor: int, size_bytes: int, corrupt: bool) -> None:
        self._flash = flash
        self._descriptor = descriptor
        self._corrupt = corrupt
        self._power_cycle = flash._power_cycle
        self.size_bytes = size_bytes

    def write(self, offset: int, data: memoryview) -> None:
        """Write ``data`` at ``offset`` bytes; :class:`Refused` beyond the end of the partition."""
        if offset < 0 or offset + len(data) > self.size_bytes:
            raise Refused("the image is larger than the partition")
        if self._corrupt and data:
            self._corrupt = False
            flipped = bytearray(data[:BLOCK_BYTES])
            flipped[min(FLIPPED_AT, len(flipped) - 1)] ^= 0x01
            self._blocks(offset, memoryview(flipped))
            offset, data = offset + len(flipped), data[len(flipped) :]
        self._blocks(offset, data)

    def fill(self, offset: int, pattern: bytes, size_bytes: int) -> None:
        """Write the four bytes of ``pattern`` over ``size_bytes`` (a multiple of four) at ``offset``."""
        if offset < 0 or offset + size_bytes > self.size_bytes:
            raise Refused("the image is larger than the partition")
        block = memoryview(pattern * (BLOCK_BYTES // len(pattern)))
        end = offset + size_bytes
        while offset < end:
            step = min(BLOCK_BYTES, end - offset)
            self.write(offset, block[:step])
            offset += step

    def _blocks(self, offset: int, data: memoryview) -> None:
        done = 0
        while done < len(data):
            step = min(len(data) - done, BLOCK_BYTES - (offset + done) % BLOCK_BYTES)
            self._flash._block_write(
                self._descriptor, data[done : done + step], offset + done, self._power_cycle
            )
            done += step
