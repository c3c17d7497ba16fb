"""HPatchLite differences as lists of covers, and back to bytes. Finds no match: hdiffpatch does.

The layout is read off HPatchLite's public sources (version 1, no codec); docs/agent-patch.md has every byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import hdiffpatch

from firmware_agent.errors import BuildFailed

_SAME, _BACK, _MORE = 0x80, 0x40, 0x20
_VERSION = 1 << 6


class Cover(NamedTuple):
    """``length`` bytes of the new image that resemble those at ``old`` in the old one. All in bytes."""

    new: int
    old: int
    length: int

    @property
    def new_end(self) -> int:
        """One past its last byte in the new image."""
        return self.new + self.length


def difference(base: bytes, image: bytes) -> bytes:
    """HPatchLite's own difference, uncompressed; large images with a match cache, for speed alone."""
    try:
        made = hdiffpatch.diff_lite(base, image, compression=None, big_cache_match=len(base) > 1 << 20)
    except hdiffpatch.HDiffPatchError as exc:
        raise BuildFailed("agent_patch", f"no difference could be made: {exc}") from exc
    return bytes(made)


def read_covers(diff: bytes) -> list[Cover]:
    """The covers of an uncompressed difference, empty ones left out. BuildFailed for anything else."""
    try:
        return list(_covers(diff))
    except IndexError as exc:
        raise BuildFailed("agent_patch", "a difference that is cut off") from exc


def _covers(diff: bytes) -> Iterator[Cover]:
    if diff[:3] != b"hI\0" or diff[3] & ~7 != _VERSION:
        raise BuildFailed("agent_patch", "not an uncompressed HPatchLite difference")
    count, at = _read_number(diff, 4 + (diff[3] & 7))
    new = old = 0
    for _ in range(count):
        length, at = _read_number(diff, at)
        tag = diff[at]
        away, at = _read_number(diff, at + 1, tag & 31) if tag & _MORE else (tag & 31, at + 1)
        gap, at = _read_number(diff, at)
        old += -away if tag & _BACK else away
        new += gap
        if old < 0:
            raise BuildFailed("agent_patch", "a cover before the old image")
        if length:
            yield Cover(new, old, length)
        at += gap + (0 if tag & _SAME else length)
        new, old = new + length, old + length
    if at != len(diff):
        raise BuildFailed("agent_patch", "a difference of another length than its covers")


def write(covers: Iterable[Cover], wanted: bytes, found: Iterable[bytes]) -> bytes:
    """The difference that gives ``wanted``. ``found`` are the bytes a device reads for each cover, in their order.

    Covers are sorted by where they are in ``wanted`` and do not overlap.
    """
    body = bytearray()
    new = old = count = 0
    for cover, base in zip(covers, found, strict=True):
        target = wanted[cover.new : cover.new_end]
        same = target == base
        body += _cover(cover, cover.new - new, cover.old - old, same)
        body += wanted[new : cover.new]
        if not same:
            body += subtract(target, base)
        new, old, count = cover.new_end, cover.old + cover.length, count + 1
    if new < len(wanted):
        body += _cover(Cover(len(wanted), old, 0), len(wanted) - new, 0, True) + wanted[new:]
        count += 1
    size = len(wanted).to_bytes((len(wanted).bit_length() + 7) // 8, "little")
    return b"hI\0" + bytes([_VERSION | len(size)]) + size + _number(count) + bytes(body)


def subtract(target: bytes, base: bytes) -> bytes:
    """What a device adds to each byte of ``base``, modulo 256, to get ``target``; of the same length."""
    size = len(target)
    low, high = int.from_bytes(b"\x7f" * size), int.from_bytes(b"\x80" * size)
    a, b = int.from_bytes(target), int.from_bytes(base)
    # the top bit is set first, so that no byte borrows from its neighbour
    return (((a | high) - (b & low)) ^ ((a ^ ~b) & high)).to_bytes(size)


def _cover(cover: Cover, gap: int, away: int, same: bool) -> bytes:
    size = abs(away)
    tag = (_SAME if same else 0) | (_BACK if away < 0 else 0)
    groups: list[int] = []
    while size > 31:
        groups.append(size & 127 | (0x80 if groups else 0))
        size >>= 7
    if groups:
        tag |= _MORE
    return _number(cover.length) + bytes([tag | size, *reversed(groups)]) + _number(gap)


def _number(value: int) -> bytes:
    """Seven bits a byte, the highest first; all but the last have the top bit."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 0x80)
    return bytes(reversed(groups))


def _read_number(diff: bytes, at: int, value: int = 0) -> tuple[int, int]:
    while True:
        byte = diff[at]
        value, at = value << 7 | byte & 127, at + 1
        if byte < 128:
            return value, at
