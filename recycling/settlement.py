"""Money that leaves, once: intended, then what the payee's side says. It moves none itself. Amounts in fen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from recycling.errors import Refused
from recycling.machine import Key, Machine, Table, pairs, rule


class State(StrEnum):
    """What is known of one payment."""

    INTENDED = "intended"
    UNKNOWN = "unknown"
    PAID = "paid"
    REFUSED = "refused"


S = State


@dataclass(frozen=True, slots=True)
class Settlement:
    """One payment; ``key`` makes it happen once however often it is asked for."""

    key: str
    trade: str
    method: str  # "cash", "transfer", "top_up", "nothing"
    amount_fen: int  # to the customer
    receive_fen: int  # from the customer, for top-up
    at_ms: int
    state: State = State.INTENDED


def key(trade: str, attempt: int) -> str:
    """The trade's own id; a further attempt, after a certain refusal only, has its number behind it."""
    return trade if attempt == 1 else f"{trade}-{attempt}"


def intended(
    trade: str, attempt: int, method: str, amount_fen: int, receive_fen: int, at_ms: int
) -> Settlement:
    """A payment that is about to be asked for. :class:`Refused` "amount_negative"."""
    if amount_fen < 0 or receive_fen < 0:
        raise Refused("amount_negative", f"{trade}: an amount below 0")
    return Settlement(key(trade, attempt), trade, method, amount_fen, receive_fen, at_ms)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Paid(Event):
    """It has moved."""


@dataclass(frozen=True, slots=True)
class Unknown(Event):
    """No answer: it may have moved."""


@dataclass(frozen=True, slots=True)
class Declined(Event):
    """It did not move and never will under this key."""


EVENTS: tuple[type[object], ...] = (Paid, Unknown, Declined)


def _paid(settlement: Settlement, event: Paid) -> Settlement:
    return replace(settlement, state=S.PAID, at_ms=event.at_ms)


def _unknown(settlement: Settlement, event: Unknown) -> Settlement:
    return replace(settlement, state=S.UNKNOWN, at_ms=event.at_ms)


def _declined(settlement: Settlement, event: Declined) -> Settlement:
    return replace(settlement, state=S.REFUSED, at_ms=event.at_ms)


TABLE: Table = {
    **{(state, Paid): rule(_paid, S.PAID) for state in (S.INTENDED, S.UNKNOWN)},
    (S.INTENDED, Unknown): rule(_unknown, S.UNKNOWN),
    **{(state, Declined): rule(_declined, S.REFUSED) for state in (S.INTENDED, S.UNKNOWN)},
}
IGNORED: frozenset[Key] = (
    # the same answer again, or none to a question that has its answer
    pairs({Unknown}, State, TABLE) | pairs({Paid}, {S.PAID}, TABLE) | pairs({Declined}, {S.REFUSED}, TABLE)
)
MACHINE = Machine(
    "settlement",
    State,
    EVENTS,
    TABLE,
    IGNORED,
    frozenset(pair for pair in pairs(EVENTS, State, TABLE) if pair not in IGNORED),
    S.INTENDED,
)
