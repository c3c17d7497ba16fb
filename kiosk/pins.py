"""PINs of staff as Argon2id: made and compared here and nowhere else. It knows no rule about PINs.

Parameters are RFC 9106's second recommendation (64 MiB, 3 passes, 4 lanes): about a tenth of a second on the kiosk.
"""

from __future__ import annotations

import functools

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

_HASHER = PasswordHasher(
    time_cost=3, memory_cost=65_536, parallelism=4, hash_len=32, salt_len=16, type=Type.ID
)
MAX_PIN = 64


def hash_pin(pin: str) -> str:
    """A hash with its own salt; the same PIN never gives the same one twice."""
    return _HASHER.hash(pin)


def right(pin: str, pin_hash: str) -> bool:
    """Whether ``pin`` is the one. With "" for the hash (nobody has that number) False, after the same time."""
    if len(pin) > MAX_PIN:
        return False
    try:
        return _HASHER.verify(pin_hash or _nobody(), pin) and bool(pin_hash)
    except (Argon2Error, InvalidHashError, UnicodeEncodeError):
        return False


@functools.cache
def _nobody() -> str:
    return hash_pin("nobody has this PIN")
