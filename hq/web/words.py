"""Every word on headquarters' pages, Chinese first; how numbers and times are written. It reads no data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Literal
from zoneinfo import ZoneInfo

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
MAX_VALUE_CHARS = 120
MAX_CHIPS = 24
_DIGEST_CHARS = 12
_BYTE_FIELDS = frozenset(
    {"bytes", "bytes_sent", "bytes_full", "size_bytes", "fetch_bytes", "full_bytes", "at_bytes"}
)
_SPANS_PER_S = {"seconds": 1, "age_s": 1, "behind_s": 1, "wait_s": 1, "ms": 1000}
"""Fields that hold a length of time, and how many of their unit make a second."""
_BY_MANIFEST = frozenset({"parcel", "transit", "processor"})
"""Places that are named by a manifest, which the page shows anyway."""
_SECTIONS = {
    **{"reason": "reason", "verdict": "verdict", "rule": "rule", "rules": "rule", "dock.what": "trouble"},
    **{"manifest.verdict": "manifest", "bin.from": "bin", "bin.to": "bin", "bin.why": "trouble"},
    **{"print.why": "trouble"},
}
"""Fields whose words are in a section of their own; with the entry's room where that matters."""
_NUMBERS = frozenset({"item", "trade", "manifest", "key", "voucher", "visit"})
_ULID_CHARS = 26
_HIDDEN = frozenset({"counts", "user_data"})
"""Fields that the page shows as a table of their own."""


@cache
def _table(language: Language) -> dict[str, dict[str, str]]:
    text = (resources.files("hq.web") / "locale" / f"{language}.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, str]] = json.loads(text)
    return table


def size(size_bytes: int) -> str:
    """``66.1 MiB``."""
    value, unit = float(size_bytes), "B"
    for bigger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, bigger
    return f"{int(value)} B" if unit == "B" else f"{value:.1f} {unit}"


@dataclass(frozen=True, slots=True)
class Words:
    """One language's words and ways of writing, for the templates."""

    language: Language
    zone_name: str = "Asia/Shanghai"

    def __call__(self, key: str, **values: object) -> str:
        """The interface's text for ``key``; a missing one is our own error and fails the tests."""
        return _table(self.language)["ui"][key].format(**values)

    def name(self, section: str, key: str) -> str:
        """The word for a machine's word in ``section``; the machine's word itself when there is none."""
        return _table(self.language)[section].get(key, key)

    def actor(self, name: str) -> str:
        """Who did it: ``staff:17`` and the bare number of a second person -> ``staff 17``."""
        if name.isdigit():
            return f"{self.name('actor', 'staff')} {name}"
        who, _, number = name.partition(":")
        return f"{self.name('actor', who)} {number}".strip()

    def actors(self, names: str) -> str:
        """``staff:9, hq:li`` -> ``staff 9, headquarters li``."""
        return ", ".join(self.actor(name) for name in names.split(", ") if name)

    def _local(self, at_ms: int) -> datetime:
        try:
            return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(self.zone_name))
        except (OverflowError, ValueError, OSError):
            return datetime.fromtimestamp(0, UTC)

    def clock(self, at_ms: int) -> str:
        """``14:03:27``."""
        return self._local(at_ms).strftime("%H:%M:%S")

    def moment(self, at_ms: int) -> str:
        """``2026-11-21 14:03``."""
        return self._local(at_ms).strftime("%Y-%m-%d %H:%M")

    def iso(self, at_ms: int) -> str:
        """For ``<time datetime>``."""
        return self._local(at_ms).isoformat()

    def span(self, seconds: float) -> str:
        """``3 min 5 s``."""
        whole = round(abs(seconds))
        if whole < 60:
            return self("span.seconds", s=whole)
        if whole < 3600:
            return self("span.minutes", m=whole // 60, s=whole % 60)
        return self("span.hours", h=whole // 3600, m=whole % 3600 // 60)

    def ago(self, at_ms: int | None, now_ms: int) -> str:
        """``5 min ago``."""
        if at_ms is None:
            return self("ago.never")
        seconds = max(0, (now_ms - at_ms) // 1000)
        for least, unit, step in ((86400, "days", 86400), (3600, "hours", 3600), (60, "minutes", 60)):
            if seconds >= least:
                return self(f"ago.{unit}", n=seconds // step)
        return self("ago.now") if seconds < 5 else self("ago.seconds", n=seconds)

    def skew(self, skew_ms: int) -> str:
        """How far a station's clock is off; under two seconds is right."""
        if abs(skew_ms) < 2000:
            return self("skew.ok")
        return self("skew.ahead" if skew_ms > 0 else "skew.behind", time=self.span(skew_ms / 1000))

    def number(self, value: int) -> str:
        """``1,204``."""
        return f"{value:,}"

    def yuan(self, amount_fen: int) -> str:
        """``¥1,050.00``."""
        yuan, fen = divmod(abs(amount_fen), 100)
        return f"{'-' if amount_fen < 0 else ''}¥{yuan:,}.{fen:02}"

    def mass(self, mass_g: int) -> str:
        """``850 g``; from ten kilograms on ``12.3 kg``."""
        number, unit = (f"{mass_g:,}", "g") if abs(mass_g) < 10_000 else (f"{mass_g / 1000:,.1f}", "kg")
        return f"{number}\N{NO-BREAK SPACE}{unit}"

    def day(self, at_ms: int) -> str:
        """``2026-11-21``."""
        return self._local(at_ms).strftime("%Y-%m-%d")

    def place(self, place: str) -> str:
        """``shelf:A3`` -> ``Shelf A3``; the number of a parcel's manifest is left out."""
        kind, _, name = place.partition(":")
        known = self.name("place", kind)
        if kind in _BY_MANIFEST or not name:
            return known
        return f"{known} {name[:24]}"

    def chips(self, body: Mapping[str, object], kind: str = "") -> list[tuple[str, str]]:
        """A body's facts as ``(label, value)``, at most 24, each bounded; what is empty or unknown is left
        out. ``kind`` of the entry: some fields mean another thing in another room.
        """
        found: list[tuple[str, str]] = []
        room = kind.partition(".")[0]
        order = {key: place for place, key in enumerate(_table(self.language)["field"])}
        for key, value in sorted(body.items(), key=lambda item: order.get(item[0], len(order))):
            if key in _HIDDEN or len(found) >= MAX_CHIPS:
                continue
            text = self._value(key, value, room)
            if text:
                own = _table(self.language)["field_of"].get(f"{room}.{key}")
                found.append((own or self.name("field", key)[:40], text))
        return found

    def _value(self, key: str, value: object, room: str) -> str:
        text = ""
        if isinstance(value, bool):
            text = self("yes" if value else "no")
        elif isinstance(value, int):
            text = self._count(key, value)
        elif isinstance(value, float):
            text = self.span(value) if key == "seconds" else f"{value:g}"
        elif isinstance(value, bytes):
            text = value.hex()[:_DIGEST_CHARS]
        elif isinstance(value, str):
            text = self._text(key, value, room)
        elif isinstance(value, list):
            text = ", ".join(part for part in (self._value(key, item, room) for item in value[:12]) if part)
        return text[:MAX_VALUE_CHARS]

    def _count(self, key: str, value: int) -> str:
        if value < 0 and not key.startswith("difference_"):
            return ""  # the station's way to say that it does not know
        if key in _BYTE_FIELDS:
            return size(value)
        if key in _SPANS_PER_S:
            return self.span(value / _SPANS_PER_S[key])
        units = {"fen": self.yuan, "g": self.mass, "ms": self.moment, "percent": "{}%".format}
        return units.get(key.rpartition("_")[2], self.number)(value)

    def _text(self, key: str, value: str, room: str) -> str:
        section = _SECTIONS.get(f"{room}.{key}") or _SECTIONS.get(key)
        if section is not None:
            return self.name(section, value) if value else ""
        if key == "sha256" or key.endswith("_digest"):
            return value[:_DIGEST_CHARS]
        if key in _NUMBERS and len(value) == _ULID_CHARS:
            return f"…{value[-6:]}"
        head, colon, _ = value.partition(":")
        if key in {"from", "to", "place"} and head in _table(self.language)["place"]:
            return self.place(value)
        if (colon or key == "by") and head in _table(self.language)["actor"]:
            return self.actor(value)
        known = _table(self.language)["value"]
        return (
            self.name("reason", value) if key == "why" and value not in known else self.name("value", value)
        )


def choose(query: str | None, cookie: str | None, default: str) -> Language:
    """The page's language: asked for, remembered, or the default; Chinese when all else is nonsense."""
    for wanted in (query, cookie, default):
        for language in LANGUAGES:
            if wanted == language:
                return language
    return "zh"
