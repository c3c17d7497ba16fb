"""The front of a delta container: header and segment table, read and written byte by byte. It applies nothing.

The whole format is in docs/delta-format.md; all fields little-endian.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from firmware_agent.errors import DeltaRefused
from firmware_agent.manifest import MAX_IMAGE_BYTES

MAGIC = b"FWDELTA\x1a"
VERSION = 1

MAX_SEGMENTS = 8192
MAX_SEGMENT_BYTES = 64 * 1024 * 1024
"""Of result that one segment may rebuild."""
MAX_BLOB_BYTES = 80 * 1024 * 1024
"""Of package that one segment may take: a segment that is all new bytes, and could not be compressed."""

_HEADER = struct.Struct("<8sHHIQQ32s32sIIQ32s")
_ENTRY = struct.Struct("<II32s32s32s")
HEADER_BYTES = _HEADER.size
ENTRY_BYTES = _ENTRY.size
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of the result, rebuilt without the others. Offsets are sums of what lies before it."""

    result_offset: int
    result_bytes: int
    blob_offset: int  # in the package
    blob_bytes: int
    source_sha256: bytes  # of the base bytes it reads, ascending, each once
    result_sha256: bytes
    blob_sha256: bytes

    @property
    def result_end(self) -> int:
        """Where the next segment's result begins."""
        return self.result_offset + self.result_bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What a package says it is. True only as far as the catalogue vouched for the package's own hash."""

    format_version: int
    base_size_bytes: int
    base_sha256: str  # hex, "" = rebuilt from nothing
    result_size_bytes: int
    result_sha256: str
    package_bytes: int
    segments: tuple[Segment, ...]


def bad(detail: str) -> DeltaRefused:
    """A package that breaks the format."""
    return DeltaRefused("bad_delta", f"the delta package is not usable: {detail}")


def write_front(header: Header) -> bytes:
    """Header and table as bytes; what :func:`read_header` reads back."""
    table = b"".join(
        _ENTRY.pack(s.result_bytes, s.blob_bytes, s.source_sha256, s.result_sha256, s.blob_sha256)
        for s in header.segments
    )
    front = _HEADER.pack(
        MAGIC,
        VERSION,
        HEADER_BYTES,
        0,
        header.base_size_bytes,
        header.result_size_bytes,
        bytes.fromhex(header.base_sha256) or _NO_HASH,
        bytes.fromhex(header.result_sha256),
        len(header.segments),
        ENTRY_BYTES,
        header.package_bytes,
        hashlib.sha256(table).digest(),
    )
    return front + table


def read_header(file: BinaryIO) -> Header:
    """The header and the whole table, from the package's start; reads at most 1 MiB.

    Raises ``DeltaRefused("bad_delta")`` for anything but a package of this format, naming what is wrong.
    """
    raw = file.read(HEADER_BYTES)
    if len(raw) != HEADER_BYTES or not raw.startswith(MAGIC):
        raise bad("it does not begin like one")
    fields = _HEADER.unpack(raw)
    (
        _,
        version,
        header_bytes,
        flags,
        base_size,
        result_size,
        base,
        result,
        count,
        entry,
        package,
        table_sha,
    ) = fields
    if (version, header_bytes, entry, flags) != (VERSION, HEADER_BYTES, ENTRY_BYTES, 0):
        raise bad(f"format {version} with flags {flags:#x} is unknown here")
    if not 1 <= count <= MAX_SEGMENTS:
        raise bad(f"{count} segments are not 1 to {MAX_SEGMENTS}")
    if base_size > MAX_IMAGE_BYTES or not 1 <= result_size <= MAX_IMAGE_BYTES:
        raise bad("its image sizes are out of bounds")
    if (base_size == 0) != (base == _NO_HASH):
        raise bad("its base has a size and no hash, or a hash and no size")
    table = file.read(count * ENTRY_BYTES)
    if len(table) != count * ENTRY_BYTES or hashlib.sha256(table).digest() != table_sha:
        raise bad("its segment table is damaged")
    segments = _segments(table)
    if segments[-1].result_end != result_size:
        raise bad(f"its segments make {segments[-1].result_end} bytes, not {result_size}")
    if segments[-1].blob_offset + segments[-1].blob_bytes != package:
        raise bad("its segments do not fill the package")
    base_hex = "" if base_size == 0 else base.hex()
    return Header(version, base_size, base_hex, result_size, result.hex(), package, segments)


def _segments(table: bytes) -> tuple[Segment, ...]:
    segments = []
    result_offset, blob_offset = 0, HEADER_BYTES + len(table)
    for result_bytes, blob_bytes, *hashes in _ENTRY.iter_unpack(table):
        if not 1 <= result_bytes <= MAX_SEGMENT_BYTES or not 1 <= blob_bytes <= MAX_BLOB_BYTES:
            raise bad("a segment's size is out of bounds")
        segments.append(Segment(result_offset, result_bytes, blob_offset, blob_bytes, *hashes))
        result_offset += result_bytes
        blob_offset += blob_bytes
    return tuple(segments)


def merged(extents: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """``(offset, length)`` ascending, overlapping and touching ones joined: each byte of the base once."""
    joined: list[tuple[int, int]] = []
    for offset, length in sorted(extents):
        if joined and offset <= sum(joined[-1]):
            first, so_far = joined[-1]
            joined[-1] = (first, max(so_far, offset + length - first))
        else:
            joined.append((offset, length))
    assert all(sum(a) < b[0] for a, b in pairwise(joined))
    return joined
