"""Members of staff: what their role, level and certificate allow, and how PINs are chosen and tried. It stores nothing.

Days are in the station's zone, times in UTC ms. The PIN itself is never kept; see :mod:`kiosk.pins`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from service.errors import ServiceError

LEVELS = (1, 2, 3)
PIN_DIGITS = (6, 12)
FREE_TRIES = 3
FIRST_WAIT_S = 30
LONGEST_WAIT_S = 900
FORGOTTEN_AFTER_MS = 3_600_000

_STAFF = re.compile(r"[A-Za-z0-9]{1,16}")


class Role(StrEnum):
    """Managers may do everything that technicians may."""

    TECHNICIAN = "technician"
    MANAGER = "manager"


class Action(StrEnum):
    """What may be asked of :func:`may`; the value is what a refusal names."""

    LOOK = "look"  # log in and read; with an expired certificate, too
    SIGN = "sign"  # the daily steps of a trade-in, a drop-off, a bin
    APPROVE = "approve"  # second approval of a quote
    EMPTY = "empty"  # open a bin, as either of the two
    SEAL_MANIFEST = "seal_manifest"  # as either of the two
    CLOSE_SHIFT = "close_shift"
    RELEASE = "release"  # held stock after its 30 days
    PRICES = "prices"  # propose or approve a price book
    ENROL = "enrol"  # enrol, renew and retire staff; list processors


@dataclass(frozen=True, slots=True)
class Technician:
    """One member of staff. ``certificate_until``: the last day it holds."""

    staff: str
    name: str
    role: Role
    level: int
    certificate_until: date
    retired: bool = False


_LEAST_LEVEL = {
    Action.SIGN: 1,
    Action.CLOSE_SHIFT: 1,
    Action.EMPTY: 1,
    Action.SEAL_MANIFEST: 1,
    Action.RELEASE: 2,
    Action.APPROVE: 2,
    Action.PRICES: 3,
    Action.ENROL: 3,
}


def refusal(technician: Technician, action: Action | str, today: date) -> str:
    """Why not: "staff_retired", "certificate_expired" or "staff_level"; "" when it is allowed.

    :class:`ServiceError` "unknown_action" for one that nobody thought of: nothing is allowed by accident.
    """
    try:
        wanted = Action(action)
    except ValueError as exc:
        raise ServiceError("unknown_action", f"no such action: {str(action)[:40]!r}") from exc
    if technician.retired:
        return "staff_retired"
    if wanted is Action.LOOK:
        return ""
    if today > technician.certificate_until:
        return "certificate_expired"
    if technician.role is Role.MANAGER or technician.level >= _LEAST_LEVEL[wanted]:
        return ""
    return "staff_level"


def may(technician: Technician, action: Action | str, today: date) -> bool:
    """Whether :func:`refusal` has nothing to say."""
    return not refusal(technician, action, today)


def days_left(technician: Technician, today: date) -> int:
    """Until the certificate expires; 0 on its last day, below 0 afterwards."""
    return (technician.certificate_until - today).days


def checked(technician: Technician) -> Technician:
    """The technician, or :class:`ServiceError` "staff_malformed"."""
    if not _STAFF.fullmatch(technician.staff):
        raise ServiceError("staff_malformed", "a staff number is 1 to 16 letters or digits")
    name = technician.name
    if not name.strip() or len(name) > 60 or not name.isprintable():
        raise ServiceError("staff_malformed", "a name is 1 to 60 plain characters")
    if technician.level not in LEVELS:
        raise ServiceError("staff_malformed", "a level is 1, 2 or 3")
    return technician


def check_pin(pin: str, staff: str) -> None:
    """:class:`ServiceError` "pin_digits" or "pin_weak": all digits the same, counting up or down, the number."""
    least, most = PIN_DIGITS
    if not (pin.isascii() and pin.isdigit() and least <= len(pin) <= most):
        raise ServiceError("pin_digits", f"a PIN has {least} to {most} digits")
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    if len(steps) == 1 and steps & {0, 1, 9}:
        raise ServiceError("pin_weak", "a PIN does not repeat one digit and does not count")
    if pin.strip("0") == staff.strip("0") or len(set(pin)) < 3:
        raise ServiceError("pin_weak", "a PIN is not the staff number and has three different digits")


def next_try(failures_ms: Sequence[int], now_ms: int) -> int:
    """Seconds until the next PIN may be tried, 0 = now.

    ``failures_ms``: of wrong PINs since the last right one, of one number or of the keypad. Three are free, then the
    wait doubles from 30 s to 15 minutes; after an hour without another they are forgotten. So they are where a clock
    that was wrong puts them more than an hour ahead: nobody waits for a year that is not yet here.
    """
    counted_ms = [one for one in failures_ms if one - now_ms < FORGOTTEN_AFTER_MS]
    if len(counted_ms) < FREE_TRIES:
        return 0
    last_ms = max(counted_ms)
    if now_ms - last_ms >= FORGOTTEN_AFTER_MS:
        return 0
    passed_ms = max(0, now_ms - last_ms)
    doublings = min(len(counted_ms) - FREE_TRIES, 10)  # beyond the longest wait in any case
    wait_s = min(LONGEST_WAIT_S, FIRST_WAIT_S << doublings)
    return max(0, -((passed_ms - wait_s * 1000) // 1000))
