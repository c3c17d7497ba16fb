"""Fields of every message: one strict map of CBOR in, checked values out. It knows no message by name."""

from __future__ import annotations

import re
from typing import NoReturn

import cbor2

from mqtt.errors import MessageError, TopicError
from mqtt.topics import check_station

MAX_BYTES = 4096
MAX_INDEX = 2**63 - 1
NONCE_BYTES = 16
ID_BYTES = 16
EPOCH_BYTES = 16
HASH_BYTES = 32
MAX_TEXT = 200
MAX_ARGUMENTS = 16

_WORD = re.compile(r"[a-z][a-z_.]{0,63}")


def _refuse_tag(*_: object) -> NoReturn:
    raise MessageError("CBOR tags have no place in a message")


_NO_TAGS = dict.fromkeys(range(1 << 16), _refuse_tag)


def decode(data: bytes, keys: int, what: str, max_bytes: int = MAX_BYTES) -> dict[int, object]:
    """The map of ``data`` with exactly the keys ``1..keys``, in its one deterministic encoding."""
    if len(data) > max_bytes:
        raise MessageError(f"{what} of {len(data)} bytes; at most {max_bytes}")
    try:
        value = cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=4,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        again = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError, TypeError, MemoryError) as exc:
        raise MessageError(f"{what} is not CBOR") from exc
    if again != data:
        raise MessageError(f"{what} is not in its deterministic encoding")
    if not isinstance(value, dict) or set(value) != set(range(1, keys + 1)):
        raise MessageError(f"{what} has exactly the fields 1 to {keys}")
    if any(type(key) is not int for key in value):
        raise MessageError(f"{what} has fields that are not integers")
    return value


def encode(*values: object) -> bytes:
    """The map of ``values`` under the keys 1, 2, 3 ..."""
    return cbor2.dumps(dict(enumerate(values, start=1)), canonical=True)


def station(value: object) -> str:
    """A station's name."""
    if not isinstance(value, str):
        raise MessageError("a station's name is text")
    try:
        return check_station(value)
    except TopicError as exc:
        raise MessageError(exc.detail) from exc


def exactly(value: object, size: int, what: str) -> bytes:
    """``size`` bytes."""
    if not isinstance(value, bytes) or len(value) != size:
        raise MessageError(f"{what} is not {size} bytes")
    return value


def count(value: object, what: str) -> int:
    """A whole number from 0 to 2**63 - 1."""
    if type(value) is not int or not 0 <= value <= MAX_INDEX:
        raise MessageError(f"{what} is not a count")
    return value


def text(value: object, what: str, max_chars: int = MAX_TEXT) -> str:
    """One printable line of at most ``max_chars``."""
    if not isinstance(value, str) or len(value) > max_chars or not value.isprintable():
        raise MessageError(f"{what} is not a short line of text")
    return value


def word(value: object, what: str) -> str:
    """A dotted lower-case word."""
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise MessageError(f"{what} is not a dotted lower-case word")
    return value


def arguments(value: object, max_chars: int = MAX_TEXT) -> dict[str, str | int]:
    """At most 16 named values, text or counts."""
    if not isinstance(value, dict) or len(value) > MAX_ARGUMENTS:
        raise MessageError(f"arguments are a map of at most {MAX_ARGUMENTS}")
    checked: dict[str, str | int] = {}
    for key, item in value.items():
        name = word(key, "an argument's name")
        numeric = type(item) is int
        checked[name] = count(item, "an argument") if numeric else text(item, "an argument", max_chars)
    return checked
