"""Whether a package file is whole: its length and every segment are what its own table says. It rebuilds nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from firmware_agent.errors import DeltaRefused

if TYPE_CHECKING:
    from firmware_agent.delta.apply import Header, Segment

_CHUNK_BYTES = 1024 * 1024


def read_whole(path: Path) -> Header:
    """A package's header, once every byte behind it was hashed against the table.

    Raises ``DeltaRefused("bad_delta")``, and ``OSError`` as it comes.
    """
    # Here, for it brings the compressors, which nothing else needs.
    from firmware_agent.delta import apply as delta

    with path.open("rb") as file:
        header = delta.read_header(file)
        size_bytes = os.fstat(file.fileno()).st_size
        if size_bytes != header.package_bytes:
            raise _damaged(path, f"it has {size_bytes} bytes, its header says {header.package_bytes}")
        for number, segment in enumerate(header.segments, 1):
            if _digest(file, segment) != segment.blob_sha256:
                raise _damaged(path, f"segment {number} of {len(header.segments)} is damaged")
    return header


def _digest(file: BinaryIO, segment: Segment) -> bytes:
    digest, left = hashlib.sha256(), segment.blob_bytes
    file.seek(segment.blob_offset)
    while left and (chunk := file.read(min(left, _CHUNK_BYTES))):
        digest.update(chunk)
        left -= len(chunk)
    return digest.digest()


def _damaged(path: Path, what: str) -> DeltaRefused:
    return DeltaRefused("bad_delta", f"{path} is no whole package: {what}")
