"""An inventory of the owner's objects over MTP: every path, size and date, and hashes of a sample.

It compares nothing and changes nothing on the phone. Paths are personal data and leave only as facts.
"""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hw.facts import Inventory, UserObject
from hw.media import MediaSession, MtpRefused
from hw.proto import mtp, mtp_data

MAX_OBJECTS = 500_000
MAX_DEPTH = 64
MAX_PATH_CHARS = 4096
MAX_STORAGES = 16

_FIRST_GUESS_BYTES_PER_S = 20e6
_OVERRUN_S = 5.0  # an object being read when the time is up may still finish within this

OnBytes = Callable[[int, int], None]


@dataclass(slots=True)
class _Listing:
    """What the walk found."""

    found: list[tuple[int, UserObject]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    unreadable: int = 0
    truncated: bool = False


def take(
    session: MediaSession,
    hash_budget_s: float,
    seed: int,
    hash_paths: frozenset[str] | None,
    on_progress: OnBytes,
    stop: threading.Event,
) -> Inventory:
    """List everything, then read in full ``hash_paths``, or a seeded random sample for ``hash_budget_s``.

    Objects the phone lists but does not give are counted in ``unreadable``. ``stop`` ends it early; an
    unfinished listing is then ``truncated``. Raises LinkLost, PhoneTimeout, RemoteProtocolError.
    """
    began = time.monotonic()
    listing = _list(session, stop)
    objects = _unique(listing.found)
    chosen = _chosen(objects, seed, hash_paths)
    budget_s = None if hash_paths is not None else hash_budget_s
    hashes, failed = _read(session, chosen, budget_s, on_progress, stop)
    facts = tuple(
        UserObject(item.path, item.size_bytes, item.modified, hashes.get(handle)) for handle, item in objects
    )
    return Inventory(facts, listing.unreadable + failed, listing.truncated, time.monotonic() - began)


def _list(session: MediaSession, stop: threading.Event) -> _Listing:
    listing = _Listing()
    storages = session.storages()
    listing.truncated = len(storages) > MAX_STORAGES
    for storage, label in _labels(session, storages[:MAX_STORAGES]):
        folders: list[tuple[int, str, int]] = [(mtp.ROOT, label, 0)]
        while folders:
            if stop.is_set() or len(listing.seen) >= MAX_OBJECTS:
                listing.truncated = True
                return listing
            folder, path, depth = folders.pop()
            folders += _folder(session, storage, folder, path, depth, listing)
    return listing


def _labels(session: MediaSession, storages: tuple[int, ...]) -> list[tuple[int, str]]:
    """Each storage with a name that is the same after a reboot, unique among them."""
    labels: list[tuple[int, str]] = []
    for storage in storages:
        try:
            label = _clean(session.storage_info(storage).description) or f"storage {storage:08x}"
        except MtpRefused:
            label = f"storage {storage:08x}"
        if any(label == other for _, other in labels):
            label = f"{label} {storage:08x}"
        labels.append((storage, label))
    return labels


def _folder(
    session: MediaSession, storage: int, folder: int, path: str, depth: int, listing: _Listing
) -> list[tuple[int, str, int]]:
    """Take one folder's children into ``listing``; the folders among them."""
    inner: list[tuple[int, str, int]] = []
    try:
        handles = session.children(storage, folder)
    except MtpRefused:
        listing.unreadable += 1
        return inner
    listed = _properties(session, folder) if handles else {}
    for handle in handles:
        if handle in listing.seen or len(listing.seen) >= MAX_OBJECTS:
            # Seen before: a loop of folders, or an object in two of them. Never walked twice.
            listing.truncated |= handle not in listing.seen
            continue
        listing.seen.add(handle)
        try:
            info = listed.get(handle) or session.object_info(handle)
        except MtpRefused:
            listing.unreadable += 1
            continue
        full = f"{path}/{_clean(info.name) or f'object {handle:08x}'}"
        if len(full) > MAX_PATH_CHARS or (info.is_folder and depth >= MAX_DEPTH):
            listing.truncated = True
        elif info.is_folder:
            inner.append((handle, full, depth + 1))
        else:
            listing.found.append((handle, UserObject(full, info.size_bytes or 0, info.modified)))
    return inner


def _properties(session: MediaSession, folder: int) -> dict[int, mtp_data.ObjectInfo]:
    if not session.lists_properties:
        return {}
    try:
        return session.listed_children(folder)
    except MtpRefused:
        return {}


def _clean(name: str) -> str:
    """A name as one part of a path: only ever compared, never opened, but it stays one part and one line."""
    return mtp_data.one_line(name).replace("/", "\N{DIVISION SLASH}")


def _unique(found: list[tuple[int, UserObject]]) -> list[tuple[int, UserObject]]:
    """Sorted by path; equal paths numbered in an order that does not depend on handles."""
    ordered = sorted(found, key=lambda pair: (pair[1].path, pair[1].size_bytes, pair[1].modified))
    counts: dict[str, int] = {}
    unique: list[tuple[int, UserObject]] = []
    for handle, item in ordered:
        counts[item.path] = number = counts.get(item.path, 0) + 1
        path = item.path if number == 1 else f"{item.path}//{number}"  # no name holds a slash
        unique.append((handle, UserObject(path, item.size_bytes, item.modified)))
    return unique


def _chosen(
    objects: list[tuple[int, UserObject]], seed: int, hash_paths: frozenset[str] | None
) -> list[tuple[int, UserObject]]:
    if hash_paths is not None:
        return [pair for pair in objects if pair[1].path in hash_paths]
    sample = list(objects)
    random.Random(seed).shuffle(sample)  # noqa: S311 - a sample anyone may repeat, not a secret
    return sample


def _read(
    session: MediaSession,
    chosen: list[tuple[int, UserObject]],
    budget_s: float | None,
    on_progress: OnBytes,
    stop: threading.Event,
) -> tuple[dict[int, str], int]:
    """SHA-256 by handle, and how many could not be read."""
    hashes: dict[int, str] = {}
    failed = 0
    pace = _Pace(budget_s)
    total = sum(item.size_bytes for _, item in chosen)
    for handle, item in chosen:
        if stop.is_set() or pace.over():
            break
        if not pace.has_time_for(item.size_bytes):
            continue
        digest = hashlib.sha256()
        start = pace.done_bytes

        def piece(data: memoryview, digest: hashlib._Hash = digest) -> None:
            digest.update(data)
            pace.done_bytes += len(data)
            on_progress(min(pace.done_bytes, total), total)

        try:
            finished = session.read_object(
                handle, item.size_bytes, piece, lambda: stop.is_set() or pace.overrun()
            )
        except MtpRefused:
            failed += 1
            continue
        if finished and pace.done_bytes - start == item.size_bytes:
            hashes[handle] = digest.hexdigest()
        elif finished:
            failed += 1  # not the size it was listed with: it is being changed
    on_progress(pace.done_bytes, pace.done_bytes)
    return hashes, failed


class _Pace:
    """How fast reading goes, and whether the time budget allows one more object. None = no limit."""

    def __init__(self, budget_s: float | None) -> None:
        self._budget_s = budget_s
        self._began = time.monotonic()
        self.done_bytes = 0

    def _spent_s(self) -> float:
        return time.monotonic() - self._began

    def over(self) -> bool:
        return self._budget_s is not None and self._spent_s() >= self._budget_s

    def overrun(self) -> bool:
        return self._budget_s is not None and self._spent_s() >= self._budget_s + _OVERRUN_S

    def has_time_for(self, size_bytes: int) -> bool:
        if self._budget_s is None:
            return True
        spent = self._spent_s()
        speed = self.done_bytes / spent if self.done_bytes > 1 << 20 else _FIRST_GUESS_BYTES_PER_S
        return size_bytes / speed <= self._budget_s - spent
