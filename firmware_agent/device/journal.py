"""The journal of an image that is changed in place: a group of new blocks is whole here before an old one goes.

Two halves take turns, each a header block and room for one group. Programming the header commits the step; after
a cut the newest header says which blocks are copied again, and where the installation goes on. Decodes nothing.
"""

import struct
from binascii import crc32

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region, whole_pages
from firmware_agent.wire import FLASH_FAILED

_MAGIC = b"PSJ1"
_HEAD = "<4sIII32s"
_HEAD_BYTES = struct.calcsize(_HEAD)
_ENTRY = "<III"  # block of the image, bytes of it, CRC-32 of the pages that hold them
_ENTRY_BYTES = struct.calcsize(_ENTRY)
HALVES = 2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _rest() -> None:
    """No watchdog."""


def journal_blocks(group: int) -> int:
    """How many erase blocks a journal of this group has."""
    return HALVES * (1 + group)


class Journal:
    """The steps of one job. ``group`` blocks at most in a step; ``order_id`` tells jobs apart.

    ``feed`` is called for every block that is copied or erased.
    """

    def __init__(
        self,
        region: Region,
        image: Region,
        group: int,
        order_id: bytes,
        feed: "Callable[[], None] | None" = None,
    ) -> None:
        self._region = region
        self._image = image
        self._group = group
        self._order_id = order_id
        self._feed = feed or _rest
        self._entries: list[tuple[int, int, int]] = []

    def clear(self) -> None:
        """No step of any job is left: to be done before a job is recorded as running."""
        block = self._region.block_bytes
        for half in range(HALVES):
            offset = self._start(half) * block
            if not self._region.is_erased(offset, block):
                self._region.erase(offset)
            self._feed()

    def add(self, step: int, target: int, count: int, data: memoryview) -> None:
        """Keep the new block ``target`` of the image: ``count`` bytes, ``data`` is them in whole pages."""
        if not self._entries:  # the header first: what it points to is about to change
            offset = self._start(step) * self._region.block_bytes
            if not self._region.is_erased(offset, self._region.block_bytes):
                self._region.erase(offset)
        self._region.put_block(self._start(step) + 1 + len(self._entries), data)
        self._entries.append((target, count, crc32(data)))

    def commit(self, step: int, scratch: memoryview) -> None:
        """The step counts from here on; then its blocks are copied to where they belong."""
        header = self._header(step)
        offset = self._start(step) * self._region.block_bytes
        self._region.program(offset, header)
        if not self._region.holds(offset, header):
            raise AgentError(FLASH_FAILED, offset)
        self._copy(step, scratch)
        self._entries = []

    def recover(self, scratch: memoryview) -> int:
        """Copy the newest step's blocks again; the number of the step to go on with."""
        newest, entries = -1, self._entries
        for half in range(HALVES):
            step, found = self._read(half, scratch)
            if step > newest:
                newest, entries = step, found
        if newest >= 0:
            self._entries = entries
            self._copy(newest, scratch)
        self._entries = []
        return newest + 1

    def _copy(self, step: int, scratch: memoryview) -> None:
        for place, (target, count, check) in enumerate(self._entries):
            part = scratch[: whole_pages(count, self._region.page_bytes)]
            self._region.read((self._start(step) + 1 + place) * self._region.block_bytes, part)
            if crc32(part) != check:
                raise AgentError(FLASH_FAILED, target)
            self._image.put_block(target, part)
            self._feed()

    def _header(self, step: int) -> bytearray:
        used = _HEAD_BYTES + _ENTRY_BYTES * len(self._entries)
        header = bytearray(b"\xff" * whole_pages(used + 4, self._region.page_bytes))
        struct.pack_into(_HEAD, header, 0, _MAGIC, step, len(self._entries), 0, self._order_id)
        at = _HEAD_BYTES
        for entry in self._entries:
            struct.pack_into(_ENTRY, header, at, *entry)
            at += _ENTRY_BYTES
        struct.pack_into("<I", header, at, crc32(memoryview(header)[:at]))
        return header

    def _read(self, half: int, scratch: memoryview) -> "tuple[int, list[tuple[int, int, int]]]":
        nothing: tuple[int, list[tuple[int, int, int]]] = (-1, [])
        self._region.read(self._start(half) * self._region.block_bytes, scratch)
        magic, step, count, _zero, order_id = struct.unpack_from(_HEAD, scratch, 0)
        end = _HEAD_BYTES + _ENTRY_BYTES * count
        if (
            magic != _MAGIC
            or not 0 < count <= self._group
            or order_id != self._order_id
            or step % HALVES != half
        ):
            return nothing
        (check,) = struct.unpack_from("<I", scratch, end)
        if crc32(scratch[:end]) != check:
            return nothing
        return step, [
            struct.unpack_from(_ENTRY, scratch, _HEAD_BYTES + _ENTRY_BYTES * i) for i in range(count)
        ]

    def _start(self, step: int) -> int:
        return (step % HALVES) * (1 + self._group)
