"""What is kept how long, and what goes then. It deletes nothing; whoever does destroys the key of the ciphertext.

The ledger is permanent and holds no names, phone numbers or id numbers. Times in UTC ms.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Kept(StrEnum):
    """Kinds of what is kept beside the ledger."""

    PHONE_NUMBER = "phone_number"
    ID_NUMBER = "id_number"  # sealed; its keyed digest stays, for velocity
    SIGNATURE = "signature"
    PHOTOS = "photos"  # evidence of the grade, as long as the signature under it
    CERTIFICATE = "certificate"
    MANIFEST = "manifest"
    REPLAY = "replay"  # masked recording of the screen


DAYS = {Kept.PHONE_NUMBER: 30, Kept.REPLAY: 90}
YEARS = {Kept.ID_NUMBER: 2, Kept.SIGNATURE: 3, Kept.PHOTOS: 3}
"""What is destroyed after so long. Certificates and manifests are kept three years and longer: never by us."""


def goes_at(kind: Kept, closed_ms: int) -> int | None:
    """When it is destroyed, counted from the closing of the trade; None for what stays."""
    closed = datetime.fromtimestamp(closed_ms / 1000, UTC)
    if kind in DAYS:
        return closed_ms + DAYS[kind] * 86_400_000
    if kind not in YEARS:
        return None
    year = closed.year + YEARS[kind]
    try:
        ends = closed.replace(year=year)
    except ValueError:  # 29 February
        ends = closed.replace(year=year, day=28) + timedelta(days=1)
    return closed_ms + (ends - closed) // timedelta(milliseconds=1)


def due(kind: Kept, closed_ms: int, now_ms: int) -> bool:
    """Whether it has to go by now."""
    ends_ms = goes_at(kind, closed_ms)
    return ends_ms is not None and now_ms >= ends_ms
