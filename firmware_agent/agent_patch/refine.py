"""Improves an order of blocks by exchanging pairs of them, as long as fewer bytes are lost. Decides nothing else.

Simulated annealing (Kirkpatrick, Gelatt and Vecchi, 1983) from a fixed seed: the same images give the same order.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence

from firmware_agent.agent_patch.in_place import Reads

_RUN_COST = 20
"""A run of the order, in bytes of the patch; a lost byte costs less than one, packed."""
_LOST_COST = 0.6
_TRIES_PER_BLOCK = 400
_MAX_TRIES = 200_000
_HOT, _COLD = 600.0, 2.0
_WARM = 20.0  # too few tries to find a way back from a hot start


def refine(order: Sequence[int], found: Reads, group: int) -> list[int]:
    """An order that loses at most as many bytes as ``order``, and its runs."""
    return _Exchange(order, found, group).run()


class _Exchange:
    def __init__(self, order: Sequence[int], found: Reads, group: int) -> None:
        self._order, self._group = list(order), group
        self._place = {block: place for place, block in enumerate(order)}
        self._reads = found
        self._read_by: Reads = defaultdict(dict)
        for reader, sources in found.items():
            for source, size in sources.items():
                self._read_by[source][reader] = size
        self._involved = sorted({*self._reads, *self._read_by})
        self._random = random.Random(len(self._order))  # noqa: S311 - a search, not a secret

    def run(self) -> list[int]:
        total, best, best_order = 0.0, 0.0, list(self._order)
        tries = min(_MAX_TRIES, _TRIES_PER_BLOCK * len(self._order))
        hot = _HOT if tries == _TRIES_PER_BLOCK * len(self._order) else _WARM
        for number in range(tries):
            a, b = self._pair()
            if a == b:
                continue
            before = self._cost(a, b)
            self._swap(a, b)
            gain = before - self._cost(a, b)
            heat = hot * (_COLD / hot) ** (number / tries)
            if gain < 0 and self._random.random() >= math.exp(gain / heat):
                self._swap(a, b)
                continue
            total -= gain
            if total < best:
                best, best_order = total, list(self._order)
        return best_order

    def _pair(self) -> tuple[int, int]:
        """Two places: one of a block that reads or is read, and any, or one of a group it has to do with."""
        block = self._random.choice(self._involved)
        near = [*self._reads.get(block, ()), *self._read_by.get(block, ())]
        place = self._place[block]
        if self._random.random() < 0.5:
            other = self._place[self._random.choice(near)] // self._group * self._group
            return place, min(other + self._random.randrange(self._group), len(self._order) - 1)
        return place, self._random.randrange(len(self._order))

    def _swap(self, a: int, b: int) -> None:
        order = self._order
        order[a], order[b] = order[b], order[a]
        self._place[order[a]], self._place[order[b]] = a, b

    def _cost(self, a: int, b: int) -> float:
        lost = self._lost(self._order[a]) + self._lost(self._order[b])
        return lost * _LOST_COST + _RUN_COST * sum(self._breaks(place) for place in {a, a + 1, b, b + 1})

    def _lost(self, block: int) -> int:
        """Bytes this block cannot read any more, or that others cannot read of it."""
        step, lost = self._place[block] // self._group, 0
        for source, size in self._reads.get(block, {}).items():
            if self._place[source] // self._group < step:
                lost += size
        for reader, size in self._read_by.get(block, {}).items():
            if self._place[reader] // self._group > step:
                lost += size
        return lost

    def _breaks(self, place: int) -> bool:
        return 0 < place < len(self._order) and abs(self._order[place] - self._order[place - 1]) != 1
