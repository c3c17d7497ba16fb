"""The runner, the hands and the desk, with real threads and a phone whose every answer the test decides."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from kiosk.errors import StoreError
from kiosk.flow import counting
from kiosk.flow import events as ev
from kiosk.flow.desk import Bay, Line, StationDesk
from kiosk.flow.runner import Runner, Tools
from kiosk.flow.timeouts import Timeouts
from kiosk.flow.view import JobView, Screen
from kiosk.flow.visit import State, Visit
from tests.unit.flow_fakes import (
    FACTS,
    QUICK,
    Clock,
    Item,
    Known,
    OneRelease,
    PaperBook,
    PhoneTrouble,
    ScriptedPhone,
)

PATIENCE_S = 20.0


class Visiting:
    """A runner, its phone and the screens it shows, one after the other."""

    def __init__(
        self,
        phone: ScriptedPhone,
        book: PaperBook,
        timeouts: Timeouts,
        resume: Visit | None,
        catalogue: OneRelease,
    ) -> None:
        self.phone, self.book, self.catalogue = phone, book, catalogue
        self.views: queue.Queue[JobView] = queue.Queue()
        self.seen: list[JobView] = []
        tools = Tools(book, catalogue, Known(), Clock(), timeouts, "station-1")
        self.runner = Runner(
            resume or Visit("V", phone.bay), phone, tools, resume=bool(resume), on_change=self.views.put
        )

    def until(self, wanted: Screen | Callable[[JobView], bool]) -> JobView:
        while True:
            view = self.views.get(timeout=PATIENCE_S)
            self.seen.append(view)
            if view.screen is wanted or (callable(wanted) and wanted(view)):
                return view

    def customer_to(self, wanted: Screen) -> JobView:
        """A customer who does everything right, up to ``wanted``."""
        while True:
            view = self.until(lambda _: True)
            if view.screen is wanted:
                return view
            self.act(view.screen)

    def act(self, screen: Screen) -> None:
        if screen is Screen.CONNECT:
            self.phone.mode = self.phone.mode or "normal"
        elif screen in (Screen.UNLOCK, Screen.UNLOCK_AGAIN):
            self.phone.unlocked.set()
        elif screen in (Screen.KEYS, Screen.KEYS_AGAIN):
            self.phone.unlocked.clear()
            self.phone.mode = "bootloader"
        elif screen is Screen.PLAN:
            self.runner.post(ev.Consent("t1", "zh"))
        elif screen is Screen.BACKUP:
            self.runner.post(ev.BackupAnswered("done"))


@contextmanager
def visiting(
    phone: ScriptedPhone | None = None,
    book: PaperBook | None = None,
    timeouts: Timeouts = QUICK,
    resume: Visit | None = None,
    catalogue: OneRelease | None = None,
) -> Iterator[Visiting]:
    tools = (phone or ScriptedPhone(), book or PaperBook(), timeouts, resume, catalogue or OneRelease())
    made = Visiting(*tools)
    made.runner.start()
    try:
        yield made
    finally:
        made.runner.stop()


def test_a_whole_visit_ends_updated_and_lets_everything_go() -> None:
    with visiting() as visit:
        view = visit.customer_to(Screen.RESULT)
        assert (view.percent, view.version_from, view.version_to) == (100, "1.0.0", "2.0.0")
        assert view.user_data.identical == view.user_data.hashed == 2
        assert view.slip == f"station-1/ee/{len(visit.book.bodies)}/V"
        percents = [shown.percent for shown in visit.seen]
        assert percents == sorted(percents)
        assert visit.book.kept == {}
    assert visit.phone.closed
    assert visit.book.leased == set()


def test_no_write_reaches_the_phone_before_its_intent_is_committed() -> None:
    log: list[str] = []
    phone, book = ScriptedPhone(log=log), PaperBook(log=log)
    with visiting(phone, book) as visit:
        visit.customer_to(Screen.RESULT)
    for number, line in enumerate(log):
        if line.startswith("write ") or line.startswith("set_active") or line == "reboot":
            committed = [entry for entry in log[:number] if "." in entry]
            assert committed[-1].endswith(".intended"), log[: number + 1]
    assert log.index("consent.given") < log.index("write boot_b")


def test_a_write_whose_intent_cannot_be_committed_never_happens() -> None:
    with visiting() as visit:
        visit.customer_to(Screen.BACKUP)
        visit.book.fails = StoreError("disk full")
        visit.act(Screen.BACKUP)
        view = visit.until(lambda shown: shown.finished)
        assert (view.screen, view.reason) == (Screen.REFUSED, "our_error")
    assert not any(line.startswith("write") for line in visit.phone.log)
    assert visit.runner.failure == "disk full"


def test_a_lost_cable_is_waited_for_and_only_the_open_partition_is_sent_again() -> None:
    phone = ScriptedPhone()
    phone.raises = {"write": []}

    def cut(partition: str) -> None:
        if partition == "system_b" and "write system_b" not in phone.log:
            phone.raises["write"].append(PhoneTrouble("link"))
            phone.mode = None

    phone.on_write = cut
    with visiting(phone) as visit:
        view = visit.customer_to(Screen.AWAIT_PHONE)
        assert view.phone_present is False
        assert visit.runner.view.deadline_s is not None
        phone.mode = "bootloader"
        visit.customer_to(Screen.RESULT)
    assert [line for line in phone.log if line.startswith("write")] == [
        "write boot_b",
        "write system_b",
        "write system_b",
    ]


def test_another_phone_that_is_plugged_in_instead_is_not_written() -> None:
    phone = ScriptedPhone(raises={"write": [PhoneTrouble("link")]})
    with visiting(phone) as visit:
        visit.customer_to(Screen.AWAIT_PHONE)
        phone.facts = replace(FACTS, serialno="S2")
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason) == (Screen.NEEDS_STAFF, "swapped")
    assert sum(line.startswith("write") for line in phone.log) == 1


@pytest.mark.parametrize(
    ("fault", "reason"), [("phone", "write_failed"), ("swapped", "swapped"), ("ours", "our_error")]
)
def test_a_refusal_mid_write_latches(fault: str, reason: str) -> None:
    phone = ScriptedPhone(raises={"write": [PhoneTrouble(fault)]})
    with visiting(phone) as visit:
        view = visit.customer_to(Screen.NEEDS_STAFF)
        assert view.reason == reason
        assert view.finished
    assert "reboot" not in phone.log


def test_a_phone_that_is_never_brought_back_needs_staff() -> None:
    phone = ScriptedPhone(raises={"write": [PhoneTrouble("link")]})
    phone.on_write = lambda partition: setattr(phone, "mode", None)
    with visiting(phone, timeouts=Timeouts(await_phone_s=0.3)) as visit:
        view = visit.customer_to(Screen.NEEDS_STAFF)
    assert view.reason == "phone_did_not_return"


def test_an_answer_to_a_question_no_longer_asked_means_nothing() -> None:
    with visiting() as visit:
        visit.customer_to(Screen.PLAN)
        stale = visit.runner._ticket - 1
        visit.runner._inbox.put((stale, ev.PhoneGone("late news")))
        visit.runner.post(ev.Consent("t1", "zh"))
        assert visit.until(lambda shown: shown.screen is not Screen.PLAN).screen is Screen.BACKUP


def test_a_cancel_in_the_bootloader_restarts_the_phone_untouched() -> None:
    with visiting() as visit:
        visit.customer_to(Screen.PLAN)
        visit.runner.post(ev.Cancel())
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason, view.written) == (Screen.CANCELLED, "cancelled", False)
    assert visit.phone.log[-1] == "reboot"
    assert visit.phone.mode == "normal"


def test_an_unplug_before_consent_ends_the_visit_untouched() -> None:
    with visiting() as visit:
        visit.customer_to(Screen.PLAN)
        visit.phone.mode = None
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason, view.written) == (Screen.CANCELLED, "unplugged", False)


def test_a_short_unplug_while_unlocking_is_forgiven() -> None:
    with visiting(timeouts=Timeouts()) as visit:
        visit.customer_to(Screen.UNLOCK)
        visit.phone.mode = None
        visit.until(Screen.CONNECT)
        visit.phone.mode = "normal"
        visit.customer_to(Screen.RESULT)


def test_lost_files_are_counted_and_need_staff(monkeypatch: pytest.MonkeyPatch) -> None:
    # The lost file's folder is taken for a memory card that is away, and waited for.
    monkeypatch.setattr(counting, "CARD_WAIT_S", 0.01)
    with visiting() as visit:
        visit.customer_to(Screen.UNLOCK_AGAIN)
        visit.phone.files = [Item("a", sha256="cd" * 32)]
        visit.act(Screen.UNLOCK_AGAIN)
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason) == (Screen.NEEDS_STAFF, "user_data_missing")
    assert (view.user_data.missing, view.user_data.changed) == (1, 1)


def test_a_killed_station_goes_on_where_its_book_says() -> None:
    with visiting() as first:
        first.customer_to(Screen.PROGRESS)
    stored = first.book.visits["V"]
    mid = replace(stored, state=State.WRITING, writes_done=1, reason="", percent=40)
    phone = ScriptedPhone(mode="bootloader")
    book = PaperBook(kept={"V": tuple(phone.files)}, visits={"V": mid})
    with visiting(phone, book, resume=mid) as second:
        view = second.customer_to(Screen.RESULT)
        assert view.resumed
    assert [line for line in phone.log if line.startswith("write")] == ["write system_b"]
    assert second.book.log[0] == "station.resumed"


def test_a_killed_station_before_consent_asks_again() -> None:
    with visiting() as first:
        first.customer_to(Screen.BACKUP)
    phone = ScriptedPhone(mode="bootloader", files=first.phone.files)
    with visiting(phone, first.book, resume=first.book.visits["V"]) as second:
        second.until(Screen.PLAN)
        assert not any(line.startswith("write") for line in phone.log)


# -- the desk


@contextmanager
def desk(phones: dict[str, ScriptedPhone], book: PaperBook) -> Iterator[StationDesk]:
    bays = [Bay(number, where) for number, where in enumerate(phones, start=1)]
    tools = Tools(book, OneRelease(), Known(), Clock(), QUICK, "station-1")
    made = StationDesk(bays, phones.__getitem__, tools, line=lambda: Line(True, 7, 5))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.01)


def test_a_visit_begins_in_the_bay_where_the_phone_is_and_bays_run_out() -> None:
    phones = {"one": ScriptedPhone("one"), "two": ScriptedPhone("two", mode="charging")}
    with desk(phones, PaperBook()) as station:
        wait_until(lambda: station.view().bays[1].present)
        first = station.begin("zh")
        second = station.begin("en")
        assert first
        assert second
        assert station.view().job(first).bay_number == 2  # type: ignore[union-attr]
        assert station.begin("zh") is None
        view = station.view()
        assert (view.hq_online, view.ledger_head, view.ledger_acked) == (True, 7, 5)
        station.cancel(second)
        wait_until(lambda: station.view().job(second).finished)  # type: ignore[union-attr]
        station.finish(first)
        assert station.view().job(first) is not None, "a running visit is not put away"
        station.finish(second)
        assert station.view().job(second) is None
        assert station.begin("zh") is not None


def test_a_call_is_shown_once_it_is_written_and_again_once_it_is_answered() -> None:
    book = PaperBook()
    with desk({"one": ScriptedPhone("one")}, book) as station:
        visit = station.begin("zh")
        assert visit
        station.call_manager(visit)
        station.call_manager(None)
        wait_until(lambda: station.view().call is not None)
        call = station.view().job(visit).call  # type: ignore[union-attr]
        assert call is not None
        assert call.state == "sent"
        assert book.log.count("call.requested") == 2
        assert station.acknowledge_call(3, visit, "王敏") == ""
        assert station.acknowledge_call(3, visit, "王敏") == "", "asked twice, recorded once"
        call = station.view().job(visit).call  # type: ignore[union-attr]
        assert call is not None
        assert (call.state, call.by) == ("acknowledged", "王敏")
        assert book.log.count("call.acknowledged") == 1


def test_a_visit_the_station_broke_off_is_taken_up_again() -> None:
    phone, book = ScriptedPhone("one", mode="normal"), PaperBook()
    with desk({"one": phone}, book) as station:
        visit = station.begin("zh")
        assert visit
        wait_until(lambda: station.view().jobs[0].screen is Screen.UNLOCK)
        book.fails = StoreError("disk full")
        phone.unlocked.set()
        wait_until(lambda: station.view().jobs[0].finished)
        assert station.view().jobs[0].reason == "our_error"
        book.fails = None
        station.finish(visit)
        wait_until(lambda: any(job.resumed for job in station.view().jobs))
        assert station.view().jobs[0].visit == visit


def test_open_visits_of_our_bays_are_resumed_at_start() -> None:
    book = PaperBook()
    book.visits["V"] = Visit("V", "one", state=State.AWAIT_PHONE, resume_to=State.WRITING, facts=FACTS)
    book.visits["W"] = Visit("W", "elsewhere")
    with desk({"one": ScriptedPhone("one")}, book) as station:
        assert [job.visit for job in station.view().jobs] == ["V"]
        wait_until(lambda: station.view().jobs[0].resumed)
        assert station.begin("zh") is None
