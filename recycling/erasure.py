"""Erasing an accepted phone: the machine, the only maker of erase orders, and what a second look proves.

Terms of NIST SP 800-88r2: fastboot erase and a factory reset are at most Clear; what was looked at afterwards is a
verification by inspection, never a read-back. It touches no phone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from recycling.errors import Refused
from recycling.machine import Key, Machine, Table, pairs, rule
from recycling.trade import State as TradeState
from recycling.trade import Trade

ATTEMPTS = 3
PARTITIONS = ("userdata", "metadata")
METHODS = ("fastboot_erase", "factory_reset")


class State(StrEnum):
    """Where the erasing of one phone stands."""

    CONSENTED = "consented"
    RUNNING = "running"
    VERIFYING = "verifying"
    INTERRUPTED = "interrupted"
    CERTIFIED = "certified"
    WARNING = "warning"
    FAILED = "failed"
    GIVEN_UP = "given_up"


S = State
ENDED = frozenset({S.CERTIFIED, S.WARNING, S.GIVEN_UP})


@dataclass(frozen=True, slots=True)
class Erasure:
    """``attempt`` counts from 1 once it runs. Files are the owner's as MTP listed them; None = not listable."""

    trade: str
    state: State = State.CONSENTED
    method: str = ""
    attempt: int = 0
    bay: int = 0
    where: str = ""
    product: str = ""
    serial: str = ""
    mtp_serial: str = ""  # of the running phone; often another number than its bootloader's
    files_before: int | None = None
    files_after: int | None = None
    wizard: bool | None = None
    verification: str = ""
    certificate: str = ""
    why: str = ""
    staff: str = ""  # who began the attempt and answers for it on the certificate
    role: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """Leave to erase one phone and no other; matches the eraser's port."""

    trade: str
    product: str
    serial: str
    partitions: tuple[str, ...]


def order(trade: Trade) -> Order:
    """The only maker of erase orders: state erasing, with an acceptance, for the phone that was in the bay then."""
    if trade.state is not TradeState.ERASING or trade.acceptance is None:
        raise Refused("not_accepted", f"{trade.trade}: {trade.state}, so nothing may be erased")
    if not trade.product or not trade.serial:
        raise Refused("phone_unknown", f"{trade.trade}: the phone did not say who it is")
    return Order(trade.trade, trade.product, trade.serial, PARTITIONS)


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Begun(Event):
    """An attempt by ``method`` on the phone in the bay; ``where`` is the bay's port."""

    method: str
    bay: int
    where: str
    product: str
    serial: str  # of its bootloader, "" where it was not there
    files_before: int | None = None
    mtp_serial: str = ""
    staff: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Ran(Event):
    """The phone said that it was done, or its owner's reset was carried out: look again."""


@dataclass(frozen=True, slots=True)
class Interrupted(Event):
    """The station or the phone lost power, or the cable came out."""

    why: str


@dataclass(frozen=True, slots=True)
class Refusal(Event):
    """The phone or the way to it refused."""

    why: str


@dataclass(frozen=True, slots=True)
class Looked(Event):
    """The second inspection. ``mode`` as of a bay; None = could not be told."""

    mode: str
    files: int | None
    wizard: bool | None
    certificate: str  # the number it gets if it deserves one
    product: str = ""
    mtp_serial: str = ""


@dataclass(frozen=True, slots=True)
class GaveUp(Event):
    """To destruction."""

    why: str


EVENTS: tuple[type[object], ...] = (Begun, Ran, Interrupted, Refusal, Looked, GaveUp)


def _begun(erasure: Erasure, event: Begun) -> Erasure:
    resumed = erasure.state is S.INTERRUPTED and erasure.method == event.method
    attempt = erasure.attempt if resumed else erasure.attempt + 1
    if attempt > ATTEMPTS:
        raise Refused("attempts_used", f"{erasure.trade}: {ATTEMPTS} attempts", {"attempts": ATTEMPTS})
    if event.method not in METHODS:
        raise Refused("method_unknown", f"{erasure.trade}: {event.method}")
    if _another((erasure.serial, event.serial), (erasure.mtp_serial, event.mtp_serial)):
        raise Refused("wrong_phone", f"{erasure.trade}: another phone is in the bay")
    before = erasure.files_before if erasure.files_before is not None else event.files_before
    return replace(
        erasure,
        state=S.RUNNING,
        method=event.method,
        attempt=attempt,
        bay=event.bay,
        where=event.where,
        product=event.product or erasure.product,
        serial=event.serial or erasure.serial,
        mtp_serial=event.mtp_serial or erasure.mtp_serial,
        files_before=before,
        files_after=None,
        wizard=None,
        why="",
        staff=event.staff or erasure.staff,
        role=event.role or erasure.role,
        at_ms=event.at_ms,
    )


def _another(*pairs_seen: tuple[str, str]) -> bool:
    """Whether a number is known of both, and they differ."""
    return any(before and now and before != now for before, now in pairs_seen)


def _ran(erasure: Erasure, event: Ran) -> Erasure:
    """Once the phone has refused, or a look has shown its owner's things, only a reset that can be seen counts."""
    doubted = erasure.state is S.FAILED and erasure.why != "no_answer"
    method = "factory_reset" if doubted else erasure.method
    return replace(erasure, state=S.VERIFYING, method=method, at_ms=event.at_ms)


def _interrupted(erasure: Erasure, event: Interrupted) -> Erasure:
    return replace(erasure, state=S.INTERRUPTED, why=event.why, at_ms=event.at_ms)


def _failed(erasure: Erasure, event: Refusal) -> Erasure:
    return replace(erasure, state=S.FAILED, why=event.why, at_ms=event.at_ms)


def _looked(erasure: Erasure, event: Looked) -> Erasure:
    """Certified only when nothing was found and the wizard was seen; else a warning where one is known."""
    seen = replace(erasure, files_after=event.files, wizard=event.wizard, at_ms=event.at_ms)
    why = _not_erased(erasure, event)
    if why:
        return replace(seen, state=S.FAILED, why=why)
    proven = event.wizard is True and event.files == 0
    return replace(
        seen,
        state=S.CERTIFIED if proven else S.WARNING,
        verification="inspection" if proven else "answer_only",
        certificate=event.certificate,
    )


def _not_erased(erasure: Erasure, event: Looked) -> str:
    """Why a second look proves nothing, "" when it does."""
    if _another((erasure.mtp_serial, event.mtp_serial), (erasure.product, event.product)):
        return "wrong_phone"
    if event.files is not None and event.files > 0:
        return "files_left"
    if event.wizard is False:
        return "not_reset"
    if event.files is None and event.wizard is None:
        return "no_answer"
    # A locked phone that shows no files may merely be locked: nothing proves that it was reset.
    return "" if event.wizard or erasure.method == "fastboot_erase" else "not_proven"


def _gave_up(erasure: Erasure, event: GaveUp) -> Erasure:
    return replace(erasure, state=S.GIVEN_UP, why=event.why, at_ms=event.at_ms)


TABLE: Table = {
    **{
        (state, Begun): rule(_begun, S.RUNNING)
        for state in (S.CONSENTED, S.RUNNING, S.VERIFYING, S.INTERRUPTED, S.FAILED)
    },
    # a failed one may be looked at once more: somebody has allowed the transfer, or reset it after all
    **{(state, Ran): rule(_ran, S.VERIFYING) for state in (S.RUNNING, S.FAILED)},
    **{(state, Interrupted): rule(_interrupted, S.INTERRUPTED) for state in (S.RUNNING, S.VERIFYING)},
    **{(state, Refusal): rule(_failed, S.FAILED) for state in (S.RUNNING, S.VERIFYING)},
    (S.VERIFYING, Looked): rule(_looked, S.CERTIFIED, S.WARNING, S.FAILED),
    **{
        (state, GaveUp): rule(_gave_up, S.GIVEN_UP)
        for state in (S.CONSENTED, S.RUNNING, S.VERIFYING, S.INTERRUPTED, S.FAILED)
    },
}

IGNORED: frozenset[Key] = (
    # what an attempt that was broken off still has to say
    pairs({Ran, Interrupted, Refusal}, State, TABLE)
    # said a second time
    | pairs({GaveUp}, {S.GIVEN_UP}, TABLE)
)
MACHINE = Machine(
    "erasure",
    State,
    EVENTS,
    TABLE,
    IGNORED,
    frozenset(key for key in pairs(EVENTS, State, TABLE) if key not in IGNORED),
    S.CONSENTED,
)
