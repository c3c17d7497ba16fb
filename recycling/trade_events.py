"""What can happen to a trade-in, one frozen value each. Ids are ULIDs, times UTC ms."""

from __future__ import annotations

from dataclasses import dataclass

from recycling.trade import Acceptance, Inspection, LockCheck, Photo, Quote


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Identified(Event):
    """Its IMEI is known and well formed."""

    model: str
    imei_digest: str
    imei_end: str
    age_from: str = ""
    repeat: bool = False
    serial_digest: str = ""  # of the serial number on its label


@dataclass(frozen=True, slots=True)
class Flagged(Event):
    """Somebody has to look at these before it is offered."""

    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """A rule ends it."""

    rule: str


@dataclass(frozen=True, slots=True)
class Checked(Event):
    """Register, claim, phone and lock have answered."""

    check: LockCheck


@dataclass(frozen=True, slots=True)
class Photographed(Event):
    """One photo more; one of the same side takes its place."""

    photo: Photo


@dataclass(frozen=True, slots=True)
class Inspected(Event):
    """It was looked at, weighed and graded."""

    inspection: Inspection


@dataclass(frozen=True, slots=True)
class Quoted(Event):
    """It has a price."""

    quote: Quote


@dataclass(frozen=True, slots=True)
class Approved(Event):
    """A second member of staff agrees."""

    second: str


@dataclass(frozen=True, slots=True)
class Offered(Event):
    """The customer sees the price."""


@dataclass(frozen=True, slots=True)
class Declined(Event):
    """The customer does not want it."""


@dataclass(frozen=True, slots=True)
class Expired(Event):
    """The quote's day is over."""


@dataclass(frozen=True, slots=True)
class Returned(Event):
    """The phone is back with its owner."""


@dataclass(frozen=True, slots=True)
class Accepted(Event):
    """The customer agreed, with id and signature. From here on the IMEI stands in full."""

    acceptance: Acceptance
    imei: str


@dataclass(frozen=True, slots=True)
class ClaimAnswered(Event):
    """Headquarters' word on a provisional one: "granted", "elsewhere", "processed"."""

    answer: str


@dataclass(frozen=True, slots=True)
class EraseBegun(Event):
    """The phone in the bay is the accepted one; what it calls itself."""

    product: str
    serial: str


@dataclass(frozen=True, slots=True)
class Certified(Event):
    """The second inspection found nothing of the owner's."""

    certificate: str


@dataclass(frozen=True, slots=True)
class DestroyRouted(Event):
    """It cannot be erased, so it is destroyed."""

    why: str


@dataclass(frozen=True, slots=True)
class Sealed(Event):
    """In its bag."""

    seal: str


@dataclass(frozen=True, slots=True)
class Settled(Event):
    """The money has moved."""


@dataclass(frozen=True, slots=True)
class Held(Event):
    """On its shelf; the days count from now."""

    shelf: str


@dataclass(frozen=True, slots=True)
class Quarantined(Event):
    """Swollen or damaged: away from the others."""

    place: str


@dataclass(frozen=True, slots=True)
class Released(Event):
    """The hold is over and it was checked once more."""

    check: LockCheck


@dataclass(frozen=True, slots=True)
class Binned(Event):
    """In the bin."""

    bin: int


@dataclass(frozen=True, slots=True)
class Manifested(Event):
    """In the parcel of a manifest."""

    manifest: str


@dataclass(frozen=True, slots=True)
class Received(Event):
    """The processor has it."""


@dataclass(frozen=True, slots=True)
class CameBack(Event):
    """The processor refused it: ours again."""

    place: str


@dataclass(frozen=True, slots=True)
class Processed(Event):
    """By the processor's word."""
