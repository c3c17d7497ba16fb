"""The composed station beside ``station update``: they share visits, bays and the ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hw.virtual.control import Customer
from kiosk.assembly import Station
from kiosk.flow.desk import Bay
from kiosk.flow.view import JobView, Screen
from kiosk.settings import Settings
from tests.e2e.visits import MIB, Shop, make_releases, virtual_phone

pytestmark = pytest.mark.tool("mkfs.ext4")
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("firmware")
    make_releases(root, "heron", ["1.0.0", "2.0.0"])
    return make_releases(root, "wren", ["1.0.0", "2.0.0"])


def settings(state: Path, releases: Path, *wheres: str) -> Settings:
    bays = tuple(Bay(number, where) for number, where in enumerate(wheres, start=1))
    return Settings(state_dir=state, bays=bays, releases_dir=releases, hash_budget_s=10.0)


class Person:
    """Stands before the screen with one phone, and does what each new screen asks."""

    def __init__(self, station: Station, customer: Customer, visit: str) -> None:
        self.station, self.customer, self.visit = station, customer, visit

    def until_finished(self) -> JobView:
        return self._until(lambda job: job.finished)

    def until_percent(self, percent: int) -> JobView:
        return self._until(lambda job: job.percent >= percent)

    def _until(self, done: Callable[[JobView], bool]) -> JobView:
        deadline = time.monotonic() + PATIENCE_S
        last: Screen | None = None
        while time.monotonic() < deadline:
            job = self.station.desk.view().job(self.visit)
            if job is not None and job.screen is not last:
                last = job.screen
                self._act(job)
            if job is not None and done(job):
                return job
            time.sleep(0.02)
        raise AssertionError(f"the visit did not end; it is at {last}")

    def _act(self, job: JobView) -> None:
        desk = self.station.desk
        if job.screen in (Screen.UNLOCK, Screen.UNLOCK_AGAIN):
            self.customer.unlock()
        elif job.screen in (Screen.KEYS, Screen.KEYS_AGAIN):
            self.customer.hold_keys()
        elif job.screen is Screen.PLAN:
            assert job.version_to == "2.0.0"
            desk.consent(self.visit, "t1", "zh")
        elif job.screen is Screen.BACKUP:
            desk.backup(self.visit, "done")


def test_two_phones_are_updated_side_by_side(tmp_path: Path, releases: Path) -> None:
    with (
        virtual_phone("heron", releases / "heron" / "1.0.0") as heron,
        virtual_phone("wren", releases / "wren" / "1.0.0") as wren,
        Station(settings(tmp_path / "state", releases, heron.where, wren.where)) as station,
    ):
        customers = {heron.where: heron.customer, wren.where: wren.customer}
        ended: list[JobView] = []
        people = []
        for _ in range(2):
            visit = station.desk.begin("zh")
            assert visit
            job = station.desk.view().job(visit)
            assert job
            people.append(Person(station, customers[job.bay], visit))
        threads = [
            threading.Thread(target=lambda one=one: ended.append(one.until_finished())) for one in people
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        assert sorted(job.model for job in ended) == ["heron", "wren"]
        for job in ended:
            assert (job.screen, job.reason) == (Screen.RESULT, "")
            assert job.user_data.identical == job.user_data.hashed == job.user_data.before >= 40
        assert station.desk.begin("zh") is None
        for job in ended:
            station.desk.finish(job.visit)
        assert station.desk.begin("zh") is not None


def test_the_kiosk_resumes_what_a_killed_command_left_and_holds_the_bay(
    tmp_path: Path, releases: Path
) -> None:
    shop = Shop(tmp_path / "state", releases)
    with virtual_phone("heron", releases / "heron" / "1.0.0", "--fault", f"slow:{4 * MIB}") as phone:
        first = shop.update(phone.where, phone.customer)
        first.wait_for_writing()
        first.kill()
        with Station(settings(shop.state, releases, phone.where)) as station:
            (job,) = station.desk.view().jobs
            code, answer = shop.update(phone.where, None).finish()
            assert code == 3
            assert "is served by process" in answer["error"], "the bay is the kiosk's now"
            ended = Person(station, phone.customer, job.visit).until_finished()
            assert (ended.screen, ended.resumed) == (Screen.RESULT, True)
    kinds = shop.kinds()
    assert kinds.count("visit.begun") == kinds.count("visit.closed") == 1
    assert "station.resumed" in kinds


def test_stopping_the_kiosk_mid_write_leaves_the_visit_to_the_next_start(
    tmp_path: Path, releases: Path
) -> None:
    state = tmp_path / "state"
    with virtual_phone("heron", releases / "heron" / "1.0.0", "--fault", f"slow:{2 * MIB}") as phone:
        with Station(settings(state, releases, phone.where)) as station:
            visit = station.desk.begin("zh")
            assert visit
            person = Person(station, phone.customer, visit)
            thread = threading.Thread(target=person.until_percent, args=(10,))
            thread.start()
            thread.join(PATIENCE_S)
        with Station(settings(state, releases, phone.where)) as station:
            ended = Person(station, phone.customer, visit).until_finished()
    assert (ended.screen, ended.resumed) == (Screen.RESULT, True)
