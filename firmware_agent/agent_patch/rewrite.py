"""A difference for an image that is rewritten where it stands, in a given order of its blocks.

Each group of blocks is computed from what the flash holds at that moment: old blocks, and new ones where a group
before it was written. What a cover would read there is looked at, and turned into literals where it is of no more
use; where much was lost it is looked for once more. Chooses no order (``in_place``) and proves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from firmware_agent.agent_patch.covers import Cover, difference, read_covers, subtract, write

_SHORTEST = 8
"""A cover costs about four bytes; a shorter one is not worth it."""
_WORTH_A_SEARCH = 256
_SEARCH_BUDGET_BYTES = 96 << 20
"""Each search sorts the whole old image (about 10 MB/s); a 16 MiB image is worth a few of them."""


class Rewriting:
    """One order of blocks tried on one pair of images. Sizes in bytes; ``covers`` are the pair's."""

    def __init__(
        self, base: bytes, image: bytes, covers: Iterable[Cover], order: Sequence[int], block: int, group: int
    ) -> None:
        self._base, self._image, self._order = base, image, order
        self._block, self._group = block, group
        self._step_of = {number: place // group for place, number in enumerate(order)}
        self._covers_of: dict[int, list[Cover]] = defaultdict(list)
        for cover in covers:
            for piece in cut(cover, block):
                self._covers_of[piece.new // block].append(piece)
        self._flash = bytearray(base)  # what a device holds, as far as a difference may read it
        # the end of the last block is erased with it, and what is there then is nobody's promise
        self._unsure = range(len(image), -(-len(image) // block) * block)
        self._budget = _SEARCH_BUDGET_BYTES
        self.lost_bytes = 0
        """What a difference between two slots would have copied, and this one carries."""

    def difference(self) -> bytes:
        """The difference that gives the image's blocks in this order."""
        covers: list[Cover] = []
        found: list[bytes] = []
        wanted = bytearray()
        for step in range(-(-len(self._order) // self._group)):
            blocks = self._order[step * self._group : (step + 1) * self._group]
            start = len(wanted)
            for number in blocks:
                wanted += self._content(number)
            target = bytes(wanted[start:])
            for cover in self._step_covers(step, blocks, target):
                covers.append(Cover(start + cover.new, cover.old, cover.length))
                found.append(self._read(cover))
            for number in blocks:
                self._overwrite(number)
        return write(covers, bytes(wanted), found)

    def _content(self, number: int) -> bytes:
        return self._image[number * self._block : (number + 1) * self._block]

    def _read(self, cover: Cover) -> bytes:
        return bytes(self._flash[cover.old : cover.old + cover.length])

    def _overwrite(self, number: int) -> None:
        at, content = number * self._block, self._content(number)
        room = max(0, min(len(content), len(self._flash) - at))
        self._flash[at : at + room] = content[:room]

    def _step_covers(self, step: int, blocks: Sequence[int], target: bytes) -> list[Cover]:
        """The covers of one group, by their place in ``target``."""
        kept: list[Cover] = []
        lost: list[Cover] = []
        at = 0
        for number in blocks:
            for cover in self._covers_of[number]:
                moved = Cover(at + cover.new - number * self._block, cover.old, cover.length)
                for piece in cut_old(moved, self._block):
                    (kept if self._useful(piece, step, target) else lost).append(piece)
            at += len(self._content(number))
        gone = sum(piece.length for piece in lost)
        self.lost_bytes += gone
        if gone >= _WORTH_A_SEARCH and self._budget >= len(self._base):
            self._budget -= len(self._base)
            kept += self._search(lost, target)
        return [cover for cover in join(sorted(kept)) if cover.length >= _SHORTEST]

    def _useful(self, piece: Cover, step: int, target: bytes) -> bool:
        """Whether the flash still holds what the cover wants, or something that is much like it."""
        if piece.old < self._unsure.stop and piece.old + piece.length > self._unsure.start:
            return False
        if self._step_of.get(piece.old // self._block, step) >= step:
            return True
        wanted, there = target[piece.new : piece.new_end], self._read(piece)
        return there == wanted or subtract(wanted, there).count(0) * 2 > piece.length

    def _search(self, lost: Iterable[Cover], target: bytes) -> Iterator[Cover]:
        """Look for what was lost in what the flash holds now."""
        gaps = sorted(join(sorted(Cover(piece.new, piece.new, piece.length) for piece in lost)))
        wanted = b"".join([target[gap.new : gap.new_end] for gap in gaps])
        starts, at = [], 0
        for gap in gaps:
            starts.append(at)
            at += gap.length
        for cover in read_covers(difference(bytes(self._flash), wanted)):
            for gap, start in zip(gaps, starts, strict=True):
                low, high = max(cover.new, start), min(cover.new_end, start + gap.length)
                if low < high:
                    piece = Cover(gap.new + low - start, cover.old + low - cover.new, high - low)
                    if piece.old >= self._unsure.stop or piece.old + piece.length <= self._unsure.start:
                        yield piece


def cut(cover: Cover, block: int) -> Iterator[Cover]:
    """The cover in pieces that each lie in one block of the new image."""
    at = 0
    while at < cover.length:
        step = min(cover.length - at, block - (cover.new + at) % block)
        yield Cover(cover.new + at, cover.old + at, step)
        at += step


def cut_old(cover: Cover, block: int) -> Iterator[Cover]:
    """The cover in pieces that each lie in one block of the old image."""
    at = 0
    while at < cover.length:
        step = min(cover.length - at, block - (cover.old + at) % block)
        yield Cover(cover.new + at, cover.old + at, step)
        at += step


def join(covers: Iterable[Cover]) -> Iterator[Cover]:
    """Sorted covers, those that continue each other as one."""
    last: Cover | None = None
    for cover in covers:
        if last and last.new_end == cover.new and last.old + last.length == cover.old:
            last = Cover(last.new, last.old, last.length + cover.length)
            continue
        if last:
            yield last
        last = cover
    if last:
        yield last
