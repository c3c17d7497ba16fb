"""One percent and its phases for everything after consent. Pure; the caller keeps it from falling."""

from __future__ import annotations

from kiosk.flow.visit import State, Visit

PHASES = ("write", "restart", "check", "confirm")
_WRITE, _SWITCH, _RESTART, _CHECK, _CONFIRM = (0, 80), (80, 81), (81, 86), (86, 95), (95, 99)

_PHASE_OF = {
    State.WRITING: "write",
    State.SWITCHING: "write",
    State.REBOOTING: "restart",
    State.RESTARTING: "restart",
    State.UNLOCK_AGAIN: "check",
    State.CHECKING: "check",
    State.KEYS_AGAIN: "confirm",
    State.CONFIRMING: "confirm",
    State.FINISHING: "confirm",
}


def phase(visit: Visit) -> str:
    """The current phase; "" before the first write. Waiting for the phone stays in the phase it broke."""
    state = visit.resume_to if visit.state in (State.AWAIT_PHONE, State.RETURNING) else visit.state
    return _PHASE_OF.get(state, "") if state else ""


def bytes_done(visit: Visit) -> int:
    """Of the plan's bytes: whole partitions, and what of the current one is acknowledged."""
    if visit.plan is None:
        return 0
    whole = sum(write.size_bytes for write in visit.plan.writes[: visit.writes_done])
    return whole + visit.write_bytes


def percent(visit: Visit) -> int:
    """0..100 by the declared weights of the phases."""
    state = visit.resume_to if visit.state in (State.AWAIT_PHONE, State.RETURNING) else visit.state
    if state is State.UPDATED:
        return 100
    if state is State.WRITING:
        total = visit.plan.size_bytes if visit.plan else 0
        return _between(_WRITE, bytes_done(visit), total)
    fixed = {
        State.SWITCHING: _SWITCH[0],
        State.REBOOTING: _RESTART[0],
        State.RESTARTING: _RESTART[0] + 1,
        State.UNLOCK_AGAIN: _CHECK[0],
        State.KEYS_AGAIN: _CONFIRM[0],
        State.CONFIRMING: _CONFIRM[0] + 2,
        State.FINISHING: _CONFIRM[1],
    }
    if state is State.CHECKING:
        return _between(_CHECK, visit.counted_bytes, visit.to_count_bytes)
    return fixed.get(state, 0) if state else 0


def _between(span: tuple[int, int], done: int, total: int) -> int:
    low, high = span
    return low if total <= 0 else low + (high - low) * min(done, total) // total
