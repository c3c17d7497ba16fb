"""The trade-in machine: which event may come in which state. The rules themselves are in trade_moves.py."""

from __future__ import annotations

from recycling import trade_events as e
from recycling import trade_moves as m
from recycling.machine import Key, Machine, Table, pairs, rule
from recycling.trade import (
    BACK_TO_OWNER,
    CONSENTS,
    ENDED,
    LIVE,
    PAID,
    State,
    Trade,
)

__all__ = ["CONSENTS", "ENDED", "LIVE", "MACHINE", "PAID", "State", "Trade"]

S = State

EVENTS: tuple[type[object], ...] = (
    e.Identified,
    e.Flagged,
    e.Stopped,
    e.Checked,
    e.Photographed,
    e.Inspected,
    e.Quoted,
    e.Approved,
    e.Offered,
    e.Declined,
    e.Expired,
    e.Returned,
    e.Accepted,
    e.ClaimAnswered,
    e.EraseBegun,
    e.Certified,
    e.DestroyRouted,
    e.Sealed,
    e.Settled,
    e.Held,
    e.Quarantined,
    e.Released,
    e.Binned,
    e.Manifested,
    e.Received,
    e.CameBack,
    e.Processed,
)

_LOOKING = (S.CLEARED, S.INSPECTED, S.QUOTED)
_OPEN = (S.DRAFT, S.IDENTIFIED, S.CLEARED, S.INSPECTED, S.QUOTED, S.OFFERED)
_UNPAID = (S.ACCEPTED, S.ERASED, S.DESTROY, S.SEALED)

TABLE: Table = {
    (S.DRAFT, e.Identified): rule(m.identified, S.IDENTIFIED),
    (S.IDENTIFIED, e.Identified): rule(m.identified, S.IDENTIFIED),
    (S.IDENTIFIED, e.Checked): rule(m.checked, S.CLEARED),
    **{(state, e.Checked): rule(m.checked, state) for state in (*_LOOKING, S.OFFERED)},
    **{(state, e.Flagged): rule(m.flagged, state) for state in (S.IDENTIFIED, *_LOOKING)},
    **{(state, e.Stopped): rule(m.stopped, S.STOPPED) for state in _OPEN},
    **{(state, e.Declined): rule(m.declined, S.DECLINED) for state in _OPEN},
    **{(state, e.Photographed): rule(m.photographed, state) for state in _LOOKING},
    **{(state, e.Inspected): rule(m.inspected, S.INSPECTED) for state in _LOOKING},
    **{(state, e.Quoted): rule(m.quoted, S.QUOTED) for state in (S.INSPECTED, S.QUOTED, S.OFFERED)},
    (S.QUOTED, e.Approved): rule(m.approved, S.QUOTED),
    (S.QUOTED, e.Offered): rule(m.offered, S.OFFERED),
    **{(state, e.Expired): rule(m.expired, S.EXPIRED) for state in (S.QUOTED, S.OFFERED)},
    (S.OFFERED, e.Accepted): rule(m.accepted, S.ACCEPTED),
    **{(state, e.Returned): rule(m.returned, S.RETURNED) for state in BACK_TO_OWNER},
    **{(state, e.ClaimAnswered): rule(m.claim_answered, state, S.STOPPED) for state in _UNPAID},
    **{(state, e.EraseBegun): rule(m.erase_begun, S.ERASING) for state in (S.ACCEPTED, S.ERASING)},
    (S.ERASING, e.Certified): rule(m.certified, S.ERASED),
    **{(state, e.DestroyRouted): rule(m.destroy_routed, S.DESTROY) for state in (S.ACCEPTED, S.ERASING)},
    **{(state, e.Sealed): rule(m.sealed, S.SEALED) for state in (S.ERASED, S.DESTROY)},
    (S.SEALED, e.Settled): rule(m.settled, S.SETTLED),
    (S.SETTLED, e.Held): rule(m.held, S.HELD),
    (S.SETTLED, e.Quarantined): rule(m.quarantined, S.QUARANTINED),
    (S.HELD, e.Released): rule(m.released, S.RELEASED),
    (S.RELEASED, e.Binned): rule(m.binned, S.BINNED),
    **{
        (state, e.Manifested): rule(m.manifested, S.MANIFESTED)
        for state in (S.RELEASED, S.BINNED, S.QUARANTINED)
    },
    (S.MANIFESTED, e.Received): rule(m.received, S.RECEIVED),
    (S.RECEIVED, e.CameBack): rule(m.came_back, S.QUARANTINED),
    (S.RECEIVED, e.Processed): rule(m.processed, S.PROCESSED),
}


def _ignored() -> frozenset[Key]:
    """Named by why; nothing else is ignored."""
    every = frozenset(State)
    return (
        # said a second time: it is so already
        pairs({e.Stopped}, {S.STOPPED}, TABLE)
        | pairs({e.Returned}, {S.RETURNED}, TABLE)
        | pairs({e.Declined}, {S.DECLINED}, TABLE)
        | pairs({e.Settled}, {S.SETTLED}, TABLE)
        | pairs({e.Processed}, {S.PROCESSED}, TABLE)
        # headquarters' answer to a question that nothing waits for any more
        | pairs({e.ClaimAnswered}, every, TABLE)
        # the day is over for quotes only
        | pairs({e.Expired}, every, TABLE)
    )


IGNORED: frozenset[Key] = _ignored()


def _refused() -> frozenset[Key]:
    """Answered with "not_now": a step out of its order changes nothing."""
    return frozenset(key for key in pairs(EVENTS, State, TABLE) if key not in IGNORED)


MACHINE = Machine("trade_in", State, EVENTS, TABLE, IGNORED, _refused(), S.DRAFT)
