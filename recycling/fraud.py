"""The fraud table: what looks wrong, and what is to be done. It accuses nobody and shows nothing to the public.

A check returns a :class:`Flag` or None. Times in UTC ms, masses in g.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from recycling.errors import Refused
from recycling.imei import same, well_formed

DAY_MS = 86_400_000
VELOCITY_DEVICES = 3
VELOCITY_DAYS = 30
OVERRIDES = 3
OVERRIDES_DAYS = 7
TOLERANCE_DAYS = 3
MASS_TOLERANCE_BP = 1_000
MASS_TOLERANCE_G = 10

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


class Action(StrEnum):
    """What a flag asks for."""

    STOP = "stop"  # the trade ends here; the duty manager
    REVIEW = "review"  # goes on with a second approver
    AGAIN = "again"  # inspect again
    HQ = "hq"  # goes on; headquarters looks at it


@dataclass(frozen=True, slots=True)
class Flag:
    """``rule`` is a machine name with words for staff; ``detail`` is figures, the same in every language, and never
    personal data.
    """

    rule: str
    action: Action
    detail: str = ""


def identity(imei_usb: str, imei_label: str, imei_dialled: str) -> Flag | None:
    """The three IMEIs, "" where one is not known: a bad one stops, different ones go to review."""
    given = [one for one in (imei_usb, imei_label, imei_dialled) if one]
    for one in given:
        try:
            well_formed(one)
        except Refused as exc:
            return Flag("imei_bad", Action.STOP, exc.reason)
    if any(not same(given[0], other) for other in given[1:]):
        return Flag("imei_differs", Action.REVIEW)
    return None


def invoice(invoice_date: date | None, made: date | None, first_use: date | None, today: date) -> Flag | None:
    """Before manufacture, in the future, or after first use beyond three days; the warranty then begins at manufacture
    + 90 days. Nothing to say without an invoice.
    """
    if invoice_date is None:
        return None
    if invoice_date > today:
        return Flag("invoice_future", Action.REVIEW)
    if made is not None and invoice_date < made:
        return Flag("invoice_before_made", Action.REVIEW)
    if first_use is not None and invoice_date > first_use + timedelta(days=TOLERANCE_DAYS):
        return Flag("invoice_after_first_use", Action.REVIEW)
    return None


def velocity(times_ms: Sequence[int], now_ms: int) -> Flag | None:
    """``times_ms``: of every device with the same id, this one included. Three within 30 days are too many."""
    count = _within(times_ms, now_ms, VELOCITY_DAYS)
    return Flag("id_velocity", Action.HQ, f"{count}") if count >= VELOCITY_DEVICES else None


def overrides(times_ms: Sequence[int], now_ms: int) -> Flag | None:
    """``times_ms``: of every price that the same member of staff set by hand, this one included."""
    count = _within(times_ms, now_ms, OVERRIDES_DAYS)
    return Flag("staff_overrides", Action.HQ, f"{count}") if count >= OVERRIDES else None


def odd_hours(at_ms: int, zone: ZoneInfo, hours: str) -> Flag | None:
    """``hours``: of opening, such as "8:30-20:30", in the station's zone; the last minute is closed."""
    begin, end = opening(hours)
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    minute = local.hour * 60 + local.minute
    inside = begin <= minute < end if begin <= end else minute >= begin or minute < end
    return None if inside else Flag("odd_hours", Action.HQ, f"{local:%H:%M}")


def opening(hours: str) -> tuple[int, int]:
    """Minutes after midnight; :class:`Refused` "hours"."""
    found = _HOURS.fullmatch(hours.strip())
    if not found:
        raise Refused("hours", f"opening hours are such as 8:30-20:30, not {hours[:40]!r}")
    a, b, c, d = (int(one) for one in found.groups())
    return a * 60 + b, c * 60 + d


def photo(digest: str, seen: Container[str]) -> Flag | None:
    """``digest`` of the photo's bytes; ``seen`` of every earlier trade's."""
    return Flag("photo_reused", Action.AGAIN) if digest in seen else None


def mass(measured_g: int, model_g: int) -> Flag | None:
    """More than 10 % (at least 10 g) away from the model's mass."""
    allowed_g = max(MASS_TOLERANCE_G, model_g * MASS_TOLERANCE_BP // 10_000)
    if abs(measured_g - model_g) <= allowed_g:
        return None
    return Flag("mass_off", Action.AGAIN, f"{measured_g} g / {model_g} g")


def _within(times_ms: Sequence[int], now_ms: int, days: int) -> int:
    """How many lie in the last ``days``; one after now, by a clock that was set back, counts as now."""
    return sum(1 for one in times_ms if one > now_ms - days * DAY_MS)
