"""Compares the owner's objects before and after. Pure: two listings in, counts out; it names no object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kiosk.ports import UserObject

NOT_SEEN = ("apps", "messages", "call_log", "settings")
"""What no cable shows of an Android phone in normal mode."""


@dataclass(frozen=True, slots=True)
class UserData:
    """Counts of objects. Every object of ``before`` is in exactly one of identical, changed, missing."""

    before: int = 0
    after: int | None = None  # None: not looked at yet
    identical: int = 0  # same path, size and date, and the same bytes where it was read both times
    hashed: int = 0  # identical or changed, and read in full before and after
    changed: int = 0
    missing: int = 0
    added: int = 0
    unreadable: int = 0  # could be listed but not read, before or after: the larger of the two
    lost_reading: int = 0  # was read in full before, and cannot be read after
    not_compared: int = 0  # identical by listing only: the bytes were not read both times
    bytes_before: int = 0
    truncated: bool = False  # a listing was cut short: the counts are lower bounds

    @property
    def verdict(self) -> str:
        """Empty when nothing is known to be lost; else the reason, worst first."""
        if self.after is None:
            return "user_data_not_checked"
        if self.missing:
            return "user_data_missing"
        if self.changed:
            return "user_data_changed"
        return "user_data_unreadable" if self.lost_reading else ""


def first_look(objects: Sequence[UserObject], unreadable: int, truncated: bool) -> UserData:
    """What is known after the first inventory."""
    return UserData(
        before=len(objects),
        unreadable=unreadable,
        bytes_before=sum(item.size_bytes for item in objects),
        truncated=truncated,
    )


def hashed_paths(objects: Iterable[UserObject]) -> frozenset[str]:
    """Those that were read in full, to be read in full again."""
    return frozenset(item.path for item in objects if item.sha256 is not None)


def compare(
    before: Sequence[UserObject], after: Sequence[UserObject], unreadable: tuple[int, int], truncated: bool
) -> UserData:
    """Object by object, by path. A path listed twice (two storages) is compared in order.

    ``unreadable`` is (before, after) as the two inventories counted. An object with another size, date or
    content is changed; a date the phone gave only once is no evidence of change.
    """
    later = _by_path(after)
    identical = changed = missing = hashed = lost_reading = 0
    for path, items in _by_path(before).items():
        found = later.get(path, ())
        missing += max(0, len(items) - len(found))
        for old, new in zip(items, found, strict=False):
            same = _same(old, new)
            identical += same
            changed += not same
            hashed += old.sha256 is not None and new.sha256 is not None
            lost_reading += old.sha256 is not None and new.sha256 is None
    return UserData(
        before=len(before),
        after=len(after),
        identical=identical,
        hashed=hashed,
        changed=changed,
        missing=missing,
        added=len(after) - identical - changed,
        unreadable=max(unreadable),
        lost_reading=lost_reading,
        not_compared=identical + changed - hashed,
        bytes_before=sum(item.size_bytes for item in before),
        truncated=truncated,
    )


def _by_path(objects: Iterable[UserObject]) -> Mapping[str, list[UserObject]]:
    found: dict[str, list[UserObject]] = {}
    for item in objects:
        found.setdefault(item.path, []).append(item)
    return found


def _same(old: UserObject, new: UserObject) -> bool:
    if old.size_bytes != new.size_bytes:
        return False
    if old.modified and new.modified and old.modified != new.modified:
        return False
    return old.sha256 is None or new.sha256 is None or old.sha256 == new.sha256
