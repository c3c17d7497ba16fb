"""The labels of bags, seals and parcels: plain values in, lines of paper out. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flow.counter.paper_record import Say, grams, local, named
from kiosk.flow.counter.slip_parts import CUT, Head, Slip, SlipLine, pair


@dataclass(frozen=True, slots=True)
class TradeLabel:
    """What is stuck on an accepted phone's bag. ``state``: "erased", "unconfirmed", "destroy", "" = not yet."""

    head: Head
    trade: str
    model: str
    imei: str
    mass_g: int
    grade: str
    state: str = ""
    swollen: bool = False


def trade_label(label: TradeLabel, say: Say) -> Slip:
    """Model, IMEI as bars, what it weighs, what it may be used for."""
    return (
        SlipLine("heading", label.model),
        SlipLine("small", say("label.trade")),
        *((SlipLine("heading", say("label.swollen")),) if label.swollen else ()),
        pair(say("offer.grade"), label.grade),
        pair(say("label.mass"), grams(label.mass_g, say)),
        *((SlipLine("text", say(f"label.{label.state}")),) if label.state else ()),
        SlipLine("barcode", label.imei),
        SlipLine("small", f"{say('offer.number')} {label.trade}"),
        SlipLine("small", f"{label.head.station}  {local(label.head.at_ms, label.head.zone)}"),
        CUT,
    )


@dataclass(frozen=True, slots=True)
class SealLabel:
    """The seal of a bag. ``hold_until_ms`` 0: it is not held."""

    head: Head
    seal: str
    trade: str
    model: str
    imei_end: str
    hold_until_ms: int = 0


def seal_label(label: SealLabel, say: Say) -> Slip:
    """The seal's number as bars, and until when the bag stays closed."""
    hold = label.hold_until_ms
    return (
        SlipLine("heading", f"{say('label.seal')} {label.seal}"),
        SlipLine("barcode", label.seal),
        pair(say("offer.model"), label.model),
        pair(say("offer.imei"), label.imei_end),
        pair(say("label.sealed_at"), local(label.head.at_ms, label.head.zone)),
        *((pair(say("label.hold"), local(hold, label.head.zone)[:10]),) if hold else ()),
        SlipLine("text", say("label.open")),
        SlipLine("small", f"{say('offer.number')} {label.trade}  {label.head.station}"),
        CUT,
    )


@dataclass(frozen=True, slots=True)
class BinLabel:
    """What is stuck on the parcel that was a bin, or on a hazard item's own package."""

    head: Head
    parcel: str  # its number: bin, manifest
    contents: tuple[str, ...]  # categories
    items: int
    mass_g: int
    un: tuple[str, ...] = ()  # UN numbers; lithium when there are any
    hazard: str = ""  # of a single item, alone in its package


def bin_label(label: BinLabel, say: Say) -> Slip:
    """Marked FOR RECYCLING where lithium is inside (ADR P909); a damaged one says so."""
    contents = say("list.comma").join(named(say, "category", category) for category in label.contents)
    lithium = tuple(SlipLine("heading", text) for text in ("FOR RECYCLING", "供回收利用", " ".join(label.un)))
    return (
        SlipLine("heading", contents),
        *((SlipLine("heading", named(say, "hazard", label.hazard)),) if label.hazard else ()),
        *((*lithium, SlipLine("text", say("label.lithium"))) if label.un else ()),
        pair(say("drop.items"), say("unit.items").format(n=label.items)),
        pair(say("label.mass"), grams(label.mass_g, say)),
        SlipLine("barcode", label.parcel),
        SlipLine("small", f"{label.head.station}  {local(label.head.at_ms, label.head.zone)}"),
        CUT,
    )


def shelf_label(shelf: str, say: Say) -> Slip:
    """What is stuck on a shelf; its bars carry the prefix by which a scanned shelf is known."""
    return (SlipLine("heading", f"{say('label.shelf')} {shelf}"), SlipLine("barcode", f"SHELF:{shelf}"), CUT)
