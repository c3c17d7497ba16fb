"""In what order an image's blocks are rewritten where they stand, so that little is lost that a later one needs.

Chooses an order and writes it down; makes no difference and proves nothing (``make`` and ``simulate`` do).

A device computes ``group`` blocks from what the flash holds, journals them, then overwrites their places. Whatever
the old image held there is gone for every later group. A block that reads another should therefore come first.
"""

from __future__ import annotations

import heapq
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence

from firmware_agent.agent_patch.covers import Cover

_COUNT = struct.Struct("<HH")
_RUN = struct.Struct("<HHBB")
MAX_BLOCKS = 0xFFFF

Reads = dict[int, dict[int, int]]
"""How many bytes each block of the new image takes from each other block of the old one."""


def reads(covers: Iterable[Cover], block: int, count: int) -> Reads:
    """What ``covers`` make each of the ``count`` rewritten blocks read."""
    found: Reads = defaultdict(lambda: defaultdict(int))
    for cover in covers:
        at = 0
        while at < cover.length:
            new, old = cover.new + at, cover.old + at
            step = min(cover.length - at, block - new % block, block - old % block)
            if new // block != old // block and old // block < count:
                found[new // block][old // block] += step
            at += step
    return found


def lost(order: Sequence[int], found: Reads, group: int) -> int:
    """How many bytes are overwritten before the block that reads them is computed."""
    step = {block: place // group for place, block in enumerate(order)}
    return sum(
        size
        for reader, sources in found.items()
        for source, size in sources.items()
        if step[source] < step[reader]
    )


def forward(count: int) -> list[int]:
    """From the first block to the last: loses nothing where all bytes move down."""
    return list(range(count))


def backward(count: int) -> list[int]:
    """From the last block to the first: loses nothing where all bytes move up."""
    return list(range(count - 1, -1, -1))


def dependency(found: Reads, count: int) -> list[int]:
    """Readers before what they read; a cycle is broken where the fewest bytes are lost.

    After Eades, Lin and Smyth's heuristic for the feedback arc set (1993), weighted by bytes: blocks that nobody
    waits for go first, blocks that wait for nobody last, and where there is neither, the cheapest goes first.
    """
    waits: dict[int, dict[int, int]] = {one: dict(found.get(one, {})) for one in range(count)}
    wanted_by: dict[int, dict[int, int]] = {one: {} for one in range(count)}
    for reader, sources in waits.items():
        for source, size in sources.items():
            wanted_by[source][reader] = size
    front: list[int] = []
    back: list[int] = []
    queue = _Queue(waits, wanted_by, front)
    while (chosen := queue.pop()) is not None:
        # wanted by someone, waiting for nobody: everyone else goes before it
        last = bool(wanted_by[chosen]) and not waits[chosen]
        (back if last else front).append(chosen)
        for reader in wanted_by.pop(chosen):
            del waits[reader][chosen]
            queue.push(reader)
        for source in waits.pop(chosen):
            del wanted_by[source][chosen]
            queue.push(source)
    return front + back[::-1]


class _Queue:
    """The blocks not placed yet: free ones first, next to the last one placed if they can be, then the cheapest."""

    def __init__(self, waits: Reads, wanted_by: Reads, front: Sequence[int]) -> None:
        self._waits, self._wanted_by, self._front = waits, wanted_by, front
        self._heap: list[tuple[int, int, int]] = []
        for one in range(len(waits)):
            self.push(one)

    def push(self, block: int) -> None:
        heapq.heappush(self._heap, self._rank(block))

    def pop(self) -> int | None:
        if self._front:  # long runs cost least to write down
            for near in (self._front[-1] + 1, self._front[-1] - 1):
                if near in self._wanted_by and not self._wanted_by[near]:
                    return near
        while self._heap:
            rank = heapq.heappop(self._heap)
            if rank[2] in self._waits and rank == self._rank(rank[2]):
                return rank[2]
        return None

    def _rank(self, block: int) -> tuple[int, int, int]:
        lost, kept = sum(self._wanted_by[block].values()), sum(self._waits[block].values())
        if not lost or not kept:
            return (0 if not lost else 1, 0, block)
        return (2, lost - kept, block)


def write_order(order: Sequence[int]) -> bytes:
    """The order as runs: u16 runs, u16 0, then for each u16 lowest block, u16 blocks, u8 backward, u8 0."""
    runs: list[tuple[int, int, int]] = []
    for block in order:
        if runs:
            lowest, size, back = runs[-1]
            if block == lowest + size and (not back or size == 1):
                runs[-1] = (lowest, size + 1, 0)
                continue
            if block == lowest - 1 and (back or size == 1):
                runs[-1] = (block, size + 1, 1)
                continue
        runs.append((block, 1, 0))
    return _COUNT.pack(len(runs), 0) + b"".join([_RUN.pack(*run, 0) for run in runs])
