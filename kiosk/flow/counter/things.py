"""What the counter keeps beside the domain's own values: intents, slips, shifts, cash, vouchers. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.flow.counter.slip_parts import SlipLine
from kiosk.flow.effects import Record
from recycling.bins import Bin
from recycling.custody import Item
from recycling.drop_off import Drop
from recycling.erasure import Erasure
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.trade import Trade


@dataclass(frozen=True, slots=True)
class Intent:
    """An effect on the world that was decided. Without an outcome ("open") the world is asked, never guessed at.

    ``kind``: flap, drawer, door, print, pay, erase. ``subject``: what it is for. ``names`` and ``figures``: what the
    question to the world needs later.
    """

    intent: str  # a ULID; the device does one of the same id once
    kind: str
    subject: str
    at_ms: int
    state: str = "open"  # "open", "done", "failed", "unclear"
    names: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Slip:
    """Paper that is owed; it holds no personal data."""

    slip: str
    what: str
    subject: str
    lines: tuple[SlipLine, ...]
    at_ms: int
    state: str = "waiting"  # "waiting", "printing", "printed", "aside"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """From the first log-in to the count of the cash. ``expected_fen`` when it was closed."""

    shift: str
    staff: str
    opened_ms: int
    at_ms: int
    open: bool = True
    counted_fen: int = 0
    expected_fen: int = 0
    second: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CashMove:
    """Cash into the drawer (above 0) or out of it (below). ``reason``, ``second``: where no trade moves it."""

    move: str
    shift: str
    trade: str  # "" for a change, and for what the shift began with
    amount_fen: int
    at_ms: int
    reason: str = ""
    second: str = ""


@dataclass(frozen=True, slots=True)
class Voucher:
    """One that was issued here, or one of anywhere that was redeemed here."""

    voucher: str
    amount_fen: int
    trade: str
    code: str
    at_ms: int
    state: str = "issued"  # "issued", "redeemed"


@dataclass(frozen=True, slots=True)
class Seal:
    """A seal number, used once."""

    seal: str
    subject: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class PhotoSeen:
    """The digest of a photo and the trade it was taken for."""

    digest: str
    trade: str
    at_ms: int


Thing = (
    Drop
    | Item
    | Trade
    | Erasure
    | Settlement
    | Bin
    | Manifest
    | Intent
    | Slip
    | Shift
    | CashMove
    | Voucher
    | Seal
    | PhotoSeen
)


@dataclass(frozen=True, slots=True)
class Tries:
    """When a PIN was wrong since the last right one, by number; "" = at this keypad. None left: forgotten."""

    number: str
    at_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Secret:
    """Personal data of a subject; kept under the subject's own key."""

    subject: str
    kind: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Noted:
    """A ledger entry and its subject."""

    record: Record
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One transaction: new states in the order they are written, entries, personal data, keys to destroy, tries."""

    things: tuple[Thing, ...] = ()
    notes: tuple[Noted, ...] = ()
    secrets: tuple[Secret, ...] = ()
    forget: tuple[str, ...] = ()
    tries: tuple[Tries, ...] = ()
