"""What a trade-in is made of: its states and all that its rules look at. It decides nothing.

Money in fen, mass in g, times in UTC ms. IMEI and serial number stand here only from the acceptance on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recycling.goods import Hazard

DAY_MS = 86_400_000
CHECK_GOOD_MS = DAY_MS
"""A lock check is good for less than 24 hours."""

HOLD_MS = 30 * DAY_MS
"""An erased phone is held that long before it may leave the shelf."""

REPEAT_MS = 30 * DAY_MS
"""The same IMEI again within that is a repeat."""

CONSENTS = frozenset({"price", "owner", "erasure", "cards_out", "accounts_off", "no_return"})
"""What the customer agrees to, one touch each: the price; being the owner; that everything on it is erased for good;
that SIM and SD card are out; that its accounts are signed off; that it does not come back once it is paid."""

PAYOUTS = frozenset({"cash", "transfer", "top_up"})
ID_KINDS = frozenset({"id_card", "passport", "other"})
BACKUPS = frozenset({"done", "without"})


class State(StrEnum):
    """Where a trade-in stands."""

    DRAFT = "draft"
    IDENTIFIED = "identified"
    CLEARED = "cleared"
    INSPECTED = "inspected"
    QUOTED = "quoted"
    OFFERED = "offered"
    DECLINED = "declined"
    EXPIRED = "expired"
    STOPPED = "stopped"
    RETURNED = "returned"
    ACCEPTED = "accepted"
    ERASING = "erasing"
    ERASED = "erased"
    DESTROY = "destroy"  # it could not be erased: it goes to destruction, and is never sold on
    SEALED = "sealed"
    SETTLED = "settled"
    HELD = "held"
    RELEASED = "released"
    QUARANTINED = "quarantined"
    BINNED = "binned"
    MANIFESTED = "manifested"
    RECEIVED = "received"
    PROCESSED = "processed"


ENDED = frozenset({State.RETURNED, State.PROCESSED})
BACK_TO_OWNER = frozenset({State.DECLINED, State.EXPIRED, State.STOPPED})
"""Nothing is traded in; the phone still lies here until it was handed back."""

BEFORE_ACCEPTANCE = frozenset(
    {State.DRAFT, State.IDENTIFIED, State.CLEARED, State.INSPECTED, State.QUOTED, State.OFFERED}
)
LIVE = frozenset(State) - ENDED - BACK_TO_OWNER - {State.DRAFT}
"""In these one IMEI may be once only."""

PAID = frozenset(
    {
        State.SETTLED,
        State.HELD,
        State.RELEASED,
        State.QUARANTINED,
        State.BINNED,
        State.MANIFESTED,
        State.RECEIVED,
        State.PROCESSED,
    }
)
"""Reached only through the settlement."""


@dataclass(frozen=True, slots=True)
class LockCheck:
    """What the register, headquarters, the phone and its screen said."""

    register: str  # "clean", "blacklisted", "unknown"
    source: str  # of the register: name and version
    claim: str  # "granted", "elsewhere", "processed", "offline"
    phone: str  # "same", "differs", "silent" (it does not say its IMEI), "absent"
    lock: str  # "none", "activation", "frp", "mdm"
    at_ms: int
    serial_digest: str = ""  # what its bootloader said, "" = nothing

    @property
    def passing(self) -> bool:
        """Whether a phone may be accepted on it. A locked one may, for nothing."""
        return self.register == "clean" and self.claim in ("granted", "offline") and self.phone != "differs"


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo taken; ``digest`` (keyed) finds a photo that was used before."""

    side: str
    digest: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was seen and what followed by rule."""

    answers: Mapping[str, str]
    digest: str  # of the answers
    grade: str
    deductions: tuple[str, ...]
    rules: str  # version
    mass_g: int
    hazard: Hazard
    by: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class QuoteLine:
    """One line of the bill; ``bp`` is its rate."""

    key: str
    amount_fen: int
    bp: int | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What is offered, until when, by which book and by whom."""

    price_fen: int
    lines: tuple[QuoteLine, ...]
    book: str
    by: str
    good_until_ms: int
    new_price_fen: int = 0
    to_pay_fen: int = 0
    payout_fen: int = 0
    voucher_fen: int = 0
    override_reason: str = ""  # "" = by the book
    needs_second: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What the customer agreed to. Id number and signature are kept apart, under their own key."""

    consents: frozenset[str]
    text_version: str
    backup: str
    id_kind: str
    id_digest: str
    signature_digest: str
    payout: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade-in at this moment; ``trade`` is a ULID, and its phone is the item of that id."""

    trade: str
    began_ms: int
    since_ms: int  # in this state
    by: str  # staff who began it
    state: State = State.DRAFT
    language: str = "zh"
    model: str = ""
    age_from: str = ""  # YYYY-MM-DD the price curve counts from, "" = the model's
    imei_digest: str = ""
    imei_end: str = ""
    repeat: bool = False
    imei: str = ""  # from the acceptance on
    serial_digest: str = ""  # the number it is known by before the acceptance, "" = none
    bay: str = ""  # port of the bay it is plugged in, "" = none
    product: str = ""  # of the phone that is erased
    serial: str = ""  # of the phone that is erased
    check: LockCheck | None = None
    flags: tuple[str, ...] = ()
    stopped: str = ""
    photos: tuple[Photo, ...] = ()
    inspection: Inspection | None = None
    quote: Quote | None = None
    approved_by: str = ""
    acceptance: Acceptance | None = None
    certificate: str = ""
    destroy: str = ""  # why
    seal: str = ""
    hold_until_ms: int = 0
    place_name: str = ""  # of the shelf or bin
    manifest: str = ""

    @property
    def provisional(self) -> bool:
        """Accepted without headquarters' word: nothing is paid yet."""
        return self.check is not None and self.check.claim == "offline"

    @property
    def hazard(self) -> Hazard:
        """Of its battery, as inspected."""
        return self.inspection.hazard if self.inspection else Hazard.NONE
