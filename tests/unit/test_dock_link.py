"""The dock's adapter over a line that a test holds in its hands, and the serial line itself over a pseudo-terminal."""

from __future__ import annotations

import os
import pty
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

import hw.dock
from firmware_agent import dock_wire as dw
from firmware_agent.wire import Deframer, Frame, frame
from hw.dock import DockTrouble, SerialDock, open_dock
from hw.errors import BadWhere, BayBusy, LinkLost
from hw.link.serial import SerialLink, check_where
from kiosk.counter_ports import Dock, DockFacts, Trouble

PATIENCE_S = 30.0


class Peer:
    """A controller by hand: what it heard, and what it is told to say."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.out = bytearray()
        self.heard: list[Frame] = []
        self.broken = False
        self.connections = 0
        self.sequence = 0
        self.report = dw.Report()
        self.report.boots = 1
        self.report.bins.append(dw.Bin())
        self.answer: Callable[[bytes], int | None] = lambda intent: dw.OK
        self._deframer = Deframer()

    def connect(self) -> Peer:
        with self.changed:
            if self.broken:
                raise LinkLost("nobody there")
            self.connections += 1
        self.say()
        return self

    def say(self, **changes: object) -> None:
        with self.changed:
            for name, value in changes.items():
                setattr(self.report, name, value)
            self.sequence += 1
            self.report.sequence = self.sequence
            self.out += frame(dw.REPORT, self.sequence, dw.pack_report(self.report))
            self.changed.notify_all()

    def cut(self) -> None:
        with self.changed:
            self.broken = True
            self.changed.notify_all()

    def read(self, timeout_s: float) -> bytes:
        with self.changed:
            self.changed.wait_for(lambda: self.out or self.broken, timeout_s)
            if self.broken:
                raise LinkLost("the line broke")
            data, self.out = bytes(self.out), bytearray()
            return data

    def write(self, data: bytes) -> None:
        with self.changed:
            if self.broken:
                raise LinkLost("the line broke")
            self._deframer.feed(data)
            while (got := self._deframer.next()) is not None:
                self.heard.append(got)
                if got.kind == dw.PULSE:
                    self.say()
                if got.kind == dw.ORDER:
                    intent = dw.unpack_order(got.payload)[0]
                    outcome = self.answer(intent)
                    if outcome is not None:
                        self.out += frame(dw.DONE, got.sequence, dw.pack_done(intent, outcome, False))
            self.changed.notify_all()

    def close(self) -> None:
        pass

    def orders(self) -> list[tuple[bytes, int, int, int]]:
        with self.changed:
            return [dw.unpack_order(one.payload) for one in self.heard if one.kind == dw.ORDER]


def until(dock: SerialDock, is_so: Callable[[DockFacts], bool]) -> DockFacts:
    change = 0
    while not is_so(facts := dock.facts()):
        before, change = change, dock.wait(change, PATIENCE_S)
        assert change != before, facts
    return facts


@pytest.fixture
def peer() -> Peer:
    return Peer()


@pytest.fixture
def dock(peer: Peer) -> Iterator[SerialDock]:
    made = SerialDock(peer.connect)
    yield made
    made.close()


def test_it_is_the_counters_dock_and_its_troubles_are_the_counters(dock: SerialDock) -> None:
    port: Dock = dock
    trouble: Trouble = DockTrouble("dock_offline", "x")
    assert (port is dock, trouble.reason) == (True, "dock_offline")


def test_before_the_first_report_it_is_offline_and_takes_no_order() -> None:
    def connect() -> Peer:
        raise LinkLost("no such line")

    dock = SerialDock(connect)
    try:
        assert not dock.facts().online
        with pytest.raises(DockTrouble) as told:
            dock.release_flap(1, "a")
        assert told.value.reason == "dock_offline"
    finally:
        dock.close()


def test_two_seconds_of_silence_are_offline_and_the_last_report_stays_to_be_read(
    peer: Peer, dock: SerialDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(dock, lambda facts: facts.online)
    monkeypatch.setattr(peer, "say", lambda **changes: None)
    facts = until(dock, lambda facts: not facts.online)
    assert len(facts.bins) == 1
    with pytest.raises(DockTrouble):
        dock.release_flap(1, "a")
    assert peer.orders() == []


def test_a_broken_line_is_opened_again_and_said_meanwhile(peer: Peer, dock: SerialDock) -> None:
    until(dock, lambda facts: facts.online)
    peer.cut()
    until(dock, lambda facts: not facts.online)
    with peer.changed:
        peer.broken = False
    until(dock, lambda facts: facts.online)
    assert peer.connections == 2


def test_an_order_that_is_not_answered_is_said_once_more_with_the_same_intent(
    peer: Peer, dock: SerialDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(dock, lambda facts: facts.online)
    monkeypatch.setattr(hw.dock, "ANSWER_S", 0.3)
    peer.answer = lambda intent: dw.OK if len(peer.orders()) == 2 else None
    dock.release_flap(1, "drop 7")
    asked = peer.orders()
    assert len(asked) == 2
    assert asked[0] == asked[1]
    peer.answer = lambda intent: None
    with pytest.raises(DockTrouble) as told:
        dock.lock_flap(1, "drop 8")
    assert (told.value.reason, told.value.values) == ("dock_no_answer", {"bin": 1})


@pytest.mark.parametrize("outcome", range(2, dw.OUTCOMES))
def test_every_refusal_has_a_reason_of_its_own(peer: Peer, dock: SerialDock, outcome: int) -> None:
    until(dock, lambda facts: facts.online)
    peer.answer = lambda intent: outcome
    with pytest.raises(DockTrouble) as told:
        dock.power(2, True, "p")
    assert told.value.reason.startswith("dock_")
    assert told.value.values == {"bay": 2}
    assert len({reason for reason, _ in hw.dock._REASONS.values()}) == dw.OUTCOMES - 2


def test_that_the_housing_was_opened_is_acknowledged_only_once_it_was_told(
    peer: Peer, dock: SerialDock
) -> None:
    def pulses(least: int) -> list[int]:
        with peer.changed:
            peer.heard.clear()
            peer.changed.wait_for(
                lambda: sum(one.kind == dw.PULSE for one in peer.heard) >= least, PATIENCE_S
            )
            return [dw.unpack_pulse(one.payload) for one in peer.heard if one.kind == dw.PULSE]

    until(dock, lambda facts: facts.online)
    peer.say(tampers=4, flags=dw.TAMPER_UNREAD)
    found = until(dock, lambda facts: facts.tampered)
    assert pulses(2) == [0, 0], "a command that looks at its bin has told nobody"
    dock.told_tampered(found.tampers)
    assert pulses(2)[-1] == 4


def test_a_wait_ends_when_something_changes_and_says_how_far(peer: Peer, dock: SerialDock) -> None:
    until(dock, lambda facts: facts.online)
    change = dock.wait(-1, 0)
    assert dock.wait(change, 0.01) == change
    peer.say(mass_g=77)
    assert dock.wait(change, PATIENCE_S) == change + 1
    assert dock.facts().scale.mass_g == 77


# -- the line itself


@pytest.mark.parametrize(
    "where",
    [
        "",
        "serial:",
        "serial:ttyACM0",
        "tcp:host",
        "tcp:h:0",
        "tcp:h:99999",
        "usb:1",
        "socket://h:1",
        "serial:/dev/a b",
    ],
)
def test_a_where_that_names_no_line_is_refused_before_anything_is_opened(where: str) -> None:
    with pytest.raises(BadWhere):
        open_dock(where)
    assert check_where("tcp:dock.local:5000") == "socket://dock.local:5000"


def test_bytes_pass_both_ways_over_a_real_serial_line_and_its_end_is_said() -> None:
    ours, theirs = pty.openpty()
    where = f"serial:{os.ttyname(theirs)}"
    link = SerialLink(where)
    with pytest.raises(BayBusy):
        SerialLink(where)
    assert link.read(0.01) == b""
    os.write(ours, b"\x00\x11\x13\xff\r\n")
    got = b""
    while len(got) < 6:
        got += link.read(PATIENCE_S)
    assert got == b"\x00\x11\x13\xff\r\n"
    link.write(b"\r\n\x1a")
    assert os.read(ours, 10) == b"\r\n\x1a"
    os.close(theirs)
    os.close(ours)
    with pytest.raises(LinkLost):
        all(link.read(0.1) == b"" for _ in range(100))
    link.close()
    link.close()


def test_a_line_over_tcp_that_hangs_up_or_is_not_there_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"tcp:127.0.0.1:{server.getsockname()[1]}"
        link = SerialLink(where)
        peer, _ = server.accept()
        peer.sendall(b"abc")
        got = b""
        while len(got) < 3:
            got += link.read(PATIENCE_S)
        peer.close()
        with pytest.raises(LinkLost):
            link.read(PATIENCE_S)
        link.close()
    with pytest.raises(LinkLost):
        SerialLink(where)
