"""States as CBOR and back, strictly by their dataclasses. Used for the station's own database only."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

import cbor2

from kiosk.errors import StoreError
from kiosk.flow.visit import Visit

FORMAT = 1


State = typing.TypeVar("State")


def encode(state: object) -> bytes:
    """The whole state; equal states give equal bytes."""
    return cbor2.dumps([FORMAT, _plain(state)], canonical=True)


def decode(content: bytes) -> Visit:
    """The visit again; :class:`StoreError` for anything another version of this program wrote."""
    return decode_as(Visit, content)


def decode_as(kind: type[State], content: bytes) -> State:
    """The state of that dataclass again; :class:`StoreError` for anything another version of this program wrote."""
    try:
        stored = cbor2.loads(content)
    except (cbor2.CBORDecodeError, ValueError, EOFError) as exc:
        raise StoreError(f"a {kind.__name__} in the database cannot be read: {exc}") from exc
    if not isinstance(stored, list) or len(stored) != 2 or stored[0] != FORMAT:
        raise StoreError(f"a {kind.__name__} in the database is of another version of this program")
    state = _typed(kind, stored[1])
    assert isinstance(state, kind)
    return state


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)  # type: ignore[type-var]
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _typed(kind: Any, value: object) -> object:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in inner:
            return None
        return _typed(next(one for one in inner if one is not type(None)), value)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _object(kind, value)
    if origin is not None:
        return _collection(origin, inner, value)
    return _enum(kind, value) if issubclass(kind, Enum) else _scalar(kind, value)


def _scalar(kind: type, value: object) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise StoreError(f"a state in the database holds {type(value).__name__}, not {kind.__name__}")
    return value


def _object(kind: type, value: object) -> object:
    hints = _hints(kind)
    # A field that came with a newer version of this program has its default in what an older one wrote.
    required = {one.name for one in dataclasses.fields(kind) if _has_no_default(one)}
    if not isinstance(value, dict) or not required <= value.keys() <= hints.keys():
        raise StoreError(f"a state in the database is of another version of this program ({kind.__name__})")
    return kind(**{name: _typed(hints[name], item) for name, item in value.items()})


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _enum(kind: type[Enum], value: object) -> object:
    try:
        return kind(value)
    except ValueError as exc:
        raise StoreError(f"a state in the database holds an unknown {kind.__name__}") from exc


def _collection(origin: Any, inner: tuple[Any, ...], value: object) -> object:
    if origin in (dict, Mapping) and isinstance(value, dict):
        return {_typed(inner[0], key): _typed(inner[1], item) for key, item in value.items()}
    if origin in (tuple, frozenset) and isinstance(value, list):
        return origin(_typed(inner[0], item) for item in value)
    raise StoreError(f"a state in the database holds {type(value).__name__}, not {origin.__name__}")


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)
