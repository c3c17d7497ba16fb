"""What must hold when phones are swapped, locked or half started, and when processes meet at one bay."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from firmware_agent.plan import FlashPlan
from kiosk.errors import StoreError
from kiosk.flow import counting, hands
from kiosk.flow import effects as do
from kiosk.flow import events as ev
from kiosk.flow.book import Mark
from kiosk.flow.desk import Bay, StationDesk
from kiosk.flow.effects import CommitEffect
from kiosk.flow.job import Job
from kiosk.flow.moves import needs_staff
from kiosk.flow.runner import Tools
from kiosk.flow.timeouts import Timeouts
from kiosk.flow.update import begin, step
from kiosk.flow.view import Screen
from kiosk.flow.visit import Options, State, Visit
from tests.unit import test_flow_machine as machine
from tests.unit.flow_fakes import (
    QUICK,
    Clock,
    Item,
    Known,
    Listing,
    OneRelease,
    PaperBook,
    PhoneTrouble,
    ScriptedPhone,
)
from tests.unit.test_flow_runner import visiting, wait_until


def touches(effects: Sequence[do.Effect]) -> bool:
    return any(isinstance(effect, do.TOUCHING) for effect in effects)


# -- which phone


def test_another_phone_after_a_restart_before_consent_is_refused_and_not_touched() -> None:
    planned, _ = machine.walk(machine.AT_PLAN)
    assert planned.state is State.PLAN
    swapped = (ev.Restarted(), ev.PhoneSeen("bootloader"), ev.Identified(machine.OTHER))
    visit, _ = machine.walk(swapped, planned)
    assert (visit.state, visit.reason) == (State.LEAVING, "swapped")
    assert visit.facts == machine.FACTS, "the phone whose files were counted stays the visit's phone"
    phone = ScriptedPhone(mode="bootloader", facts=machine.OTHER)
    answers: list[ev.Event] = []
    job = Job(do.Leave(), visit, answers.append, threading.Event())
    hands.Hands(phone, OneRelease(), PaperBook())._perform(job)
    assert answers == [ev.Left()]
    assert "reboot" not in phone.log


def test_the_slot_that_runs_is_never_written_on_a_return() -> None:
    mid, _ = machine.walk(machine.MID_WRITE)
    runs_target = replace(machine.FACTS, current_slot="b")
    back = (ev.PhoneGone(), ev.PhoneSeen("bootloader"), ev.Identified(runs_target))
    visit, effects = machine.walk(back, mid)
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, "slot_mismatch")
    assert not touches(effects)


# -- proof


def single_slot(inventory: bool) -> Visit:
    plan: FlashPlan = replace(machine.PLAN, set_active=None)
    facts = replace(machine.FACTS, current_slot=None, slot_successful=None)
    visit = begin(Visit("V", "bay", options=Options(inventory=inventory)))[0]
    known = replace(visit, facts=facts, plan=plan, product="heron", written=True, writes_done=2)
    return replace(known, state=State.REBOOTING)


def test_a_single_slot_phone_that_was_never_seen_to_start_is_not_called_updated() -> None:
    new = replace(machine.AFTER, current_slot=None, slot_successful=None)
    back_in_bootloader = (ev.Rebooted(), ev.PhoneSeen("bootloader"), ev.Identified(new))
    visit = single_slot(inventory=False)
    for _ in range(3):
        assert visit.state is State.REBOOTING
        visit, _ = machine.walk(back_in_bootloader, visit)
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, "boot_failed")


def test_a_single_slot_phone_that_started_is_confirmed() -> None:
    new = replace(machine.AFTER, current_slot=None, slot_successful=None)
    started = (ev.Rebooted(), ev.PhoneSeen("normal"), ev.PhoneSeen("bootloader"), ev.Identified(new))
    assert machine.walk(started, single_slot(inventory=False))[0].state is State.FINISHING


def test_a_phone_locked_while_its_files_are_counted_is_asked_to_be_unlocked_again() -> None:
    phone = LockedMidway(lock_at={1, 2})
    with visiting(phone, timeouts=Timeouts()) as visit:
        view = visit.customer_to(Screen.RESULT)
    assert (view.user_data.before, view.user_data.identical) == (2, 2)
    assert phone.looks == 4, "each count was done again"


@dataclass
class LockedMidway(ScriptedPhone):
    """Locks itself during its first count, and during its first count after the restart."""

    lock_at: set[int] = field(default_factory=set)
    looks: int = 0

    def inventory(self, *args: object, **kwargs: object) -> Listing:
        self.looks += 1
        after = int(any(line == "reboot" for line in self.log))
        if 1 + after in self.lock_at:
            self.lock_at.discard(1 + after)
            self.unlocked.clear()
            return Listing((), unreadable=1)
        return Listing(tuple(self.files))


@dataclass
class SlowCard(ScriptedPhone):
    """After the restart its memory card shows up only at the second look."""

    looks: int = 0

    def inventory(self, *args: object, **kwargs: object) -> Listing:
        self.looks += 1
        return Listing(tuple(self.files[:1] if self.looks == 2 else self.files))


def test_a_memory_card_that_mounts_late_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "CARD_WAIT_S", 0.01)
    phone = SlowCard(files=[Item("Internal/a"), Item("SD card/b")])
    with visiting(phone) as visit:
        view = visit.customer_to(Screen.RESULT)
    assert view.user_data.identical == 2
    assert phone.looks == 3


def test_a_memory_card_that_stays_away_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "CARD_WAIT_S", 0.01)
    phone = ScriptedPhone(files=[Item("Internal/a"), Item("SD card/b")])
    with visiting(phone) as visit:
        visit.customer_to(Screen.UNLOCK_AGAIN)
        phone.files = phone.files[:1]
        visit.act(Screen.UNLOCK_AGAIN)
        view = visit.until(lambda shown: shown.finished)
    assert (view.reason, view.user_data.missing) == ("user_data_missing", 1)


def test_a_first_inventory_that_is_gone_is_never_compared_as_empty() -> None:
    book = PaperBook()
    with visiting(book=book) as visit:
        visit.customer_to(Screen.UNLOCK_AGAIN)
        book.kept["V"] = ()
        visit.act(Screen.UNLOCK_AGAIN)
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason) == (Screen.NEEDS_STAFF, "our_error")


def test_a_listing_that_was_cut_short_says_so_in_the_ledger() -> None:
    short = replace(machine.KEPT, truncated=True, not_compared=2)
    _, effects = step(machine.at(State.CHECKING), ev.Compared(short, 1.0))
    body = next(effect.body for effect in effects if isinstance(effect, do.Record))
    assert (body["truncated"], body["not_compared"], body["lost_reading"]) == (True, 2, 0)


# -- personal data


def test_a_phone_that_says_its_serial_number_does_not_get_it_into_the_ledger() -> None:
    visit = replace(machine.at(State.WRITING), mtp_serial="MTP77")
    _, effects = needs_staff(visit, "write_failed", "device S1 (MTP77) says no")
    closing = next(effect for effect in effects if isinstance(effect, do.Record))
    assert "S1" not in str(closing.body)
    assert "MTP77" not in str(closing.body)
    assert "says no" in str(closing.body)


# -- letting go


def test_one_lost_answer_does_not_leave_the_phone_in_its_bootloader() -> None:
    phone = ScriptedPhone()
    with visiting(phone) as visit:
        visit.customer_to(Screen.PLAN)
        phone.raises = {"reboot": [PhoneTrouble("link")]}
        visit.runner.post(ev.Cancel())
        visit.until(lambda shown: shown.finished)
    assert phone.mode == "normal"


# -- processes and runners at one bay


@dataclass
class MovingBook(PaperBook):
    """While the bay was somebody else's the visit went on: it is as ``moved`` says once the lease is had."""

    moved: Visit | None = None

    def lease(self, bay: str) -> None:
        super().lease(bay)
        if self.moved is not None:
            self.visits[self.moved.visit] = self.moved


@pytest.mark.parametrize("state", [State.SWITCHING, State.UPDATED])
def test_a_resume_goes_by_what_the_book_says_once_the_bay_is_ours(state: State) -> None:
    old = Visit("V", "bay", state=State.WRITING, facts=machine.FACTS, plan=machine.PLAN)
    book = MovingBook(moved=replace(old, state=state, writes_done=2))
    with visiting(ScriptedPhone(), book, resume=old) as visit:
        view = visit.until(lambda shown: shown.finished or shown.resumed)
        if state is State.UPDATED:
            assert visit.runner.failure
            assert book.log == [], "a visit that another process closed stays closed"
        else:
            assert visit.runner.visit.resume_to is State.SWITCHING
            assert not view.finished


@dataclass
class OrderlyBook(PaperBook):
    """Notes who holds the bay; ``may_release`` delays the giving back."""

    may_release: threading.Event = field(default_factory=threading.Event)
    order: list[str] = field(default_factory=list)

    def lease(self, bay: str) -> None:
        self.order.append("lease")
        super().lease(bay)

    def release(self, bay: str) -> None:
        self.may_release.wait(10)
        self.order.append("release")
        super().release(bay)


def test_the_next_visit_of_a_bay_takes_it_only_once_the_last_one_gave_it_back() -> None:
    book = OrderlyBook()
    tools = Tools(book, OneRelease(), Known(), Clock(), QUICK, "station-1")
    desk = StationDesk([Bay(1, "bay")], ScriptedPhone, tools)
    desk.start()
    try:
        first = desk.begin("zh")
        assert first
        desk.cancel(first)
        wait_until(lambda: desk.view().jobs[0].finished)
        desk.finish(first)
        assert desk.begin("zh")
        book.may_release.set()
        wait_until(lambda: len(book.order) == 3)
        assert book.order == ["lease", "release", "lease"]
        assert book.leased == {"bay"}
    finally:
        desk.stop()


def test_a_visit_that_a_killed_process_left_in_a_bay_is_gone_on_with() -> None:
    """Its phone may be half written: a new visit there would say that nothing was written."""
    book = PaperBook()
    left = Visit("01LEFT", "bay", state=State.AWAIT_PHONE, resume_to=State.WRITING, written=True)
    book.commit(left, [])
    desk = StationDesk([Bay(4, "bay")], ScriptedPhone, Tools(book, OneRelease(), Known(), Clock(), QUICK))
    assert desk.begin("zh") == "01LEFT"
    try:
        wait_until(lambda: desk.view().jobs[0].resumed)
        job = desk.view().jobs[0]
        assert (job.screen, job.written, job.bay_number) == (Screen.AWAIT_PHONE, True, 4)
    finally:
        desk.stop()


def test_a_bay_that_another_process_serves_is_not_offered() -> None:
    book = PaperBook(elsewhere=frozenset({"one"}))
    tools = Tools(book, OneRelease(), Known(), Clock(), QUICK)
    desk = StationDesk([Bay(1, "one"), Bay(2, "two")], ScriptedPhone, tools)
    try:
        assert desk.begin("zh")
        assert [job.bay_number for job in desk.view().jobs] == [2]
        assert desk.begin("zh") is None
    finally:
        desk.stop()


class BrokenBook(PaperBook):
    """Nothing can be committed; not even the lease can be given back."""

    def commit(self, visit: Visit, effects: Sequence[CommitEffect]) -> Mark:
        raise StoreError("the disk is full")

    def release(self, bay: str) -> None:
        raise StoreError("nor can the lease go")


def test_the_first_cause_of_a_breakdown_is_the_one_shown() -> None:
    with visiting(book=BrokenBook()) as visit:
        visit.until(lambda shown: shown.finished)
        assert visit.runner.closed.wait(10)
    assert visit.runner.failure == "the disk is full"


def test_a_bay_that_is_no_place_stops_the_start_and_not_a_thread() -> None:
    def open_phone(where: str) -> ScriptedPhone:
        raise StoreError(f"{where} is no place for a phone")

    tools = Tools(PaperBook(), OneRelease(), Known(), Clock(), QUICK, "station-1")
    with pytest.raises(StoreError, match="no place"):
        StationDesk([Bay(1, "nowhere")], open_phone, tools).start()
