"""A file as the signed catalogue describes it: where it lies on a mirror, and what its bytes must be. Values only."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from firmware_agent.errors import CatalogueRefused
from firmware_agent.manifest import MAX_IMAGE_BYTES
from firmware_agent.strict import Strict

PIECE_BYTES = 8 * 1024 * 1024
_SHA256_BYTES = hashlib.sha256().digest_size
_MIN_PIECE_BYTES = 64 * 1024  # 32 bytes of hash for each 64 KiB is the most that metadata may spend
_KEYS = frozenset(("size_bytes", "sha256"))


@dataclass(frozen=True, slots=True)
class Pieces:
    """The raw SHA-256 of each ``size_bytes`` of a file, in order; the last piece may be shorter."""

    size_bytes: int
    sha256: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to download. ``path`` is relative to a mirror's root; ``sha256`` is hex, of the whole."""

    path: str
    size_bytes: int
    sha256: str
    pieces: Pieces | None = None

    def cut(self) -> Pieces:
        """Its pieces; where the catalogue has none, the whole file is one."""
        return self.pieces or Pieces(max(1, self.size_bytes), (bytes.fromhex(self.sha256),))


def read_pieces(value: Any, file_bytes: int) -> Pieces:
    """``pieces`` of a target's ``custom``, for a file of ``file_bytes``; :class:`CatalogueRefused` (``bad_pieces``)."""
    fields = _STRICT.object(value, _KEYS, "pieces")
    size_bytes = _STRICT.integer(fields, "size_bytes", _MIN_PIECE_BYTES, MAX_IMAGE_BYTES)
    count = -(-file_bytes // size_bytes)
    text = fields["sha256"]
    # The length is known before anything is decoded: four characters for three bytes.
    if not isinstance(text, str) or len(text) != 4 * (-(-count * _SHA256_BYTES // 3)):
        raise _bad(f"sha256 does not hold {count} hashes")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise _bad(f"sha256 is not base64: {exc}") from exc
    if len(raw) != count * _SHA256_BYTES:
        raise _bad(f"sha256 does not hold {count} hashes")
    return Pieces(size_bytes, tuple(raw[at : at + _SHA256_BYTES] for at in range(0, len(raw), _SHA256_BYTES)))


def write_pieces(pieces: Pieces) -> dict[str, str | int]:
    """As ``custom`` carries them; :func:`read_pieces` gives the same back."""
    return {
        "size_bytes": pieces.size_bytes,
        "sha256": base64.b64encode(b"".join(pieces.sha256)).decode("ascii"),
    }


def pieces_of(raw: bytes, size_bytes: int = PIECE_BYTES) -> Pieces:
    """The pieces of a file that is in memory."""
    starts: Sequence[int] = range(0, len(raw), size_bytes)
    return Pieces(
        size_bytes, tuple(hashlib.sha256(raw[start : start + size_bytes]).digest() for start in starts)
    )


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_pieces", f"pieces: {what}")


_STRICT = Strict(_bad)
