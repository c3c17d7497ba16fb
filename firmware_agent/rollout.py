"""What headquarters holds back of a model's releases: withdrawn ones, and stages. Pure; it can only narrow."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from firmware_agent.errors import CatalogueRefused
from firmware_agent.manifest import VERSION, WORD, version_key
from firmware_agent.strict import Strict

FORMAT = 1
MAX_ROLLOUT_BYTES = 64 * 1024
MAX_VERSIONS = 1000
WHOLE_PERCENT = 100
_PARTS_PER_PERCENT = 100  # a station's place is one of 10,000
_KEYS = frozenset(("format", "model", "withdrawn", "percent"))


@dataclass(frozen=True, slots=True)
class Rollout:
    """It says nothing of which releases there are, so nothing in it can add one."""

    model: str
    withdrawn: frozenset[str] = frozenset()
    percent: Mapping[str, int] = field(default_factory=dict)
    """Version -> share of the stations; a version that is not named goes to all."""

    def is_withdrawn(self, version: str) -> bool:
        """Never offered, though its images may still serve as a difference's base. ``2.0`` is ``2.0.0``."""
        key = version_key(version)
        return any(version_key(other) == key for other in self.withdrawn)

    def admits(self, station: str, version: str) -> bool:
        """Whether this station may offer the version."""
        if self.is_withdrawn(version):
            return False
        key = version_key(version)
        share = min(
            (percent for other, percent in self.percent.items() if version_key(other) == key),
            default=WHOLE_PERCENT,
        )
        return _place(station, self.model, version) < share * _PARTS_PER_PERCENT


def parse_rollout(raw: bytes) -> Rollout:
    """Strictly read ``rollout/<model>.json``; :class:`CatalogueRefused` (``bad_rollout``)."""
    fields = _STRICT.object(_STRICT.load(raw, MAX_ROLLOUT_BYTES), _KEYS, "rollout")
    _STRICT.format(fields, FORMAT)
    withdrawn = _STRICT.items(fields["withdrawn"], 0, MAX_VERSIONS, "withdrawn")
    percent = fields["percent"]
    if not isinstance(percent, dict) or len(percent) > MAX_VERSIONS:
        raise _bad(f"percent is not an object of at most {MAX_VERSIONS}")
    for version in (*withdrawn, *percent):
        if not isinstance(version, str) or not VERSION.match(version):
            raise _bad(f"{str(version)[:40]!r} is not a version")
    return Rollout(
        _STRICT.text(fields, "model", WORD),
        frozenset(withdrawn),
        {version: _STRICT.integer(percent, version, 0, WHOLE_PERCENT) for version in percent},
    )


def write_rollout(rollout: Rollout) -> bytes:
    """Its bytes, sorted; the same for equal content."""
    top = {
        "format": FORMAT,
        "model": rollout.model,
        "withdrawn": sorted(rollout.withdrawn, key=version_key),
        "percent": dict(sorted(rollout.percent.items(), key=lambda item: version_key(item[0]))),
    }
    raw = (json.dumps(top, indent=2) + "\n").encode("utf-8")
    parse_rollout(raw)
    return raw


def _place(station: str, model: str, version: str) -> int:
    """Where a station stands, from 0 to 9999; elsewhere for each release, so that not always the same go first."""
    return int.from_bytes(hashlib.sha256(f"{station}/{model}/{version}".encode()).digest()) % 10_000


def _bad(what: str) -> CatalogueRefused:
    return CatalogueRefused("bad_rollout", f"rollout: {what}")


_STRICT = Strict(_bad)
