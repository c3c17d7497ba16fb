"""The cheapest way to an image: from what is here, over differences, or whole. Pure: sizes and hashes only."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from firmware_agent.index import NOTHING, Index, Package, image_target
from firmware_agent.manifest import Part

MAX_STEPS = 4
"""More rebuilding in a row would cost a customer more time than it saves of the line."""


@dataclass(frozen=True, slots=True)
class Raw:
    """An image as it is, uncompressed, on the mirrors."""

    target: str
    result_sha256: str
    result_size_bytes: int

    @property
    def size_bytes(self) -> int:
        """Over the line."""
        return self.result_size_bytes

    @property
    def base_sha256(self) -> str:
        """Nothing is needed."""
        return NOTHING

    @property
    def base_version(self) -> str:
        """Nothing is needed."""
        return ""


Step = Raw | Package
"""One file to download; a package is then applied to its base."""


@dataclass(frozen=True, slots=True)
class Route:
    """What to download, in order, to have one image; empty when it is here."""

    part: Part
    steps: tuple[Step, ...]

    @property
    def fetch_bytes(self) -> int:
        """Over the line."""
        return sum(step.size_bytes for step in self.steps)

    @property
    def base_version(self) -> str:
        """The version that the first difference starts from; "" when nothing older is used."""
        return self.steps[0].base_version if self.steps else ""


def steps_of(index: Index) -> tuple[Step, ...]:
    """Every file that leads to an image of the index."""
    raw = {
        part.sha256: Raw(image_target(release, part), part.sha256, part.size_bytes)
        for release in reversed(index.releases)
        for part in release.partitions
    }
    return (*raw.values(), *index.packages)


def find(
    part: Part, steps: Iterable[Step], is_here: Callable[[str, int], bool], whole_only: bool = False
) -> Route | None:
    """The route to ``part`` with the fewest bytes over the line, then the fewest steps; None when there is none.

    ``is_here(sha256, size_bytes)`` looks an image up in the cache. ``whole_only`` leaves differences out.
    """
    if is_here(part.sha256, part.size_bytes):
        return Route(part, ())
    by_base: dict[str, list[Step]] = {}
    bases = {NOTHING: 0}
    for step in steps:
        if whole_only and step.base_sha256 != NOTHING:
            continue
        by_base.setdefault(step.base_sha256, []).append(step)
        if isinstance(step, Package) and step.base_sha256 != NOTHING:
            bases[step.base_sha256] = step.base_size_bytes
    # Dijkstra (1959) over images; the counter settles ties by age, so equal routes do not depend on hashes.
    waiting: list[tuple[int, int, int, str, tuple[Step, ...]]] = []
    for base, size_bytes in bases.items():
        if base == NOTHING or is_here(base, size_bytes):
            waiting.append((0, 0, len(waiting), base, ()))
    heapq.heapify(waiting)
    settled: set[str] = set()
    count = len(waiting)
    while waiting:
        cost, length, _, image, way = heapq.heappop(waiting)
        if image in settled:
            continue
        settled.add(image)
        if image == part.sha256:
            return Route(part, way)
        for step in by_base.get(image, ()) if length < MAX_STEPS else ():
            count += 1
            following = (cost + step.size_bytes, length + 1, count, step.result_sha256, (*way, step))
            heapq.heappush(waiting, following)
    return None
