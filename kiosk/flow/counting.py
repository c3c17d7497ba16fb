"""Counts the owner's objects for the hands, and says when a count cannot be believed. It keeps nothing.

A screen that locks itself in the middle takes the storage away: what was listed then is no inventory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from kiosk.flow.events import Compared, Event, InventoryTaken, OurFailure, PhoneGone, WrongPhone
from kiosk.flow.user_data import compare, first_look, hashed_paths
from kiosk.flow.visit import Visit
from kiosk.ports import OnBytes, Phone, UserObject

STILL_OPEN_S = 0.5
CARD_WAIT_S = 5.0
CARD_LOOKS = 4
"""A memory card is mounted some seconds after the owner unlocks; a storage that is away is looked for again."""

_FOREVER_S = 86400.0
_LOCKED = "the phone was locked while its files were counted"
_OTHER = "another phone is in this bay"


def is_other(phone: Phone, mtp_serial: str) -> bool:
    """Whether the phone in the bay is not the one with ``mtp_serial``; "" = any."""
    return bool(mtp_serial) and phone.recognise().mtp_serial != mtp_serial


def first_count(phone: Phone, visit: Visit, on_progress: OnBytes, stop: threading.Event) -> Event:
    """Everything listed, a sample read; PhoneGone where the screen was locked meanwhile."""
    options = visit.options
    if is_other(phone, visit.mtp_serial):
        return WrongPhone(_OTHER)
    found = phone.inventory(options.hash_budget_s, options.seed, None, on_progress, stop)
    if not phone.wait_unlocked(STILL_OPEN_S, stop):
        return PhoneGone(_LOCKED)
    objects = tuple(found.objects)
    data = first_look(objects, found.unreadable, found.truncated)
    return InventoryTaken(objects, data, len(hashed_paths(objects)), found.seconds)


def second_count(
    phone: Phone, visit: Visit, before: Sequence[UserObject], on_progress: OnBytes, stop: threading.Event
) -> Event:
    """Everything listed again, the same sample read again, compared with ``before``."""
    first = visit.user_data
    if len(before) != first.before:
        return OurFailure("our_error", "what was counted before the update is no longer in the database")
    if is_other(phone, visit.mtp_serial):
        return WrongPhone(_OTHER)
    wanted = hashed_paths(before)
    for look in range(1, CARD_LOOKS + 1):
        found = phone.inventory(_FOREVER_S, visit.options.seed, wanted, on_progress, stop)
        if not phone.wait_unlocked(STILL_OPEN_S, stop):
            return PhoneGone(_LOCKED)
        if look == CARD_LOOKS or _storages(before) <= _storages(found.objects) or stop.wait(CARD_WAIT_S):
            break
    unreadable = (first.unreadable, found.unreadable)
    data = compare(before, tuple(found.objects), unreadable, found.truncated or first.truncated)
    return Compared(data, found.seconds)


def _storages(objects: Iterable[UserObject]) -> frozenset[str]:
    """The first part of a path names the storage."""
    return frozenset(item.path.partition("/")[0] for item in objects)
