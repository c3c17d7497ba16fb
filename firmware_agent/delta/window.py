"""Which bytes of the base a difference is made against: where the anchors around it point to. Pure; numpy."""

from __future__ import annotations

import numpy as np

from firmware_agent.delta.match import Places

GRANULE_BYTES = 4096
WINDOW_BYTES = 1024 * 1024
"""Twice a unit. On system images half as much again costs 10 % more time for 0.1 % fewer bytes."""
_LONELY_BYTES = 128 * 1024
"""A vote with no other this near is chance: its window costs time, and invites matches that cost bytes."""
_PAD_BYTES = 4096
_FILL_BYTES = 256 * 1024
"""Gaps up to this are filled while there is room: what was deleted or rewritten lies between what was kept."""

Extent = tuple[int, int]


def window(votes: Places, base_bytes: int) -> tuple[Extent, ...]:
    """``(offset, length)`` ascending: the granules with the most votes, padded, and the gaps between them."""
    votes = np.sort(votes)
    near = np.concatenate(([False], np.diff(votes) <= _LONELY_BYTES, [False]))
    votes = votes[(near[1:] | near[:-1])[: len(votes)]]
    granules, counts = np.unique(votes // GRANULE_BYTES, return_counts=True)
    most = WINDOW_BYTES // GRANULE_BYTES
    if len(granules) > most:
        granules = np.sort(granules[np.argsort(-counts, kind="stable")[:most]])
    extents: list[Extent] = []
    for granule in granules.tolist():
        first = max(0, granule * GRANULE_BYTES - _PAD_BYTES)
        end = min(base_bytes, (granule + 1) * GRANULE_BYTES + _PAD_BYTES)
        if extents and first <= sum(extents[-1]):
            extents[-1] = (extents[-1][0], end - extents[-1][0])
        elif first < end:
            extents.append((first, end - first))
    return _filled(extents)


def _filled(extents: list[Extent]) -> tuple[Extent, ...]:
    """The shortest gaps first, as long as the window stays within its size."""
    room = WINDOW_BYTES - sum(length for _, length in extents)
    gaps = sorted((extents[n + 1][0] - sum(extents[n]), n) for n in range(len(extents) - 1))
    joined = set()
    for gap, n in gaps:
        if gap > min(room, _FILL_BYTES):
            break
        joined.add(n)
        room -= gap
    filled: list[Extent] = []
    for n, (offset, length) in enumerate(extents):
        if n and n - 1 in joined:
            filled[-1] = (filled[-1][0], offset + length - filled[-1][0])
        else:
            filled.append((offset, length))
    return tuple(filled)
