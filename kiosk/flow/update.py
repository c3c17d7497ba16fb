"""The update visit as a table: ``step(visit, event) -> (visit, effects)``. Pure; it waits for nothing.

Every (state, event) stands in :data:`TABLE` or in :data:`IGNORED`; the diagram in docs/ is drawn from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from kiosk.errors import FlowError
from kiosk.flow import after_write as after
from kiosk.flow import arrival, fetching, phases
from kiosk.flow import before_write as before
from kiosk.flow import confirmation as last
from kiosk.flow.effects import Effect, Record, Watch
from kiosk.flow.events import (
    EVENTS,
    TOUCHES,
    BackupAnswered,
    Cancel,
    Compared,
    Consent,
    Counting,
    Decline,
    Event,
    Fetched,
    FetchFailed,
    Fetching,
    Identified,
    InventoryTaken,
    Left,
    Noted,
    OurFailure,
    PhoneGone,
    PhoneRecognised,
    PhoneRefused,
    PhoneSeen,
    PlanImpossible,
    PlanReady,
    Progress,
    Rebooted,
    Restarted,
    SlotSwitched,
    TimeUp,
    Unlocked,
    Written,
    WrongPhone,
)
from kiosk.flow.moves import Outcome
from kiosk.flow.visit import AFTER_WRITE, TERMINAL, State, Visit

S = State


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do, and the only states it may lead to."""

    act: Callable[[Visit, Any], Outcome]
    to: frozenset[State]


Key = tuple[State, type[Event]]


def _rule(act: Callable[[Visit, Any], Outcome], *to: State) -> Rule:
    return Rule(act, frozenset(to))


_ANYWAY_LEFT = (Left, PhoneGone, PhoneRefused, WrongPhone, OurFailure, TimeUp)

TABLE: dict[Key, Rule] = {
    (S.CONNECT, PhoneSeen): _rule(
        arrival.seen_at_connect, S.CONNECT, S.RECOGNISING, S.IDENTIFYING, S.REFUSED
    ),
    (S.CONNECT, PhoneGone): _rule(arrival.gone_at_connect, S.CONNECT),
    (S.CONNECT, Left): _rule(arrival.left_at_connect, S.CONNECT),
    (S.CONNECT, TimeUp): _rule(arrival.late_at_connect, S.CANCELLED, S.REFUSED),
    (S.CONNECT, OurFailure): _rule(before.our_failure, S.REFUSED),
    (S.KEYS, OurFailure): _rule(before.our_failure, S.REFUSED),
    (S.CONNECT, Cancel): _rule(before.cancelled, S.CANCELLED),
    (S.CONNECT, Restarted): _rule(arrival.restarted_early, S.CONNECT),
    (S.RECOGNISING, PhoneRecognised): _rule(arrival.recognised, S.UNLOCK, S.KEYS, S.REFUSED),
    (S.RECOGNISING, TimeUp): _rule(before.silent, S.REFUSED),
    (S.UNLOCK, Unlocked): _rule(arrival.unlocked, S.INVENTORY),
    (S.UNLOCK, TimeUp): _rule(arrival.not_unlocked, S.CANCELLED),
    (S.INVENTORY, InventoryTaken): _rule(arrival.inventory_taken, S.KEYS),
    (S.INVENTORY, Counting): _rule(arrival.counting, S.INVENTORY),
    (S.INVENTORY, TimeUp): _rule(before.silent, S.REFUSED),
    **{
        (state, event): rule
        for state in (S.RECOGNISING, S.UNLOCK, S.INVENTORY)
        for event, rule in (
            (PhoneGone, _rule(arrival.replug, S.CONNECT, S.CANCELLED)),
            (PhoneRefused, _rule(before.phone_error, S.REFUSED)),
            (WrongPhone, _rule(before.wrong_phone, S.REFUSED)),
            (OurFailure, _rule(before.our_failure, S.REFUSED)),
            (Cancel, _rule(before.cancelled, S.CANCELLED)),
            (Restarted, _rule(arrival.restarted_early, S.CONNECT)),
        )
    },
    (S.KEYS, PhoneSeen): _rule(before.seen_at_keys, S.KEYS, S.IDENTIFYING, S.REFUSED),
    (S.KEYS, PhoneGone): _rule(arrival.absent, S.KEYS, S.CONNECT, S.CANCELLED),
    (S.KEYS, TimeUp): _rule(before.no_keys, S.CANCELLED),
    (S.KEYS, Cancel): _rule(before.cancelled, S.CANCELLED),
    (S.KEYS, Restarted): _rule(before.restarted_at_bootloader, S.KEYS),
    (S.IDENTIFYING, Identified): _rule(before.identified, S.PREPARING, S.LEAVING),
    (S.IDENTIFYING, TimeUp): _rule(before.silent, S.LEAVING),
    (S.PREPARING, PlanReady): _rule(fetching.plan_ready, S.PLAN, S.FETCHING),
    (S.PREPARING, PlanImpossible): _rule(before.plan_impossible, S.LEAVING),
    (S.PREPARING, Noted): _rule(fetching.noted, S.PREPARING),
    (S.PREPARING, TimeUp): _rule(before.no_catalogue, S.LEAVING),
    (S.PLAN, Consent): _rule(before.consented, S.BACKUP),
    (S.PLAN, Decline): _rule(before.declined, S.LEAVING),
    (S.PLAN, PhoneSeen): _rule(before.seen_at_plan, S.PLAN, S.CANCELLED),
    (S.PLAN, TimeUp): _rule(before.no_answer, S.LEAVING),
    (S.BACKUP, BackupAnswered): _rule(fetching.backup_answered, S.FETCHING),
    (S.BACKUP, Decline): _rule(before.declined, S.LEAVING),
    (S.BACKUP, PhoneSeen): _rule(before.seen_at_plan, S.BACKUP, S.CANCELLED),
    (S.BACKUP, TimeUp): _rule(before.no_answer, S.LEAVING),
    (S.FETCHING, Fetching): _rule(fetching.moved, S.FETCHING),
    (S.FETCHING, Noted): _rule(fetching.noted, S.FETCHING),
    (S.FETCHING, Fetched): _rule(fetching.fetched, S.FETCHING, S.IDENTIFYING, S.WRITING),
    (S.FETCHING, FetchFailed): _rule(fetching.failed, S.LEAVING),
    (S.FETCHING, PhoneSeen): _rule(fetching.seen, S.FETCHING, S.IDENTIFYING, S.KEYS, S.LEAVING),
    (S.FETCHING, PhoneGone): _rule(fetching.gone, S.FETCHING, S.CANCELLED),
    (S.FETCHING, TimeUp): _rule(fetching.late, S.LEAVING, S.CANCELLED),
    **{
        (state, PhoneGone): _rule(before.unplugged, S.CANCELLED)
        for state in (S.IDENTIFYING, S.PREPARING, S.PLAN, S.BACKUP)
    },
    **{
        (state, event): rule
        for state in (S.IDENTIFYING, S.PREPARING, S.PLAN, S.BACKUP, S.FETCHING)
        for event, rule in (
            (PhoneRefused, _rule(before.phone_error, S.LEAVING)),
            (WrongPhone, _rule(before.wrong_phone, S.LEAVING)),
            (OurFailure, _rule(before.our_failure, S.LEAVING)),
            (Cancel, _rule(before.cancelled, S.LEAVING)),
            (Restarted, _rule(before.restarted_at_bootloader, S.KEYS)),
        )
    },
    **{
        (S.LEAVING, event): _rule(before.left, S.UP_TO_DATE, S.LOCKED, S.REFUSED, S.CANCELLED)
        for event in _ANYWAY_LEFT
    },
    (S.LEAVING, Restarted): _rule(before.restarted_leaving, S.LEAVING),
    # -- from here on something may have been written: no Cancel, no Decline
    (S.WRITING, Noted): _rule(fetching.noted, S.WRITING),
    (S.WRITING, Progress): _rule(after.progress, S.WRITING),
    (S.WRITING, Written): _rule(after.written, S.WRITING, S.SWITCHING, S.REBOOTING, S.NEEDS_STAFF),
    (S.SWITCHING, SlotSwitched): _rule(after.slot_switched, S.REBOOTING),
    (S.REBOOTING, Rebooted): _rule(after.rebooted, S.RESTARTING, S.KEYS_AGAIN),
    (S.RESTARTING, PhoneSeen): _rule(after.seen_restarting, S.RESTARTING, S.UNLOCK_AGAIN, S.NEEDS_STAFF),
    (S.RESTARTING, PhoneGone): _rule(after.gone_waiting, S.RESTARTING),
    (S.RESTARTING, TimeUp): _rule(after.stalled, S.AWAIT_PHONE, S.NEEDS_STAFF),
    (S.UNLOCK_AGAIN, Unlocked): _rule(after.unlocked_again, S.CHECKING),
    (S.UNLOCK_AGAIN, PhoneSeen): _rule(after.seen_unlock_again, S.UNLOCK_AGAIN),
    (S.UNLOCK_AGAIN, PhoneGone): _rule(after.lost, S.AWAIT_PHONE, S.NEEDS_STAFF),
    (S.UNLOCK_AGAIN, TimeUp): _rule(after.deadline_over, S.NEEDS_STAFF),
    (S.CHECKING, Counting): _rule(arrival.counting, S.CHECKING),
    (S.CHECKING, Compared): _rule(after.compared, S.KEYS_AGAIN, S.NEEDS_STAFF),
    (S.KEYS_AGAIN, PhoneSeen): _rule(last.seen_keys_again, S.KEYS_AGAIN, S.CONFIRMING),
    (S.KEYS_AGAIN, PhoneGone): _rule(last.gone_keys_again, S.KEYS_AGAIN, S.AWAIT_PHONE, S.NEEDS_STAFF),
    (S.KEYS_AGAIN, TimeUp): _rule(after.deadline_over, S.NEEDS_STAFF),
    (S.CONFIRMING, Identified): _rule(last.confirmed, S.FINISHING, S.REBOOTING, S.NEEDS_STAFF),
    (S.AWAIT_PHONE, PhoneSeen): _rule(
        after.seen_awaiting, S.AWAIT_PHONE, S.RETURNING, S.UNLOCK_AGAIN, S.KEYS_AGAIN
    ),
    (S.AWAIT_PHONE, PhoneGone): _rule(after.gone_waiting, S.AWAIT_PHONE),
    (S.AWAIT_PHONE, TimeUp): _rule(after.deadline_over, S.NEEDS_STAFF),
    (S.RETURNING, Identified): _rule(after.returned, S.WRITING, S.SWITCHING, S.REBOOTING, S.NEEDS_STAFF),
    **{
        (state, event): _rule(
            after.lost if event is PhoneGone else after.stalled, S.AWAIT_PHONE, S.NEEDS_STAFF
        )
        for state in (S.WRITING, S.SWITCHING, S.REBOOTING, S.CHECKING, S.CONFIRMING, S.RETURNING)
        for event in (PhoneGone, TimeUp)
    },
    **{
        (state, event): rule
        for state in AFTER_WRITE - {S.FINISHING}
        for event, rule in (
            (PhoneRefused, _rule(after.refused, S.NEEDS_STAFF)),
            (WrongPhone, _rule(after.swapped, S.NEEDS_STAFF)),
            (OurFailure, _rule(after.broken, S.NEEDS_STAFF)),
            (Restarted, _rule(after.restarted, S.AWAIT_PHONE)),
        )
    },
    (S.WRITING, PhoneRefused): _rule(after.refused, S.NEEDS_STAFF, S.REFUSED),
    **{(S.FINISHING, event): _rule(last.finished, S.UPDATED) for event in _ANYWAY_LEFT},
    (S.FINISHING, Restarted): _rule(last.restarted_finishing, S.FINISHING),
    # -- closed: only whether a phone is still in the bay
    **{(state, PhoneSeen): _rule(after.seen_closed, state) for state in TERMINAL},
    **{(state, PhoneGone): _rule(after.gone_waiting, state) for state in TERMINAL},
}


def _ignored() -> frozenset[Key]:
    """Named by why: each group says which events mean nothing where, and nothing else is ignored."""
    every = set(State)
    pairs: set[Key] = set()

    def ignore(events: Iterable[type[Event]], states: Iterable[State]) -> None:
        pairs.update((state, event) for state in states for event in events if (state, event) not in TABLE)

    # a touch on a screen that has just changed
    ignore(TOUCHES, every)
    # an answer to a question that is no longer asked, or of another state's effect
    ignore(
        {PhoneRecognised, Unlocked, InventoryTaken, Compared, Identified, PlanReady, PlanImpossible}, every
    )
    ignore({Fetching, Noted, Fetched, FetchFailed}, every)
    ignore({Progress, Counting, Written, SlotSwitched, Rebooted, Left}, every)
    # what the bay shows while a question is being asked: the question's own answer counts
    asking = {S.RECOGNISING, S.UNLOCK, S.INVENTORY, S.IDENTIFYING, S.PREPARING, S.LEAVING, S.WRITING}
    asking |= {S.SWITCHING, S.REBOOTING, S.CHECKING, S.CONFIRMING, S.FINISHING, S.RETURNING}
    ignore({PhoneSeen}, asking)
    # no question is asked while a person is waited for, so none can fail
    ignore({PhoneRefused, WrongPhone}, {S.CONNECT, S.KEYS})
    # latched: the first cause stands
    ignore({PhoneRefused, WrongPhone, OurFailure, TimeUp, Restarted}, TERMINAL)
    return frozenset(pairs)


IGNORED: frozenset[Key] = _ignored()

WAITS: dict[State, str] = {
    S.CONNECT: "connect_s",
    S.RECOGNISING: "answer_s",
    S.UNLOCK: "unlock_s",
    S.INVENTORY: "inventory_s",
    S.KEYS: "keys_s",
    S.IDENTIFYING: "answer_s",
    S.PREPARING: "prepare_s",
    S.PLAN: "consent_s",
    S.BACKUP: "consent_s",
    S.FETCHING: "fetch_silence_s",
    S.LEAVING: "leave_s",
    S.WRITING: "write_silence_s",
    S.SWITCHING: "answer_s",
    S.REBOOTING: "answer_s",
    S.RESTARTING: "restart_s",
    S.UNLOCK_AGAIN: "unlock_again_s",
    S.CHECKING: "inventory_s",
    S.KEYS_AGAIN: "keys_again_s",
    S.CONFIRMING: "answer_s",
    S.FINISHING: "leave_s",
    S.AWAIT_PHONE: "await_phone_s",
    S.RETURNING: "answer_s",
}
"""Which of :class:`kiosk.flow.timeouts.Timeouts` bounds each state."""


def begin(visit: Visit) -> Outcome:
    """The first step of a new visit."""
    body = {"bay": visit.bay_number, "language": visit.language, "inventory": visit.options.inventory}
    return visit, (Record("visit.begun", body), Watch())


def step(visit: Visit, event: Event) -> tuple[Visit, tuple[Effect, ...]]:
    """What follows from ``event``: the new state of the visit, and what to commit and to do, in order.

    Raises :class:`FlowError` for a pair that stands nowhere, or a rule that leads where it may not: our bug.
    """
    key = (visit.state, type(event))
    rule = TABLE.get(key)
    if rule is None:
        if key in IGNORED:
            return visit, ()
        raise FlowError(f"{key[1].__name__} in {key[0]}: not foreseen")
    moved, effects = rule.act(visit, event)
    if isinstance(event, Identified) and event.facts.restarted:
        effects = (Record("phone.restarted", {"why": "image_never_started"}), *effects)
    if moved.state not in rule.to:
        raise FlowError(f"{key[1].__name__} in {key[0]} must not lead to {moved.state}")
    return replace(moved, percent=max(visit.percent, phases.percent(moved))), effects


def unforeseen() -> list[Key]:
    """Pairs in neither set; empty, or the machine is not total."""
    return [
        (state, event)
        for state in State
        for event in EVENTS
        if (state, event) not in TABLE and (state, event) not in IGNORED
    ]
