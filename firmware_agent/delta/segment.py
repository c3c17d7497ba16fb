"""Cuts an image into segments, and makes each segment's blob from what the images have in common. Maker's side only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from firmware_agent.delta.format import MAX_SEGMENT_BYTES, merged
from firmware_agent.delta.hdiff import Difference, difference
from firmware_agent.delta.match import Bytes, Matches, Run
from firmware_agent.delta.plan import COPY, PATCH, ZERO, Op, Plan, Unit, write_plan
from firmware_agent.delta.streams import write_streams
from firmware_agent.delta.window import window

UNIT_BYTES = 512 * 1024
"""Of changed bytes in one difference: the search's tables then fit a cache, twice as fast as with 16 MiB."""
CHANGED_BYTES = 16 * 1024 * 1024
"""Of one segment: what a killed rebuild does again, and how long its streams share what they learnt."""
_MAX_RUNS = 8192
_PIECE_BYTES = 1024 * 1024

Stretch = tuple[int, int]
"""``[first, end)`` of new."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One segment's part of new: runs and changed stretches in turn, ascending, without a gap."""

    first: int
    end: int
    parts: tuple[Run | Stretch, ...]


@dataclass(slots=True)
class _Open:
    """A segment that still takes parts."""

    first: int
    end: int
    changed: int = 0
    parts: list[Run | Stretch] = field(default_factory=list)

    def room(self, part: Run | Stretch) -> int:
        """Bytes of the part that still fit."""
        if len(self.parts) >= 2 * _MAX_RUNS:
            return 0
        whole = MAX_SEGMENT_BYTES - (self.end - self.first)
        return whole if isinstance(part, Run) else min(whole, CHANGED_BYTES - self.changed)


def cuts(runs: Sequence[Run], size_bytes: int) -> Iterator[Cut]:
    """All segments of an image of that size, in order."""
    now = _Open(0, 0)
    for whole in _parts(runs, size_bytes):
        part: Run | Stretch | None = whole
        while part is not None:
            room = now.room(part)
            if not room:
                yield Cut(now.first, now.end, tuple(now.parts))
                now = _Open(now.end, now.end)
                continue
            head, part = _split(part, room)
            now.parts.append(head)
            length = head.length if isinstance(head, Run) else head[1] - head[0]
            now.end += length
            now.changed += 0 if isinstance(head, Run) else length
    yield Cut(now.first, now.end, tuple(now.parts))


def _parts(runs: Sequence[Run], size_bytes: int) -> Iterator[Run | Stretch]:
    at = 0
    for run in runs:
        if at < run.new:
            yield at, run.new
        yield run
        at = run.end
    if at < size_bytes:
        yield at, size_bytes


def _split(part: Run | Stretch, room: int) -> tuple[Run | Stretch, Run | Stretch | None]:
    """The first ``room`` bytes of a part, and the rest."""
    if isinstance(part, Run):
        if part.length <= room:
            return part, None
        later = None if part.old is None else part.old + room
        return Run(part.new, room, part.old), Run(part.new + room, part.length - room, later)
    first, end = part
    return ((first, end), None) if end - first <= room else ((first, first + room), (first + room, end))


class SegmentMaker:
    """Makes blobs; holds no state, so threads share one."""

    def __init__(self, old: Bytes, new: Bytes, matches: Matches) -> None:
        self._old = old
        self._new = new
        self._matches = matches

    def make(self, cut: Cut) -> tuple[bytes, bytes]:
        """The blob, and the SHA-256 of the base bytes it reads."""
        ops: list[Op] = []
        units: list[Unit] = []
        deltas: list[Difference] = []
        for part in cut.parts:
            if isinstance(part, Run):
                ops.append(Op(ZERO, part.length) if part.old is None else Op(COPY, part.length, part.old))
            else:
                ops.append(Op(PATCH, part[1] - part[0]))
        for stretches, near in _units(cut.parts):
            unit, delta = self._unit(stretches, near)
            units.append(unit)
            deltas.append(delta)
        plan = Plan(tuple(ops), tuple(units))
        pieces = [b"".join(delta.pieces[which] for delta in deltas) for which in range(4)]
        return write_streams([write_plan(plan), *pieces]), self._source(plan)

    def _unit(self, stretches: list[Stretch], near: list[int]) -> tuple[Unit, Difference]:
        found = [np.array([max(0, at - 1) for at in near], np.int64)]
        for first, end in stretches:
            begin, stop = np.searchsorted(self._matches.anchors, (first, end))
            found.append(self._matches.sources[begin:stop])
        extents = window(np.concatenate(found), len(self._old))
        view = b"".join(self._old[offset : offset + length].data for offset, length in extents)
        delta = difference(view, b"".join(self._new[first:end].data for first, end in stretches))
        if not delta.covers:
            extents = ()
        p = delta.pieces
        sizes = (len(p[0]), len(p[1]), len(p[2]), len(p[3]))
        return Unit(delta.result_bytes, extents, delta.covers, sizes), delta

    def _source(self, plan: Plan) -> bytes:
        digest = hashlib.sha256()
        for offset, length in merged(plan.source()):
            for at in range(offset, offset + length, _PIECE_BYTES):
                digest.update(self._old[at : min(at + _PIECE_BYTES, offset + length)].data)
        return digest.digest()


def _units(parts: Sequence[Run | Stretch]) -> Iterator[tuple[list[Stretch], list[int]]]:
    """The changed stretches in units of ``UNIT_BYTES``, with where in the base the runs around them are."""
    stretches: list[Stretch] = []
    near: list[int] = []
    left = UNIT_BYTES
    after: int | None = None  # in the base, behind the last run
    for part in parts:
        if isinstance(part, Run):
            if part.old is not None:
                after = part.old + part.length
                if stretches:
                    near.append(part.old)
            continue
        first, end = part
        while first < end:
            if after is not None:
                near.append(after)
            take = min(left, end - first)
            stretches.append((first, first + take))
            first, left = first + take, left - take
            if not left:
                yield stretches, near
                stretches, near, left = [], [], UNIT_BYTES
    if stretches:
        yield stretches, near
