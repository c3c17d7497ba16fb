"""The signed catalogue as a visit sees it: routes taken, progress, what is kept, what happens ahead of time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_agent.cache.objects import Cache
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.download.downloader import Downloader
from firmware_agent.errors import CatalogueRefused, NoRoom, ReleaseRefused, Stopped, Unreachable
from firmware_agent.manifest import Release
from firmware_agent.mirrors.book import Mirror, MirrorBook
from firmware_agent.plan import FlashPlan, Write
from firmware_agent.repository.online import stage, withdraw
from firmware_agent.repository.packages import make_packages
from firmware_agent.supply import Supply
from firmware_agent.trust.trust import Trust
from firmware_agent.watch import FewNotes, Note, Watch
from station.mirror_server import MirrorServer
from tests.catalogues import QUICK, Workshop, image_bytes

SIZE = 300_000


class Visit:
    """Listens as a visit does."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.progress: list[tuple[int, int]] = []
        self.watch = Watch(lambda done, total: self.progress.append((done, total)), self.notes.append)

    def kinds(self) -> list[str]:
        return [note.kind for note in self.notes]

    def bodies(self, kind: str) -> list[dict[str, str | int]]:
        return [dict(note.body) for note in self.notes if note.kind == kind]


class Shop:
    """A maker, its mirror, and one station's catalogue."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.maker = Workshop(folder / "maker")
        self.notes: list[Note] = []
        for version in ("1.0.0", "2.0.0"):
            images = {name: image_bytes("heron", version, name, SIZE) for name in ("boot", "system")}
            self.maker.release(version=version, images=images)
        self.releases = folder / "maker" / "releases" / "heron"
        make_packages(self.releases / "1.0.0", self.releases / "2.0.0", folder / "packages")
        self.maker.publish(self.releases / "1.0.0")
        self.server = MirrorServer(self.maker.repository.folder)

    def publish_new(self) -> None:
        self.maker.publish(self.releases / "2.0.0", packages=self.folder / "packages")

    def catalogue(self, *urls: str, name: str = "station", cache_bytes: int = 1 << 26) -> SignedCatalogue:
        folder = self.folder / name
        book = MirrorBook([Mirror(url) for url in urls or (self.server.url,)])
        downloader = Downloader(book, limits=QUICK)
        trust = Trust(folder / "trust", self.maker.root, book, downloader.http)
        supply = Supply(Cache(folder / "cache", cache_bytes), downloader)
        return SignedCatalogue(trust, supply, "sh-042", self.notes.append, fresh_s=0.0)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    with shop.server:
        yield shop


def fetched(catalogue: SignedCatalogue, visit: Visit, release: Release, name: str = "visit") -> None:
    """Fetch, and read every byte of every image."""
    with catalogue.fetch(name, release, visit.watch) as images:
        for part in release.partitions:
            assert sum(len(chunk) for chunk in images.image(part.file).chunks(4096)) == part.size_bytes


def newest(catalogue: SignedCatalogue, visit: Visit) -> Release:
    release = catalogue.newest("heron", "cn", visit.watch)
    assert release is not None
    return release


def both(shop: Shop) -> tuple[SignedCatalogue, Release]:
    """A station that holds version 1, and hears of version 2."""
    catalogue = shop.catalogue()
    visit = Visit()
    fetched(catalogue, visit, newest(catalogue, visit), "first")
    catalogue.let_go("first")
    shop.publish_new()
    return catalogue, newest(catalogue, visit)


def test_with_the_older_version_here_only_differences_are_downloaded(shop: Shop) -> None:
    catalogue, release = both(shop)
    offer = catalogue.offer(release)
    assert (offer.method, offer.base_version, offer.why) == ("delta", "1.0.0", "base_here")
    before, visit = shop.server.sent_bytes, Visit()
    fetched(catalogue, visit, release)
    assert shop.server.sent_bytes - before < offer.full_bytes / 4
    assert [body["base"] for body in visit.bodies("fetch.rebuilt")] == ["1.0.0", "1.0.0"]
    assert catalogue.offer(release).method == "cached"


def test_whole_images_are_downloaded_where_nothing_older_is_here_or_where_asked(shop: Shop) -> None:
    catalogue, release = both(shop)
    assert catalogue.offer(release, whole_only=True).method == "full"
    assert catalogue.offer(release, whole_only=True).why == "asked_whole"
    fresh = shop.catalogue(name="another")
    offer = fresh.offer(newest(fresh, Visit()))
    assert (offer.method, offer.why, offer.base_version) == ("full", "no_base", "")


def test_progress_only_rises_and_ends_at_the_total_that_was_said_first(shop: Shop) -> None:
    catalogue, release = both(shop)
    visit = Visit()
    fetched(catalogue, visit, release)
    done = [count for count, _ in visit.progress]
    assert done == sorted(done)
    assert {total for _, total in visit.progress} == {done[-1]}


def test_a_rotten_base_is_thrown_away_and_the_whole_image_comes(shop: Shop) -> None:
    catalogue, release = both(shop)
    for path in (shop.folder / "station" / "cache" / "objects").iterdir():
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.unlink()
        path.write_bytes(raw)
        path.chmod(0o444)
    visit = Visit()
    fetched(catalogue, visit, release)
    assert {body["reason"] for body in visit.bodies("fetch.failed")} >= {"other_base", "rotten"}
    done = [count for count, _ in visit.progress]
    assert done == sorted(done)


def test_two_visits_of_one_model_download_once(shop: Shop) -> None:
    catalogue, release = both(shop)
    before, offer = shop.server.sent_bytes, catalogue.offer(release)
    visits = [Visit(), Visit()]
    threads = [
        threading.Thread(target=fetched, args=(catalogue, visit, release, f"visit-{number}"))
        for number, visit in enumerate(visits)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert shop.server.sent_bytes - before == offer.fetch_bytes
    assert [visit.progress[-1] for visit in visits] == [(offer.fetch_bytes, offer.fetch_bytes)] * 2


def test_what_was_begun_ahead_is_taken_over_and_said_as_it_came(shop: Shop) -> None:
    catalogue, release = both(shop)
    before = shop.server.sent_bytes
    catalogue.hint("heron")
    wait_for(lambda: "fetch.complete" in [note.kind for note in shop.notes])
    offer = catalogue.offer(release)
    assert offer.method == "delta", "not as if it had always been here"
    sent, visit = shop.server.sent_bytes, Visit()
    fetched(catalogue, visit, release)
    assert [body["mirror"] for body in visit.bodies("fetch.ahead")] == [shop.server.url]
    assert visit.bodies("fetch.done") == [], "nothing is downloaded twice"
    assert shop.server.sent_bytes == sent
    assert sent > before
    assert catalogue.offer(release).method == "cached"


def test_a_hint_without_a_line_bothers_nobody(shop: Shop) -> None:
    catalogue = shop.catalogue("http://127.0.0.1:9")
    catalogue.hint("heron")
    wait_for(lambda: any(note.kind == "fetch.failed" for note in shop.notes))
    catalogue.close()


def test_a_stopped_fetch_keeps_what_came_and_goes_on_from_there(shop: Shop) -> None:
    catalogue, release = both(shop)
    whole = catalogue.offer(release, whole_only=True).fetch_bytes
    visit = Visit()

    def stop_early(done: int, _total: int) -> None:
        if done > 50_000:
            visit.watch.stop.set()

    stopping = replace(visit.watch, on_bytes=stop_early)
    with pytest.raises(Stopped):
        catalogue.fetch("visit", release, stopping, whole_only=True)
    before, again = shop.server.sent_bytes, Visit()
    with catalogue.fetch("visit", release, again.watch, whole_only=True):
        assert shop.server.sent_bytes - before < whole - 40_000, "what came is not asked for again"
    assert again.progress[0][0] > 40_000 or again.progress[1][0] > 40_000


def test_a_visit_that_was_stopped_holds_nothing(shop: Shop) -> None:
    catalogue, release = both(shop)
    visit = Visit()
    catalogue.let_go("visit")
    visit.watch.stop.set()
    with pytest.raises(Stopped):
        fetched(catalogue, visit, release)
    assert list((shop.folder / "station" / "cache" / "pins").iterdir()) == []


def test_a_visit_keeps_its_images_though_the_cache_is_full(shop: Shop) -> None:
    catalogue, release = both(shop)
    fetched(catalogue, Visit(), release, "open")
    tight = shop.catalogue(cache_bytes=3 * SIZE)
    old = tight.exact("heron", "1.0.0", Watch())
    for part in old.partitions:
        tight.supply.cache.discard(part.sha256)
    with pytest.raises(NoRoom):
        fetched(tight, Visit(), old, "other")
    assert tight.supply.holds(release.partitions)
    tight.let_go("open")
    fetched(tight, Visit(), old, "other")


def plan_of(release: Release, **changed: str) -> FlashPlan:
    writes = tuple(
        Write(f"{part.name}_b", part.file, part.size_bytes, changed.get(part.name, part.sha256))
        for part in release.partitions
    )
    return FlashPlan("heron", "cn", "1.0.0", release.version, writes, "b", 1)


def test_a_half_written_phone_is_finished_though_the_catalogue_has_expired(shop: Shop) -> None:
    catalogue, release = both(shop)
    fetched(catalogue, Visit(), release)
    shop.maker.expire("timestamp")
    later = shop.catalogue(name="station")
    (shop.folder / "station" / "trust" / "whole.json").unlink()
    with pytest.raises(CatalogueRefused):
        newest(later, Visit())
    with later.again("visit", plan_of(release), Watch()) as images:
        assert {images.image(part.file).sha256 for part in release.partitions} == {
            part.sha256 for part in release.partitions
        }


def test_images_that_went_missing_are_fetched_again_for_a_plan(shop: Shop) -> None:
    catalogue, release = both(shop)
    fetched(catalogue, Visit(), release)
    catalogue.supply.cache.discard(release.partitions[0].sha256)
    visit = Visit()
    with catalogue.again("visit", plan_of(release), visit.watch) as images:
        for part in release.partitions:
            assert sum(len(chunk) for chunk in images.image(part.file).chunks(4096)) == part.size_bytes
    assert visit.bodies("fetch.complete")
    with pytest.raises(ReleaseRefused) as caught:
        catalogue.again("visit", plan_of(release, boot="0" * 64), Watch())
    assert caught.value.reason == "release_changed"


def test_a_disk_that_takes_no_pin_does_not_keep_a_phone_half_written(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue, release = both(shop)
    fetched(catalogue, Visit(), release)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(catalogue.supply.cache), "pin", full)
    visit = Visit()
    catalogue.again("visit", plan_of(release), visit.watch).close()
    assert [body["reason"] for body in visit.bodies("fetch.failed")] == ["not_pinned"]


def test_what_is_withdrawn_staged_or_wipes_is_not_offered(shop: Shop) -> None:
    catalogue, release = both(shop)
    assert release.version == "2.0.0"
    stage(shop.maker.repository, shop.maker.keyring, "heron", "2.0.0", 0)
    assert newest(catalogue, Visit()).version == "1.0.0"
    assert catalogue.exact("heron", "2.0.0", Watch()).version == "2.0.0", "staff may choose it"
    stage(shop.maker.repository, shop.maker.keyring, "heron", "2.0.0", 100)
    assert newest(catalogue, Visit()).version == "2.0.0"
    withdraw(shop.maker.repository, shop.maker.keyring, "heron", "2.0.0")
    assert newest(catalogue, Visit()).version == "1.0.0"
    with pytest.raises(ReleaseRefused) as caught:
        catalogue.exact("heron", "2.0.0", Watch())
    assert caught.value.reason == "withdrawn"
    wiping = shop.maker.release(version="3.0.0", wipes_data=True)
    shop.maker.publish(wiping)
    assert newest(catalogue, Visit()).version == "1.0.0"


@pytest.mark.parametrize("version", ["9.9.9", "newest", "1.0.0\n", ""])
def test_a_version_that_does_not_exist_is_refused_in_words(shop: Shop, version: str) -> None:
    with pytest.raises(ReleaseRefused) as caught:
        shop.catalogue().exact("heron", version, Watch())
    assert caught.value.reason == "no_release"


def test_without_any_mirror_and_anything_stored_there_is_no_catalogue(shop: Shop) -> None:
    catalogue = shop.catalogue("http://127.0.0.1:9")
    with pytest.raises(CatalogueRefused) as caught:
        newest(catalogue, Visit())
    assert caught.value.reason == "no_catalogue"


def test_a_mirror_without_the_files_says_so_and_the_next_try_succeeds(shop: Shop) -> None:
    catalogue, release = both(shop)
    away = shop.folder / "away"
    targets = shop.maker.repository.folder / "targets" / "heron" / "2.0.0"
    targets.rename(away)
    with pytest.raises(Unreachable) as caught:
        fetched(catalogue, Visit(), release)
    assert (caught.value.reason, caught.value.exit_code) == ("download_failed", 5)
    away.rename(targets)
    fetched(catalogue, Visit(), release)


def test_a_base_is_not_evicted_to_make_room_for_its_own_result(shop: Shop) -> None:
    release = both(shop)[1]
    tight = shop.catalogue(cache_bytes=3 * SIZE + SIZE // 2)
    before, visit = shop.server.sent_bytes, Visit()
    fetched(tight, visit, release)
    assert visit.bodies("fetch.failed") == []
    assert shop.server.sent_bytes - before < SIZE


def test_the_last_check_before_writing_gives_signs_of_life(shop: Shop) -> None:
    catalogue, release = both(shop)
    fetched(catalogue, Visit(), release)
    visit = Visit()
    fetched(catalogue, visit, release)
    assert len(visit.progress) >= len(release.partitions)


def test_a_mirror_that_lies_to_a_hint_fills_no_ledger(shop: Shop) -> None:
    notes: list[Note] = []
    few = FewNotes(notes.append, 5)
    for _ in range(20):
        few(Note("fetch.moved"))
    assert [note.kind for note in notes] == ["fetch.moved"] * 4 + ["fetch.notes_left_out"]


def wait_for(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    done = threading.Event()
    for _ in range(int(timeout_s / 0.01)):
        if holds():
            return
        done.wait(0.01)
    raise AssertionError("it did not happen")
