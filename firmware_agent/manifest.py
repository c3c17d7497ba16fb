"""A release's manifest: what it says, and the strict reader of hostile bytes. It opens no image."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from firmware_agent.errors import PartitionRefused, ReleaseRefused
from firmware_agent.partitions import base_name, check_partition
from firmware_agent.strict import Strict

FORMAT = 1
MAX_MANIFEST_BYTES = 256 * 1024
MAX_PARTITIONS = 64
MAX_IMAGE_BYTES = 64 * 1024**3
MAX_NOTE_CHARS = 4000
LANGUAGES = ("zh", "en")

VERSION = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,7}\Z", re.ASCII)
WORD = re.compile(r"[a-z0-9][a-z0-9_\-]{0,31}\Z")
SHA256 = re.compile(r"[0-9a-f]{64}\Z")
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
    if not VERSION.match(version):
        raise ReleaseRefused("bad_manifest", f"version {version[:40]!r} is not dotted numbers")
    numbers = [int(part) for part in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def is_version(version: str) -> bool:
    """Whether it is dotted numbers, at most eight of them."""
    return bool(VERSION.match(version))


def parse_manifest(raw: bytes) -> Release:
    """Strictly read ``manifest.json``: bounded, known keys only, exact types, paths that stay inside.

    Raises :class:`ReleaseRefused` (``bad_manifest``, ``protected_partition``, ``unknown_partition``).
    """
    return parse_release(_STRICT.load(raw, MAX_MANIFEST_BYTES))


def parse_release(value: Any) -> Release:
    """The same from a JSON value that was read already, as a catalogue's index holds it."""
    fields = _STRICT.object(value, _KEYS, "manifest")
    _STRICT.format(fields, FORMAT)
    return Release(
        model=_STRICT.text(fields, "model", WORD),
        variant=_STRICT.text(fields, "variant", WORD),
        version=_STRICT.text(fields, "version", VERSION),
        rollback_index=_STRICT.integer(fields, "rollback_index", 0, (1 << 63) - 1),
        min_battery_percent=_STRICT.integer(fields, "min_battery_percent", 0, 100),
        wipes_data=_STRICT.boolean(fields, "wipes_data"),
        notes=_notes(fields["notes"]),
        partitions=_partitions(fields["partitions"]),
    )


def write_manifest(release: Release) -> bytes:
    """The manifest's bytes: UTF-8 JSON, sorted keys, one trailing newline; the same for equal releases."""
    return (json.dumps(release_fields(release), ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def release_fields(release: Release) -> dict[str, Any]:
    """The manifest as a JSON object, in its own order."""
    return {
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


def _bad(what: str) -> ReleaseRefused:
    return ReleaseRefused("bad_manifest", f"manifest: {what}")


_STRICT = Strict(_bad)


def _notes(value: Any) -> dict[str, str]:
    notes = _STRICT.object(value, frozenset(LANGUAGES), "notes")
    for language, text in notes.items():
        if not isinstance(text, str) or len(text) > MAX_NOTE_CHARS:
            raise _bad(f"notes.{language} is not a text of at most {MAX_NOTE_CHARS} characters")
        if any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
            raise _bad(f"notes.{language} holds half a character")  # JSON can say it, UTF-8 cannot
    return notes


def _partitions(value: Any) -> tuple[Part, ...]:
    parts = tuple(_part(item) for item in _STRICT.items(value, 1, MAX_PARTITIONS, "partitions"))
    for key, seen in (("name", {p.name for p in parts}), ("file", {p.file for p in parts})):
        if len(seen) != len(parts):
            raise _bad(f"two partitions have the same {key}")
    return parts


def _part(value: Any) -> Part:
    fields = _STRICT.object(value, _PART_KEYS, "partition")
    name = fields["name"]
    if not isinstance(name, str) or name != name.lower():
        raise _bad(f"partition name {str(name)[:40]!r} is not lower case")
    try:
        check_partition(name)
    except PartitionRefused as exc:
        raise ReleaseRefused(exc.reason, f"manifest: {exc.detail}") from exc
    if base_name(name) != name:
        raise _bad(f"partition name {name!r} has a slot suffix")
    file = _STRICT.text(fields, "file", _FILE)
    if PurePosixPath(file).name in (".", ".."):
        raise _bad(f"file {file!r} is outside the release")
    return Part(
        name=name,
        file=file,
        size_bytes=_STRICT.integer(fields, "size_bytes", 1, MAX_IMAGE_BYTES),
        sha256=_STRICT.text(fields, "sha256", SHA256),
    )
