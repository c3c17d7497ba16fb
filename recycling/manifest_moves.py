"""The events of a manifest and the rule of each: guards first, then what changes. Which comes when: manifests.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from recycling.errors import Refused
from recycling.lithium import check_load, check_package
from recycling.manifest import Line, LineAnswer, Manifest, Revision, State, discrepancy
from recycling.processor import Processor, licensed

S = State


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Added(Event):
    """Items join the parcel, if that processor may take them on that day.

    None: they were let into it before, and lie in it; the seal and the pick-up ask for the licence again.
    """

    lines: tuple[Line, ...]
    processor: Processor | None
    today: date


@dataclass(frozen=True, slots=True)
class Redirected(Event):
    """A draft goes to another processor, who may take everything that is on it."""

    processor: Processor
    today: date


@dataclass(frozen=True, slots=True)
class Sealed(Event):
    """Two people close it."""

    seals: tuple[str, ...]
    by: str
    second: str
    processor: Processor
    today: date


@dataclass(frozen=True, slots=True)
class PickedUp(Event):
    """The carrier has it."""

    carrier: str
    vehicle: str
    means: str
    processor: Processor
    today: date


@dataclass(frozen=True, slots=True)
class Received(Event):
    """The processor has it, not looked through yet."""

    received_g: int


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """The processor's word on every item."""

    answers: tuple[LineAnswer, ...]


@dataclass(frozen=True, slots=True)
class Proposed(Event):
    """One side wants a mass corrected."""

    by: str
    changes: Mapping[str, int]
    reason: str


@dataclass(frozen=True, slots=True)
class Replied(Event):
    """The other side's answer. ``by``: who answers."""

    by: str
    agreed: bool


@dataclass(frozen=True, slots=True)
class Processed(Event):
    """By the processor's word."""


def added(manifest: Manifest, event: Added) -> Manifest:
    """Each once, weighed, of a kind in the licence, and such as a package may hold: nothing is taken off again."""
    if event.processor is not None:
        _belongs(manifest, event.processor)
    known = {line.item for line in manifest.lines}
    for line in event.lines:
        if line.item in known:
            raise Refused("item_there_already", f"{manifest.manifest}: {line.item} is on it already")
        _weighed(line)
        if event.processor is not None:
            _licensed(event.processor, line, event.today)
        known.add(line.item)
    lines = (*manifest.lines, *event.lines)
    _packed(lines)
    return replace(manifest, lines=lines)


def redirected(manifest: Manifest, event: Redirected) -> Manifest:
    """Nothing is on the road yet, so no other paper names the first one."""
    if event.processor.processor == manifest.processor:
        raise Refused("processor_same", f"{manifest.manifest}: goes to {manifest.processor} already")
    for line in manifest.lines:
        _licensed(event.processor, line, event.today)
    return replace(manifest, processor=event.processor.processor)


def sealed(manifest: Manifest, event: Sealed) -> Manifest:
    """Two people, every item weighed, every package within its limits, the licence good today."""
    _belongs(manifest, event.processor)
    if not event.by or not event.second or event.by == event.second:
        raise Refused("second_needed", f"{manifest.manifest}: two people seal it")
    if not manifest.lines:
        raise Refused("manifest_empty", f"{manifest.manifest}: nothing is on it")
    if not event.seals or len(set(event.seals)) != len(event.seals):
        raise Refused("seal_missing", f"{manifest.manifest}: no seal, or one twice")
    for line in manifest.lines:
        _weighed(line)
        _licensed(event.processor, line, event.today)
    _packed(manifest.lines)
    moved = replace(manifest, seals=event.seals, second=event.second, by=event.by)
    return _to(moved, S.SEALED, event)


def picked_up(manifest: Manifest, event: PickedUp) -> Manifest:
    """Never lithium by air, nor more of it than a vehicle may carry; never to a processor whose licence is over."""
    _belongs(manifest, event.processor)
    if not event.carrier or not event.vehicle:
        raise Refused("carrier_missing", f"{manifest.manifest}: no carrier or no plate")
    for line in manifest.lines:
        _licensed(event.processor, line, event.today)
    _packed(manifest.lines)  # a mass may have been corrected since it was sealed
    check_load([line.piece for line in manifest.lines], event.means)
    moved = replace(manifest, carrier=event.carrier, vehicle=event.vehicle, means=event.means)
    return _to(moved, S.PICKED_UP, event)


def received(manifest: Manifest, event: Received) -> Manifest:
    """Weighed as a whole."""
    if event.received_g < 0:
        raise Refused("mass_negative", f"{manifest.manifest}: {event.received_g} g")
    return _to(replace(manifest, received_g=event.received_g), S.RECEIVED, event)


def answered(manifest: Manifest, event: Answered) -> Manifest:
    """Exactly the items that were sent. Too far apart in mass: their figures are proposed as a correction."""
    sent = {line.item: line.mass_g for line in manifest.lines}
    got = {one.item: one.received_g for one in event.answers}
    if len(got) != len(event.answers) or got.keys() != sent.keys():
        raise Refused("answer_other_items", f"{manifest.manifest}: the answer is about other items")
    if min(got.values(), default=0) < 0:
        raise Refused("mass_negative", f"{manifest.manifest}: a mass below 0")
    total_g = sum(got.values())
    apart_g = discrepancy(manifest.mass_g, total_g)
    moved = replace(manifest, answers=event.answers, received_g=total_g, discrepancy_g=apart_g)
    if apart_g is not None:
        changes = {item: mass_g for item, mass_g in got.items() if mass_g != sent[item]}
        moved = replace(moved, revision=Revision("theirs", changes, "discrepancy"))
    return _to(moved, S(moved.verdict), event)


def proposed(manifest: Manifest, event: Proposed) -> Manifest:
    """One at a time."""
    if manifest.revision is not None and manifest.revision.state == "open":
        raise Refused("revision_open", f"{manifest.manifest}: one correction waits already")
    known = {line.item for line in manifest.lines}
    if not event.changes or not event.changes.keys() <= known:
        raise Refused("revision_other_items", f"{manifest.manifest}: not its items")
    if min(event.changes.values()) <= 0:
        raise Refused("mass_zero", f"{manifest.manifest}: an item weighs more than nothing")
    if event.by not in ("ours", "theirs") or not event.reason.strip():
        raise Refused("revision_reason", f"{manifest.manifest}: why is not said")
    return replace(manifest, revision=Revision(event.by, dict(event.changes), event.reason[:80]))


def replied(manifest: Manifest, event: Replied) -> Manifest:
    """Never by the side that proposed it."""
    open_one = manifest.revision
    if open_one is None or open_one.state != "open":
        raise Refused("no_revision", f"{manifest.manifest}: no correction waits")
    if event.by == open_one.by:
        raise Refused("revision_own", f"{manifest.manifest}: nobody agrees with themselves")
    if not event.agreed:
        return replace(manifest, revision=replace(open_one, state="refused"))
    lines = tuple(
        replace(line, mass_g=open_one.changes[line.item]) if line.item in open_one.changes else line
        for line in manifest.lines
    )
    agreed = replace(manifest, lines=lines, revision=replace(open_one, state="agreed"))
    if manifest.received_g is None or not manifest.answers:
        return agreed
    return replace(agreed, discrepancy_g=discrepancy(agreed.mass_g, manifest.received_g))


def processed(manifest: Manifest, event: Processed) -> Manifest:
    """Not while the masses lie apart and nobody has agreed why."""
    if manifest.discrepancy_g is not None:
        raise Refused("discrepancy_open", f"{manifest.manifest}: {manifest.discrepancy_g} g are not settled")
    return _to(manifest, S.PROCESSED, event)


def _belongs(manifest: Manifest, processor: Processor) -> None:
    if processor.processor != manifest.processor:
        raise Refused("processor_other", f"{manifest.manifest}: goes to {manifest.processor}")


def _weighed(line: Line) -> None:
    if line.mass_g <= 0:
        raise Refused("not_weighed", f"item {line.item} has no mass")


def _packed(lines: Iterable[Line]) -> None:
    packages: dict[str, list[Line]] = {}
    for line in lines:
        packages.setdefault(line.package, []).append(line)
    for inside in packages.values():
        check_package(line.piece for line in inside)


def _licensed(processor: Processor, line: Line, today: date) -> None:
    if not licensed(processor, line.category, today):
        values = {"processor": processor.name, "category": line.category.value}
        raise Refused("processor_not_licensed", f"{processor.processor}: {line.category}, {today}", values)


def _to(manifest: Manifest, state: State, event: Event) -> Manifest:
    return replace(manifest, state=state, since_ms=event.at_ms)
