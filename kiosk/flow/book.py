"""What the flow needs of the station's database, as a structural type. One call is one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kiosk.flow.effects import CommitEffect, Record
from kiosk.flow.visit import Visit
from kiosk.ports import UserObject


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the ledger: ``epoch`` is hex, ``index`` counts from 1."""

    epoch: str
    index: int


class Book(Protocol):
    """Visits, their inventories and the ledger. Every method may be called from any thread."""

    def lease(self, bay: str) -> None:
        """Take the bay for this process; :class:`kiosk.errors.BayTaken` while a living one has it."""
        ...

    def release(self, bay: str) -> None: ...

    def held_elsewhere(self) -> frozenset[str]:
        """Bays that another living process serves now."""
        ...

    def commit(self, visit: Visit, effects: Sequence[CommitEffect]) -> Mark:
        """The visit's row, its inventory and its ledger entries: all or nothing. The mark is the new head."""
        ...

    def record(self, record: Record, visit: str = "") -> Mark:
        """One entry without a change of a visit."""
        ...

    def inventory(self, visit: str) -> Sequence[UserObject]:
        """What :class:`kiosk.flow.effects.Keep` kept."""
        ...

    def open_visits(self) -> Sequence[Visit]:
        """Visits that have not ended, oldest first."""
        ...
