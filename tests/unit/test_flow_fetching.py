"""The download of a visit: what is asked, shown and noted; every way it can end, with the phone untouched."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent.watch import Offer, Watch
from kiosk.flow import effects as do
from kiosk.flow import events as ev
from kiosk.flow import fetching, runner
from kiosk.flow.present import Shown, job_view
from kiosk.flow.reasons import NOT_FETCHED
from kiosk.flow.update import begin, step
from kiosk.flow.view import JobView, Screen
from kiosk.flow.visit import FetchFacts, Options, State, Visit
from tests.unit import test_flow_machine as machine
from tests.unit.flow_fakes import (
    DELTA,
    FACTS,
    QUICK,
    CatalogueTrouble,
    OneRelease,
    PaperBook,
    ScriptedPhone,
)
from tests.unit.test_flow_runner import visiting, wait_until

MOVED = {"from": "http://m1", "to": "http://m2", "at_bytes": 7, "reason": "reset"}
UNREACHABLE = CatalogueTrouble("download_failed", "no mirror answers")


def records(effects: Sequence[do.Effect]) -> list[do.Record]:
    return [effect for effect in effects if isinstance(effect, do.Record)]


def writes(phone: ScriptedPhone) -> list[str]:
    return [line for line in phone.log if line.startswith(("write", "set_active"))]


# -- what is offered


def test_the_plan_says_what_will_be_downloaded_and_nothing_is_fetched_before_consent() -> None:
    with visiting(catalogue=OneRelease(offered=DELTA)) as visit:
        view = visit.customer_to(Screen.PLAN)
        assert (view.fetch.method, view.fetch.why, view.fetch.base_version) == ("delta", "base_here", "1.0.0")
        assert (view.fetch.bytes, view.fetch.full_bytes) == (4_000_000, 40_000_000)
        visit.customer_to(Screen.BACKUP)
        assert not any(call.startswith("fetch") for call in visit.catalogue.calls)
    body = visit.book.bodies[visit.book.log.index("plan.made")]
    assert (body["method"], body["why"], body["fetch_bytes"]) == ("delta", "base_here", 4_000_000)


def test_the_minutes_that_are_promised_hold_the_download() -> None:
    here, _ = machine.walk((*machine.HAPPY[:6], planned(Offer("cached", 0, 100))))
    slow, _ = machine.walk((*machine.HAPPY[:6], planned(Offer("full", 1_200_000_000, 1_200_000_000))))
    views = [job_view(visit, machine.Known(), Shown()) for visit in (here, slow)]
    assert views[1].minutes_estimate - views[0].minutes_estimate == 10


def planned(offer: Offer) -> ev.PlanReady:
    return ev.PlanReady(machine.PLAN, machine.RELEASE, offer)


def test_the_catalogue_hears_which_phone_is_here_and_when_its_visit_is_over() -> None:
    with visiting() as visit:
        visit.customer_to(Screen.PLAN)
        assert visit.catalogue.calls[0] == "hint heron"
        assert "let_go V" not in visit.catalogue.calls
        visit.customer_to(Screen.RESULT)
        assert visit.catalogue.let_go_of.wait(10)
    assert visit.catalogue.calls[-1] == "let_go V"
    assert all(folder.closed for folder in visit.catalogue.folders)


def test_whole_images_are_fetched_where_that_was_asked() -> None:
    visit = Visit("V", "bay", options=Options(full=True, release="2.0.0"), state=State.CONNECT)
    with visiting(resume=visit, book=PaperBook(visits={"V": visit})) as shown:
        shown.customer_to(Screen.RESULT)
    assert {"exact 2.0.0", "offer True", "fetch V True"} <= set(shown.catalogue.calls)


# -- what goes wrong


@pytest.mark.parametrize("reason", sorted(NOT_FETCHED))
@pytest.mark.parametrize("call", ["newest", "fetch"])
def test_what_cannot_be_had_is_refused_with_its_reason_and_nothing_is_written(call: str, reason: str) -> None:
    trouble = OneRelease(raises={call: [CatalogueTrouble(reason, "in one line")]})
    with visiting(catalogue=trouble) as visit:
        view = visit.customer_to(Screen.REFUSED)
        view = view if view.finished else visit.until(lambda shown: shown.finished)
        assert (view.reason, view.written) == (reason, False)
        assert trouble.let_go_of.wait(10)
    assert writes(visit.phone) == []
    assert visit.phone.mode == "normal", "the phone was let out of its bootloader"
    entry = "plan.refused" if call == "newest" else "fetch.given_up"
    body = visit.book.bodies[visit.book.log.index(entry)]
    assert (body["reason"], body["detail"]) == (reason, "in one line")


def test_an_error_with_no_machine_name_is_our_own() -> None:
    broken = OneRelease(raises={"fetch": [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")]})
    with visiting(catalogue=broken) as visit:
        assert visit.customer_to(Screen.REFUSED).reason == "our_error"


def test_a_download_that_falls_silent_is_given_up() -> None:
    stuck = OneRelease(held=threading.Event(), deaf=True)
    assert stuck.held
    try:
        with visiting(catalogue=stuck, timeouts=replace(QUICK, fetch_silence_s=0.2)) as visit:
            view = visit.customer_to(Screen.REFUSED)
            assert view.reason == "download_failed"
            visit.until(lambda shown: shown.finished)
            stuck.held.set()
        assert writes(visit.phone) == []
    finally:
        stuck.held.set()


def test_a_catalogue_that_never_answers_is_not_called_a_silent_phone() -> None:
    visit, _ = step(machine.at(State.PREPARING), ev.TimeUp())
    assert (visit.state, visit.reason) == (State.LEAVING, "no_catalogue")


@pytest.mark.parametrize("deaf", [False, True])
def test_a_cancel_stops_the_download_and_lets_the_phone_go_at_once(deaf: bool) -> None:
    catalogue = OneRelease(held=threading.Event(), deaf=deaf)
    assert catalogue.held
    try:
        with visiting(catalogue=catalogue) as visit:
            view = visit.customer_to(Screen.FETCHING)
            assert view.can_cancel
            wait_until(lambda: any(call.startswith("fetch") for call in catalogue.calls))
            visit.runner.post(ev.Cancel())
            view = visit.until(lambda shown: shown.finished)
            assert (view.screen, view.reason, view.written) == (Screen.CANCELLED, "cancelled", False)
            assert visit.phone.mode == "normal"
            assert deaf or catalogue.stopped.wait(10), "the download itself was told to stop"
            assert catalogue.folders == []
            catalogue.held.set()
            assert catalogue.let_go_of.wait(10)
        wait_until(lambda: all(folder.closed for folder in catalogue.folders))
    finally:
        catalogue.held.set()


def test_a_station_that_is_stopped_stops_its_download() -> None:
    catalogue = OneRelease(held=threading.Event())
    with visiting(catalogue=catalogue) as visit:
        visit.customer_to(Screen.FETCHING)
        wait_until(lambda: any(call.startswith("fetch") for call in catalogue.calls))
    assert visit.runner.closed.wait(10)
    assert visit.book.visits["V"].state is State.FETCHING, "the next start goes on with it"
    assert catalogue.folders == []


# -- the cable


def test_a_cable_that_is_soon_back_costs_nothing() -> None:
    catalogue = OneRelease(offered=DELTA, held=threading.Event())
    assert catalogue.held
    with visiting(catalogue=catalogue, timeouts=replace(QUICK, replug_s=30.0)) as visit:
        visit.customer_to(Screen.FETCHING)
        visit.phone.mode = None
        away = visit.until(lambda shown: not shown.phone_present)
        assert (away.screen, away.attention) == (Screen.FETCHING, True)
        assert visit.runner.view.deadline_s is not None
        catalogue.held.set()
        wait_until(lambda: visit.runner.visit.fetch.complete)
        assert writes(visit.phone) == []
        visit.phone.mode = "bootloader"
        visit.seen.clear()
        assert visit.customer_to(Screen.RESULT).fetch.method == "delta", "as it was fetched the first time"
    assert visit.book.log.count("consent.given") == 1, "the same plan is not asked about twice"
    assert visit.book.log.count("phone.identified") == 2, "but the phone says again who it is"
    percents = [view.percent for view in visit.seen]
    assert percents == sorted(percents)


def test_a_phone_that_is_not_brought_back_ends_the_visit_untouched() -> None:
    with visiting(catalogue=OneRelease(held=threading.Event())) as visit:
        visit.customer_to(Screen.FETCHING)
        visit.phone.mode = None
        view = visit.until(lambda shown: shown.finished)
        assert (view.screen, view.reason, view.written) == (Screen.CANCELLED, "unplugged", False)


def test_bytes_that_come_do_not_prolong_the_wait_for_a_phone_that_is_away() -> None:
    here = machine.at(State.FETCHING)
    away, _ = step(here, ev.PhoneGone())
    news = ev.Fetching(30, 40)
    assert runner._rearms(news, here, step(here, news)[0])
    assert runner._rearms(ev.PhoneGone(), here, away), "the wait begins when it goes"
    assert not runner._rearms(news, away, step(away, news)[0])
    assert not runner._rearms(ev.PhoneGone(), away, step(away, ev.PhoneGone())[0])


def test_another_phone_that_comes_back_instead_is_let_go_untouched() -> None:
    catalogue = OneRelease(held=threading.Event())
    assert catalogue.held
    with visiting(catalogue=catalogue, timeouts=replace(QUICK, replug_s=30.0)) as visit:
        visit.customer_to(Screen.FETCHING)
        visit.phone.mode = None
        visit.until(lambda shown: not shown.phone_present)
        visit.phone.facts = replace(FACTS, serialno="S2")
        visit.phone.mode = "bootloader"
        visit.until(lambda shown: shown.phone_present)
        catalogue.held.set()
        view = visit.until(lambda shown: shown.finished)
        assert (view.screen, view.reason, view.written) == (Screen.REFUSED, "swapped", False)
    assert writes(visit.phone) == []
    assert "reboot" not in visit.phone.log


def test_a_phone_that_left_its_bootloader_is_led_back_and_its_owner_not_asked_again() -> None:
    catalogue = OneRelease(held=threading.Event())
    assert catalogue.held
    with visiting(catalogue=catalogue) as visit:
        visit.customer_to(Screen.FETCHING)
        visit.phone.mode = "normal"
        visit.until(Screen.KEYS)
        catalogue.held.set()
        visit.act(Screen.KEYS)
        visit.customer_to(Screen.RESULT)
    assert visit.book.log.count("consent.given") == 1
    assert sum(call.startswith("fetch") for call in catalogue.calls) == 2


def test_a_cable_that_keeps_going_ends_the_visit() -> None:
    visit = machine.at(State.FETCHING)
    for _ in range(fetching.MAX_LOSSES):
        visit, _ = machine.walk((ev.PhoneGone(), ev.PhoneSeen("bootloader")), visit)
        assert visit.state is State.FETCHING
    assert step(visit, ev.PhoneGone())[0].state is State.CANCELLED


# -- the station goes down


def test_a_restart_while_downloading_asks_again_and_goes_on() -> None:
    begun = replace(machine.at(State.FETCHING), bay="bay", facts=FACTS)
    book = PaperBook(visits={"V": begun}, kept={"V": ScriptedPhone().files})
    with visiting(ScriptedPhone(mode="bootloader"), book, resume=begun) as visit:
        visit.until(Screen.PLAN)
        assert visit.book.log[0] == "station.resumed"
        assert not any(call.startswith("fetch") for call in visit.catalogue.calls)
        visit.act(Screen.PLAN)
        visit.customer_to(Screen.PROGRESS)
        wait_until(lambda: "write boot_b" in visit.phone.log)
    assert "again V 2.0.0" not in visit.catalogue.calls


def test_a_restart_while_writing_takes_up_the_images_of_the_plan_itself() -> None:
    begun = replace(machine.at(State.FETCHING), bay="bay", facts=FACTS)
    with visiting() as first:  # only for the plan that its own release gives
        first.customer_to(Screen.PLAN)
        plan = first.runner.visit.plan
    writing = replace(begun, plan=plan, state=State.WRITING, written=True)
    book = PaperBook(visits={"V": writing})
    with visiting(ScriptedPhone(mode="bootloader"), book, resume=writing) as visit:
        wait_until(lambda: "write system_b" in visit.phone.log)
    calls = visit.catalogue.calls
    assert calls[0] == "again V 2.0.0"
    assert not any(call.startswith(("newest", "exact", "fetch", "offer")) for call in calls)


def test_images_that_cannot_be_had_again_leave_a_half_written_phone_to_staff() -> None:
    writing = replace(machine.at(State.WRITING), bay="bay", facts=FACTS, written=True)
    book = PaperBook(visits={"V": writing})
    gone = OneRelease(raises={"again": [UNREACHABLE]})
    with visiting(ScriptedPhone(mode="bootloader"), book, resume=writing, catalogue=gone) as visit:
        view = visit.until(lambda shown: shown.finished)
    assert (view.screen, view.reason) == (Screen.NEEDS_STAFF, "download_failed")


# -- what the catalogue says


def test_notes_become_entries_in_order_before_the_first_write() -> None:
    def say(watch: Watch) -> None:
        watch.note("fetch.begun", bytes=4_000_000)
        watch.note("fetch.mirror", mirror="http://m1", at_bytes=0)
        watch.on_bytes(2_000_000, 4_000_000)
        watch.note("fetch.moved", **MOVED)  # type: ignore[arg-type]
        watch.note("fetch.mirror", mirror="http://m2", at_bytes=7)
        watch.note("fetch.done", mirror="http://m2", bytes=4_000_000)

    with visiting(catalogue=OneRelease(offered=DELTA, script=say)) as visit:
        visit.customer_to(Screen.RESULT)
    log = visit.book.log
    said = [kind for kind in log if kind.startswith(("catalogue.", "fetch."))]
    fetch = ["fetch.begun", "fetch.mirror", "fetch.moved", "fetch.mirror", "fetch.done"]
    assert said == ["catalogue.refreshed", "fetch.intended", *fetch]
    assert log.index("catalogue.refreshed") < log.index("plan.made")
    assert log.index("fetch.done") < log.index("write.intended")
    assert visit.book.bodies[log.index("fetch.moved")] == MOVED
    assert visit.runner.visit.fetch.mirrors == ("http://m1", "http://m2")


def test_a_mirror_that_lies_all_day_fills_no_ledger() -> None:
    visit, entries = machine.at(State.FETCHING), []
    for number in range(500):
        visit, effects = step(visit, ev.Noted("catalogue.refused", {"n": number}))
        entries += records(effects)
    assert len(entries) == fetching.MAX_NOTES
    assert [entry.body["n"] for entry in entries[:-1]] == list(range(fetching.MAX_NOTES - 1))
    assert entries[-1].kind == "fetch.notes_left_out"


TEXT = st.text(max_size=300)
BODY = st.dictionaries(TEXT | st.sampled_from(["mirror", "at_bytes"]), TEXT | st.integers(), max_size=40)


@given(
    TEXT | st.sampled_from(["fetch.mirror", "fetch.done", "fetch.", "catalogue.refused", "visit.closed"]),
    BODY,
)
def test_whatever_a_note_holds_its_entry_is_bounded_and_of_its_own_kind(
    kind: str, body: dict[str, str | int]
) -> None:
    visit, effects = step(machine.at(State.FETCHING), ev.Noted(kind, body))
    for record in records(effects):
        assert record.kind.startswith(("fetch.", "catalogue."))
        assert len(record.body) <= 20
        for key, value in record.body.items():
            assert len(key) <= 32
            assert isinstance(value, str | int)
            assert len(value) <= 200 if isinstance(value, str) else abs(value) < 2**53
    assert len(visit.fetch.mirrors) <= 1


def test_an_entry_of_a_note_holds_short_words_and_whole_numbers_only() -> None:
    body = {"mirror": "m" * 500, "at_bytes": 2**60, "Not A Key": "x", "bytes": 7, "detail": "two\nlines\x00"}
    visit, (record,) = step(machine.at(State.FETCHING), ev.Noted("fetch.mirror", body))
    assert isinstance(record, do.Record)
    assert record.body == {"mirror": "m" * 200, "bytes": 7, "detail": "two lines "}
    assert visit.fetch.mirrors == ("m" * 200,)
    assert step(visit, ev.Noted("fetch.mirror", {"mirror": ""}))[0].fetch.mirrors == visit.fetch.mirrors


@pytest.mark.parametrize("state", sorted(set(State) - {State.PREPARING, State.FETCHING, State.WRITING}))
def test_a_note_that_comes_after_its_state_was_left_is_no_entry(state: State) -> None:
    before = machine.at(state)
    assert step(before, ev.Noted("fetch.mirror", {"mirror": "m"})) == (before, ())


@pytest.mark.parametrize("state", sorted(set(State) - {State.FETCHING}))
@pytest.mark.parametrize("late", [ev.Fetching(1, 2), ev.Fetched(), ev.FetchFailed("no_room", "full")])
def test_an_end_of_a_download_that_was_left_means_nothing(state: State, late: ev.Event) -> None:
    before = machine.at(state)
    after, effects = step(before, late)
    assert (after, effects) == (before, ())


# -- what is shown


@given(st.lists(st.tuples(st.integers(-5, 120), st.integers(-5, 120)), max_size=20), st.integers(0, 10**10))
def test_the_percent_only_rises_and_the_download_never_takes_the_writes_place(
    news: list[tuple[int, int]], fetch_bytes: int
) -> None:
    visit = begin(Visit("V", "bay"))[0]
    offer = Offer("full", fetch_bytes, 100)
    for event in (*machine.HAPPY[:6], planned(offer), *machine.HAPPY[7:9]):
        visit, _ = step(visit, event)
    shown: list[JobView] = []
    for done, total in news:
        visit, _ = step(visit, ev.Fetching(done, total))
        shown.append(job_view(visit, machine.Known(), Shown()))
        assert 0 <= shown[-1].fetch.done_bytes <= fetch_bytes
    percents = [view.percent for view in shown]
    assert percents == sorted(percents)
    assert all(percent <= 60 for percent in percents)
    written, _ = step(step(visit, ev.Fetched())[0], ev.Progress(10, 10))
    assert 3 <= written.percent <= 80


def test_a_long_download_has_a_long_share_of_the_percent_and_a_short_one_a_short() -> None:
    ends = []
    for fetch_bytes in (0, 4, 10**10):
        offered = replace(machine.at(State.FETCHING), percent=0)
        offered = replace(offered, fetch=replace(offered.fetch, fetch_bytes=fetch_bytes))
        ends.append(step(offered, ev.Fetching(40, 40))[0].percent)
    assert ends[0] < ends[1] < ends[2]


def test_the_time_left_is_the_downloads_while_it_runs() -> None:
    visit = machine.at(State.FETCHING)
    view = job_view(step(visit, ev.Fetching(20, 40))[0], machine.Known(), Shown(seconds_left=9))
    assert (view.screen, view.phase, view.seconds_left) == (Screen.FETCHING, "fetch", 9)
    assert (view.fetch.done_bytes, view.fetch.bytes, view.written) == (20, 40, False)


def test_what_came_ahead_of_the_consent_is_shown_as_being_checked() -> None:
    view = job_view(step(machine.at(State.FETCHING), ev.Fetching(0, 0))[0], machine.Known(), Shown())
    assert view.fetch.done_bytes == view.fetch.bytes > 0


def test_a_download_that_goes_on_after_the_phone_was_away_counts_on() -> None:
    def fetching(visit: Visit, done: int, total: int) -> Visit:
        return step(visit, ev.Fetching(done, total))[0]

    begun = Visit("v", "bay", state=State.FETCHING, fetch=FetchFacts("full", fetch_bytes=100))
    first = fetching(fetching(begun, 0, 100), 60, 100)
    assert (first.fetch.done_bytes, first.fetch.total_bytes) == (60, 100)
    away = replace(first, fetch=replace(first.fetch, before_bytes=first.fetch.done_bytes))
    seen = [fetching(away, done, 40).fetch for done in (0, 10, 40)]
    assert [fetch.done_bytes for fetch in seen] == [60, 70, 100]
    assert {fetch.total_bytes for fetch in seen} == {100}
