"""The file in which a station remembers what its mirrors were like. Losing it is harmless; believing it is bounded."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware_agent import durable
from firmware_agent.errors import CatalogueRefused
from firmware_agent.mirrors.ranking import Record
from firmware_agent.strict import Strict

FORMAT = 1
MAX_FILE_BYTES = 2 * 1024 * 1024
MAX_RECORDS = 2000
MAX_URL_CHARS = 300
_MAX_COUNT = 60
_MAX_FIGURE = 1e15
_COUNTS = ("failures", "strikes")
_FIGURES = tuple(field.name for field in dataclasses.fields(Record) if field.name not in (*_COUNTS, "ranges"))
_KEYS = frozenset((*_COUNTS, *_FIGURES, "ranges", "url"))


def load(path: Path) -> dict[str, Record]:
    """What is remembered, by URL; nothing where the file is missing or anything in it is odd."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            return parse(file.read(MAX_FILE_BYTES + 1))
    except (OSError, CatalogueRefused):
        return {}


def save(path: Path, records: Mapping[str, Record]) -> None:
    """Atomically; ``OSError`` as it comes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_file(path, write(records))


def write(records: Mapping[str, Record]) -> bytes:
    """The file's bytes."""
    mirrors = [{"url": url, **dataclasses.asdict(record)} for url, record in sorted(records.items())]
    return (json.dumps({"format": FORMAT, "mirrors": mirrors[:MAX_RECORDS]}) + "\n").encode("utf-8")


def parse(raw: bytes) -> dict[str, Record]:
    """Strictly; ``CatalogueRefused`` (``bad_memory``)."""
    top = _STRICT.object(_STRICT.load(raw, MAX_FILE_BYTES), frozenset(("format", "mirrors")), "memory")
    _STRICT.format(top, FORMAT)
    records: dict[str, Record] = {}
    for item in _STRICT.items(top["mirrors"], 0, MAX_RECORDS, "mirrors"):
        fields = _STRICT.object(item, _KEYS, "mirror")
        url = fields["url"]
        if not isinstance(url, str) or not 0 < len(url) <= MAX_URL_CHARS:
            raise _bad("url is not a text of bounded length")
        values: dict[str, Any] = {name: _figure(fields, name) for name in _FIGURES}
        values.update({name: _STRICT.integer(fields, name, 0, _MAX_COUNT) for name in _COUNTS})
        if fields["ranges"] is not None:
            values["ranges"] = _STRICT.boolean(fields, "ranges")
        records[url] = Record(**values)
    return records


def _figure(fields: dict[str, Any], name: str) -> float:
    value = fields[name]
    if type(value) not in (int, float) or not (math.isfinite(value) and 0 <= value <= _MAX_FIGURE):
        raise _bad(f"{name} is not a number from 0 to {_MAX_FIGURE:.0e}")
    return float(value)


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_memory", f"memory of mirrors: {what}")


_STRICT = Strict(_bad)
