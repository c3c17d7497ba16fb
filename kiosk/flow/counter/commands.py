"""Everything that a person can ask of the counter, one frozen value each. Ids are ULIDs; money in fen, mass in g.

A command that cannot be done changes nothing and is answered by a :class:`kiosk.flow.counter.view.Said`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all."""


# -- anybody: dropping something off


@dataclass(frozen=True, slots=True)
class DropBegin(Command):
    """A person stands at the bins. A drop-off that nobody finished is ended first."""

    language: str


@dataclass(frozen=True, slots=True)
class DropCategory(Command):
    """``category``: a :class:`recycling.goods.Category` value."""

    drop: str
    category: str


@dataclass(frozen=True, slots=True)
class DropHazard(Command):
    """``hazard``: a :class:`recycling.goods.Hazard` value."""

    drop: str
    hazard: str


@dataclass(frozen=True, slots=True)
class DropTaped(Command):
    """A loose battery's poles are taped, or not yet."""

    drop: str
    taped: bool


@dataclass(frozen=True, slots=True)
class DropOpen(Command):
    """Release the flap for what lies on the scale."""

    drop: str


@dataclass(frozen=True, slots=True)
class DropAnother(Command):
    """After the receipt: the same person brings another thing; its receipt adds up."""

    drop: str


@dataclass(frozen=True, slots=True)
class DropDone(Command):
    """The receipt was read, or the person steps back. What lies on the scale goes back to its owner."""

    drop: str


# -- staff


@dataclass(frozen=True, slots=True)
class StaffIn(Command):
    """Log in with number and PIN."""

    staff: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StaffOut(Command):
    """Log out; the shift stays open until it is closed."""


@dataclass(frozen=True, slots=True)
class Second:
    """The second member of staff, where two are needed."""

    staff: str
    pin: str = field(repr=False)


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
    """Pay what was accepted. Doing it again does nothing more. ``method``: "cash" after a transfer was refused."""

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


@dataclass(frozen=True, slots=True)
class DrawerEmpty(Command):
    """A staff member has packed the hazard drawer's item by itself and put it into quarantine."""

    item: str
    package: str  # number of its package
    mass_g: int = 0  # 0 = as the scale shows it now


@dataclass(frozen=True, slots=True)
class DrawerOpen(Command):
    """Release the hazard drawer for staff."""


@dataclass(frozen=True, slots=True)
class DropResolve(Command):
    """Staff looked where an item is that nobody saw falling. ``where``: "bin", "owner", "quarantine"."""

    item: str
    where: str
    mass_g: int = 0  # for quarantine; 0 = as known, or as the scale shows it now


@dataclass(frozen=True, slots=True)
class BinLock(Command):
    """Lock a bin by hand; "hazard" or "fault"."""

    bin: int
    why: str


@dataclass(frozen=True, slots=True)
class BinEmpty(Command):
    """Two people open a full or locked bin; its items go into a draft manifest's parcel."""

    bin: int
    manifest: str
    second: Second


@dataclass(frozen=True, slots=True)
class BinClosed(Command):
    """The empty bin is back in its place."""

    bin: int


@dataclass(frozen=True, slots=True)
class ManifestDraft(Command):
    """To a listed processor whose licence holds on that day."""

    processor: str


@dataclass(frozen=True, slots=True)
class ManifestRedirect(Command):
    """A draft goes to another listed processor, with all that is on it: its own may not take it any more."""

    manifest: str
    processor: str


@dataclass(frozen=True, slots=True)
class ManifestAdd(Command):
    """A quarantine item or a released shelf item joins a draft."""

    manifest: str
    item: str


@dataclass(frozen=True, slots=True)
class ManifestSeal(Command):
    """Parcels closed, seal numbers scanned."""

    manifest: str
    seals: tuple[str, ...]
    second: Second


@dataclass(frozen=True, slots=True)
class ManifestPickUp(Command):
    """The carrier has it. ``vehicle``: plate; "road" or "sea": a manifest with lithium never goes by "air"."""

    manifest: str
    carrier: str
    vehicle: str
    by: str = "road"


@dataclass(frozen=True, slots=True)
class ManifestAnswer(Command):
    """The processor's signed answer (see :mod:`recycling.processor_answer`), from headquarters or a file."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class ManifestRevise(Command):
    """Propose a correction of a sealed manifest; the other side has to accept it."""

    manifest: str
    changes: Mapping[str, int]  # item -> corrected g
    reason: str


@dataclass(frozen=True, slots=True)
class ManifestReviseAnswer(Command):
    """Our word on a correction that the processor proposed."""

    manifest: str
    accept: bool


@dataclass(frozen=True, slots=True)
class ShiftClose(Command):
    """Cash counted; ``second`` where it differs from the book."""

    counted_fen: int
    reason: str = ""
    second: Second | None = None


@dataclass(frozen=True, slots=True)
class VoucherRedeem(Command):
    """A voucher's code as scanned; good once, anywhere the network answers."""

    code: str
    amount_fen: int  # the bill it goes towards
