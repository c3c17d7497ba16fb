"""The one edge to PyPI ``hdiffpatch``: differences taken apart into their four pieces and put together again.

``hdiffpatch.apply`` believes sizes that it reads out of a difference. It only ever sees headers written here, from
numbers that were checked, and never compressed pieces: those are decoded by us, within limits.
The format is HDiffPatch's ``HDIFF13`` (libHDiffPatch/HPatch/patch.c, ``read_diffz_head``), without a compression.
"""

from __future__ import annotations

from dataclasses import dataclass

import hdiffpatch

from firmware_agent.delta.format import bad
from firmware_agent.errors import BuildFailed

_TYPE = b"HDIFF13&\0"
_NUMBERS = 11


@dataclass(frozen=True, slots=True)
class Difference:
    """How ``result_bytes`` come out of a window: the pieces of an HDIFF13, in its order."""

    result_bytes: int
    covers: int
    pieces: tuple[bytes, bytes, bytes, bytes]


def difference(window: bytes, result: bytes) -> Difference:
    """From ``window`` to ``result``. A result with nothing in common with its window is all literals."""
    plain = Difference(len(result), 0, (b"", b"", b"", result))
    if not window:
        return plain
    raw = hdiffpatch.diff(window, result, None, validate=False, big_cache_match=True)
    if not raw.startswith(_TYPE):
        raise BuildFailed("no_delta", "hdiffpatch wrote a difference of another format than HDIFF13")
    numbers, at = [], len(_TYPE)
    for _ in range(_NUMBERS):
        number, at = _number(raw, at)
        numbers.append(number)
    new_bytes, old_bytes, covers = numbers[:3]
    if (new_bytes, old_bytes) != (len(result), len(window)) or any(numbers[4::2]):
        raise BuildFailed("no_delta", "hdiffpatch wrote a difference of other files")
    if covers == 0:
        return plain
    pieces = []
    for size_bytes in numbers[3::2]:
        pieces.append(raw[at : at + size_bytes])
        at += size_bytes
    if at != len(raw):
        raise BuildFailed("no_delta", "hdiffpatch wrote a difference with something behind it")
    return Difference(new_bytes, covers, (pieces[0], pieces[1], pieces[2], pieces[3]))


def rebuild(window: bytes, delta: Difference) -> bytes:
    """What :func:`difference` was made from; ``DeltaRefused("bad_delta")`` for pieces that make something else."""
    if delta.covers == 0:
        return delta.pieces[3]
    head = [delta.result_bytes, len(window), delta.covers]
    for piece in delta.pieces:
        head += [len(piece), 0]
    raw = b"".join((_TYPE, *map(_packed, head), *delta.pieces))
    try:
        result = hdiffpatch.apply(window, raw)
    except (hdiffpatch.HDiffPatchError, MemoryError) as exc:
        raise bad("a difference does not fit its window") from exc
    assert len(result) == delta.result_bytes  # it fills what the header says, or fails
    return result


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """Seven bits a byte, highest first (HPatch ``hpatch_unpackUInt``)."""
    value = 0
    while True:
        value = value << 7 | raw[at] & 0x7F
        at += 1
        if raw[at - 1] < 0x80:
            return value, at


def _packed(value: int) -> bytes:
    raw = [value & 0x7F]
    while value := value >> 7:
        raw.append(value & 0x7F | 0x80)
    return bytes(reversed(raw))
