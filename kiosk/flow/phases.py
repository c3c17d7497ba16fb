"""One percent and its phases for everything after consent. Pure; the caller keeps it from falling."""

from __future__ import annotations

from kiosk.flow.visit import State, Visit

PHASES = ("fetch", "write", "restart", "check", "confirm")
_BYTES, _SWITCH, _RESTART, _CHECK, _CONFIRM = (0, 80), (80, 81), (81, 86), (86, 95), (95, 99)

LINE_BYTES_PER_S = 2_000_000
CABLE_BYTES_PER_S = 30_000_000
"""What the shop's line and the phone are taken to do until they have been measured."""

_FETCH_LEAST, _FETCH_MOST = 3, 60

_PHASE_OF = {
    State.FETCHING: "fetch",
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


def bytes_moved(visit: Visit) -> int:
    """What is measured to say how long the rest takes: fetched, or acknowledged by the phone."""
    return visit.fetch.done_bytes if visit.state is State.FETCHING else bytes_done(visit)


def bytes_left(visit: Visit) -> int | None:
    """Of what :func:`bytes_moved` measures; None where no bytes move."""
    if visit.state is State.FETCHING:
        return visit.fetch.total_bytes - visit.fetch.done_bytes
    if visit.state is State.WRITING and visit.plan is not None:
        return visit.plan.size_bytes - bytes_done(visit)
    return None


def fetch_seconds(visit: Visit) -> float:
    """How long the download is taken to last."""
    return visit.fetch.fetch_bytes / LINE_BYTES_PER_S


def write_seconds(visit: Visit) -> float:
    """How long the write is taken to last."""
    return visit.plan.size_bytes / CABLE_BYTES_PER_S if visit.plan else 0.0


def _share_of_fetch(visit: Visit) -> int:
    """Where the download ends and the write begins, by what each is taken to last: declared before either."""
    fetch_s, write_s = fetch_seconds(visit), write_seconds(visit)
    share = round(_BYTES[1] * fetch_s / (fetch_s + write_s)) if fetch_s + write_s else 0
    return max(_FETCH_LEAST, min(share, _FETCH_MOST))


def percent(visit: Visit) -> int:
    """0..100 by the declared weights of the phases."""
    state = visit.resume_to if visit.state in (State.AWAIT_PHONE, State.RETURNING) else visit.state
    if state is State.UPDATED:
        return 100
    if state is State.FETCHING:
        return _between((0, _share_of_fetch(visit)), visit.fetch.done_bytes, visit.fetch.total_bytes)
    if state is State.WRITING:
        total = visit.plan.size_bytes if visit.plan else 0
        return _between((_share_of_fetch(visit), _BYTES[1]), bytes_done(visit), total)
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
