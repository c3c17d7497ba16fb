"""What is destroyed on which day, to the millisecond, and what never is."""

from __future__ import annotations

from datetime import datetime

import pytest

from recycling.retention import Kept, due, goes_at


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


CLOSED = "2026-11-22T10:00:00.123+00:00"


@pytest.mark.parametrize(
    ("kind", "closed", "goes"),
    [
        (Kept.PHONE_NUMBER, CLOSED, "2026-12-22T10:00:00.123+00:00"),
        (Kept.REPLAY, CLOSED, "2027-02-20T10:00:00.123+00:00"),
        (Kept.ID_NUMBER, CLOSED, "2028-11-22T10:00:00.123+00:00"),
        (Kept.SIGNATURE, CLOSED, "2029-11-22T10:00:00.123+00:00"),
        (Kept.PHOTOS, CLOSED, "2029-11-22T10:00:00.123+00:00"),
        (Kept.ID_NUMBER, "2028-02-29T10:00:00+00:00", "2030-03-01T10:00:00+00:00"),
    ],
)
def test_it_goes_on_its_day_and_not_a_millisecond_before(kind: Kept, closed: str, goes: str) -> None:
    assert goes_at(kind, ms(closed)) == ms(goes)
    assert not due(kind, ms(closed), ms(goes) - 1)
    assert due(kind, ms(closed), ms(goes))


@pytest.mark.parametrize("kind", [Kept.CERTIFICATE, Kept.MANIFEST])
def test_certificates_and_manifests_stay(kind: Kept) -> None:
    assert goes_at(kind, 0) is None
    assert not due(kind, 0, 10**15)
