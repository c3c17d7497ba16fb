"""A manifest: items leave for a listed processor under two people's seal, and what comes back is weighed against it.

Corrections of a sealed one are bilateral: one side proposes, the other agrees. Mass in g, times in UTC ms.
"""

from __future__ import annotations

from recycling import manifest_moves as m
from recycling.machine import Key, Machine, Table, pairs, rule
from recycling.manifest import Line, LineAnswer, Manifest, Revision, State, discrepancy

__all__ = ["MACHINE", "Line", "LineAnswer", "Manifest", "Revision", "State", "discrepancy"]

S = State
EVENTS: tuple[type[object], ...] = (
    m.Added,
    m.Redirected,
    m.Sealed,
    m.PickedUp,
    m.Received,
    m.Answered,
    m.Proposed,
    m.Replied,
    m.Processed,
)
_ANSWERED = (S.ACCEPTED, S.PARTIAL, S.REFUSED)
_AWAY = (S.SEALED, S.PICKED_UP, S.RECEIVED, S.ACCEPTED, S.PARTIAL)

TABLE: Table = {
    (S.DRAFT, m.Added): rule(m.added, S.DRAFT),
    (S.DRAFT, m.Redirected): rule(m.redirected, S.DRAFT),
    (S.DRAFT, m.Sealed): rule(m.sealed, S.SEALED),
    (S.SEALED, m.PickedUp): rule(m.picked_up, S.PICKED_UP),
    (S.PICKED_UP, m.Received): rule(m.received, S.RECEIVED),
    **{(state, m.Answered): rule(m.answered, *_ANSWERED) for state in (S.PICKED_UP, S.RECEIVED)},
    **{(state, m.Proposed): rule(m.proposed, state) for state in _AWAY},
    **{(state, m.Replied): rule(m.replied, state) for state in _AWAY},
    **{(state, m.Processed): rule(m.processed, S.PROCESSED) for state in (S.ACCEPTED, S.PARTIAL)},
}
IGNORED: frozenset[Key] = (
    # said a second time
    pairs({m.Received}, {S.RECEIVED, *_ANSWERED, S.PROCESSED}, TABLE)
    | pairs({m.Processed}, {S.PROCESSED}, TABLE)
)
MACHINE = Machine(
    "manifest",
    State,
    EVENTS,
    TABLE,
    IGNORED,
    frozenset(key for key in pairs(EVENTS, State, TABLE) if key not in IGNORED),
    S.DRAFT,
)
