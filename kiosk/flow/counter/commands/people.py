"""Who works here and the till: logging in, the second person, the shift, what a voucher pays."""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.flow.counter.commands.command import Command


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
class StaffHere(Command):
    """The customer had the screen; the PIN of whoever is logged in gives it back to staff."""

    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CashChange(Command):
    """Cash that no trade-in moves: put into the drawer (above 0) or taken to the safe (below), before two people."""

    amount_fen: int
    reason: str
    second: Second


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
