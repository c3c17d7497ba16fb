"""Deterministic CBOR (RFC 8949, section 4.2.1) in the small subset the ledger needs; everything else is
refused.

The subset: integers of at most 64 bits, finite floats, byte and text strings, booleans, null, arrays, and
maps whose keys are all text or all non-negative integers (only for those does cbor2's length-first order
equal the required bytewise order). No tags, no indefinite lengths, no duplicate keys.
"""

from __future__ import annotations

import math
from typing import NoReturn

import cbor2

from ledger.errors import MalformedError

MAX_DEPTH = 12
"""Nesting of arrays and maps that is still read."""

_UINT64_MAX = 2**64 - 1


def _refuse_tag(*_: object) -> NoReturn:
    raise MalformedError("CBOR tags have no place here")


# cbor2 builds dates, regular expressions, shared references... for the tags it knows: none of that for
# hostile bytes.
_NO_TAGS = dict.fromkeys(range(1 << 16), _refuse_tag)


def _check_map(value: dict[object, object], depth: int) -> None:
    kinds = {type(key) for key in value}
    if not kinds <= {str} and not kinds <= {int}:
        raise MalformedError("a CBOR map mixes kinds of keys")
    for key, item in value.items():
        if isinstance(key, int) and not 0 <= key <= _UINT64_MAX:
            raise MalformedError("a CBOR map key is not a non-negative integer")
        _check(item, depth + 1)


def _check(value: object, depth: int = 0) -> None:
    """Refuse any value outside the subset; :exc:`MalformedError`."""
    kind = type(value)
    if kind is str or kind is bytes or kind is bool or value is None:
        return
    if kind is int:
        if not -_UINT64_MAX - 1 <= value <= _UINT64_MAX:  # type: ignore[operator]
            raise MalformedError("a CBOR integer is wider than 64 bits")
    elif kind is float:
        if not math.isfinite(value):  # type: ignore[arg-type]
            raise MalformedError("a CBOR number is not finite")
    elif depth >= MAX_DEPTH:
        raise MalformedError(f"CBOR nested deeper than {MAX_DEPTH}")
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item, depth + 1)
    elif isinstance(value, dict):
        _check_map(value, depth)
    else:
        raise MalformedError(f"CBOR does not carry {kind.__name__} here")


def encode(value: object) -> bytes:
    """The one deterministic encoding of ``value``; :exc:`MalformedError` when it is outside the subset."""
    _check(value)
    try:
        return cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, UnicodeEncodeError) as exc:
        raise MalformedError(f"not encodable as CBOR: {exc}") from exc


def decode(data: bytes, max_bytes: int) -> object:
    """The value of ``data``, at most ``max_bytes`` long, which must be its one deterministic encoding."""
    if len(data) > max_bytes:
        raise MalformedError(f"{len(data)} bytes of CBOR where at most {max_bytes} are read")
    try:
        value = cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=MAX_DEPTH + 1,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, OverflowError, TypeError, MemoryError, RecursionError) as exc:
        raise MalformedError(f"not CBOR: {' '.join(str(exc).split())[:120]}") from exc
    if encode(value) != data:
        raise MalformedError("CBOR that is not in its deterministic encoding")
    return value
