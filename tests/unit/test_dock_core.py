"""The station's half of the dock's protocol, without a line: what counts as news, what as noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import dock_wire as dw
from firmware_agent.wire import Deframer, frame
from hw.errors import LocalProtocolError
from hw.proto.dock import Described, Ended, Event, Host, Noise, Reported, intent_id


def report(sequence: int, boots: int = 1, falls: int = 0) -> bytes:
    made = dw.Report()
    made.sequence, made.boots = sequence, boots
    one = dw.Bin()
    one.falls = falls
    made.bins.append(one)
    return frame(dw.REPORT, sequence, dw.pack_report(made))


def reported(events: list[Event]) -> list[int]:
    return [event.facts.bins[0].falls for event in events if isinstance(event, Reported)]


def test_an_older_report_is_not_news_but_one_after_a_restart_is() -> None:
    host = Host()
    assert reported(host.receive(report(5, falls=5) + report(4, falls=4) + report(5, falls=6))) == [5]
    assert reported(host.receive(report(1, boots=2, falls=1))) == [1]
    assert reported(host.receive(report(0xFFFFFFFF, boots=3) + report(0, boots=3, falls=9))) == [0, 9]


@given(st.lists(st.binary(max_size=200), max_size=6), st.integers(1, 90))
def test_whatever_comes_is_taken_and_a_report_after_it_is_found(noise: list[bytes], step: int) -> None:
    host = Host()
    raw = b"".join(noise)
    for at in range(0, len(raw), step):
        host.receive(raw[at : at + step])
    padding = bytes(dw.MAX_PAYLOAD_BYTES + 14)  # ends any frame that the noise seems to have begun
    assert 7 in reported(host.receive(padding + report(70, falls=7)))


@given(st.binary(max_size=80), st.integers(0, 255))
def test_a_sound_frame_with_any_payload_raises_nothing(payload: bytes, kind: int) -> None:
    for event in Host().receive(frame(kind, 1, payload)):
        assert isinstance(event, (Noise, Reported, Ended, Described))


def test_no_order_without_an_intent_and_none_that_no_dock_knows() -> None:
    host = Host()
    for intent, act, number in (
        (bytes(16), 1, 1),
        (b"short", 1, 1),
        (intent_id("a"), 99, 1),
        (intent_id("a"), 1, 256),
    ):
        with pytest.raises(LocalProtocolError):
            host.order(intent, act, number)


def test_what_it_sends_is_what_a_controller_reads() -> None:
    host, reader = Host(), Deframer()
    reader.feed(host.greet() + host.order(intent_id("x"), dw.POWER, 2, 1) + host.pulse(3))
    got = [one for one in (reader.next(), reader.next(), reader.next()) if one is not None]
    assert [one.kind for one in got] == [dw.GREET, dw.ORDER, dw.PULSE]
    assert dw.unpack_order(got[1].payload) == (intent_id("x"), dw.POWER, 2, 1)
    assert len({one.sequence for one in got}) == 3


def test_the_same_intent_is_the_same_order_and_another_is_not() -> None:
    assert intent_id("drop 1 release") == intent_id("drop 1 release")
    assert intent_id("drop 1 release") != intent_id("drop 1 release 2")


@pytest.mark.parametrize(
    ("lock", "leaf", "door"),
    [
        (dw.LOCKED, dw.CLOSED, "locked"),
        (dw.RELEASED, dw.CLOSED, "released"),
        (dw.LOCK_JAMMED, dw.CLOSED, "released"),
        (dw.LOCKED, dw.OPEN, "open"),
        (dw.LOCKED, dw.LEAF_JAMMED, "open"),
    ],
)
def test_a_door_is_locked_only_where_bolt_and_leaf_say_so(lock: int, leaf: int, door: str) -> None:
    made = dw.Report()
    one = dw.Bin()
    one.door_lock, one.door = lock, leaf
    made.bins.append(one)
    made.drawer_lock, made.drawer = lock, leaf
    events = Host().receive(frame(dw.REPORT, 1, dw.pack_report(made)))
    assert isinstance(events[0], Reported)
    assert (events[0].facts.bins[0].door, events[0].facts.drawer) == (door, door)
