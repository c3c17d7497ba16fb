"""The order in which an in-place patch writes an image's blocks: runs of blocks at the patch's beginning.

Reads them where they lie, so that any number of runs takes no memory. docs/agent-patch.md has the format.
"""

import struct

from firmware_agent.device.errors import AgentError
from firmware_agent.wire import BAD_PATCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    ReadAt = Callable[[int, memoryview], int]

_COUNT_BYTES = 4
_RUN = "<HHBB"
_RUN_BYTES = struct.calcsize(_RUN)


class BlockOrder:
    """``blocks`` blocks, each exactly once; ``size`` is what the order takes of the patch, in bytes.

    AgentError(BAD_PATCH) where it is not that. It is checked here, before anything is written.
    """

    def __init__(self, read_patch: "ReadAt", blocks: int) -> None:
        self._read_patch = read_patch
        self._raw = memoryview(bytearray(_RUN_BYTES))
        self._runs, zero = struct.unpack("<HH", self._read(0, _COUNT_BYTES))
        if zero or not 0 < self._runs <= blocks:
            raise AgentError(BAD_PATCH)
        self.blocks = blocks
        self.size = _COUNT_BYTES + self._runs * _RUN_BYTES
        self._check()

    def __iter__(self) -> "Iterator[int]":
        for number in range(self._runs):
            first, count, backward = self._run(number)
            for place in range(count):
                yield first + (count - 1 - place if backward else place)

    def _check(self) -> None:
        seen = bytearray((self.blocks + 7) // 8)
        total = 0
        for number in range(self._runs):
            first, count, _backward = self._run(number)
            total += count
            for block in range(first, first + count):
                bit = 1 << (block & 7)
                if seen[block >> 3] & bit:
                    raise AgentError(BAD_PATCH)
                seen[block >> 3] |= bit
        if total != self.blocks:
            raise AgentError(BAD_PATCH)

    def _run(self, number: int) -> "tuple[int, int, int]":
        raw = self._read(_COUNT_BYTES + number * _RUN_BYTES, _RUN_BYTES)
        first, count, backward, zero = struct.unpack(_RUN, raw)
        if zero or backward > 1 or not count or first + count > self.blocks:
            raise AgentError(BAD_PATCH)
        return first, count, backward

    def _read(self, offset: int, count: int) -> memoryview:
        part = self._raw[:count]
        if self._read_patch(offset, part) != count:
            raise AgentError(BAD_PATCH)
        return part
