"""A release's manifest: what it says, and the strict reader of hostile bytes. It opens no image."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from firmware_agent.errors import PartitionRefused, ReleaseRefused
from firmware_agent.partitions import base_name, check_partition

FORMAT = 1
MAX_MANIFEST_BYTES = 256 * 1024
MAX_PARTITIONS = 64
MAX_IMAGE_BYTES = 64 * 1024**3
MAX_NOTE_CHARS = 4000
LANGUAGES = ("zh", "en")

_VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,7}\Z", re.ASCII)
_WORD = re.compile(r"[a-z0-9][a-z0-9_\-]{0,31}\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_FILE = re.compile(r"images/[A-Za-z0-9][A-Za-z0-9._\-]{0,79}\Z")
_KEYS = frozenset(
    [
        "format",
        "model",
        "variant",
        "version",
        "rollback_index",
        "min_battery_percent",
        "wipes_data",
        "notes",
        "partitions",
    ]
)
_PART_KEYS = frozenset(("name", "file", "size_bytes", "sha256"))


@dataclass(frozen=True, slots=True)
class Part:
    """One partition of a release. ``name`` has no slot suffix, ``file`` is relative, ``sha256`` hex."""

    name: str
    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Release:
    """One version of one model's firmware."""

    model: str
    variant: str
    version: str
    rollback_index: int
    min_battery_percent: int
    wipes_data: bool
    notes: dict[str, str]
    partitions: tuple[Part, ...]

    @property
    def size_bytes(self) -> int:
        """Of all images together."""
        return sum(part.size_bytes for part in self.partitions)


def version_key(version: str) -> tuple[int, ...]:
    """Orders dotted versions as numbers; ``2.0`` equals ``2.0.0``. ``ReleaseRefused`` when it is not one."""
    if not _VERSION.match(version):
        raise ReleaseRefused("bad_manifest", f"version {version[:40]!r} is not dotted numbers")
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_version(version: str) -> bool:
    """Whether it is dotted numbers, at most eight of them."""
    return bool(_VERSION.match(version))


def parse_manifest(raw: bytes) -> Release:
    """Strictly read ``manifest.json``: bounded, known keys only, exact types, paths that stay inside.

    Raises :class:`ReleaseRefused` (``bad_manifest``, ``protected_partition``, ``unknown_partition``).
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise _bad(f"longer than {MAX_MANIFEST_BYTES} bytes")
    try:
        top = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise _bad(f"not JSON: {exc}") from exc
    fields = _object(top, _KEYS, "manifest")
    if _integer(fields, "format", 0, 1 << 31) != FORMAT:
        raise _bad(f"format {fields['format']} is not {FORMAT}")
    version = _text(fields, "version", _VERSION)
    return Release(
        model=_text(fields, "model", _WORD),
        variant=_text(fields, "variant", _WORD),
        version=version,
        rollback_index=_integer(fields, "rollback_index", 0, (1 << 63) - 1),
        min_battery_percent=_integer(fields, "min_battery_percent", 0, 100),
        wipes_data=_boolean(fields, "wipes_data"),
        notes=_notes(fields["notes"]),
        partitions=_partitions(fields["partitions"]),
    )


def write_manifest(release: Release) -> bytes:
    """The manifest's bytes: UTF-8 JSON, sorted keys, one trailing newline; the same for equal releases."""
    top = {
        "format": FORMAT,
        "model": release.model,
        "variant": release.variant,
        "version": release.version,
        "rollback_index": release.rollback_index,
        "min_battery_percent": release.min_battery_percent,
        "wipes_data": release.wipes_data,
        "notes": dict(sorted(release.notes.items())),
        "partitions": [
            {"name": part.name, "file": part.file, "size_bytes": part.size_bytes, "sha256": part.sha256}
            for part in release.partitions
        ],
    }
    return (json.dumps(top, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def _bad(what: str) -> ReleaseRefused:
    return ReleaseRefused("bad_manifest", f"manifest: {what}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a value")


def _object(value: Any, keys: frozenset[str], what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(f"{what} is not an object")
    if value.keys() != keys:
        odd = sorted(value.keys() ^ keys)[0]
        raise _bad(f"{what}: {odd[:40]!r} is {'unknown' if odd in value else 'missing'}")
    return value


def _text(fields: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = fields[key]
    if not isinstance(value, str) or not pattern.match(value):
        raise _bad(f"{key} is {str(value)[:60]!r}")
    return value


def _integer(fields: dict[str, Any], key: str, low: int, high: int) -> int:
    value = fields[key]
    if type(value) is not int or not low <= value <= high:
        raise _bad(f"{key} is {str(value)[:60]!r}, not a whole number from {low} to {high}")
    return value


def _boolean(fields: dict[str, Any], key: str) -> bool:
    value = fields[key]
    if not isinstance(value, bool):
        raise _bad(f"{key} is {str(value)[:60]!r}, not true or false")
    return value


def _notes(value: Any) -> dict[str, str]:
    notes = _object(value, frozenset(LANGUAGES), "notes")
    for language, text in notes.items():
        if not isinstance(text, str) or len(text) > MAX_NOTE_CHARS:
            raise _bad(f"notes.{language} is not a text of at most {MAX_NOTE_CHARS} characters")
    return notes


def _partitions(value: Any) -> tuple[Part, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_PARTITIONS:
        raise _bad(f"partitions is not a list of 1 to {MAX_PARTITIONS}")
    parts = tuple(_part(item) for item in value)
    for key, seen in (("name", {p.name for p in parts}), ("file", {p.file for p in parts})):
        if len(seen) != len(parts):
            raise _bad(f"two partitions have the same {key}")
    return parts


def _part(value: Any) -> Part:
    fields = _object(value, _PART_KEYS, "partition")
    name = fields["name"]
    if not isinstance(name, str) or name != name.lower():
        raise _bad(f"partition name {str(name)[:40]!r} is not lower case")
    try:
        check_partition(name)
    except PartitionRefused as exc:
        raise ReleaseRefused(exc.reason, f"manifest: {exc.detail}") from exc
    if base_name(name) != name:
        raise _bad(f"partition name {name!r} has a slot suffix")
    file = _text(fields, "file", _FILE)
    if PurePosixPath(file).name in (".", ".."):
        raise _bad(f"file {file!r} is outside the release")
    return Part(
        name=name,
        file=file,
        size_bytes=_integer(fields, "size_bytes", 1, MAX_IMAGE_BYTES),
        sha256=_text(fields, "sha256", _SHA256),
    )
