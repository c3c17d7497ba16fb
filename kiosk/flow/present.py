"""Turns a visit into what the screen shows. Pure: the same visit gives the same picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kiosk.flow import phases
from kiosk.flow.events import Cancel
from kiosk.flow.update import TABLE
from kiosk.flow.user_data import NOT_SEEN, UserData
from kiosk.flow.view import FetchView, JobView, Screen, UserDataView
from kiosk.flow.visit import FetchFacts, State, Visit
from kiosk.ports import Models

S = State

SCREENS: dict[State, Screen] = {
    S.CONNECT: Screen.CONNECT,
    S.RECOGNISING: Screen.RECOGNISING,
    S.UNLOCK: Screen.UNLOCK,
    S.INVENTORY: Screen.INVENTORY,
    S.KEYS: Screen.KEYS,
    S.IDENTIFYING: Screen.IDENTIFYING,
    S.PREPARING: Screen.IDENTIFYING,
    S.PLAN: Screen.PLAN,
    S.BACKUP: Screen.BACKUP,
    S.FETCHING: Screen.FETCHING,
    S.LEAVING: Screen.IDENTIFYING,
    S.WRITING: Screen.PROGRESS,
    S.SWITCHING: Screen.PROGRESS,
    S.REBOOTING: Screen.PROGRESS,
    S.RESTARTING: Screen.PROGRESS,
    S.UNLOCK_AGAIN: Screen.UNLOCK_AGAIN,
    S.CHECKING: Screen.CHECKING,
    S.KEYS_AGAIN: Screen.KEYS_AGAIN,
    S.CONFIRMING: Screen.PROGRESS,
    S.FINISHING: Screen.PROGRESS,
    S.AWAIT_PHONE: Screen.AWAIT_PHONE,
    S.RETURNING: Screen.PROGRESS,
    S.UPDATED: Screen.RESULT,
    S.UP_TO_DATE: Screen.UP_TO_DATE,
    S.LOCKED: Screen.LOCKED,
    S.REFUSED: Screen.REFUSED,
    S.CANCELLED: Screen.CANCELLED,
    S.NEEDS_STAFF: Screen.NEEDS_STAFF,
}

STEPS = 6
_STEP_OF = {
    Screen.CONNECT: 1,
    Screen.RECOGNISING: 1,
    Screen.UNLOCK: 2,
    Screen.INVENTORY: 2,
    Screen.KEYS: 3,
    Screen.IDENTIFYING: 3,
    Screen.PLAN: 4,
    Screen.BACKUP: 4,
    Screen.FETCHING: 5,
    Screen.PROGRESS: 5,
    Screen.AWAIT_PHONE: 5,
}
_BY_ITSELF: dict[State, Screen] = {
    S.UNLOCK: Screen.RECOGNISING,
    S.KEYS: Screen.IDENTIFYING,
    S.UNLOCK_AGAIN: Screen.CHECKING,
    S.KEYS_AGAIN: Screen.CHECKING,
    S.CONFIRMING: Screen.CHECKING,
    S.FINISHING: Screen.CHECKING,
}
"""What a phone with an agent does by itself: nobody is asked to unlock it or to hold its keys."""

_ATTENTION = frozenset(
    {S.CONNECT, S.UNLOCK, S.KEYS, S.PLAN, S.BACKUP, S.AWAIT_PHONE, S.UNLOCK_AGAIN, S.KEYS_AGAIN}
)
_ESTIMATE_AROUND_S = 150  # restart, unlocking again, keys again


@dataclass(frozen=True, slots=True)
class Shown:
    """What only the runner knows."""

    seconds_left: int | None = None
    slip: str = ""
    failure: str = ""


def job_view(visit: Visit, models: Models, shown: Shown) -> JobView:
    """The whole picture of one visit. ``deadline_s`` and ``call`` are added when it is looked at."""
    screen = _screen(visit, shown)
    plan, facts = visit.plan, visit.facts
    return JobView(
        visit=visit.visit,
        bay=visit.bay,
        bay_number=visit.bay_number,
        screen=screen,
        step=_STEP_OF.get(screen, STEPS),
        steps=STEPS,
        attention=_waits_for_customer(visit) or visit.finished or _is_missing(visit),
        model=visit.product,
        model_names=models.names(visit.product) if visit.product else {},
        keys=models.keys(visit.product) if visit.product else (),
        version_from=(facts.version or "") if facts else "",
        version_to=plan.version_to if plan else "",
        notes=dict(visit.notes),
        battery_percent=visit.battery_percent,
        bytes_to_send=plan.size_bytes if plan else 0,
        fetch=fetch_view(visit.fetch),
        minutes_estimate=_minutes(visit),
        phases=phases.PHASES,
        phase=phases.phase(visit),
        percent=visit.percent,
        seconds_left=shown.seconds_left,
        user_data=user_data_view(visit.user_data, visit.counted_bytes),
        reason=visit.reason or ("our_error" if shown.failure else ""),
        written=visit.written,
        phone_present=visit.phone_present,
        resumed=visit.resumed,
        slip=shown.slip,
        can_cancel=(visit.state, Cancel) in TABLE,
        finished=visit.finished or bool(shown.failure),
    )


def fetch_view(fetch: FetchFacts) -> FetchView:
    """The offer, and how much of its download is here: in its bytes, however the catalogue counts its work."""
    total = max(1, fetch.total_bytes)
    return FetchView(
        method=fetch.method,
        why=fetch.why,
        base_version=fetch.base_version,
        bytes=fetch.fetch_bytes,
        full_bytes=fetch.full_bytes,
        done_bytes=fetch.fetch_bytes * min(fetch.done_bytes, total) // total,
    )


def user_data_view(data: UserData, counted_bytes: int = 0) -> UserDataView:
    """The contract's counts; while counting, ``bytes_before`` are the bytes read so far."""
    return UserDataView(
        before=data.before,
        after=data.after,
        identical=data.identical,
        hashed=data.hashed,
        changed=data.changed,
        missing=data.missing,
        unreadable=data.unreadable,
        added=data.added,
        bytes_before=data.bytes_before or counted_bytes,
        truncated=data.truncated,
        not_seen=NOT_SEEN,
    )


def _waits_for_customer(visit: Visit) -> bool:
    return visit.state in _ATTENTION and not (visit.agent and visit.state in _BY_ITSELF)


def _is_missing(visit: Visit) -> bool:
    """The download goes on without its phone: somebody must plug it back in."""
    return visit.state is S.FETCHING and not visit.phone_present


def _screen(visit: Visit, shown: Shown) -> Screen:
    if shown.failure and not visit.finished:
        return Screen.NEEDS_STAFF if visit.written else Screen.REFUSED
    if visit.state is S.CONNECT and visit.charging:
        return Screen.UNLOCK
    if visit.state is S.LEAVING and visit.ending is not None:
        return SCREENS[visit.ending]
    if visit.agent and visit.state in _BY_ITSELF:
        return _BY_ITSELF[visit.state]
    return SCREENS[visit.state]


def _minutes(visit: Visit) -> int:
    if visit.plan is None:
        return 0
    looking_s = 2 * visit.seconds.get(State.INVENTORY.value, 0.0)
    moving_s = phases.fetch_seconds(visit) + phases.write_seconds(visit)
    return math.ceil((moving_s + looking_s + _ESTIMATE_AROUND_S) / 60)
