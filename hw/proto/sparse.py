"""Android sparse images, written: a raw image in parts that fit a download buffer, or as a difference.

Streams; holds one chunk and the list of runs. Source: AOSP ``system/core/libsparse/sparse_format.h``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from hw.errors import LocalProtocolError

BLOCK_BYTES = 4096
MAGIC = 0xED26FF3A
FILE_HEADER_BYTES, CHUNK_HEADER_BYTES = 28, 12
_FILE_HEADER = struct.Struct("<IHHHHIIII")
_CHUNK_HEADER = struct.Struct("<HHII")
_ZERO = bytes(BLOCK_BYTES)

Piece = bytes | memoryview


class Kind(IntEnum):
    """Chunk types."""

    RAW = 0xCAC1
    FILL = 0xCAC2
    DONT_CARE = 0xCAC3


@dataclass(frozen=True, slots=True)
class Run:
    """Equal treatment of neighbouring blocks. FILL is always zeros here."""

    kind: Kind
    start: int  # block
    blocks: int

    @property
    def end(self) -> int:
        """The block after the last one."""
        return self.start + self.blocks

    @property
    def size_bytes(self) -> int:
        """On the wire, chunk header included."""
        body = {Kind.RAW: self.blocks * BLOCK_BYTES, Kind.FILL: 4, Kind.DONT_CARE: 0}[self.kind]
        return CHUNK_HEADER_BYTES + body


@dataclass(frozen=True, slots=True)
class Part:
    """One sparse image of a series; together they make the whole."""

    total_blocks: int
    runs: tuple[Run, ...]  # contiguous, from block 0 to total_blocks

    @property
    def size_bytes(self) -> int:
        """Of the encoded part."""
        return FILE_HEADER_BYTES + sum(run.size_bytes for run in self.runs)


class Source:
    """A forward-only reader over an image's chunks; the last block is padded with zeros."""

    def __init__(self, chunks: Iterable[Piece]) -> None:
        self._chunks = iter(chunks)
        self._view = memoryview(b"")
        self._position = 0

    def skip_to(self, offset: int) -> None:
        """Go forward to ``offset`` bytes. Raises LocalProtocolError on a step back."""
        if offset < self._position:
            raise LocalProtocolError("an image is only read forwards")
        while self._position < offset and self._fill():
            step = min(len(self._view), offset - self._position)
            self._view = self._view[step:]
            self._position += step

    def take(self, size_bytes: int) -> Iterator[Piece]:
        """The next ``size_bytes`` in pieces; zeros beyond the end of the image, less than a block of them."""
        while size_bytes:
            if not self._fill():
                if size_bytes >= BLOCK_BYTES:
                    raise LocalProtocolError("the image is shorter than it was")
                self._position += size_bytes
                yield _ZERO[:size_bytes]
                return
            piece = self._view[:size_bytes]
            self._view = self._view[len(piece) :]
            self._position += len(piece)
            size_bytes -= len(piece)
            yield piece

    def block(self) -> bytes:
        """The next whole block."""
        return b"".join(self.take(BLOCK_BYTES))

    def _fill(self) -> bool:
        while not len(self._view):
            following = next(self._chunks, None)
            if following is None:
                return False
            self._view = memoryview(following).cast("B")
        return True


def block_count(size_bytes: int) -> int:
    """Blocks of an image of ``size_bytes``, the last one padded."""
    return -(-size_bytes // BLOCK_BYTES)


def runs(chunks: Iterable[Piece], size_bytes: int, base: Iterable[Piece] | None = None) -> Iterator[Run]:
    """The image as runs: zeros are FILL, the rest RAW; with ``base``, blocks equal to it are DONT_CARE.

    A zero block that differs from the base is an explicit FILL: DONT_CARE would leave the old bytes there.
    """
    source = Source(chunks)
    old = Source(base) if base is not None else None
    kind, start = Kind.DONT_CARE, 0
    for index in range(block_count(size_bytes)):
        block = source.block()
        now = Kind.FILL if block == _ZERO else Kind.RAW
        if old is not None and _block_or_none(old) == block:
            now = Kind.DONT_CARE
        if index == 0:
            kind = now
        elif now is not kind:
            yield Run(kind, start, index - start)
            kind, start = now, index
    if size_bytes:
        yield Run(kind, start, block_count(size_bytes) - start)


def _block_or_none(source: Source) -> bytes | None:
    """The base's next block; None past its last whole one."""
    try:
        return source.block()
    except LocalProtocolError:
        return None


def split(all_runs: Iterable[Run], size_bytes: int, limit_bytes: int) -> list[Part]:
    """Parts of at most ``limit_bytes`` each. Raises LocalProtocolError where not even one block fits."""
    total = block_count(size_bytes)
    room = limit_bytes - FILE_HEADER_BYTES - 2 * CHUNK_HEADER_BYTES  # DONT_CARE before and after
    if room < CHUNK_HEADER_BYTES + BLOCK_BYTES:
        raise LocalProtocolError(f"a download of {limit_bytes} bytes is too small for one block")
    parts: list[Part] = []
    held: list[Run] = []
    used = 0
    for run in all_runs:
        rest = run
        while rest.blocks:
            fits = _fitting(rest, room - used)
            if not fits:
                parts.append(_part(held, total))
                held, used = [], 0
                continue
            piece = Run(rest.kind, rest.start, fits)
            held.append(piece)
            used += piece.size_bytes
            rest = Run(rest.kind, rest.start + fits, rest.blocks - fits)
    if held or not parts:
        parts.append(_part(held, total))
    useful = [part for part in parts if any(run.kind is not Kind.DONT_CARE for run in part.runs)]
    return useful or parts[:1]


def _fitting(run: Run, room: int) -> int:
    """How many blocks of ``run`` fit into ``room`` bytes."""
    if run.kind is Kind.RAW:
        return max(0, min(run.blocks, (room - CHUNK_HEADER_BYTES) // BLOCK_BYTES))
    return run.blocks if run.size_bytes <= room else 0


def _part(held: list[Run], total: int) -> Part:
    """Fill the gaps before and after with DONT_CARE; neighbours of that kind are joined."""
    out: list[Run] = []
    at = 0
    for run in held:
        if run.kind is Kind.DONT_CARE:
            continue
        if run.start > at:
            out.append(Run(Kind.DONT_CARE, at, run.start - at))
        out.append(run)
        at = run.end
    if at < total:
        out.append(Run(Kind.DONT_CARE, at, total - at))
    return Part(total, tuple(out))


def encode(part: Part, source: Source) -> Iterator[Piece]:
    """The part's bytes, ``part.size_bytes`` of them; reads ``source`` forwards only."""
    yield _FILE_HEADER.pack(
        MAGIC, 1, 0, FILE_HEADER_BYTES, CHUNK_HEADER_BYTES, BLOCK_BYTES, part.total_blocks, len(part.runs), 0
    )
    for run in part.runs:
        yield _CHUNK_HEADER.pack(run.kind, 0, run.blocks, run.size_bytes)
        if run.kind is Kind.RAW:
            source.skip_to(run.start * BLOCK_BYTES)
            yield from source.take(run.blocks * BLOCK_BYTES)
        elif run.kind is Kind.FILL:
            yield _ZERO[:4]
