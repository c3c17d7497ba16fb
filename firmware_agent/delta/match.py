"""What two images have in common: exact runs, and hints where changed bytes came from. Maker's side only; numpy.

It keeps two images mapped and some tens of bytes per KiB of them in memory, and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]

BLOCK_BYTES = 4096
MIN_RUN_BYTES = 4096
"""Of an exact run at any distance: shorter ones cost more as an op than inside a difference."""
_SHINGLE_BYTES = 32
_SAMPLE_BITS = 6
"""One position in 2^7 is an anchor, chosen by its content: the same bytes give the same anchors anywhere."""
_MAX_ANCHOR_GAP = 4096
_CHUNK_BYTES = 1 << 20
_ODD = np.uint32(0x9E37_79B1)
_ODD2 = np.uint64(0xC2B2_AE3D_27D4_EB4F)


@dataclass(frozen=True, slots=True)
class Run:
    """``length`` bytes of new at ``new``: the base's at ``old``, or zeros where ``old`` is None."""

    new: int
    length: int
    old: int | None

    @property
    def end(self) -> int:
        """In new."""
        return self.new + self.length


@dataclass(frozen=True, slots=True)
class Matches:
    """``runs`` ascending and apart. ``anchors``/``sources``: new bytes at one look like the base's at the other."""

    runs: tuple[Run, ...]
    anchors: Places
    sources: Places


def match(old: Bytes, new: Bytes) -> Matches:
    """Everything found. The same images give the same matches."""
    old_hashes, new_hashes = _block_hashes(old), _block_hashes(new)
    runs = _aligned_runs(old, new, old_hashes, new_hashes)
    fresh = ~np.isin(new_hashes, old_hashes) & (new_hashes != 0)
    unused = ~np.isin(old_hashes, new_hashes) & (old_hashes != 0)
    anchors, sources = _common(_anchors(old, unused), _anchors(new, fresh))
    runs += _moved_runs(old, new, anchors, sources)
    return Matches(_apart(runs), anchors, sources)


def _block_hashes(data: Bytes) -> Words:
    """One number per 4 KiB, a short last block padded; 0 for zeros. Equal numbers are a hint: runs are compared."""
    weights = _ODD2 * (np.arange(BLOCK_BYTES // 8, dtype=np.uint64) * np.uint64(2) + np.uint64(1))
    weights ^= weights >> np.uint64(31)
    weights |= np.uint64(1)
    whole = len(data) // BLOCK_BYTES
    hashes = np.zeros(-(-len(data) // BLOCK_BYTES), np.uint64)
    for first in range(0, whole, 256):
        last = min(whole, first + 256)
        words = data[first * BLOCK_BYTES : last * BLOCK_BYTES].view("<u8").reshape(-1, BLOCK_BYTES // 8)
        mixed = (words ^ (words >> np.uint64(29))) * weights
        hashes[first:last] = mixed.sum(axis=1, dtype=np.uint64)
    if whole < len(hashes):
        tail = np.zeros(BLOCK_BYTES, np.uint8)
        tail[: len(data) - whole * BLOCK_BYTES] = data[whole * BLOCK_BYTES :]
        hashes[whole] = _block_hashes(tail)[0]
    return hashes


def _aligned_runs(old: Bytes, new: Bytes, old_hashes: Words, new_hashes: Words) -> list[Run]:
    """Blocks that the base has at some block boundary, and zero blocks, joined to runs and compared."""
    whole_old = len(old) // BLOCK_BYTES
    order = np.argsort(old_hashes[:whole_old], kind="stable")
    keys = old_hashes[:whole_old][order]
    found = np.searchsorted(keys, new_hashes)
    runs: list[Run] = []
    before = -1  # the base's block that the last block of new came from
    for block in range(len(new) // BLOCK_BYTES):
        key = new_hashes[block]
        at = block * BLOCK_BYTES
        if key == 0:
            before = -1
            _grow(runs, at, None)
            continue
        place = before + 1
        if before < 0 or place >= whole_old or old_hashes[place] != key:
            if block < whole_old and old_hashes[block] == key:
                place = block
            elif found[block] < whole_old and keys[found[block]] == key:
                place = int(order[found[block]])
            else:
                before = -1
                continue
        before = place
        _grow(runs, at, place * BLOCK_BYTES)
    return [grown for run in runs for grown in _proved(old, new, run)]


def _grow(runs: list[Run], new: int, old: int | None) -> None:
    """One more block at the end."""
    if runs and runs[-1].end == new:
        last = runs[-1]
        if (old is None and last.old is None) or (old is not None and last.old == old - last.length):
            runs[-1] = Run(last.new, last.length + BLOCK_BYTES, last.old)
            return
    runs.append(Run(new, BLOCK_BYTES, old))


def _proved(old: Bytes, new: Bytes, run: Run) -> list[Run]:
    """The run, if it is what its hashes said, with the equal bytes on both sides of it."""
    length, first, source = run.length, run.new, run.old
    theirs = new[first : first + length]
    if source is None:
        return [run] if not theirs.any() else []
    if not np.array_equal(theirs, old[source : source + length]):
        return []
    room = min(first, source)
    while room:
        step = min(room, BLOCK_BYTES)
        differ = np.flatnonzero(new[first - step : first] != old[source - step : source])
        equal = step - 1 - int(differ[-1]) if len(differ) else step
        first, source, length, room = first - equal, source - equal, length + equal, room - step
        if equal < step:
            break
    room = min(len(new) - first, len(old) - source) - length
    while room > 0:
        step = min(room, BLOCK_BYTES)
        differ = np.flatnonzero(
            new[first + length : first + length + step] != old[source + length : source + length + step]
        )
        equal = int(differ[0]) if len(differ) else step
        length, room = length + equal, room - step
        if equal < step:
            break
    return [Run(first, length, source)]


def _spans(mask: Mask) -> list[tuple[int, int]]:
    """``[first, last)`` of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _anchors(data: Bytes, blocks: Mask) -> tuple[Words, Places]:
    """Content keys of the sampled shingles in the chosen blocks, sorted by key, and where each begins."""
    keys: list[Words] = [np.empty(0, np.uint64)]
    places: list[Places] = [np.empty(0, np.int64)]
    for first, last in _spans(blocks):
        end = min(last * BLOCK_BYTES, len(data))
        for start in range(first * BLOCK_BYTES, end, _CHUNK_BYTES):
            _sample(data, start, min(end, start + _CHUNK_BYTES), keys, places)
    key, place = np.concatenate(keys), np.concatenate(places)
    order = np.argsort(
        key
    )  # equal keys in any order: the base's are dropped, new's are sorted by place later
    return key[order], place[order]


def _sample(data: Bytes, start: int, end: int, keys: list[Words], places: list[Places]) -> None:
    chunk = np.ascontiguousarray(data[start : end + _SHINGLE_BYTES])
    most = np.uint32(1 << (32 - _SAMPLE_BITS))
    for phase in range(4):
        count = (len(chunk) - phase) // 4
        usable = min(count - 7, -(-(end - start - phase) // 4))
        if usable <= 0:
            continue
        words = np.ndarray((count,), "<u4", chunk.data, phase)
        mixed = words[: usable + 1] * _ODD
        mixed = mixed[:-1] + (mixed[1:] >> np.uint32(3)) - np.uint32(1)  # zeros are no content
        hits = np.flatnonzero(mixed < most)
        hits = hits[words[hits] != words[hits + 1]]  # fills and tables of one value match everywhere
        key = words[hits].astype(np.uint64)
        for step in range(1, _SHINGLE_BYTES // 4):
            key = key * _ODD2 + words[hits + step]
            key ^= key >> np.uint64(29)
        keys.append(key)
        places.append(start + phase + 4 * hits.astype(np.int64))


def _common(base: tuple[Words, Places], fresh: tuple[Words, Places]) -> tuple[Places, Places]:
    """Where both have the same shingle, in new's order; those that the base has twice say nothing."""
    keys, places = base
    differ = keys[1:] != keys[:-1]
    once = np.concatenate(([True], differ)) & np.concatenate((differ, [True]))
    keys, places = keys[once[: len(keys)]], places[once[: len(places)]]
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    found = np.minimum(np.searchsorted(keys, fresh[0]), len(keys) - 1)
    hit = keys[found] == fresh[0]
    anchors, sources = fresh[1][hit], places[found[hit]]
    order = np.argsort(anchors)
    return anchors[order], sources[order]


def _moved_runs(old: Bytes, new: Bytes, anchors: Places, sources: Places) -> list[Run]:
    """Exact runs at any distance, between anchors that moved by the same distance."""
    if not len(anchors):
        return []
    shift = sources - anchors
    breaks = np.flatnonzero((np.diff(shift) != 0) | (np.diff(anchors) > _MAX_ANCHOR_GAP)) + 1
    starts = np.concatenate(([0], breaks))
    ends = np.concatenate((breaks, [len(anchors)])) - 1
    long = anchors[ends] - anchors[starts] >= MIN_RUN_BYTES - 2 * _MAX_ANCHOR_GAP // 4
    runs: list[Run] = []
    for first, last in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        begin, end, distance = int(anchors[first]), int(anchors[last]) + _SHINGLE_BYTES, int(shift[first])
        differ = np.flatnonzero(new[begin:end] != old[begin + distance : end + distance])
        edges = np.concatenate(([-1], differ, [end - begin]))
        for gap in np.flatnonzero(np.diff(edges) > MIN_RUN_BYTES // 2).tolist():
            at, length = begin + int(edges[gap]) + 1, int(edges[gap + 1] - edges[gap]) - 1
            runs += [
                r for r in _proved(old, new, Run(at, length, at + distance)) if r.length >= MIN_RUN_BYTES
            ]
    return runs


def _apart(runs: list[Run]) -> tuple[Run, ...]:
    """Ascending, none over another: who begins first keeps the bytes; what is too short then is dropped."""
    kept: list[Run] = []
    end = 0
    for run in sorted(runs, key=lambda run: (run.new, -run.length)):
        cut = max(0, end - run.new)
        length = run.length - cut
        if length >= (1 if cut == 0 else MIN_RUN_BYTES):
            kept.append(Run(run.new + cut, length, None if run.old is None else run.old + cut))
            end = kept[-1].end
    return tuple(kept)
