"""What a certificate and a manifest state, as plain values and as rows of words. Slips and PDFs show the same rows.

They claim no more than was looked at; terms as in NIST SP 800-88r2 (the method, the technique, its verification).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

Say = Callable[[str], str]
Row = tuple[str, str]
"""A label and its value, in words."""
COPIES: Final = ("customer", "station", "hq", "processor")
"""The four copies of a manifest."""


def yuan(fen: int) -> str:
    """An amount for people: ``￥1,092.00``."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}￥{whole:,}.{rest:02d}"


def local(at_ms: int, zone: str) -> str:
    """The minute at the station: ``2026-11-22 16:05``."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def grams(mass_g: int, say: Say) -> str:
    """A mass for people."""
    return say("unit.g").format(g=f"{mass_g:,}")


def named(say: Say, prefix: str, name: str) -> str:
    """The words for a machine name; the name itself where this paper is older than it."""
    try:
        return say(f"{prefix}.{name}")
    except KeyError:
        return name


@dataclass(frozen=True, slots=True)
class EraseRecord:
    """Everything a certificate of sanitization states. ``entry``: what the QR code holds, of the ledger's entry."""

    certificate: str
    trade: str
    model: str
    serial: str
    imei: str
    technique: Literal["fastboot_erase", "factory_reset"]
    outcome: Literal["certified", "warning", "failed"]
    staff: str
    role: str
    at_ms: int
    zone: str
    station: str
    entry: str
    tool: str  # name and version of what did it
    brand: str = ""
    partitions: tuple[str, ...] = ("userdata", "metadata")
    attempts: int = 1
    wizard: bool | None = None  # the set-up wizard was showing afterwards
    files_after: int | None = None  # the owner's, over MTP; None = could not be listed

    @property
    def verification(self) -> str:
        """What was looked at afterwards: "inspection", "answer_only" or "failed"."""
        if self.outcome == "failed":
            return "failed"
        looked = self.wizard is True and self.files_after == 0
        return "inspection" if self.outcome == "certified" and looked else "answer_only"

    @property
    def method(self) -> str:
        """Clear at the most: nothing here ever shows that a Purge took place."""
        return "none" if self.outcome == "failed" else "clear"

    @property
    def result(self) -> str:
        """The outcome, but never better than what was looked at."""
        return (
            "warning" if self.outcome == "certified" and self.verification != "inspection" else self.outcome
        )


def erase_title(record: EraseRecord, say: Say) -> str:
    """What stands above it."""
    return say("cert.title" if record.result == "certified" else "cert.none_title")


def erase_rows(record: EraseRecord, say: Say) -> tuple[Row, ...]:
    """The fields that SP 800-88r2 asks a certificate to record, as far as a counter knows them."""
    files = say("cert.unknown") if record.files_after is None else str(record.files_after)
    technique = say(f"cert.technique.{record.technique}").format(
        partitions=say("list.comma").join(record.partitions)
    )
    verification = say(f"cert.verification.{record.verification}").format(files=files)
    by = ""
    if record.staff:
        by = say("cert.by_value").format(staff=record.staff, role=named(say, "role", record.role))
    destination = "destroy" if record.outcome == "failed" else "hold"
    rows = (
        ("number", record.certificate),
        ("result", say(f"cert.result.{record.result}")),
        ("brand", record.brand),
        ("model", record.model),
        ("serial", record.serial),
        ("imei", record.imei),
        ("media", say("cert.media.flash")),
        ("source", say("cert.source.trade_in")),
        ("trade", record.trade),
        ("method", say(f"cert.method.{record.method}")),
        ("tried" if record.outcome == "failed" else "technique", technique),
        ("tool", record.tool),
        ("attempts", str(record.attempts)),
        ("verification", verification),
        ("by", by),
        ("at", local(record.at_ms, record.zone)),
        ("place", record.station),
        ("destination", say(f"cert.destination.{destination}")),
    )
    return tuple((say(f"cert.{key}"), value) for key, value in rows if value)


def erase_limits(record: EraseRecord, say: Say) -> tuple[str, ...]:
    """What it does not prove, in plain words."""
    limits = ["read_back", "purge", "cards"]
    if record.technique == "factory_reset":
        limits.insert(1, "reset")
    if record.outcome == "failed":
        limits = ["failed", "cards"]
    return tuple(say(f"cert.limit.{limit}") for limit in limits)


@dataclass(frozen=True, slots=True)
class ManifestLine:
    """Goods of one kind under a manifest."""

    category: str
    items: int
    mass_g: int
    un: str = ""  # UN number, for lithium


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """Everything the four copies of a manifest state. ``code``: what the QR holds."""

    manifest: str
    processor: str  # its name
    licence: str
    licence_until: str
    lines: tuple[ManifestLine, ...]
    seals: tuple[str, ...]
    staff: tuple[str, str]  # the two who sealed it
    at_ms: int
    zone: str
    station: str
    code: str
    lithium_g: int = 0
    carrier: str = ""
    vehicle: str = ""
    by: str = ""  # road, sea
    hotline: str = ""

    @property
    def items(self) -> int:
        """Of all lines."""
        return sum(line.items for line in self.lines)

    @property
    def mass_g(self) -> int:
        """Of all lines."""
        return sum(line.mass_g for line in self.lines)


def manifest_rows(record: ManifestRecord, say: Say) -> tuple[Row, ...]:
    """Its head, without the goods."""
    rows = (
        ("number", record.manifest),
        ("processor", record.processor),
        ("licence", record.licence),
        ("licence_until", record.licence_until),
        ("items", say("unit.items").format(n=record.items)),
        ("mass", grams(record.mass_g, say)),
        ("lithium", grams(record.lithium_g, say) if record.lithium_g else ""),
        ("seals", " ".join(record.seals)),
        ("carrier", record.carrier),
        ("vehicle", record.vehicle),
        ("by", named(say, "manifest.by", record.by) if record.by else ""),
        ("handed", " / ".join(record.staff)),
    )
    return tuple((say(f"manifest.{key}"), value) for key, value in rows if value)
