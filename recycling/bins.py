"""A bin: open until it is full, dangerous or broken; then locked, emptied by two people, open again. Mass in g."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from recycling.errors import Refused
from recycling.goods import Category
from recycling.machine import Key, Machine, Table, pairs, rule

FULL_PERCENT = 90
PACKAGE_G = 30_000
"""A package of lithium goods is at most 30 kg (ADR special provision 636); every bin is one."""


class State(StrEnum):
    """Where a bin stands. ``full``, ``hazard`` and ``fault``: its flap is ordered to lock."""

    OPEN = "open"
    FULL = "full"
    HAZARD = "hazard"
    FAULT = "fault"
    LOCKED = "locked"
    EMPTYING = "emptying"


S = State
CLOSED = frozenset(State) - {S.OPEN}


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin and what is known to be in it."""

    bin: int
    category: Category
    state: State = State.OPEN
    why: str = ""  # "full", "heavy", "hazard", "fault" or what broke
    mass_g: int = 0
    items: int = 0
    fill_percent: int = 0  # when it last changed state
    manifest: str = ""  # into whose parcel it is being emptied
    by: str = ""
    second: str = ""
    opened: bool = False  # its door was seen open while emptying
    at_ms: int = 0

    @property
    def accepts(self) -> bool:
        """Whether customers may put something in."""
        return self.state is S.OPEN

    def room_for(self, mass_g: int) -> bool:
        """Whether that much more keeps it one package."""
        return self.mass_g + mass_g <= PACKAGE_G


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PutIn(Event):
    """An item fell in."""

    mass_g: int
    fill_percent: int


@dataclass(frozen=True, slots=True)
class Filled(Event):
    """The level sensor's reading."""

    fill_percent: int


@dataclass(frozen=True, slots=True)
class Danger(Event):
    """Something dangerous is in it, or may be."""


@dataclass(frozen=True, slots=True)
class Broke(Event):
    """It cannot be relied on: jammed, silent."""

    what: str


@dataclass(frozen=True, slots=True)
class LockSeen(Event):
    """Its controller sees the flap closed and locked."""


@dataclass(frozen=True, slots=True)
class Mended(Event):
    """What broke works again."""


@dataclass(frozen=True, slots=True)
class EmptyingBegun(Event):
    """Two people open its door; what is in it goes into that manifest's parcel."""

    manifest: str
    by: str
    second: str
    fill_percent: int


@dataclass(frozen=True, slots=True)
class DoorSeen(Event):
    """Its door stands open."""


@dataclass(frozen=True, slots=True)
class Emptied(Event):
    """Empty and back in its place."""


@dataclass(frozen=True, slots=True)
class NotOpened(Event):
    """Its door did not open, or was not opened: everything is still in it."""


EVENTS: tuple[type[object], ...] = (
    PutIn,
    Filled,
    Danger,
    Broke,
    LockSeen,
    Mended,
    EmptyingBegun,
    DoorSeen,
    Emptied,
    NotOpened,
)


def _put_in(one: Bin, event: PutIn) -> Bin:
    if event.mass_g <= 0:
        raise Refused("mass_zero", f"bin {one.bin}: an item weighs more than nothing")
    fuller = replace(one, mass_g=one.mass_g + event.mass_g, items=one.items + 1)
    return _filled(fuller, Filled(event.at_ms, event.fill_percent)) if one.state is S.OPEN else fuller


def _filled(one: Bin, event: Filled) -> Bin:
    if event.fill_percent >= FULL_PERCENT:
        return _to(replace(one, why="full", fill_percent=event.fill_percent), S.FULL, event)
    if one.mass_g >= PACKAGE_G:
        return _to(replace(one, why="heavy", fill_percent=event.fill_percent), S.FULL, event)
    return one


def _danger(one: Bin, event: Danger) -> Bin:
    return _to(replace(one, why="hazard"), S.HAZARD, event)


def _broke(one: Bin, event: Broke) -> Bin:
    return _to(replace(one, why=event.what), S.FAULT, event)


def _lock_seen(one: Bin, event: LockSeen) -> Bin:
    return _to(one, S.LOCKED, event)


def _mended(one: Bin, event: Mended) -> Bin:
    if one.why in ("full", "heavy", "hazard"):
        return one
    return _to(replace(one, why=""), S.OPEN, event)


def _emptying(one: Bin, event: EmptyingBegun) -> Bin:
    if not event.by or not event.second or event.by == event.second:
        raise Refused("second_needed", f"bin {one.bin}: two people empty it")
    if not event.manifest:
        raise Refused("no_manifest", f"bin {one.bin}: it is emptied under a manifest only")
    begun = replace(
        one,
        manifest=event.manifest,
        by=event.by,
        second=event.second,
        opened=False,
        fill_percent=event.fill_percent,
    )
    return _to(begun, S.EMPTYING, event)


def _door_seen(one: Bin, _event: DoorSeen) -> Bin:
    return replace(one, opened=True)


def _emptied(one: Bin, event: Emptied) -> Bin:
    return Bin(one.bin, one.category, at_ms=event.at_ms)


def _not_opened(one: Bin, event: NotOpened) -> Bin:
    return _to(replace(one, manifest="", by="", second="", opened=False), S.LOCKED, event)


def _to(one: Bin, state: State, event: Event) -> Bin:
    return replace(one, state=state, at_ms=event.at_ms)


_CAUSES = (S.FULL, S.HAZARD, S.FAULT)

TABLE: Table = {
    (S.OPEN, Filled): rule(_filled, S.OPEN, S.FULL),
    (S.OPEN, PutIn): rule(_put_in, S.OPEN, S.FULL),
    # a thing that was on its way when the bin was closed to others still falls in
    **{(state, PutIn): rule(_put_in, state) for state in (*_CAUSES, S.LOCKED)},
    **{(state, Danger): rule(_danger, S.HAZARD) for state in (S.OPEN, S.FULL, S.FAULT, S.LOCKED)},
    (S.OPEN, Broke): rule(_broke, S.FAULT),
    **{(state, LockSeen): rule(_lock_seen, S.LOCKED) for state in _CAUSES},
    (S.FAULT, Mended): rule(_mended, S.OPEN),
    (S.LOCKED, Mended): rule(_mended, S.OPEN, S.LOCKED),
    **{(state, EmptyingBegun): rule(_emptying, S.EMPTYING) for state in (*_CAUSES, S.LOCKED)},
    (S.EMPTYING, DoorSeen): rule(_door_seen, S.EMPTYING),
    (S.EMPTYING, Emptied): rule(_emptied, S.OPEN),
    (S.EMPTYING, NotOpened): rule(_not_opened, S.LOCKED),
}
IGNORED: frozenset[Key] = (
    # readings that change nothing where they come
    pairs({Filled, LockSeen, DoorSeen, Mended}, State, TABLE)
    # closed already: the first cause stands
    | pairs({Broke}, State, TABLE)
    | pairs({Danger}, {S.HAZARD, S.EMPTYING}, TABLE)
)
MACHINE = Machine(
    "bin",
    State,
    EVENTS,
    TABLE,
    IGNORED,
    frozenset(key for key in pairs(EVENTS, State, TABLE) if key not in IGNORED),
    S.OPEN,
)
