"""What a station keeps of the catalogue: good without a line until it expires, whole after any power cut."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_agent.errors import CatalogueRefused, Stopped
from firmware_agent.mirrors.book import Mirror
from firmware_agent.repository.online import change_mirrors, stage
from firmware_agent.repository.rotate import rotate
from firmware_agent.trust.refresh import MIRRORS_ASKED
from firmware_agent.watch import Watch
from tests.catalogues import Bench, Station, replaced, status
from tests.clocks import later

GOOD = ["2.0.0", "1.0.0"]
NOWHERE = Mirror("http://127.0.0.1:9")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two releases of one model, and a mirror in the signed list."""
    with Bench(tmp_path) as bench:
        shop = bench.shop
        change_mirrors(shop.repository, shop.keyring, [Mirror("http://m1.example", "cn-east")])
        shop.publish(shop.release(version="1.0.0"), shop.release(version="2.0.0"))
        stage(shop.repository, shop.keyring, "heron", "2.0.0", 0)
        yield bench


@pytest.fixture
def station(bench: Bench) -> Station:
    """One that has refreshed, and has no line any more."""
    with_line = bench.station(bench.serve())
    with_line.refresh()
    assert with_line.versions() == GOOD
    return bench.station()


def files_of(station: Station) -> list[Path]:
    return sorted(path for path in station.folder.rglob("*") if path.is_file() and not path.is_symlink())


# -- without a line


def test_everything_is_there_without_a_line(station: Station) -> None:
    station.refresh()
    assert station.versions() == GOOD
    assert not station.trust.rollout("heron", station.watch).admits("any", "2.0.0")
    assert station.trust.mirrors(station.watch) == (Mirror("http://m1.example", "cn-east"),)
    wanted = station.trust.wanted("heron/2.0.0/images/system.img")
    assert wanted.path.startswith("targets/heron/2.0.0/images/")
    assert wanted.path.endswith(f"{wanted.sha256}.system.img")
    assert wanted.pieces is not None
    assert [note.kind for note in station.notes] == ["catalogue.stored"]


def test_a_model_that_does_not_exist_is_none_also_without_a_line(station: Station) -> None:
    assert station.trust.index("yeti", station.watch) is None
    assert station.trust.index("../heron", station.watch) is None


def test_a_model_that_was_never_asked_for_needs_a_line(bench: Bench, station: Station) -> None:
    bench.shop.publish(bench.shop.release("wren", "7.0.0"))
    assert bench.station(bench.serve()).trust.refresh(Watch(), max_age_s=0) is None
    with pytest.raises(CatalogueRefused) as caught:
        station.trust.index("wren", station.watch)
    assert caught.value.reason == "no_catalogue"
    assert bench.station(bench.serve()).versions("wren") == ["7.0.0"]


def test_a_followed_model_is_brought_up_to_date_with_every_refresh(bench: Bench, station: Station) -> None:
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    bench.station(bench.serve()).refresh()
    assert station.versions() == ["3.0.0", *GOOD]
    assert station.notes == []


def test_a_catalogue_is_good_for_days_without_a_line_and_then_no_more(station: Station) -> None:
    with later(hours=72):
        station.refresh()
        assert station.versions() == GOOD
    with later(hours=121):
        old = Station(station.folder, station.trust._root, [])
        for ask in (old.refresh, old.versions):
            with pytest.raises(CatalogueRefused) as caught:
                ask()
            assert caught.value.reason == "catalogue_expired"


def test_a_station_that_runs_on_notices_the_expiry(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    assert station.versions() == GOOD
    monkeypatch.setattr("firmware_agent.trust.view.FOR_S", 0.0)
    with later(hours=121), pytest.raises(CatalogueRefused) as caught:
        station.trust.index("heron", station.watch)
    assert caught.value.reason == "catalogue_expired"


def test_nothing_stored_and_no_line_is_said_clearly(bench: Bench) -> None:
    station = Station(bench.folder / "new", bench.shop.root, [NOWHERE])
    with pytest.raises(CatalogueRefused) as caught:
        station.refresh()
    assert caught.value.reason == "no_catalogue"
    assert [note.kind for note in station.notes] == ["catalogue.unreachable"]
    assert station.notes[0].body["mirrors"] == 1


def test_metadata_that_is_young_enough_is_not_asked_for_again(bench: Bench) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    server.asked.clear()
    station.refresh(max_age_s=600)
    assert server.asked == []
    station.refresh(max_age_s=0)
    assert server.asked == ["metadata/2.root.json", "metadata/timestamp.json"]


# -- several mirrors


def test_a_bad_mirror_is_noted_and_the_next_one_serves(bench: Bench) -> None:
    bad, good = bench.serve(), bench.serve()
    bad.fail("/timestamp.json", replaced(b"<html>hello</html>"))
    station = bench.station(bad, good)
    station.refresh()
    assert station.versions() == GOOD
    refusal = next(note for note in station.notes if note.kind == "catalogue.refused")
    assert refusal.body["mirror"] == bad.url
    assert refusal.body["reason"] == "malformed"
    assert station.notes[1].kind == "catalogue.refreshed"
    assert station.notes[1].body["mirror"] == good.url


def test_a_mirror_that_gave_bad_metadata_is_asked_last_from_then_on(bench: Bench) -> None:
    bad, good = bench.serve(), bench.serve()
    bad.fail("/timestamp.json", replaced(b"{}"))
    station = bench.station(bad, good)
    station.refresh()
    rests_s = {row.mirror: row.rests_s for row in station.book.rows(1000)}
    assert rests_s[bad.mirror] > 600
    assert rests_s[good.mirror] == 0


def test_only_so_many_mirrors_are_asked(bench: Bench) -> None:
    servers = [bench.serve() for _ in range(MIRRORS_ASKED + 2)]
    for server in servers:
        server.fail("/timestamp.json", status(500))
    station = bench.station(*servers)
    with pytest.raises(CatalogueRefused):
        station.refresh()
    assert sum(bool(server.asked) for server in servers) == MIRRORS_ASKED
    assert station.notes[-1].body["mirrors"] == MIRRORS_ASKED, "said in one line"


def test_the_signed_list_of_mirrors_reaches_the_book(bench: Bench) -> None:
    station = bench.station(bench.serve())
    station.refresh()
    assert Mirror("http://m1.example", "cn-east") in station.book.mirrors


def test_a_model_that_one_mirror_withholds_comes_from_the_next(bench: Bench) -> None:
    half, whole = bench.serve(), bench.serve()
    half.fail(".acme.json", status(404))
    station = bench.station(half, whole)
    station.refresh()
    assert station.versions() == GOOD


def test_a_newer_edition_that_is_withheld_takes_nothing_away(bench: Bench) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    assert station.versions() == GOOD
    for name in (".snapshot.json", ".acme.json", ".index.json"):
        bench.shop.publish(bench.shop.release(version=f"3.{len(name)}.0"))
        server.faults.clear()
        server.fail(name, status(404))
        station.refresh()
        assert station.versions() == GOOD, name
        assert bench.station().versions() == GOOD, name


def test_one_maker_whose_metadata_has_expired_does_not_stop_the_others(bench: Bench) -> None:
    shop = bench.shop
    shop.publish(shop.release("egret", "5.0.0"))
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions("egret") == ["5.0.0"]
    assert station.versions() == GOOD
    with later(days=100):  # until when bolt's keys were not to be had
        for role in ("targets", "snapshot", "timestamp", "acme", "rollout"):
            far = shop.metadata("root").signed.expires
            shop.edit(role, lambda signed, far=far: setattr(signed, "expires", far))
    with later(days=190):
        late = bench.station(bench.serve(), name="late")
        late.refresh()
        assert late.versions() == GOOD
        with pytest.raises(CatalogueRefused) as caught:
            late.versions("egret")
        assert caught.value.reason == "catalogue_expired"
        station.refresh()
        assert station.versions() == GOOD


# -- revocation


def test_a_root_learned_in_a_refresh_that_failed_revokes_already(bench: Bench) -> None:
    server = bench.serve()
    station = bench.station(server)
    station.refresh()
    assert station.versions() == GOOD
    rotate(bench.shop.repository, bench.shop.offline, bench.shop.online, "timestamp")
    server.fail("/timestamp.json", status(503))
    with pytest.raises(CatalogueRefused) as caught:
        station.refresh()
    assert caught.value.reason == "catalogue_refused"


# -- power cuts


@pytest.mark.parametrize("keep", [0.0, 0.5], ids=["empty", "half"])
def test_any_torn_file_is_fetched_again_and_forgets_no_version(bench: Bench, keep: float) -> None:
    before = bench.shop.copy("before")
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    rotate(bench.shop.repository, bench.shop.offline, bench.shop.online, "root")
    folder = _stored_with(bench, ["3.0.0", *GOOD])
    names = [path.relative_to(folder) for path in files_of(Station(folder, bench.shop.root, []))]
    assert len(names) > 12
    old, new = bench.serve(before), bench.serve()
    for number, name in enumerate(names):
        torn = bench.folder / f"torn{number}"
        shutil.copytree(folder, torn, symlinks=True)
        raw = (torn / name).read_bytes()
        (torn / name).write_bytes(raw[: int(len(raw) * keep)])
        thief = Station(torn, bench.shop.root, [old.mirror])
        _refresh_if_it_can(thief)
        if name.parts[0] == "live":  # the memory against rollbacks outlives ngclient's own files
            assert "wrong_version" in thief.reasons(), name
        station = Station(torn, bench.shop.root, [new.mirror])
        station.refresh()
        assert station.versions() == ["3.0.0", *GOOD], name
        assert Station(torn, bench.shop.root, []).versions() == ["3.0.0", *GOOD], name


def test_a_live_folder_that_is_lost_whole_forgets_no_version(bench: Bench) -> None:
    before = bench.shop.copy("before")
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    rotate(bench.shop.repository, bench.shop.offline, bench.shop.online, "root")
    folder = _stored_with(bench, ["3.0.0", *GOOD])
    shutil.rmtree(folder / "live")
    thief = Station(folder, bench.shop.root, [bench.serve(before).mirror])
    thief.refresh()
    assert thief.reasons() == ["wrong_version"]
    assert thief.versions() == ["3.0.0", *GOOD]


def _stored_with(bench: Bench, versions: list[str]) -> Path:
    station = bench.station(bench.serve(), name="whole")
    station.refresh()
    assert station.versions() == versions
    return station.folder


def _refresh_if_it_can(station: Station) -> None:
    try:
        station.refresh()
    except CatalogueRefused:
        assert station.notes


def test_torn_files_of_the_live_folder_do_not_matter_without_a_line(bench: Bench) -> None:
    folder = _stored_with(bench, GOOD)
    for path in (folder / "live").glob("*.json"):
        path.write_bytes(b"")
    station = Station(folder, bench.shop.root, [])
    station.refresh()
    assert station.versions() == GOOD
    assert "catalogue.damaged" in {note.kind for note in station.notes}


def test_a_torn_pointer_is_noted(bench: Bench) -> None:
    folder = _stored_with(bench, GOOD)
    for raw in (
        b"",
        b"{",
        b'{"format":2}',
        json.dumps({"format": 1, "refreshed_s": 0, "models": 5}).encode(),
    ):
        (folder / "whole.json").write_bytes(raw)
        station = Station(folder, bench.shop.root, [])
        with pytest.raises(CatalogueRefused):
            station.refresh()
        assert station.notes[0].kind == "catalogue.damaged"


# -- several at once


def _hammer(folder: Path, root: bytes, url: str, times: int, failed: multiprocessing.Queue[str]) -> None:
    try:
        for _ in range(times):
            station = Station(folder, root, [Mirror(url)])
            station.refresh()
            assert station.versions() == GOOD
    except BaseException as exc:
        failed.put(repr(exc))
        raise


def test_two_processes_may_refresh_the_same_folder(bench: Bench) -> None:
    context = multiprocessing.get_context("fork")
    failed: multiprocessing.Queue[str] = context.Queue()
    work = (bench.folder / "shared", bench.shop.root, bench.serve().url, 4, failed)
    workers = [context.Process(target=_hammer, args=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0], failed.get_nowait()


def test_whoever_waits_for_another_refresh_can_be_stopped(station: Station) -> None:
    stop = threading.Event()
    with station.trust._store.held(threading.Event()):
        threading.Timer(0.05, stop.set).start()
        with pytest.raises(Stopped):
            station.trust.refresh(Watch(stop=stop), max_age_s=0)


def test_a_refresh_that_is_stopped_leaves_the_catalogue_as_it_was(bench: Bench, station: Station) -> None:
    server = bench.serve()
    online = bench.station(server)
    stop = threading.Event()

    def stopping(*_: object) -> bool:
        stop.set()
        return False

    bench.shop.publish(bench.shop.release(version="3.0.0"))
    server.fail(".snapshot.json", stopping)
    with pytest.raises(Stopped):
        online.trust.refresh(Watch(stop=stop), max_age_s=0)
    assert station.versions() == GOOD


# -- the clock


def test_a_clock_that_was_set_back_is_noticed(bench: Bench) -> None:
    now_s = [time.time()]
    server = bench.serve()
    station = bench.station(server, clock_s=lambda: now_s[0])
    station.refresh()
    assert station.versions() == GOOD
    now_s[0] -= 11 * 3600  # a board without a battery, after a reboot
    station.refresh()
    now_s[0] -= 2 * 3600
    for ask in (station.refresh, station.versions):
        with pytest.raises(CatalogueRefused) as caught:
            ask()
        assert caught.value.reason == "clock_behind"
    assert station.reasons() == ["clock_behind"] * 2
    now_s[0] += 24 * 3600
    station.refresh()
    assert station.versions() == GOOD


# -- housekeeping


def test_what_nothing_names_is_swept_after_a_day(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("firmware_agent.trust.store._UNUSED_S", -1.0)
    station = bench.station(bench.serve())
    station.refresh()
    assert station.versions() == GOOD
    before = {path.name for path in (station.folder / "files").iterdir()}
    (station.folder / "live" / "tmpabandoned").write_bytes(b"half")
    bench.shop.publish(bench.shop.release(version="3.0.0"))
    station.refresh()
    after = {path.name for path in (station.folder / "files").iterdir()}
    assert not (station.folder / "live" / "tmpabandoned").exists()
    assert len(after) == len(before)
    assert station.versions() == ["3.0.0", *GOOD]
    assert bench.station().versions() == ["3.0.0", *GOOD]


def test_what_interrupted_writes_left_is_swept_once_it_is_old(bench: Bench) -> None:
    station = bench.station(bench.serve())
    left = [
        station.folder / ".whole.json.4711-1.new",
        station.folder / ".clock.json.4711-1.new",
        station.folder / "live" / "root_history" / ".2.root.json.4711-1.new",
    ]
    going_on = station.folder / ".whole.json.4712-1.new"
    for path in (*left, going_on):
        path.write_bytes(b"half")
    long_ago_s = time.time() - 2 * 3600
    for path in left:
        os.utime(path, (long_ago_s, long_ago_s))
    station.refresh()
    assert not any(path.exists() for path in left)
    assert going_on.exists()
