"""The visit of a phone with the update agent: the same table, nobody unlocks anything and nobody holds keys."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.plan import FlashPlan, PlanRefused, UpToDate, make_plan
from kiosk.flow import effects as do
from kiosk.flow import events as ev
from kiosk.flow import hands
from kiosk.flow.job import Job
from kiosk.flow.present import Shown, job_view
from kiosk.flow.update import begin, step
from kiosk.flow.view import Screen
from kiosk.flow.visit import AFTER_WRITE, TERMINAL, BootFacts, Options, State, Visit
from tests.unit import test_flow_machine as machine
from tests.unit.flow_fakes import FACTS, Mtp, OneRelease, PaperBook, PhoneTrouble, ScriptedPhone
from tests.unit.test_flow_runner import visiting

BEFORE = BootFacts("heron", "S1", "cn", "1.0.0", unlocked=True, battery_percent=80, rollback_index=1)
AFTER = replace(BEFORE, version="2.0.0", rollback_index=2)
PLAN = replace(machine.PLAN, set_active=None, writes=machine.WRITES[:1])
SEEN = ev.PhoneSeen("agent")
HAPPY: tuple[ev.Event, ...] = (
    *(SEEN, *machine.HAPPY[1:4], SEEN, ev.Identified(BEFORE)),
    ev.PlanReady(PLAN, machine.RELEASE, machine.OFFER),
    *machine.HAPPY[7:13],
    *(
        ev.Rebooted(),
        SEEN,
        ev.Unlocked(),
        ev.Compared(machine.KEPT, 1.0),
        SEEN,
        ev.Identified(AFTER),
        ev.Left(),
    ),
)
HANDS = {Screen.UNLOCK, Screen.KEYS, Screen.UNLOCK_AGAIN, Screen.KEYS_AGAIN}


def at(state: State) -> Visit:
    visit = begin(Visit("V", "bay"))[0]
    for event in HAPPY:
        if visit.state is state:
            return visit
        visit, _ = step(visit, event)
    raise AssertionError(f"{state} is not on the way")


def test_an_agent_goes_the_whole_way_without_a_hand_on_the_phone() -> None:
    visit = begin(Visit("V", "bay"))[0]
    for event in HAPPY:
        visit, effects = step(visit, event)
        view = job_view(visit, machine.Known(), Shown())
        assert view.screen not in HANDS
        assert not any(isinstance(effect, do.SwitchSlot) for effect in effects)
        waits = (State.CONNECT, State.PLAN, State.BACKUP, State.UPDATED)
        assert view.attention == (visit.state in waits), visit.state
    assert (visit.state, visit.reason, visit.percent) == (State.UPDATED, "", 100)


def test_the_only_restart_of_an_agent_that_is_announced_is_the_one_of_the_update() -> None:
    _, effects = machine.walk(HAPPY)
    kinds = [effect.kind for effect in effects if isinstance(effect, do.Record)]
    assert kinds.count("reboot.intended") == 1


@pytest.mark.parametrize(
    "state", [State.IDENTIFYING, State.PREPARING, State.PLAN, State.BACKUP, State.FETCHING]
)
def test_an_agent_is_let_go_without_a_restart(state: State) -> None:
    leaving, effects = step(at(state), ev.Cancel())
    assert leaving.state is State.LEAVING
    assert not any(isinstance(effect, do.Record) and effect.kind == "reboot.intended" for effect in effects)
    phone, answers = ScriptedPhone(mode="agent"), list[ev.Event]()
    hands.Hands(phone, OneRelease(), PaperBook())._perform(
        Job(do.Leave(), leaving, answers.append, threading.Event())
    )
    assert (answers, phone.log) == ([ev.Left()], [])


def test_another_phone_in_its_bootloader_is_not_restarted_for_an_agents_visit() -> None:
    leaving, _ = step(replace(at(State.IDENTIFYING), facts=None), ev.Cancel())
    phone, answers = ScriptedPhone(mode="bootloader"), list[ev.Event]()
    hands.Hands(phone, OneRelease(), PaperBook())._perform(
        Job(do.Leave(), leaving, answers.append, threading.Event())
    )
    assert "reboot" not in phone.log


def test_a_cable_that_goes_before_the_agent_is_asked_is_waited_for_as_a_cable() -> None:
    visit, _ = step(at(State.KEYS), ev.PhoneGone("out"))
    assert (visit.state, visit.losses) == (State.CONNECT, 1)
    back, _ = step(visit, SEEN)
    assert back.state is State.RECOGNISING


def test_an_agent_stays_at_the_plan_and_through_the_download() -> None:
    for state in (State.PLAN, State.BACKUP, State.FETCHING):
        visit, _ = step(at(state), SEEN)
        assert visit.state is state


def test_a_write_that_was_cut_off_goes_on_with_the_same_agent_only() -> None:
    cut, _ = step(at(State.WRITING), ev.PhoneGone("out"))
    assert cut.state is State.AWAIT_PHONE
    back, effects = machine.walk((SEEN, ev.Identified(BEFORE)), cut)
    assert back.state is State.WRITING
    returned = next(e for e in effects if isinstance(e, do.Record) and e.kind == "phone.returned")
    assert returned.body["mode"] == "agent"
    other, _ = machine.walk((SEEN, ev.Identified(replace(BEFORE, serialno="S2"))), cut)
    assert (other.state, other.reason) == (State.NEEDS_STAFF, "swapped")


def test_an_agent_that_went_while_it_was_restarted_is_restarted_once_more() -> None:
    """Seeing it again proves nothing: it may not have heard the command."""
    cut, _ = step(at(State.REBOOTING), ev.PhoneGone("out"))
    back, effects = machine.walk((SEEN, ev.Identified(AFTER)), cut)
    assert back.state is State.REBOOTING
    assert any(isinstance(effect, do.Reboot) for effect in effects)


def test_files_are_counted_again_after_a_cable_that_went_in_between() -> None:
    cut, _ = step(at(State.CHECKING), ev.PhoneGone("out"))
    back, effects = step(cut, SEEN)
    assert back.state is State.UNLOCK_AGAIN
    assert any(isinstance(effect, do.AwaitUnlock) for effect in effects)


def test_an_agent_that_goes_after_its_restart_was_seen_is_called_back() -> None:
    cut, _ = step(at(State.KEYS_AGAIN), ev.PhoneGone("out"))
    assert cut.state is State.AWAIT_PHONE
    assert machine.walk((SEEN, SEEN, ev.Identified(AFTER)), cut)[0].state is State.FINISHING


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (BEFORE, "version_mismatch"),
        (replace(AFTER, serialno="S2"), "swapped"),
    ],
)
def test_an_agent_that_fell_back_is_not_called_updated(facts: BootFacts, reason: str) -> None:
    visit, _ = step(at(State.CONFIRMING), ev.Identified(facts))
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, reason)


def test_an_image_on_trial_or_unfit_is_restarted_twice_and_then_needs_staff() -> None:
    visit = at(State.CONFIRMING)
    for _ in range(2):
        visit, _ = step(visit, ev.Identified(replace(AFTER, slot_successful=False)))
        assert visit.state is State.REBOOTING
        visit = replace(visit, state=State.CONFIRMING, started=True)
    visit, _ = step(visit, ev.Identified(replace(AFTER, slot_successful=False)))
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, "boot_failed")


def test_without_counting_files_an_agent_is_confirmed_once_it_is_back() -> None:
    visit = begin(Visit("V", "bay", options=Options(inventory=False)))[0]
    way = [event for event in HAPPY if not isinstance(event, ev.Unlocked | ev.InventoryTaken | ev.Compared)]
    rebooted = way.index(ev.Rebooted())
    visit, _ = machine.walk((*way[: rebooted + 1], ev.PhoneGone(), *way[rebooted + 1 :]), visit)
    assert visit.state is State.UPDATED


def test_an_update_that_an_agent_takes_no_byte_of_is_refused_and_the_phone_is_as_it_was() -> None:
    refused, effects = step(at(State.WRITING), ev.PhoneRefused("the update is for another model"))
    assert (refused.state, refused.reason, refused.written) == (State.REFUSED, "phone_error", False)
    closing = next(e for e in effects if isinstance(e, do.Record) and e.kind == "visit.closed")
    assert (closing.body["verdict"], closing.body["written"]) == ("refused", False)
    begun, _ = step(at(State.WRITING), ev.Progress(1, 100))
    assert step(begun, ev.PhoneRefused("no"))[0].state is State.NEEDS_STAFF


def test_work_that_an_agent_counts_in_its_own_way_is_a_share_of_the_write() -> None:
    writing = at(State.WRITING)
    start = writing.percent
    half, _ = step(writing, ev.Progress(500, 1000))
    whole, _ = step(half, ev.Progress(1000, 1000))
    assert (half.write_bytes, whole.write_bytes) == (PLAN.size_bytes // 2, PLAN.size_bytes)
    assert start < half.percent < whole.percent


def test_a_phone_with_one_slot_whose_system_is_no_good_is_not_up_to_date() -> None:
    here = replace(AFTER, max_download_bytes=1 << 20, partition_sizes={"boot": 1 << 20})
    assert isinstance(make_plan(here, machine.RELEASE), UpToDate)
    unfit = make_plan(replace(here, slot_successful=False), machine.RELEASE)
    assert isinstance(unfit, PlanRefused)
    assert unfit.reason == "slot_state"
    newer = replace(machine.RELEASE, version="3.0.0")
    assert isinstance(make_plan(replace(here, slot_successful=False), newer), FlashPlan), "it can be mended"


EVENTS = st.one_of(
    machine.EVENTS,
    st.sampled_from(
        [
            SEEN,
            ev.Identified(BEFORE),
            ev.Identified(AFTER),
            ev.PlanReady(PLAN, machine.RELEASE, machine.OFFER),
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(HAPPY)), st.lists(EVENTS, max_size=25), st.booleans())
def test_whatever_happens_to_an_agent_the_promises_hold(
    prefix: int, events: list[ev.Event], inventory: bool
) -> None:
    visit = begin(Visit("V", "bay", options=Options(inventory=inventory)))[0]
    for event in (*HAPPY[:prefix], *events):
        before = visit
        visit, effects = step(visit, event)
        assert visit.percent >= before.percent
        assert before.state not in TERMINAL or visit.state is before.state
        assert before.state not in AFTER_WRITE or visit.state not in {State.CONNECT, State.KEYS, State.PLAN}
        writes = [effect for effect in effects if isinstance(effect, do.WriteNext)]
        assert not writes or (visit.plan is not None and visit.facts is not None and visit.backup)
        if visit.state is State.UPDATED and before.state is not State.UPDATED:
            assert visit.version_confirmed == "2.0.0"
        job_view(visit, machine.Known(), Shown())


# -- with the runner and its threads


@dataclass
class AgentPhone(ScriptedPhone):
    """Always the agent: unlocked, and still the agent after a restart."""

    def __post_init__(self) -> None:
        whole = {"boot": 1 << 20, "system": 1 << 20}
        no_slots = {"current_slot": None, "slot_successful": None, "slotted_partitions": frozenset[str]()}
        self.facts = replace(FACTS, partition_sizes=whole, **no_slots)  # type: ignore[arg-type]
        self.mode = "agent"
        self.unlocked.set()

    def recognise(self) -> Mtp:
        return Mtp(mtp_serial="S1")

    def reboot(self, who: object) -> None:
        self._do("reboot")
        self.facts = replace(self.facts, version="2.0.0")


def test_a_whole_visit_of_an_agent_asks_for_consent_and_for_nothing_else() -> None:
    with visiting(AgentPhone()) as visit:
        view = visit.customer_to(Screen.RESULT)
        assert (view.percent, view.version_to, view.user_data.identical) == (100, "2.0.0", 2)
        assert not {shown.screen for shown in visit.seen} & HANDS
    assert visit.phone.log.count("reboot") == 1


def test_an_agents_cable_that_goes_in_the_write_is_waited_for() -> None:
    phone = AgentPhone(raises={"write": [PhoneTrouble("link")]})
    with visiting(phone) as visit:
        visit.customer_to(Screen.AWAIT_PHONE)
        visit.customer_to(Screen.RESULT)
    assert [line for line in phone.log if line.startswith("write")] == [
        "write boot",
        "write boot",
        "write system",
    ]
