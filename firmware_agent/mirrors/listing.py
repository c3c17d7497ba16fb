"""The signed list of mirrors, ``mirrors.json``: reader and writer. Which mirror is good is not its business."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from firmware_agent.errors import CatalogueRefused
from firmware_agent.mirrors.book import Mirror
from firmware_agent.strict import Strict

FORMAT = 1
MAX_LISTED = 1000
MAX_MIRRORS_BYTES = 512 * 1024
_TEXT = re.compile(r"[!-~]{0,300}\Z", re.ASCII)


def parse_mirrors(raw: bytes) -> tuple[Mirror, ...]:
    """Strictly read the list; :class:`CatalogueRefused` (``bad_mirrors``, ``bad_mirror``)."""
    fields = _STRICT.object(_STRICT.load(raw, MAX_MIRRORS_BYTES), frozenset(("format", "mirrors")), "mirrors")
    _STRICT.format(fields, FORMAT)
    mirrors = []
    for item in _STRICT.items(fields["mirrors"], 0, MAX_LISTED, "mirrors"):
        one = _STRICT.object(item, frozenset(("url", "region")), "mirror")
        mirrors.append(Mirror(_STRICT.text(one, "url", _TEXT), _STRICT.text(one, "region", _TEXT)))
    if len({mirror.url for mirror in mirrors}) != len(mirrors):
        raise _bad("a mirror stands twice")
    return tuple(mirrors)


def write_mirrors(mirrors: Iterable[Mirror]) -> bytes:
    """Its bytes; what a station would refuse is refused here."""
    listed = [{"url": mirror.url, "region": mirror.region} for mirror in mirrors]
    raw = (json.dumps({"format": FORMAT, "mirrors": listed}, indent=2) + "\n").encode("utf-8")
    parse_mirrors(raw)
    return raw


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_mirrors", f"mirrors: {what}")


_STRICT = Strict(_bad)
