"""A trade-in, from the phone laid on the counter to the bin it goes into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kiosk.flow.counter.commands.command import Command
from kiosk.flow.counter.commands.people import Second


@dataclass(frozen=True, slots=True)
class TradeBegin(Command):
    """A phone is laid on the counter. State draft."""

    language: str


@dataclass(frozen=True, slots=True)
class TradeIdentify(Command):
    """IMEIs as scanned or typed: on the label, by ``*#06#``; ``bay`` where the phone is plugged in ("" = not)."""

    trade: str
    imei_dialled: str
    imei_label: str = ""
    model: str = ""  # of the price book
    serial: str = ""
    bay: str = ""
    first_use: str = ""  # YYYY-MM-DD as registered, where known
    invoice_date: str = ""  # YYYY-MM-DD on the invoice, "" = none
    made: str = ""  # YYYY-MM-DD of manufacture, where known


@dataclass(frozen=True, slots=True)
class TradeCheck(Command):
    """Ask the register, headquarters' claims and the phone itself; ``lock_seen``: what staff see on its screen.

    ``lock_seen``: "none", "activation", "frp", "mdm".
    """

    trade: str
    lock_seen: str = "none"


@dataclass(frozen=True, slots=True)
class TradePhoto(Command):
    """Take one photo; ``side``: front, back, edge, damage."""

    trade: str
    side: str


@dataclass(frozen=True, slots=True)
class TradeInspect(Command):
    """Answers by question (see :mod:`recycling.inspection`); the grade follows by rule. The phone lies on the scale
    when ``weigh``.
    """

    trade: str
    answers: Mapping[str, str]
    weigh: bool = True


@dataclass(frozen=True, slots=True)
class TradeQuote(Command):
    """The price by the book in force, or staff's own with a reason. ``new_price_fen``: of the phone it goes towards."""

    trade: str
    new_price_fen: int = 0  # 0 = nothing is bought
    override_fen: int | None = None
    override_reason: str = ""


@dataclass(frozen=True, slots=True)
class TradeApprove(Command):
    """Second approval: above 2,000 yuan, on an override, on a review flag. Never the quoter."""

    trade: str
    second: Second


@dataclass(frozen=True, slots=True)
class TradeOffer(Command):
    """Turn the screen to the customer."""

    trade: str


@dataclass(frozen=True, slots=True)
class TradeDecline(Command):
    """The customer does not want it: the phone goes back."""

    trade: str


@dataclass(frozen=True, slots=True)
class TradeAccept(Command):
    """The customer's own touch. ``consents``: see :data:`recycling.trade_in.CONSENTS`, all of them.

    ``signature``: strokes of points in 1/1000 of the field, (x, y); ``id_kind``: "id_card", "passport", "other".
    ``payout``: "cash", "transfer" or "top_up". ``backup``: "done" or "without".
    """

    trade: str
    consents: frozenset[str]
    text_version: str
    backup: str
    id_kind: str
    id_number: str = field(repr=False)
    signature: tuple[tuple[tuple[int, int], ...], ...] = field(repr=False)
    payout: str = "cash"
    phone_number: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TradeReturn(Command):
    """Declined, expired or stopped: the phone was handed back to its owner."""

    trade: str


@dataclass(frozen=True, slots=True)
class EraseStart(Command):
    """Begin, or begin again after a failure (three times at most). ``bay``: where the phone is plugged in."""

    trade: str
    bay: str


@dataclass(frozen=True, slots=True)
class EraseResetDone(Command):
    """A locked phone: its own factory reset was carried out on its screen; look at it again.

    ``wizard_seen``: staff see the set-up wizard on its screen; asked where the cable cannot tell.
    """

    trade: str
    wizard_seen: bool = False


@dataclass(frozen=True, slots=True)
class EraseGiveUp(Command):
    """It cannot be erased: it goes to destruction."""

    trade: str
    reason: str


@dataclass(frozen=True, slots=True)
class TradeSeal(Command):
    """The bag's seal number, scanned; the label is printed."""

    trade: str
    seal: str


@dataclass(frozen=True, slots=True)
class TradeSettle(Command):
    """Pay what was accepted. Doing it again does nothing more.

    ``method``: "cash" after a transfer was refused, "transfer" where the drawer does not hold the cash.
    """

    trade: str
    method: str = ""  # "" = as accepted


@dataclass(frozen=True, slots=True)
class CashHanded(Command):
    """Cash (or the new phone, for top-up: the customer's ``received_fen``) changed hands."""

    trade: str
    received_fen: int = 0


@dataclass(frozen=True, slots=True)
class TradeHold(Command):
    """Put on the shelf (or quarantine, for swollen units); 30 days begin."""

    trade: str
    shelf: str


@dataclass(frozen=True, slots=True)
class TradeRelease(Command):
    """After 30 days: register and claims are asked once more, then it may go into a bin."""

    trade: str


@dataclass(frozen=True, slots=True)
class TradeBin(Command):
    """Into the bin of that number."""

    trade: str
    bin: int
