"""What a manifest is made of, and how far two masses may lie apart. Which event may come when: manifests.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from recycling.goods import Category, Hazard
from recycling.lithium import Piece

TOLERANCE_BP = 200
TOLERANCE_G = 50


class State(StrEnum):
    """Where a manifest stands."""

    DRAFT = "draft"
    SEALED = "sealed"
    PICKED_UP = "picked_up"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    REFUSED = "refused"
    PROCESSED = "processed"


ENDED = frozenset({State.REFUSED, State.PROCESSED})


@dataclass(frozen=True, slots=True)
class Line:
    """One item. ``package``: what it is packed in together with others ("bin-2"), or alone."""

    item: str
    category: Category
    hazard: Hazard
    mass_g: int
    package: str
    trade: str = ""

    @property
    def piece(self) -> Piece:
        """For the rules of carriage."""
        return Piece(self.category, self.hazard, self.mass_g)


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """The processor's word on one item."""

    item: str
    accepted: bool
    received_g: int


@dataclass(frozen=True, slots=True)
class Revision:
    """A correction that the other side has to agree to. ``by``: "ours" or "theirs"; ``changes``: item -> g."""

    by: str
    changes: Mapping[str, int]
    reason: str
    state: str = "open"  # "open", "agreed", "refused"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest at this moment."""

    manifest: str
    processor: str
    by: str
    began_ms: int
    since_ms: int
    state: State = State.DRAFT
    lines: tuple[Line, ...] = ()
    seals: tuple[str, ...] = ()
    second: str = ""
    carrier: str = ""
    vehicle: str = ""
    means: str = ""
    answers: tuple[LineAnswer, ...] = ()
    received_g: int | None = None
    discrepancy_g: int | None = None
    revision: Revision | None = None
    heard: tuple[str, ...] = ()  # digests of the answers that were taken already

    @property
    def mass_g(self) -> int:
        """Of all items, as it stands now."""
        return sum(line.mass_g for line in self.lines)

    @property
    def verdict(self) -> str:
        """One of accepted, partial, refused; "" before the answer."""
        if not self.answers:
            return ""
        taken = sum(1 for one in self.answers if one.accepted)
        if taken == len(self.answers):
            return "accepted"
        return "partial" if taken else "refused"


def discrepancy(sent_g: int, received_g: int) -> int | None:
    """Received minus sent where it is beyond max(2 %, 50 g); None within. The limit itself is within."""
    allowed_g = max(TOLERANCE_G, sent_g * TOLERANCE_BP // 10_000)
    difference_g = received_g - sent_g
    return difference_g if abs(difference_g) > allowed_g else None
