"""How long a station waits for its catalogue: no line, slow mirrors and a full disk hold up no visit for long."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from firmware_agent import durable
from firmware_agent.errors import CatalogueRefused
from firmware_agent.trust import fetch
from firmware_agent.watch import Watch
from tests.catalogues import Bench, QuickDisk, Server, Station, status

GOOD = ["1.0.0"]
VISIT_S = 60.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """One release of one model."""
    with Bench(tmp_path) as bench:
        bench.shop.publish(bench.shop.release(version="1.0.0"))
        yield bench


@pytest.fixture
def cut(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[Station, Server]:
    """A station with a catalogue that it deems too old, whose only mirror answers nothing any more."""
    server = bench.serve()
    now_s = [1.0]
    station = bench.station(server, clock_s=lambda: now_s[0])
    station.refresh()
    assert station.versions() == GOOD
    now_s[0] += 10 * VISIT_S
    server.fail("", status(503))
    server.asked.clear()
    station.notes.clear()
    return station, server


class FullDisk(QuickDisk):
    """Takes no byte for the files named."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        name = Path(f"/proc/self/fd/{handle}").readlink().name
        if any(part in name for part in self._names):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().write(handle, data, offset)


# -- without a line


def test_a_round_that_failed_is_not_repeated_by_the_next_visit(cut: tuple[Station, Server]) -> None:
    station, server = cut
    station.refresh(VISIT_S)
    assert server.asked != []
    server.asked.clear()
    station.refresh(VISIT_S)
    assert server.asked == []
    assert station.versions() == GOOD


def test_after_a_while_a_failed_round_is_tried_again(
    cut: tuple[Station, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    station, server = cut
    station.refresh(VISIT_S)
    monkeypatch.setattr("firmware_agent.trust.trust.FAILED_FOR_S", 0.0)
    server.faults.clear()
    server.asked.clear()
    station.refresh(VISIT_S)
    assert server.asked != []


def test_visits_with_a_usable_catalogue_do_not_wait_for_a_round_that_failed(
    cut: tuple[Station, Server],
) -> None:
    station, _ = cut
    station.refresh(VISIT_S)
    with station.trust._store.held(threading.Event()), ThreadPoolExecutor(1) as pool:
        assert pool.submit(station.refresh, VISIT_S).result(10) is None


def test_who_waited_for_a_round_that_failed_does_not_ask_again(cut: tuple[Station, Server]) -> None:
    station, server = cut
    asking, waiting, go_on = threading.Event(), threading.Event(), threading.Event()

    def hold(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
        asking.set()
        go_on.wait(4)
        return status(503)(request, raw)

    class Waiting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waiting.set()
            return super().wait(timeout)

    server.faults.insert(0, hold)
    station.watch = Watch(on_note=station.notes.append, stop=Waiting())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(station.refresh)
        assert asking.wait(10)
        waiting.clear()
        second = pool.submit(station.refresh)
        assert waiting.wait(10)
        go_on.set()
        first.result(20)
        second.result(20)
    assert len(server.asked) == 1


def test_the_questions_of_one_visit_with_nothing_stored_are_one_round(bench: Bench) -> None:
    server = bench.serve()
    server.fail("", status(503))
    station = bench.station(server)
    for ask in (lambda: station.refresh(VISIT_S), station.versions, lambda: station.versions("wren")):
        with pytest.raises(CatalogueRefused) as caught:
            ask()
        assert caught.value.reason == "no_catalogue"
    assert len(server.asked) == 1


# -- slow but polite


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds by which the updater's clock is ahead."""
    ahead = [0.0]
    shifted = SimpleNamespace(monotonic=lambda: time.monotonic() + ahead[0])
    monkeypatch.setattr(fetch, "time", shifted)
    monkeypatch.setattr("firmware_agent.trust.refresh.time", shifted)
    return ahead


@pytest.mark.parametrize("name", ["/timestamp.json", ".acme.json"])
def test_a_mirror_that_takes_its_time_for_every_file_is_left_for_the_next(
    bench: Bench, clock: list[float], name: str
) -> None:
    slow, good = bench.serve(), bench.serve()
    station = bench.station(slow, good)
    assert station.versions() == GOOD
    bench.shop.publish(bench.shop.release(version="2.0.0"))

    def dawdle(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
        clock[0] += 40.0  # of a budget of 60
        return False

    slow.fail(name, dawdle)
    slow.asked.clear()
    good.asked.clear()
    station.notes.clear()
    after = {"/timestamp.json": ".snapshot.json", ".acme.json": ".index.json"}
    station.refresh()
    assert not any(path.endswith(after[name]) for path in slow.asked)
    assert station.reasons() == ["slow"]
    assert any(path.endswith(after[name]) for path in good.asked)
    assert station.versions() == ["2.0.0", *GOOD]


def test_a_mirror_that_is_given_up_as_slow_says_so_once_in_book_and_ledger(
    bench: Bench, clock: list[float]
) -> None:
    slow = bench.serve()

    def dawdle(request: BaseHTTPRequestHandler, raw: bytes | None) -> bool:
        clock[0] += 70.0
        return False

    bench.shop.publish(bench.shop.release("wren", "7.0.0"))
    station = bench.station(slow)
    assert station.versions() == GOOD
    assert station.versions("wren") == ["7.0.0"]
    bench.shop.publish(bench.shop.release(version="2.0.0"), bench.shop.release("wren", "8.0.0"))
    slow.fail(".snapshot.json", dawdle)  # the makers' own files are still to come
    station.notes.clear()
    station.refresh()
    assert station.reasons() == ["slow"]
    assert [row.failures for row in station.book.rows(1000)] == [1]
    assert station.versions() == GOOD


# -- a disk that takes nothing


def test_a_time_that_cannot_be_remembered_refuses_no_visit(bench: Bench) -> None:
    station = bench.station(bench.serve())
    durable.use(FullDisk("clock.json"))
    station.refresh()
    assert station.versions() == GOOD


def test_a_full_disk_takes_away_nothing_that_is_stored(bench: Bench) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    assert station.versions() == GOOD
    bench.shop.publish(bench.shop.release(version="2.0.0"))
    durable.use(FullDisk(""))
    station.refresh()
    assert station.versions() == GOOD
    assert "catalogue.damaged" in {note.kind for note in station.notes}


def test_a_full_disk_with_nothing_stored_is_one_clear_line(bench: Bench) -> None:
    station = bench.station(bench.serve())
    durable.use(FullDisk(""))
    with pytest.raises(CatalogueRefused) as caught:
        station.refresh()
    assert caught.value.reason == "cannot_write"
    assert "No space left" in caught.value.detail


def test_no_temporary_folder_is_one_clear_line_and_no_round(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    late = bench.station(server)
    server.asked.clear()
    monkeypatch.setattr("tempfile.tempdir", str(bench.folder / "missing"))
    for ask in (late.refresh, late.versions):
        with pytest.raises(CatalogueRefused) as caught:
            ask()
        assert caught.value.reason == "cannot_write"
    assert server.asked == []


def test_a_lock_that_cannot_be_opened_takes_away_nothing_that_is_stored(bench: Bench) -> None:
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    (station.folder / "lock").unlink()
    (station.folder / "lock").mkdir()  # as good as a disk that may only be read, also for root
    station.notes.clear()
    station.refresh()
    assert station.versions() == GOOD
    assert [note.kind for note in station.notes] == ["catalogue.damaged"]
    (station.folder / "whole.json").unlink()
    with pytest.raises(CatalogueRefused) as caught:
        station.refresh()
    assert caught.value.reason == "cannot_write"
