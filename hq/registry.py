"""Which stations exist and whose key is pinned to each. It verifies nothing itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hq.errors import RegistryError
from hq.store import Store, now_ms
from ledger import keys
from ledger.errors import LedgerError
from mqtt.errors import MqttError
from mqtt.topics import check_station


def pin(store: Store, station: str, key: Ed25519PublicKey) -> None:
    """Pin ``key`` to ``station``. Idempotent; another key than the pinned one is refused, never replaced."""
    try:
        check_station(station)
    except MqttError as exc:
        raise RegistryError(exc.detail) from exc
    raw = keys.raw_public(key)
    with store.write() as connection:
        row = connection.execute("SELECT key FROM stations WHERE station = ?", (station,)).fetchone()
        if row is None:
            connection.execute("INSERT INTO stations VALUES (?, ?, ?)", (station, raw, now_ms()))
        elif bytes(row[0]) != raw:
            raise RegistryError(f"station {station} already has another key; it is not replaced")


def pin_file(store: Store, station: str, path: Path) -> None:
    """Pin the public key in a PEM file."""
    try:
        key = keys.load_public(path)
    except LedgerError as exc:
        raise RegistryError(exc.detail) from exc
    pin(store, station, key)


def key_of(connection: sqlite3.Connection, station: str) -> Ed25519PublicKey | None:
    """The key pinned to ``station``; None when it is unknown."""
    row = connection.execute("SELECT key FROM stations WHERE station = ?", (station,)).fetchone()
    return None if row is None else keys.public_from_raw(bytes(row[0]))


def signed(connection: sqlite3.Connection, station: str, message: bytes, signature: bytes) -> bool:
    """Whether ``station`` signed ``message`` (Ed25519); False for a station that is not known."""
    key = key_of(connection, station)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
