"""The update visit's state machine, as a table and under random events. No thread, no phone, no clock."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.manifest import Part, Release
from firmware_agent.plan import FlashPlan, Reason, Write
from firmware_agent.watch import Offer
from kiosk.errors import FlowError
from kiosk.flow import after_write, arrival, before_write, confirmation, fetching
from kiosk.flow import effects as do
from kiosk.flow import events as ev
from kiosk.flow.diagram import generated
from kiosk.flow.moves import VERDICTS
from kiosk.flow.present import SCREENS, Shown, job_view
from kiosk.flow.reasons import REASONS
from kiosk.flow.update import IGNORED, TABLE, WAITS, begin, step, unforeseen
from kiosk.flow.user_data import UserData
from kiosk.flow.view import Screen
from kiosk.flow.visit import AFTER_WRITE, BEFORE_WRITE, TERMINAL, BootFacts, Options, State, Visit

FACTS = BootFacts("heron", "S1", "cn", "1.0.0", "a", True, True, True, 80, True, 1, 1 << 28, "none")
OTHER = replace(FACTS, serialno="S2")
AFTER = replace(FACTS, version="2.0.0", current_slot="b")
WRITES = (
    Write("boot_b", "images/boot.img", 10, "00" * 32),
    Write("system_b", "images/system.img", 90, "11" * 32),
)
PLAN = FlashPlan("heron", "cn", "1.0.0", "2.0.0", WRITES, "b", 2)
RELEASE = Release(
    "heron",
    "cn",
    "2.0.0",
    2,
    30,
    False,
    {"zh": "新", "en": "new"},
    (Part("boot", "images/boot.img", 10, "00" * 32),),
)
OFFER = Offer("delta", 40, 100, "1.0.0", "base_here")
KEPT = UserData(before=3, after=3, identical=3, hashed=3)
LOST = UserData(before=3, after=2, identical=2, missing=1)


class Known:
    """Two names and the keys of one model."""

    def names(self, product: str) -> dict[str, str]:
        return {"zh": "流明 鹭", "en": "Lumen Heron"} if product else {}

    def keys(self, product: str) -> tuple[str, ...]:
        return ("power", "volume_down") if product else ()


HAPPY: tuple[ev.Event, ...] = (
    ev.PhoneSeen("normal"),
    ev.PhoneRecognised("heron", "M1", 80),
    ev.Unlocked(),
    ev.InventoryTaken((), UserData(before=3), 3, 1.0),
    ev.PhoneSeen("bootloader"),
    ev.Identified(FACTS),
    ev.PlanReady(PLAN, RELEASE, OFFER),
    ev.Consent("t1", "zh"),
    ev.BackupAnswered("done"),
    ev.Fetching(20, 40),
    ev.Fetched(),
    ev.Progress(10, 10),
    ev.Written(0),
    ev.Progress(90, 90),
    ev.Written(1),
    ev.SlotSwitched(),
    ev.Rebooted(),
    ev.PhoneSeen("normal"),
    ev.Unlocked(),
    ev.Compared(KEPT, 1.0),
    ev.PhoneSeen("bootloader"),
    ev.Identified(AFTER),
    ev.Left(),
)
AT_PLAN = HAPPY[:7]
MID_WRITE = HAPPY[:13]
"""The first partition is confirmed, the second under way."""


def walk(events: tuple[ev.Event, ...], visit: Visit | None = None) -> tuple[Visit, list[do.Effect]]:
    visit, first = (visit, ()) if visit else begin(Visit("V", "bay"))
    done: list[do.Effect] = list(first)
    for event in events:
        visit, effects = step(visit, event)
        done += effects
    return visit, done


def at(state: State) -> Visit:
    """A visit that stands in ``state``, by the happy path where that leads there."""
    visit = begin(Visit("V", "bay"))[0]
    for event in HAPPY:
        if visit.state is state:
            return visit
        visit, _ = step(visit, event)
    known = replace(
        visit, state=state, facts=FACTS, plan=PLAN, product="heron", reason="", version_confirmed=""
    )
    if state is State.LEAVING:
        return replace(known, ending=State.CANCELLED, written=False)
    return replace(known, resume_to=State.WRITING, writes_done=0)


def sample(kind: type[ev.Event]) -> ev.Event:
    examples: dict[type[ev.Event], ev.Event] = {type(event): event for event in HAPPY}
    examples |= {
        ev.PhoneGone: ev.PhoneGone("out"),
        ev.PlanImpossible: ev.PlanImpossible("battery_low", "12 %"),
        ev.PhoneRefused: ev.PhoneRefused("no"),
        ev.WrongPhone: ev.WrongPhone("other"),
        ev.OurFailure: ev.OurFailure("our_error", "bug"),
        ev.Counting: ev.Counting(1, 2),
        ev.Noted: ev.Noted("fetch.mirror", {"mirror": "http://m1", "at_bytes": 0}),
        ev.FetchFailed: ev.FetchFailed("download_failed", "no mirror"),
    }
    return examples.get(kind) or kind()


def test_every_state_and_event_is_foreseen() -> None:
    assert unforeseen() == []
    assert not set(TABLE) & IGNORED
    assert set(TABLE) | IGNORED == {(state, event) for state in State for event in ev.EVENTS}


def test_every_state_can_be_reached_and_left() -> None:
    reached, todo = {State.CONNECT}, [State.CONNECT]
    while todo:
        here = todo.pop()
        for (state, _), rule in TABLE.items():
            if state is here:
                todo += rule.to - reached
                reached |= rule.to
    assert reached == set(State)
    leaving = {state for (state, _), rule in TABLE.items() if rule.to - {state}}
    assert leaving == set(State) - TERMINAL


def test_the_happy_path_ends_updated_with_every_intent_before_its_act() -> None:
    visit, effects = walk(HAPPY)
    assert (visit.state, visit.reason, visit.percent) == (State.UPDATED, "", 100)
    kinds = [effect.kind for effect in effects if isinstance(effect, do.Record)]
    assert kinds == [
        *(
            "visit.begun",
            "phone.recognised",
            "inventory.taken",
            "phone.identified",
            "plan.made",
            "consent.given",
        ),
        *(
            "backup.answered",
            "fetch.intended",
            "write.intended",
            "write.done",
            "write.intended",
            "write.done",
        ),
        *("slot.switch.intended", "slot.switched", "reboot.intended", "phone.rebooted", "inventory.compared"),
        *("version.confirmed", "reboot.intended", "visit.closed"),
    ]
    for number, effect in enumerate(effects):
        if isinstance(effect, do.TOUCHING):
            before = effects[number - 1]
            assert isinstance(before, do.Record)
            assert before.kind.endswith(".intended")


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
@pytest.mark.parametrize("kind", [ev.PhoneGone, ev.TimeUp])
def test_unplug_and_silence_are_handled_in_every_open_state(state: State, kind: type[ev.Event]) -> None:
    assert (state, kind) in TABLE
    visit, _ = step(at(state), sample(kind))
    if state in BEFORE_WRITE:
        assert visit.state in BEFORE_WRITE | TERMINAL - {State.NEEDS_STAFF, State.UPDATED}
        assert not visit.written
    else:
        assert visit.state in AFTER_WRITE | {State.NEEDS_STAFF, State.UPDATED}


@pytest.mark.parametrize(
    "state", [State.WRITING, State.SWITCHING, State.REBOOTING, State.CHECKING, State.CONFIRMING]
)
@pytest.mark.parametrize("kind", [ev.PhoneGone, ev.TimeUp])
def test_after_the_first_write_a_lost_phone_is_waited_for(state: State, kind: type[ev.Event]) -> None:
    visit, effects = step(at(state), sample(kind))
    assert visit.state is State.AWAIT_PHONE
    assert [effect.kind for effect in effects if isinstance(effect, do.Record)] == ["link.lost"]


def test_there_is_no_way_to_cancel_after_the_first_write() -> None:
    for state in AFTER_WRITE | TERMINAL:
        assert (state, ev.Cancel) in IGNORED
        assert (state, ev.Decline) in IGNORED
    for state in BEFORE_WRITE - {State.LEAVING}:
        assert step(at(state), ev.Cancel())[0].state in (State.CANCELLED, State.LEAVING)


@pytest.mark.parametrize(
    "state", [State.IDENTIFYING, State.PREPARING, State.PLAN, State.BACKUP, State.FETCHING]
)
def test_a_phone_that_is_let_go_is_taken_out_of_its_bootloader(state: State) -> None:
    leaving, effects = step(at(state), ev.Cancel())
    assert leaving.state is State.LEAVING
    assert any(isinstance(effect, do.Leave) for effect in effects)
    ended, _ = step(leaving, ev.Left())
    assert (ended.state, ended.reason) == (State.CANCELLED, "cancelled")


@pytest.mark.parametrize("state", sorted(AFTER_WRITE - {State.FINISHING}))
@pytest.mark.parametrize("kind", [ev.PhoneRefused, ev.WrongPhone, ev.OurFailure])
def test_a_refusal_after_the_first_write_latches(state: State, kind: type[ev.Event]) -> None:
    latched, _ = step(at(state), sample(kind))
    assert latched.state is State.NEEDS_STAFF
    cause = latched.reason
    assert cause
    for event in ev.EVENTS:
        later, effects = step(latched, sample(event))
        assert (later.state, later.reason) == (State.NEEDS_STAFF, cause)
        assert not any(isinstance(effect, do.TOUCHING) for effect in effects)


def test_only_the_unconfirmed_partition_is_written_again() -> None:
    mid, _ = walk(MID_WRITE)
    back, effects = walk((ev.PhoneGone(), ev.PhoneSeen("bootloader"), ev.Identified(FACTS)), mid)
    assert (back.state, back.writes_done) == (State.WRITING, 1)
    intents = [
        effect.body for effect in effects if isinstance(effect, do.Record) and effect.kind == "write.intended"
    ]
    assert [body["partition"] for body in intents] == ["system_b"]


def test_another_phone_on_return_is_never_written() -> None:
    mid, _ = walk(MID_WRITE)
    closed, effects = walk((ev.PhoneGone(), ev.PhoneSeen("bootloader"), ev.Identified(OTHER)), mid)
    assert (closed.state, closed.reason) == (State.NEEDS_STAFF, "swapped")
    assert not any(isinstance(effect, do.TOUCHING) for effect in effects)


def test_a_restart_of_the_station_asks_the_phone_to_prove_itself() -> None:
    for state in AFTER_WRITE - {State.FINISHING}:
        resumed, effects = step(at(state), ev.Restarted())
        assert (resumed.state, resumed.resumed) == (State.AWAIT_PHONE, True)
        assert not any(isinstance(effect, do.TOUCHING) for effect in effects)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(AFTER, version="1.0.0"), "version_mismatch"),
        (replace(AFTER, current_slot="a"), "slot_mismatch"),
        (replace(AFTER, serialno="S2"), "swapped"),
    ],
)
def test_a_phone_that_reports_otherwise_is_not_called_updated(facts: BootFacts, reason: str) -> None:
    visit, _ = step(at(State.CONFIRMING), ev.Identified(facts))
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, reason)


def test_keys_held_too_early_give_the_new_slot_two_more_chances() -> None:
    early = replace(AFTER, slot_successful=False)
    visit = at(State.CONFIRMING)
    for _ in range(2):
        visit, _ = step(visit, ev.Identified(early))
        assert visit.state is State.REBOOTING
        visit = replace(visit, state=State.CONFIRMING)
    assert step(visit, ev.Identified(early))[0].reason == "slot_not_successful"


def test_lost_files_need_staff_with_their_count() -> None:
    visit, effects = step(at(State.CHECKING), ev.Compared(LOST, 1.0))
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, "user_data_missing")
    closing = next(e for e in effects if isinstance(e, do.Record) and e.kind == "visit.closed")
    assert closing.body["counts"]["missing"] == 1  # type: ignore[index]


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
def test_every_end_is_told_to_headquarters_once_and_as_it_was(state: State) -> None:
    for kind in ev.EVENTS:
        ended, effects = step(at(state), sample(kind))
        told = [e.body for e in effects if isinstance(e, do.Record) and e.kind == "visit.closed"]
        assert len(told) == ended.finished
        for body in told:
            assert (body["verdict"], body["reason"]) == (VERDICTS[ended.state], ended.reason)
            assert (body["written"], body["model"]) == (ended.written, ended.product)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.KEYS_AGAIN, "version_not_confirmed"),
        (State.UNLOCK_AGAIN, "user_data_not_checked"),
        (State.AWAIT_PHONE, "phone_did_not_return"),
    ],
)
def test_a_deadline_that_ends_says_what_is_missing(state: State, reason: str) -> None:
    assert step(at(state), ev.TimeUp())[0].reason == reason


def test_a_cable_that_keeps_failing_ends_with_staff() -> None:
    visit = at(State.WRITING)
    for _ in range(30):
        if visit.finished:
            break
        visit, _ = walk((ev.PhoneGone(), ev.PhoneSeen("bootloader"), ev.Identified(FACTS)), visit)
    assert (visit.state, visit.reason) == (State.NEEDS_STAFF, "link_unstable")


def test_every_state_has_a_screen_a_verdict_or_a_deadline() -> None:
    assert set(SCREENS) == set(State)
    assert set(SCREENS.values()) == set(Screen)
    assert set(VERDICTS) == TERMINAL
    assert set(WAITS) == set(State) - TERMINAL


def reasons_in(source: str) -> set[str]:
    """Every text without a space that is given to a function which ends a visit."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    ending = [call for call in calls if getattr(call.func, "id", "") in ("give_up", "needs_staff", "end")]
    values = [arg.value for call in ending for arg in call.args if isinstance(arg, ast.Constant)]
    return {value for value in values if isinstance(value, str) and " " not in value}


def test_every_reason_in_the_code_is_listed_for_the_screens() -> None:
    found = set(get_args(Reason)) | {LOST.verdict, UserData().verdict}
    for module in (arrival, before_write, fetching, after_write, confirmation):
        found |= reasons_in(inspect.getsource(module))
    assert {"keys_timeout", "boot_failed", "battery_low"} <= found <= REASONS


def test_a_step_that_stands_nowhere_is_our_bug() -> None:
    class Surprise(ev.Event):
        pass

    with pytest.raises(FlowError):
        step(at(State.PLAN), Surprise())


def test_the_diagram_in_the_docs_is_the_table() -> None:
    document = Path(__file__).parents[2] / "docs" / "update-flow.md"
    stale = "run: python -m kiosk.flow.diagram docs/update-flow.md"
    assert generated() in document.read_text("utf-8"), stale


EVENTS = st.one_of(
    st.sampled_from([sample(kind) for kind in ev.EVENTS]),
    st.sampled_from(
        [
            *(ev.PhoneSeen(mode) for mode in ("normal", "bootloader", "charging", "foreign", "recovery")),
            *(ev.Identified(FACTS), ev.Identified(OTHER), ev.Identified(AFTER)),
            *(ev.Written(0), ev.Written(1), ev.Progress(5, 10), ev.Progress(50, 90)),
            *(ev.Compared(KEPT, 1.0), ev.Compared(LOST, 1.0), ev.PlanImpossible("up_to_date", "")),
        ]
    ),
)
STORIES = st.tuples(st.integers(0, len(HAPPY)), st.lists(EVENTS, max_size=25), st.booleans())


@settings(max_examples=300, deadline=None)
@given(STORIES)
def test_whatever_happens_the_promises_hold(story: tuple[int, list[ev.Event], bool]) -> None:
    prefix, events, inventory = story
    visit = begin(Visit("V", "bay", options=Options(inventory=inventory)))[0]
    consented = False
    for event in (*HAPPY[:prefix], *events):
        before = visit
        visit, effects = step(visit, event)
        consented = consented or visit.state in (State.BACKUP, State.FETCHING, *AFTER_WRITE)
        assert visit.percent >= before.percent
        assert not before.reason or visit.reason == before.reason, "the first cause stands"
        assert before.state not in TERMINAL or visit.state is before.state
        assert before.state not in AFTER_WRITE or visit.state not in BEFORE_WRITE
        writes = [effect for effect in effects if isinstance(effect, do.WriteNext | do.SwitchSlot)]
        assert not writes or (consented and visit.plan is not None and visit.facts is not None)
        assert sum(isinstance(effect, do.WireEffect) for effect in effects) <= 1
        if isinstance(event, ev.Identified) and writes:
            assert event.facts.same_phone(FACTS if visit.facts is None else visit.facts)
        if visit.state is State.UPDATED and before.state is not State.UPDATED:
            assert visit.version_confirmed == "2.0.0"
        view = job_view(visit, Known(), Shown())
        assert view.can_cancel == (visit.state in BEFORE_WRITE - {State.LEAVING})
        assert view.finished == (visit.state in TERMINAL)
