"""Proves patches: the device's own decoder and order of blocks on a model of its flash, with power cuts.

Decodes with ``firmware_agent.device`` and holds no decoder of its own. The journal is modelled: what it guarantees,
not how (its own tests are the device's).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from firmware_agent.device.block_order import BlockOrder
from firmware_agent.device.errors import AgentError
from firmware_agent.device.inflate import Inflater
from firmware_agent.device.lite import LiteReader
from firmware_agent.errors import BuildFailed
from firmware_agent.order import Order
from firmware_agent.wire import WHOLE

_PIECE_BYTES = 4096
_CUTS_IN_EVERY_WAY_BYTES = 2 << 20
"""Up to this size each group is cut in every way; a larger image's groups take turns (each cut decodes anew)."""


def prove(order: Order, patch: bytes, base: bytes) -> None:
    """The device makes exactly the order's image of this patch. BuildFailed where it would not."""
    if hashlib.sha256(patch).digest() != order.patch_sha256 or len(patch) != order.patch_size:
        raise BuildFailed("agent_patch", "the order names another patch")
    if order.method != WHOLE and hashlib.sha256(base).digest() != order.base_sha256:
        raise BuildFailed("agent_patch", "the order names another base")
    try:
        if order.block:
            Rehearsal(order, patch, base).run()
        else:
            _prove_slot(order, patch, base)
    except AgentError as exc:
        raise BuildFailed(
            "agent_patch", f"the device refuses the patch: code {exc.code}, {exc.detail}"
        ) from exc


def _prove_slot(order: Order, patch: bytes, base: bytes) -> None:
    source: Inflater | LiteReader = Inflater(reading(patch), order.patch_size, order.window_log2)
    if order.method != WHOLE:
        source = LiteReader(source, reading(base), order.base_size, order.image_size)
    digest, left, piece = hashlib.sha256(), order.image_size, memoryview(bytearray(_PIECE_BYTES))
    while left:
        got = source.readinto(piece[: min(left, _PIECE_BYTES)])
        if not got:
            raise BuildFailed("agent_patch", "the patch ends before the image is whole")
        digest.update(piece[:got])
        left -= got
    source.finish()
    if digest.digest() != order.image_sha256:
        raise BuildFailed("agent_patch", "the patch makes another image")


def reading(data: bytes | bytearray) -> Callable[[int, memoryview], int]:
    """What the device's decoder reads from; BuildFailed where it asks for bytes that are not there."""

    def read(offset: int, target: memoryview) -> int:
        if not 0 <= offset <= offset + len(target) <= len(data):
            raise BuildFailed("agent_patch", f"the device would read {len(target)} bytes at {offset}")
        target[:] = data[offset : offset + len(target)]
        return len(target)

    return read


class PowerCut(Exception):
    """The model's power is gone."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the power goes in a group: before its journal entry counts, or with one of its blocks half written."""

    step: int
    torn: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """A journal entry: the new content of some blocks."""

    number: int
    blocks: tuple[tuple[int, bytes], ...]


class Rehearsal:
    """An in-place update in memory: once straight through, and once with the power cut in every group."""

    def __init__(self, order: Order, patch: bytes, base: bytes) -> None:
        self._order, self._patch, self._base = order, patch, base
        self._count = -(-order.image_size // order.block)
        self._flash = bytearray()
        self._journal: Step | None = None
        self._cuts: list[Cut] = []
        self.cuts = 0

    def run(self) -> None:
        """BuildFailed where the image is not the one the order names, in any of the ways."""
        self._start(b"\xff")
        self._resume()
        self._compare("written in place")
        self._start(b"\0")  # what lies behind an image's end must not matter
        self._cuts = self._plan()
        while True:
            try:
                self._resume()
                break
            except PowerCut:
                self.cuts += 1
        self._compare("written in place with power cuts")
        if self._cuts:
            raise BuildFailed("agent_patch", "a cut was never reached")

    def _start(self, filling: bytes) -> None:
        size = max(self._count * self._order.block, len(self._base))
        self._filling = filling
        self._flash = bytearray(self._base) + filling * (size - len(self._base))
        self._journal = None

    def _plan(self) -> list[Cut]:
        steps = -(-self._count // self._order.group)
        plan = []
        for step in range(steps):
            here = min(self._order.group, self._count - step * self._order.group)
            ways = [Cut(step, None), Cut(step, 0), Cut(step, here // 2), Cut(step, here - 1)]
            every = self._order.image_size <= _CUTS_IN_EVERY_WAY_BYTES
            plan += ways if every else [ways[step % len(ways)]]
        return plan

    def _resume(self) -> None:
        """What boot does: the newest journal entry once more, then the groups after it."""
        next_step = 0
        if self._journal:
            self._copy(self._journal)
            next_step = self._journal.number + 1
        order = self._order
        blocks = BlockOrder(reading(self._patch), self._count)
        source = Inflater(reading(self._patch), order.patch_size, order.window_log2, blocks.size)
        reader = LiteReader(source, reading(self._flash), order.base_size, order.image_size)
        group: list[tuple[int, bytes]] = []
        for place, number in enumerate(blocks):
            size = min(order.block, order.image_size - number * order.block)
            step = place // order.group
            if step < next_step:
                reader.skip(size)
                continue
            content = bytearray(size)
            if reader.readinto(content) != size:
                raise BuildFailed("agent_patch", "the patch ends before the image is whole")
            group.append((number, bytes(content)))
            if len(group) == order.group or place == self._count - 1:
                self._cut_here(step, None)
                self._journal = Step(step, tuple(group))
                self._copy(self._journal)
                group = []
        reader.finish()

    def _copy(self, step: Step) -> None:
        for place, (number, content) in enumerate(step.blocks):
            at, block = number * self._order.block, self._order.block
            half = len(content) // 2
            self._flash[at : at + block] = content[:half] + b"\xff" * (block - half)
            self._cut_here(step.number, place)
            self._flash[at : at + block] = content + self._filling * (block - len(content))

    def _cut_here(self, step: int, torn: int | None) -> None:
        if self._cuts and self._cuts[0] == Cut(step, torn):
            del self._cuts[0]
            raise PowerCut

    def _compare(self, how: str) -> None:
        made = hashlib.sha256(memoryview(self._flash)[: self._order.image_size]).digest()
        if made != self._order.image_sha256:
            raise BuildFailed("agent_patch", f"the patch makes another image when it is {how}")
        rest = max(len(self._base) - self._count * self._order.block, 0)
        if rest and self._flash[-rest:] != self._base[-rest:]:
            raise BuildFailed("agent_patch", "the patch writes behind the image")
