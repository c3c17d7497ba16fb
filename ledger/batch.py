"""A batch: up to 64 entries with their bodies under one signature, as they travel to headquarters.

Payload: deterministic CBOR ``[version, station, epoch, first index, [[leaf, body or null]...],
checkpoint]``, inside COSE_Sign1 with the topic as external_aad. ``checkpoint`` is null until the Merkle
tree's heads travel along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import cbor, cose
from ledger import entry as entries_of
from ledger.errors import MalformedError
from ledger.verify import Chain, Link

VERSION = 1
MAX_ENTRIES = 64
MAX_PAYLOAD_BYTES = 256 * 1024
"""Soft for the writer (it stops adding entries), hard for the reader; one entry always fits."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A batch whose signature and inner chain hold. ``links`` are in order, without gaps, at least one."""

    station: str
    epoch: str
    first_index: int
    links: tuple[Link, ...]


def fits(size_bytes: int, count: int) -> bool:
    """Whether ``count`` entries of together ``size_bytes`` may share a batch."""
    return count <= MAX_ENTRIES and size_bytes + 16 * count + 256 <= MAX_PAYLOAD_BYTES


def seal(
    place: tuple[str, str, int],
    items: Sequence[tuple[bytes, bytes | None]],
    key: Ed25519PrivateKey,
    topic: str,
) -> bytes:
    """The signed bytes of ``items`` (each a leaf and its body); ``place``: station, epoch, first index."""
    station, epoch, first_index = place
    if not items or len(items) > MAX_ENTRIES:
        raise MalformedError(f"a batch holds 1 to {MAX_ENTRIES} entries, not {len(items)}")
    rows = [[leaf, body] for leaf, body in items]
    payload = cbor.encode([VERSION, station, bytes.fromhex(epoch), first_index, rows, None])
    return cose.sign1(payload, key, topic.encode())


def _rows(value: object) -> list[tuple[bytes, bytes | None]]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ENTRIES:
        raise MalformedError(f"a batch holds 1 to {MAX_ENTRIES} entries")
    rows: list[tuple[bytes, bytes | None]] = []
    for row in value:
        if not isinstance(row, list) or len(row) != 2:
            raise MalformedError("a batch's entry is [leaf, body]")
        leaf, body = row
        if not isinstance(leaf, bytes) or not (body is None or isinstance(body, bytes)):
            raise MalformedError("a batch's entry is [leaf bytes, body bytes or null]")
        if body is not None and len(body) > entries_of.MAX_BODY_BYTES:
            raise MalformedError("a batch's entry has a body that is too large")
        rows.append((leaf, body))
    return rows


def parse(payload: bytes) -> Opened:
    """The batch of a payload whose signature was checked; its entries must chain among themselves.

    The first entry's ``prev`` is not judged here: whoever holds its predecessor does that.
    Raises :exc:`MalformedError` or :exc:`~ledger.errors.ChainError`.
    """
    value = cbor.decode(payload, MAX_PAYLOAD_BYTES)
    if not isinstance(value, list) or len(value) != 6:
        raise MalformedError("a batch has six parts")
    version, station, epoch, first_index, rows, checkpoint = value
    if version != VERSION or type(version) is not int or checkpoint is not None:
        raise MalformedError("a batch of another version")
    name = entries_of.check_station(station)
    if not isinstance(epoch, bytes) or len(epoch) != entries_of.EPOCH_BYTES:
        raise MalformedError("a batch's epoch is 16 bytes")
    if type(first_index) is not int or not 1 <= first_index <= entries_of.MAX_INDEX:
        raise MalformedError("a batch's first index is an integer from 1")
    chain = Chain(name, epoch.hex(), first_index - 1, None)
    links = tuple(chain.follow(leaf, body) for leaf, body in _rows(rows))
    return Opened(name, epoch.hex(), first_index, links)


def unseal(data: bytes, topic: str, find_key: cose.FindKey) -> Opened:
    """The batch in ``data``: signature under a pinned key for ``topic`` first, then format and chain."""
    return parse(cose.verify1(data, find_key, topic.encode()))
