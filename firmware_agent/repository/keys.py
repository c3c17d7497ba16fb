"""Signing keys as files: one Ed25519 key each, named by role and key id. It decides nothing about trust."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner, Signer

from firmware_agent.durable import disk
from firmware_agent.errors import BuildFailed

_ID_CHARS = 16
_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]{0,63}\Z")


class Keyring:
    """The private keys in some folders. A folder that is not plugged in is simply empty."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders

    def signers(self, keyids: Iterable[str]) -> list[Signer]:
        """Those of the keys that are here."""
        return [signer for keyid in keyids if (signer := self._find(keyid)) is not None]

    def places(self) -> str:
        """The folders, for an error's line."""
        return ", ".join(str(folder) for folder in self._folders)

    def _find(self, keyid: str) -> Signer | None:
        for folder in self._folders:
            for path in sorted(folder.glob(f"*-{keyid[:_ID_CHARS]}.pem")):
                signer = _load(path)
                if signer.public_key.keyid == keyid:
                    return signer
        return None


def make_key(role: str, folder: Path) -> CryptoSigner:
    """A new key for ``role`` in ``folder``, readable by its owner alone; never written over another."""
    if not _NAME.match(role):
        raise BuildFailed("bad_name", f"{role[:40]!r} cannot be a role's name")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise BuildFailed("cannot_write", f"{folder}: {exc.strerror}") from exc
    signer = CryptoSigner.generate_ed25519()
    path = folder / f"{role}-{signer.public_key.keyid[:_ID_CHARS]}.pem"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        disk().write(handle, signer.private_bytes, 0)
        disk().sync(handle)
    finally:
        os.close(handle)
    disk().sync_folder(folder)
    return signer


def _load(path: Path) -> CryptoSigner:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise BuildFailed("bad_key", f"{path} cannot be read as a private key: {exc}") from exc
    if not isinstance(key, Ed25519PrivateKey):
        raise BuildFailed("bad_key", f"{path} is not an Ed25519 key")
    return CryptoSigner(key)
