"""A drop-off as the person at the bins walks through it. What is dangerous never meets a bin. Mass in g, UTC ms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from recycling.errors import Refused
from recycling.goods import Category, Hazard
from recycling.lithium import Piece, check_piece
from recycling.machine import Key, Machine, Table, pairs, rule


class State(StrEnum):
    """The step the person sees."""

    CATEGORY = "category"
    HAZARD = "hazard"
    TAPE = "tape"
    WEIGH = "weigh"
    DEPOSIT = "deposit"
    DRAWER = "drawer"
    RECEIPT = "receipt"
    STAFF = "staff"
    ENDED = "ended"


S = State


@dataclass(frozen=True, slots=True)
class Drop:
    """One person at the bins. ``item`` is the thing in hand; the sums are over all that came before."""

    drop: str
    language: str
    began_ms: int
    since_ms: int
    state: State = State.CATEGORY
    category: Category | None = None
    hazard: Hazard = Hazard.NONE
    item: str = ""
    mass_g: int = 0
    bin: int = 0
    said: str = ""  # why it does not go on
    items: int = 0
    total_g: int = 0
    kept_g: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class CategoryChosen(Event):
    """What it is."""

    category: Category


@dataclass(frozen=True, slots=True)
class HazardSaid(Event):
    """Swollen, damaged, hot, or none of it. ``item``: the id a dangerous one gets at once."""

    hazard: Hazard
    item: str = ""


@dataclass(frozen=True, slots=True)
class Taped(Event):
    """A loose battery's poles."""

    taped: bool


@dataclass(frozen=True, slots=True)
class Opened(Event):
    """The flap of that bin is ordered to open for what lies on the scale."""

    item: str
    mass_g: int
    bin: int


@dataclass(frozen=True, slots=True)
class Fell(Event):
    """It was seen to go in."""

    kept_g: int


@dataclass(frozen=True, slots=True)
class NotOpened(Event):
    """The flap never moved and is locked again: the thing is still in its owner's hands."""

    why: str


@dataclass(frozen=True, slots=True)
class NeedsStaff(Event):
    """Nobody can say where it is, or the drawer is not free: a person has to look."""

    why: str


@dataclass(frozen=True, slots=True)
class Resolved(Event):
    """Staff looked. ``taken``: it is in our hands; else it went back."""

    taken: bool
    kept_g: int = 0


@dataclass(frozen=True, slots=True)
class Another(Event):
    """The next thing of the same person."""


@dataclass(frozen=True, slots=True)
class Done(Event):
    """The person leaves."""


EVENTS: tuple[type[object], ...] = (
    CategoryChosen,
    HazardSaid,
    Taped,
    Opened,
    Fell,
    NotOpened,
    NeedsStaff,
    Resolved,
    Another,
    Done,
)


def _category(drop: Drop, event: CategoryChosen) -> Drop:
    return _to(replace(drop, category=event.category, said=""), S.HAZARD, event)


def _hazard(drop: Drop, event: HazardSaid) -> Drop:
    said = replace(drop, hazard=event.hazard, said="")
    if event.hazard is not Hazard.NONE:
        return _to(replace(said, item=event.item), S.DRAWER, event)
    return _to(said, S.TAPE if drop.category is Category.BATTERY else S.WEIGH, event)


def _taped(drop: Drop, event: Taped) -> Drop:
    if not event.taped:
        return replace(drop, said="tape_first")
    return _to(replace(drop, said=""), S.WEIGH, event)


def _opened(drop: Drop, event: Opened) -> Drop:
    """Invariant: something dangerous is never let near a bin."""
    if drop.hazard is not Hazard.NONE or drop.category is None:
        raise Refused("drawer_only", f"{drop.drop}: {drop.hazard}")
    if event.mass_g <= 0:
        raise Refused("scale_empty", f"{drop.drop}: nothing lies on the scale")
    check_piece(Piece(drop.category, drop.hazard, event.mass_g))
    moved = replace(drop, item=event.item, mass_g=event.mass_g, bin=event.bin, said="")
    return _to(moved, S.DEPOSIT, event)


def _fell(drop: Drop, event: Fell) -> Drop:
    counted = replace(
        drop,
        items=drop.items + 1,
        total_g=drop.total_g + drop.mass_g,
        kept_g=drop.kept_g + event.kept_g,
        said="",
    )
    return _to(counted, S.RECEIPT, event)


def _not_opened(drop: Drop, event: NotOpened) -> Drop:
    return _to(replace(drop, said=event.why, bin=0), S.WEIGH, event)


def _staff(drop: Drop, event: NeedsStaff) -> Drop:
    return _to(replace(drop, said=event.why), S.STAFF, event)


def _resolved(drop: Drop, event: Resolved) -> Drop:
    if event.taken:
        return _fell(drop, Fell(event.at_ms, event.kept_g))
    return _to(replace(drop, said="", item=""), S.RECEIPT if drop.items else S.ENDED, event)


def _another(drop: Drop, event: Another) -> Drop:
    fresh = replace(drop, category=None, hazard=Hazard.NONE, item="", mass_g=0, bin=0, said="")
    return _to(fresh, S.CATEGORY, event)


def _done(drop: Drop, event: Done) -> Drop:
    return _to(drop, S.ENDED, event)


def _to(drop: Drop, state: State, event: Event) -> Drop:
    return replace(drop, state=state, since_ms=event.at_ms)


TABLE: Table = {
    **{(state, CategoryChosen): rule(_category, S.HAZARD) for state in (S.CATEGORY, S.HAZARD)},
    (S.HAZARD, HazardSaid): rule(_hazard, S.TAPE, S.WEIGH, S.DRAWER),
    # somebody looks again and sees that it is swollen
    **{(state, HazardSaid): rule(_hazard, S.TAPE, S.WEIGH, S.DRAWER) for state in (S.TAPE, S.WEIGH)},
    (S.TAPE, Taped): rule(_taped, S.TAPE, S.WEIGH),
    (S.WEIGH, Opened): rule(_opened, S.DEPOSIT),
    **{(state, Fell): rule(_fell, S.RECEIPT) for state in (S.DEPOSIT, S.DRAWER, S.STAFF)},
    (S.DEPOSIT, NotOpened): rule(_not_opened, S.WEIGH),
    **{(state, NeedsStaff): rule(_staff, S.STAFF) for state in (S.WEIGH, S.DEPOSIT, S.DRAWER)},
    (S.STAFF, Resolved): rule(_resolved, S.RECEIPT, S.ENDED),
    **{
        (state, Another): rule(_another, S.CATEGORY)
        for state in (S.CATEGORY, S.HAZARD, S.TAPE, S.WEIGH, S.RECEIPT)
    },
    **{(state, Done): rule(_done, S.ENDED) for state in State if state is not S.ENDED},
}
IGNORED: frozenset[Key] = (
    # what the dock still has to say of a thing whose owner has gone on: the item's own place is kept apart
    pairs({Fell, NotOpened, NeedsStaff, Resolved}, {S.RECEIPT, S.ENDED, S.STAFF, S.CATEGORY}, TABLE)
    # a touch on a screen that has just changed
    | pairs({Done}, {S.ENDED}, TABLE)
)
MACHINE = Machine(
    "drop_off",
    State,
    EVENTS,
    TABLE,
    IGNORED,
    frozenset(key for key in pairs(EVENTS, State, TABLE) if key not in IGNORED),
    S.CATEGORY,
)
