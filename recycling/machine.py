"""State machines as tables: what an event does in a state, and the only states it may lead to. It knows no goods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from recycling.errors import RecyclingError, Refused


class Stateful(Protocol):
    """Anything that has a state of a machine's enum."""

    @property
    def state(self) -> StrEnum: ...


Thing = TypeVar("Thing", bound=Stateful)
Key = tuple[StrEnum, type[object]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What to do, and the only states it may lead to. ``act`` raises :class:`Refused` where a guard says no."""

    act: Callable[[Any, Any], Any]
    to: frozenset[StrEnum]


Table = Mapping[Key, Rule]


def rule(act: Callable[[Any, Any], Any], *to: StrEnum) -> Rule:
    """One line of a table."""
    return Rule(act, frozenset(to))


def pairs(
    events: Iterable[type[object]], states: Iterable[StrEnum], table: Table
) -> frozenset[tuple[StrEnum, type[object]]]:
    """Every pair of those that has no rule in ``table``."""
    kept = tuple(states)
    return frozenset((state, event) for event in events for state in kept if (state, event) not in table)


@dataclass(frozen=True, slots=True)
class Machine:
    """One table with the pairs it ignores (nothing happens) and refuses (the answer is "not_now")."""

    name: str
    states: type[StrEnum]
    events: tuple[type[object], ...]
    table: Table
    ignored: frozenset[Key]
    refused: frozenset[Key]
    start: StrEnum

    def step(self, thing: Thing, event: object) -> Thing:
        """The thing after the event; the very same thing when nothing happens.

        Raises :class:`Refused` where a guard or the table says no, :class:`RecyclingError` for our own bug.
        """
        key = (thing.state, type(event))
        found = self.table.get(key)
        if found is None:
            if key in self.ignored:
                return thing
            if key in self.refused:
                raise Refused("not_now", f"{self.name}: {_name(key[1])} in {key[0]}", {"state": key[0].value})
            raise RecyclingError("unforeseen", f"{self.name}: {_name(key[1])} in {key[0]} is not foreseen")
        moved: Thing = found.act(thing, event)
        if moved.state not in found.to:
            raise RecyclingError(
                "unforeseen", f"{self.name}: {_name(key[1])} in {key[0]} must not lead to {moved.state}"
            )
        return moved

    def may(self, state: StrEnum, event: type[object]) -> bool:
        """Whether the table has a rule for it; its guards may still refuse."""
        return (state, event) in self.table

    def unforeseen(self) -> list[Key]:
        """Pairs that stand in none of the three sets, or in two; empty, or the machine is not total."""
        return [
            (state, event)
            for state in self.states
            for event in self.events
            if sum(
                ((state, event) in self.table, (state, event) in self.ignored, (state, event) in self.refused)
            )
            != 1
        ]

    def reachable(self) -> frozenset[StrEnum]:
        """Every state that some order of events leads to."""
        seen, waiting = {self.start}, [self.start]
        while waiting:
            state = waiting.pop()
            for (source, _), found in self.table.items():
                if source is state:
                    waiting += found.to - seen
                    seen |= found.to
        return frozenset(seen)


def _name(event: type[object]) -> str:
    return event.__name__
