"""Personal data at rest: encrypted per subject, forgotten by destroying its key. It knows no meaning of it."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.engine import Connection

from kiosk.errors import StoreError
from kiosk.flow.counter.things import Secret
from kiosk.store.counter_tables import PERSONAL, PERSONAL_KEYS

MAX_BYTES = 8 << 20


def keep(connection: Connection, secret: Secret, at_ms: int) -> None:
    """One piece more; a newer one of a kind stands for the older. :class:`StoreError` once the key is gone."""
    if len(secret.data) > MAX_BYTES:
        raise StoreError(f"{secret.kind} of {len(secret.data)} bytes is too much to keep")
    key = _key(connection, secret.subject)
    last = connection.execute(
        sa.select(sa.func.max(PERSONAL.c.revision)).where(
            PERSONAL.c.subject == secret.subject, PERSONAL.c.kind == secret.kind
        )
    ).scalar()
    if key is None:
        key = AESGCM.generate_key(bit_length=256)
        # The trigger refuses a new key for a subject that was forgotten.
        connection.execute(sa.insert(PERSONAL_KEYS).values(subject=secret.subject, at_ms=at_ms, key=key))
    nonce = secrets.token_bytes(12)
    sealed = AESGCM(key).encrypt(nonce, secret.data, _bound(secret.subject, secret.kind))
    connection.execute(
        sa.insert(PERSONAL).values(
            subject=secret.subject,
            kind=secret.kind,
            revision=(last or 0) + 1,
            at_ms=at_ms,
            nonce=nonce,
            ciphertext=sealed,
        )
    )


def reveal(connection: Connection, subject: str, kind: str) -> bytes | None:
    """The newest of that kind; None when there is none, or the key was destroyed."""
    key = _key(connection, subject)
    row = connection.execute(
        sa.select(PERSONAL)
        .where(PERSONAL.c.subject == subject, PERSONAL.c.kind == kind)
        .order_by(PERSONAL.c.revision.desc())
        .limit(1)
    ).first()
    if key is None or row is None:
        return None
    try:
        return AESGCM(key).decrypt(row.nonce, row.ciphertext, _bound(subject, kind))
    except InvalidTag as exc:
        raise StoreError(f"the {kind} of {subject} was changed on the disk") from exc


def forget(connection: Connection, subject: str) -> bool:
    """Destroy the key; whether there was one. The caller shrinks the log afterwards."""
    return connection.execute(sa.delete(PERSONAL_KEYS).where(PERSONAL_KEYS.c.subject == subject)).rowcount > 0


def _key(connection: Connection, subject: str) -> bytes | None:
    row = connection.execute(sa.select(PERSONAL_KEYS.c.key).where(PERSONAL_KEYS.c.subject == subject)).first()
    return bytes(row.key) if row else None


def _bound(subject: str, kind: str) -> bytes:
    return f"{subject}/{kind}".encode()
