"""What the ledger refuses, each with one clear line in ``detail``."""

from __future__ import annotations


class LedgerError(Exception):
    """Base of every error of this room. ``detail`` is one line without personal data."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedError(LedgerError):
    """Bytes that are not what the format says; nothing was believed."""


class ChainError(LedgerError):
    """An entry that does not follow the one before it: altered, reordered, removed or of another epoch."""


class SignatureError(LedgerError):
    """A signature that is missing, by an unknown key, for another topic, or wrong."""


class KeyFileError(LedgerError):
    """A key file that cannot be used: absent, readable by others, or not Ed25519."""
