"""Ed25519 keys in PEM files, and the short id they are known by. It signs nothing itself."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import KeyFileError

KID_BYTES = 8
MAX_PEM_BYTES = 4096


def raw_public(key: Ed25519PublicKey) -> bytes:
    """The 32 bytes of a public key (RFC 8032, section 5.1.5)."""
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def public_from_raw(data: bytes) -> Ed25519PublicKey:
    """The public key of its 32 bytes; :exc:`KeyFileError` when they are none."""
    try:
        return Ed25519PublicKey.from_public_bytes(data)
    except ValueError as exc:
        raise KeyFileError("not an Ed25519 public key: 32 bytes are needed") from exc


def kid(key: Ed25519PublicKey) -> bytes:
    """The key's id: the first 8 bytes of SHA-256 over its raw 32 bytes. It finds a key, it proves nothing."""
    return hashlib.sha256(raw_public(key)).digest()[:KID_BYTES]


def load_or_create(path: Path) -> Ed25519PrivateKey:
    """The private key in ``path`` (PKCS#8 PEM, mode 0600), made on first use.

    Two processes that start at once end with the same key: the file is linked into place, first one wins.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        _write_new(draft, pem, 0o600)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return load_private(path)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_PEM_BYTES + 1)
    except OSError as exc:
        raise KeyFileError(f"{path}: {exc.strerror or exc}") from exc
    if len(data) > MAX_PEM_BYTES:
        raise KeyFileError(f"{path}: larger than any Ed25519 key file")
    return data


def load_private(path: Path) -> Ed25519PrivateKey:
    """The private key in ``path``; refused when group or others may read it."""
    data = _read(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others may read this private key; chmod 600 it")
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise KeyFileError(f"{path}: not a private key in PEM") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 key")
    return key


def load_public(path: Path) -> Ed25519PublicKey:
    """The public key in ``path`` (SubjectPublicKeyInfo PEM)."""
    try:
        key = serialization.load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise KeyFileError(f"{path}: not a public key in PEM") from exc
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(f"{path}: not an Ed25519 key")
    return key


def save_public(key: Ed25519PublicKey, path: Path) -> None:
    """Write ``key`` as PEM, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write_new(draft, pem, 0o644)
    draft.replace(path)
