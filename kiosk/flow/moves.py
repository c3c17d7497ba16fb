"""How a visit moves: to another state, out of the bootloader, to its end. Pure; shared by both halves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kiosk.flow.effects import Effect, Forget, Leave, LetGo, Record, Watch
from kiosk.flow.visit import State, Visit

Outcome = tuple[Visit, tuple[Effect, ...]]

_IN_BOOTLOADER = frozenset({State.IDENTIFYING, State.PREPARING, State.PLAN, State.BACKUP, State.FETCHING})

VERDICTS = {
    State.UPDATED: "updated",
    State.UP_TO_DATE: "up_to_date",
    State.NEEDS_STAFF: "needs_staff",
    State.LOCKED: "refused",
    State.REFUSED: "refused",
    State.CANCELLED: "refused",
}
"""The contract's word for each terminal state."""


def leave(visit: Visit) -> tuple[Effect, ...]:
    """The intent, then letting the phone go. One with an agent is in no bootloader: nothing is restarted."""
    if visit.agent:
        return (Leave(),)
    return (Record("reboot.intended", {"mode": "normal"}), Leave())


def go(visit: Visit, state: State, *effects: Effect, **changes: Any) -> Outcome:
    """Move on to ``state``, with changes."""
    return replace(visit, state=state, **changes), effects


def stay(visit: Visit, *effects: Effect, **changes: Any) -> Outcome:
    """The same state, with changes."""
    return replace(visit, **changes), effects


def end(visit: Visit, state: State, reason: str = "", detail: str = "") -> Outcome:
    """The visit is over; the first cause stands. The closing entry and the state are one transaction."""
    closed = replace(
        visit, state=state, ending=None, reason=visit.reason or reason, detail=visit.detail or detail
    )
    return closed, (Record("visit.closed", closing_body(closed)), Forget(), LetGo(), Watch())


def give_up(visit: Visit, ending: State, reason: str, detail: str = "") -> Outcome:
    """End before the first write: out of the bootloader first where the phone is in it. Phone untouched."""
    if visit.state in _IN_BOOTLOADER:
        cause = replace(visit, reason=visit.reason or reason, detail=visit.detail or detail)
        return go(cause, State.LEAVING, *leave(visit), ending=ending)
    return end(visit, ending, reason, detail)


def needs_staff(visit: Visit, reason: str, detail: str = "") -> Outcome:
    """Latch. Nothing is sent to the phone from here on."""
    return end(visit, State.NEEDS_STAFF, reason, detail)


def _without_serials(visit: Visit) -> str:
    """The detail may quote the phone, and some phones say their serial number in every answer."""
    detail = visit.detail
    for serial in (visit.facts.serialno if visit.facts else "", visit.mtp_serial):
        detail = detail.replace(serial, "...") if serial else detail
    return detail


def closing_body(visit: Visit) -> dict[str, object]:
    """The body of ``visit.closed``: counts, versions, words."""
    data = visit.user_data
    plan = visit.plan
    counts: dict[str, object] = {
        "before": data.before,
        "after": -1 if data.after is None else data.after,
        "identical": data.identical,
        "hashed": data.hashed,
        "changed": data.changed,
        "missing": data.missing,
        "added": data.added,
        "unreadable": data.unreadable,
    }
    return {
        "verdict": VERDICTS[visit.state],
        "reason": visit.reason,
        "detail": _without_serials(visit)[:200],
        "written": visit.written,
        "counts": counts,
        "model": visit.product,
        "from": plan.version_from if plan else (visit.facts.version or "" if visit.facts else ""),
        "to": plan.version_to if plan else "",
        "bytes_sent": visit.bytes_sent,
        "seconds": round(sum(visit.seconds.values())),
    }
