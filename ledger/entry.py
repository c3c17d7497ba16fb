"""One entry of the audit log and its exact bytes. It knows nothing of databases, signatures or the wire.

A leaf is deterministic CBOR (RFC 8949, section 4.2.1): a map with the integer keys 1..12 below, all of
them, no others. Its hash is the Merkle leaf hash of RFC 9162, section 2.1.1 (SHA-256 over 0x00 and the
leaf), so that the chain of ``prev`` and a later tree speak of the same hashes. The body stands beside the
leaf as ``[salt, map]``; the leaf holds only SHA-256 over those bytes. The salt (16 random bytes) keeps a
deleted body from being guessed from its hash.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass

from ledger import cbor
from ledger.errors import MalformedError

MAX_LEAF_BYTES = 1024
MAX_BODY_BYTES = 64 * 1024
MAX_INDEX = 2**63 - 1
"""SQLite's integers end here; the wire's uint64 would go on."""

NO_ENTRY = bytes(32)
"""``prev`` of the first entry of an epoch."""

HASH_BYTES = 32
EPOCH_BYTES = 16
SALT_BYTES = 16

CLOCK_STATES = frozenset({"unknown", "unsynchronised", "synchronised"})
"""How far the wall clock may be believed: never checked, known not to be synchronised, synchronised."""

_STATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KIND = re.compile(r"[a-z][a-z_]{0,31}(\.[a-z][a-z_]{0,31}){1,3}")
_NAME = re.compile(r"[A-Za-z0-9._:@-]{0,64}")
_KEYS = frozenset(range(1, 13))


@dataclass(frozen=True, slots=True)
class Stamp:
    """When: UTC and monotonic milliseconds, the boot they belong to, and how far the clock is believed."""

    wall_ms: int
    mono_ms: int
    boot_id: str
    clock_state: str = "unknown"


@dataclass(frozen=True, slots=True)
class Draft:
    """What happened, before the ledger gives it its place. ``visit`` is empty outside any visit.

    ``kind`` is dotted lower case (``write.done``); ``actor`` is who (``station``, ``customer``,
    ``staff:17``, ``hq:...``); ``body`` has text keys and holds counts, bytes, versions and keyed digests,
    never a customer's file names.
    """

    kind: str
    visit: str
    actor: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf, decoded. ``epoch`` is 32 hex digits; ``prev`` and ``body_hash`` are 32 bytes each."""

    station: str
    epoch: str
    index: int
    prev: bytes
    wall_ms: int
    mono_ms: int
    boot_id: str
    clock_state: str
    visit: str
    actor: str
    kind: str
    body_hash: bytes


def check_station(name: object) -> str:
    """``name`` when it may name a station: 1 to 64 of ``A-Za-z0-9._-``, so never ``+``, ``#`` or ``/``."""
    if not isinstance(name, str) or not _STATION.fullmatch(name):
        raise MalformedError("a station's name is 1 to 64 letters, digits, dots, dashes or underscores")
    return name


def _name(value: object, what: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise MalformedError(f"an entry's {what} is at most 64 letters, digits or . _ : @ -")
    return value


def _kind(value: object) -> str:
    if not isinstance(value, str) or not _KIND.fullmatch(value):
        raise MalformedError("an entry's kind is dotted lower-case words, such as write.done")
    return value


def _count(value: object, what: str, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= MAX_INDEX:
        raise MalformedError(f"an entry's {what} is not an integer from {least}")
    return value


def _bytes(value: object, size: int, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise MalformedError(f"an entry's {what} is not {size} bytes")
    return value


def _clock(value: object) -> str:
    if not isinstance(value, str) or value not in CLOCK_STATES:
        raise MalformedError(f"an entry's clock state is one of {', '.join(sorted(CLOCK_STATES))}")
    return value


def from_fields(fields: dict[int, object]) -> Entry:
    """The entry of a leaf's map; :exc:`MalformedError` on a missing, unknown or ill-typed field."""
    if fields.keys() != _KEYS:
        raise MalformedError("an entry has exactly the fields 1 to 12")
    return Entry(
        station=check_station(fields[1]),
        epoch=_bytes(fields[2], EPOCH_BYTES, "epoch").hex(),
        index=_count(fields[3], "index", 1),
        prev=_bytes(fields[4], HASH_BYTES, "prev"),
        wall_ms=_count(fields[5], "time"),
        mono_ms=_count(fields[6], "monotonic time"),
        boot_id=_name(fields[7], "boot id"),
        clock_state=_clock(fields[8]),
        visit=_name(fields[9], "visit"),
        actor=_name(fields[10], "actor"),
        kind=_kind(fields[11]),
        body_hash=_bytes(fields[12], HASH_BYTES, "body hash"),
    )


def to_fields(entry: Entry) -> dict[int, object]:
    """The leaf's map of ``entry``."""
    try:
        epoch = bytes.fromhex(entry.epoch)
    except ValueError as exc:
        raise MalformedError("an epoch is 32 hex digits") from exc
    values = (
        entry.station,
        epoch,
        entry.index,
        entry.prev,
        entry.wall_ms,
        entry.mono_ms,
        entry.boot_id,
        entry.clock_state,
        entry.visit,
        entry.actor,
        entry.kind,
        entry.body_hash,
    )
    return dict(enumerate(values, start=1))


def encode(entry: Entry) -> bytes:
    """The leaf's bytes; refuses what :func:`decode` would refuse."""
    fields = to_fields(entry)
    from_fields(fields)
    return cbor.encode(fields)


def decode(leaf: bytes) -> Entry:
    """The entry of a leaf's bytes; :exc:`MalformedError` unless they are exactly one deterministic leaf."""
    value = cbor.decode(leaf, MAX_LEAF_BYTES)
    if not isinstance(value, dict):
        raise MalformedError("an entry is a CBOR map")
    return from_fields(value)


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 over 0x00 and the leaf (RFC 9162, section 2.1.1); 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def encode_body(body: dict[str, object]) -> bytes:
    """``[salt, body]`` with a fresh salt; at most :data:`MAX_BODY_BYTES`."""
    if any(not isinstance(key, str) for key in body):
        raise MalformedError("a body's keys are text")
    data = cbor.encode([os.urandom(SALT_BYTES), body])
    if len(data) > MAX_BODY_BYTES:
        raise MalformedError(f"an entry's body of {len(data)} bytes; at most {MAX_BODY_BYTES}")
    return data


def decode_body(data: bytes) -> dict[str, object]:
    """The map of a body's bytes; :exc:`MalformedError` unless they are exactly one salted body."""
    value = cbor.decode(data, MAX_BODY_BYTES)
    if not isinstance(value, list) or len(value) != 2:
        raise MalformedError("a body is [salt, map]")
    salt, body = value
    _bytes(salt, SALT_BYTES, "salt")
    if not isinstance(body, dict) or any(not isinstance(key, str) for key in body):
        raise MalformedError("a body is a map with text keys")
    return body


def body_hash(data: bytes) -> bytes:
    """SHA-256 over a body's bytes, salt included; 32 bytes."""
    return hashlib.sha256(data).digest()
