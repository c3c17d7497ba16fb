"""What is fetched at night, and when not."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from firmware_agent.errors import CatalogueRefused, Unreachable
from firmware_agent.watch import MAX_NOTES, Note, Watch
from kiosk.settings import NightHours
from kiosk.stockkeeper import RECENT, Stockkeeper

SHANGHAI = timezone(timedelta(hours=8))


class Shelf:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: dict[str, Exception] = {}
        self.notes = 0

    def stock(self, model: str, watch: Watch) -> None:
        assert not watch.stop.is_set()
        self.asked.append(model)
        for _ in range(self.notes):
            watch.note("fetch.moved")
        if model in self.fails:
            raise self.fails.pop(model)


class Shop:
    """A station whose clock stands still until it is told otherwise."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=SHANGHAI)
        self.shelf = Shelf()
        self.notes: list[Note] = []
        self.since: list[int] = []
        night = NightHours(23 * 60, 5 * 60)
        self.keeper = Stockkeeper(self.shelf, self.recent, self.notes.append, night, lambda: self.now)

    def recent(self, since_ms: int) -> tuple[str, ...]:
        self.since.append(since_ms)
        return ("heron", "wren")

    def look_at(self, hour: int, day: int = 22) -> list[str]:
        self.now = self.now.replace(hour=hour, day=day)
        self.shelf.asked.clear()
        self.keeper.look()
        return list(self.shelf.asked)


def test_each_recent_model_is_fetched_once_a_night_and_not_by_day() -> None:
    shop = Shop()
    assert shop.look_at(12) == []
    assert shop.look_at(23) == ["heron", "wren"]
    assert shop.look_at(2, day=23) == []  # the same night, after midnight
    assert shop.look_at(6, day=23) == []
    assert shop.look_at(23, day=23) == ["heron", "wren"]


def test_only_models_of_the_last_thirty_days_are_asked_for() -> None:
    shop = Shop()
    shop.look_at(1)
    assert shop.since == [int((shop.now - RECENT).timestamp() * 1000)]


def test_a_line_that_was_down_is_tried_again_the_same_night() -> None:
    shop = Shop()
    shop.shelf.fails["heron"] = Unreachable("download_failed", "nobody answers")
    assert shop.look_at(23) == ["heron", "wren"]
    assert shop.notes == []
    assert shop.look_at(1, day=23) == ["heron"]
    assert shop.look_at(2, day=23) == []


def test_a_refused_catalogue_is_noted_and_does_not_stop_the_next_model() -> None:
    shop = Shop()
    shop.shelf.fails["heron"] = CatalogueRefused("catalogue_refused", "signed by nobody")
    assert shop.look_at(23) == ["heron", "wren"]
    assert shop.notes == [Note("fetch.failed", {"model": "heron", "reason": "catalogue_refused"})]


@pytest.mark.parametrize("reason", ["no_catalogue", "catalogue_expired"])
def test_a_catalogue_that_only_the_line_can_renew_is_tried_again_too(reason: str) -> None:
    shop = Shop()
    shop.shelf.fails["heron"] = CatalogueRefused(reason, "the line is down")
    shop.look_at(23)
    assert shop.look_at(1, day=23) == ["heron"]
    assert shop.notes == []


def test_a_line_that_stays_down_is_asked_less_and_less_often() -> None:
    shop = Shop()
    shop.now = shop.now.replace(hour=23)
    asked = 0
    for _ in range(120):
        shop.shelf.fails = {model: Unreachable("download_failed", "nobody") for model in ("heron", "wren")}
        shop.shelf.asked.clear()
        shop.keeper.look()
        asked += len(shop.shelf.asked)
        shop.now += timedelta(minutes=1)
    assert 8 <= asked <= 2 * 8


def test_a_mirror_that_lies_all_night_fills_no_ledger() -> None:
    shop = Shop()
    shop.shelf.notes = 500
    shop.look_at(23)
    assert len(shop.notes) == MAX_NOTES
    assert shop.notes[-1].kind == "fetch.notes_left_out"
    shop.look_at(23, day=23)
    assert len(shop.notes) == 2 * MAX_NOTES, "the next night may speak again"


def test_a_station_that_stops_begins_nothing_more() -> None:
    shop = Shop()
    shop.keeper.stop()
    assert shop.look_at(23) == []
