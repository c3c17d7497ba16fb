"""Strict reading of hostile JSON: bounded, known keys only, exact types. What the fields mean is the caller's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware_agent.errors import FirmwareError

_SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Strict:
    """Readers that all refuse in the same way: ``refuse`` makes the error from what is wrong."""

    refuse: Callable[[str], FirmwareError]

    def load(self, raw: bytes, max_bytes: int) -> Any:
        """The JSON value in ``raw``: UTF-8, no key twice, no NaN, at most ``max_bytes``."""
        if len(raw) > max_bytes:
            raise self.refuse(f"longer than {max_bytes} bytes")
        try:
            return json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as exc:
            raise self.refuse(f"not JSON: {exc}") from exc

    def object(self, value: Any, keys: frozenset[str], what: str) -> dict[str, Any]:
        """An object with exactly these keys."""
        if not isinstance(value, dict):
            raise self.refuse(f"{what} is not an object")
        if value.keys() != keys:
            odd = sorted(value.keys() ^ keys)[0]
            raise self.refuse(f"{what}: {odd[:40]!r} is {'unknown' if odd in value else 'missing'}")
        return value

    def items(self, value: Any, low: int, high: int, what: str) -> list[Any]:
        """A list of ``low`` to ``high`` items."""
        if not isinstance(value, list) or not low <= len(value) <= high:
            raise self.refuse(f"{what} is not a list of {low} to {high}")
        return value

    def text(self, fields: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
        """A text that the pattern matches; the pattern itself says that it goes to the end."""
        value = fields[key]
        if not isinstance(value, str) or not pattern.match(value):
            raise self.refuse(f"{key} is {_shown(value)}")
        return value

    def integer(self, fields: dict[str, Any], key: str, low: int, high: int) -> int:
        """A whole number; neither ``true`` nor ``1.0``."""
        value = fields[key]
        if type(value) is not int or not low <= value <= high:
            raise self.refuse(f"{key} is {_shown(value)}, not a whole number from {low} to {high}")
        return value

    def boolean(self, fields: dict[str, Any], key: str) -> bool:
        """True or false."""
        value = fields[key]
        if not isinstance(value, bool):
            raise self.refuse(f"{key} is {_shown(value)}, not true or false")
        return value

    def format(self, fields: dict[str, Any], known: int) -> None:
        """``format`` is the one this code knows."""
        if self.integer(fields, "format", 0, 1 << 31) != known:
            raise self.refuse(f"format {fields['format']} is not {known}")


def _shown(value: Any) -> str:
    return repr(str(value)[:_SHOWN_CHARS])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a value")
