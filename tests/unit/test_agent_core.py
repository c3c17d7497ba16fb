"""The station's half of the agent's protocol: in step with a sound device, unharmed by any other."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import wire
from hw.errors import LocalProtocolError, RemoteProtocolError
from hw.proto import agent, agent_facts
from hw.proto.agent_facts import Doing, Files, Ordered, Rebooting, Refused, Taken, Welcomed, Working
from tests.agent_peer import Peer, order_of, welcome_of

PATCH = bytes(range(256)) * 50
SIGNATURE = b"s" * 1500


def greeted(peer: Peer | None = None, sequence: int = 0) -> tuple[agent.Host, Peer]:
    host, peer = agent.Host(sequence), peer or Peer()
    events = host.receive(peer.take(host.hello()))
    assert [type(event) for event in events] == [Welcomed]
    return host, peer


def asked() -> tuple[agent.Host, wire.Frame]:
    """A host that waits for the answer to STATUS, and its question."""
    host, _ = greeted()
    deframer = wire.Deframer()
    deframer.feed(host.status())
    frame = deframer.next()
    assert frame is not None
    return host, frame


def send_patch(host: agent.Host, peer: Peer, patch: bytes = PATCH) -> None:
    while host.taken < len(patch):
        out = b""
        while (count := host.room()) > 0:
            out += host.data(patch[host.sent : host.sent + count])
            assert host.welcome is not None
            assert host.sent - host.taken <= host.welcome.window
        assert all(isinstance(event, Taken) for event in host.receive(peer.take(out)))


@given(
    window=st.integers(1, 9000),
    max_payload=st.integers(2000, 4352),
    patch=st.binary(min_size=1, max_size=20_000),
    sequence=st.integers(0, 65535),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
)
def test_a_patch_arrives_whole_within_any_window_however_the_answers_are_cut(
    window: int, max_payload: int, patch: bytes, sequence: int, cuts: list[int]
) -> None:
    host, peer = greeted(Peer(welcome_of(window=max(window, 40), max_payload=max_payload)), sequence)
    assert host.receive(peer.take(host.place_order(order_of(patch), SIGNATURE))) == [Ordered(0, 0)]
    turn = 0
    while host.taken < len(patch):
        out = b""
        while (count := host.room()) > 0:
            assert count <= max_payload - 4
            out += host.data(patch[host.sent : host.sent + count])
            assert host.sent - host.taken <= max(window, 40)
        answers = peer.take(out)
        while answers:
            step, turn = cuts[turn % len(cuts)], turn + 1
            host.receive(answers[:step])
            answers = answers[step:]
    assert bytes(peer.patch) == patch
    assert (host.sent, host.durable) == (len(patch), len(patch))


def test_a_conversation_from_hello_to_reboot() -> None:
    peer = Peer(files=[("a", 1, bytes(32)), ("b", 2, bytes(32))])
    host, _ = greeted(peer)
    assert host.receive(peer.take(host.user_files(0, True))) == [
        Files(2, (("a", 1, bytes(32)), ("b", 2, bytes(32))))
    ]
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    send_patch(host, peer)
    assert host.room() == 0
    steps = host.receive(peer.take(host.commit()))
    assert steps == [Working(30_000, 100_000), Working(60_000, 100_000), Working(100_000, 100_000)]
    assert host.receive(peer.take(host.status())) == [Doing(wire.IDLE, 0)]
    assert host.receive(peer.take(host.reboot())) == [Rebooting()]
    assert not host.waits


def test_both_directions_are_counted_to_the_byte() -> None:
    peer = Peer()
    host = agent.Host()
    went = host.hello()
    came = peer.take(went)
    host.receive(came)
    question = host.status()
    assert (host.went_bytes, host.came_bytes) == (len(went) + len(question), len(came))


def test_an_order_known_already_goes_on_at_what_is_kept_for_good() -> None:
    host, peer = greeted()
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    for _ in range(2):
        count = host.room()
        host.receive(peer.take(host.data(PATCH[host.sent : host.sent + count])))
    peer.lose_power()
    other, _ = greeted(peer)
    (event,) = other.receive(peer.take(other.place_order(order_of(PATCH), SIGNATURE)))
    assert isinstance(event, Ordered)
    assert event.received == event.durable == len(peer.patch) > 0
    send_patch(other, peer)
    assert bytes(peer.patch) == PATCH


def test_what_is_left_of_a_former_conversation_is_passed_over() -> None:
    peer, host = Peer(), agent.Host(40)
    hello = host.hello()
    late = wire.frame(wire.TAKEN, 17, wire.pack_counts(5, 5)) + wire.frame(
        wire.WELCOME, 3, wire.pack_welcome(welcome_of(serial="OTHER"))
    )
    events = host.receive(late[7:] + b"\xa5\x5anoise" + late + peer.take(hello))
    assert [type(event) for event in events] == [Welcomed]
    assert host.welcome is not None
    assert host.welcome.serial == "KIN1"


def test_endless_noise_before_a_welcome_is_given_up() -> None:
    host = agent.Host()
    host.hello()
    for _ in range(7):
        assert host.receive(b"login: \r\n" * 1000) == []
    with pytest.raises(RemoteProtocolError, match="does not speak"):
        host.receive(b"login: \r\n" * 1000)


@pytest.mark.parametrize("code", sorted(agent_facts.OUT_OF_STEP))
def test_after_a_frame_was_refused_only_a_hello_is_possible_and_late_answers_do_no_harm(code: int) -> None:
    host, peer = greeted()
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    late = b""
    while (count := host.room()) > 0:
        late += peer.take(host.data(PATCH[host.sent : host.sent + count]))
    (event,) = host.receive(wire.frame(wire.REFUSED, 0, wire.pack_refused(code, 3)))
    assert isinstance(event, Refused)
    assert event.out_of_step
    assert host.needs_hello
    assert host.room() == 0
    assert host.receive(late) == []
    with pytest.raises(LocalProtocolError):
        host.commit()
    assert [type(event) for event in host.receive(peer.take(host.hello()))] == [Welcomed]


def test_a_refused_piece_puts_those_behind_it_out_of_step() -> None:
    peer = Peer(refuse={wire.DATA: wire.FLASH_FAILED})
    host, _ = greeted(peer)
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    out = host.data(PATCH[: host.room()]) + host.data(PATCH[host.sent : host.sent + host.room()])
    events = host.receive(peer.take(out))
    assert [(event.code, event.out_of_step) for event in events if isinstance(event, Refused)] == [
        (wire.FLASH_FAILED, False)
    ]
    assert host.needs_hello


def test_a_refused_order_leaves_the_two_in_step() -> None:
    peer = Peer(refuse={wire.ORDER: wire.BAD_SIGNATURE})
    host, _ = greeted(peer)
    (event,) = host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    assert event == Refused(wire.BAD_SIGNATURE, 7, wire.ORDER)
    assert host.room() == 0
    assert host.receive(peer.take(host.status())) == [Doing(wire.IDLE, 0)]


QUESTIONS: list[Callable[[agent.Host], bytes]] = [
    lambda host: host.place_order(order_of(PATCH), SIGNATURE),
    lambda host: host.commit(),
    lambda host: host.abort(),
    lambda host: host.reboot(),
    lambda host: host.status(),
    lambda host: host.user_files(0, False),
    lambda host: host.data(b"x"),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_nothing_is_asked_before_a_welcome_nor_while_an_answer_is_owed(
    question: Callable[[agent.Host], bytes],
) -> None:
    with pytest.raises(LocalProtocolError):
        question(agent.Host())
    host, _ = greeted()
    host.status()
    with pytest.raises(LocalProtocolError):
        question(host)


def answers(frame: wire.Frame) -> list[bytes]:
    """What no device may say to STATUS."""
    at = frame.sequence
    return [
        wire.frame(wire.STATE, at + 1, wire.pack_counts(0, 0)),
        wire.frame(wire.STATE, at, b"short"),
        wire.frame(wire.ORDERED, at, wire.pack_counts(0, 0)),
        wire.frame(wire.WELCOME, at, wire.pack_welcome(welcome_of())),
        wire.frame(0x7F, at),
        wire.frame(wire.REFUSED, at + 1, wire.pack_refused(wire.BUSY)),
        wire.frame(wire.REFUSED, at, b""),
        wire.frame(wire.STATE, at, wire.pack_counts(0, 0)) * 2,
    ]


@pytest.mark.parametrize("which", range(8))
def test_an_answer_that_is_none_ends_the_conversation_for_good(which: int) -> None:
    host, frame = asked()
    with pytest.raises(RemoteProtocolError):
        host.receive(answers(frame)[which])
    with pytest.raises(RemoteProtocolError):
        host.receive(b"")
    with pytest.raises(LocalProtocolError):
        host.hello()


@pytest.mark.parametrize("at", [*range(22), None])
def test_a_damaged_frame_from_the_device_is_a_refusal_of_our_own_which_a_hello_mends(at: int | None) -> None:
    host, peer = greeted()
    answer = peer.take(host.status())
    damaged = bytearray(b"OKAY or what" + answer if at is None else answer)
    if at is not None:
        damaged[at] ^= 0x10
    events = host.receive(bytes(damaged))
    if at in (6, 7):  # not even its length is known: it may be more than came
        events += host.receive(bytes(wire.MAX_FRAME_BYTES))
    (event,) = events
    assert isinstance(event, Refused)
    assert event.out_of_step
    assert event.line == "a damaged frame came from the phone"
    assert host.needs_hello
    assert host.receive(b"\xa5\x5amore of it" + answer) == []
    assert [type(event) for event in host.receive(peer.take(host.hello()))] == [Welcomed]
    assert host.receive(peer.take(host.status())) == [Doing(wire.IDLE, 0)]


def test_whatever_is_refused_before_the_commit_is_said_to_have_changed_no_firmware() -> None:
    for code in [*agent_facts.LINES, 61]:
        for question in (wire.ORDER, wire.DATA):
            assert Refused(code, 1, question).line.count("its firmware is unchanged") == 1
        assert Refused(code, 1, wire.COMMIT).line == agent_facts.explain(code, 1)


@pytest.mark.parametrize(
    "counts", [(4097, 0), (4095, 0), (4096, 4097), (0, 0)], ids=["more", "less", "durable", "none"]
)
def test_counts_that_cannot_be_are_not_believed(counts: tuple[int, int]) -> None:
    host, peer = greeted()
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    deframer = wire.Deframer()
    deframer.feed(host.data(PATCH[:4096]))
    frame = deframer.next()
    assert frame is not None
    with pytest.raises(RemoteProtocolError):
        host.receive(wire.frame(wire.TAKEN, frame.sequence, wire.pack_counts(*counts)))


@pytest.mark.parametrize(
    "steps", [[(2, 1)], [(0, 0)], [(5, 10), (4, 10)], [(5, 10), (6, 11)], [(1, 1 << 31)]]
)
def test_work_that_goes_backwards_or_beyond_its_end_is_not_believed(steps: list[tuple[int, int]]) -> None:
    host, _ = greeted()
    deframer = wire.Deframer()
    deframer.feed(host.commit())
    frame = deframer.next()
    assert frame is not None
    said = b"".join(wire.frame(wire.WORKING, frame.sequence, wire.pack_counts(*step)) for step in steps)
    with pytest.raises(RemoteProtocolError):
        host.receive(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0}, {"version": 9}, {"state": 9}, {"max_payload": 100}, {"max_payload": 60000},
        {"window": 0}, {"window": 1 << 30}, {"methods": 128}, {"block_log2": 31}, {"window_log2": 16},
        {"battery": 101}, {"model": ""}, {"serial": ""}, {"image_version": "1.0\x1b[2J"}, {"model": "a\nb"},
    ],
    ids=str,
)  # fmt: skip
def test_a_welcome_that_makes_no_sense_is_not_built_upon(wrong: dict[str, object]) -> None:
    host, peer = agent.Host(), Peer(welcome_of(**wrong))
    with pytest.raises(RemoteProtocolError, match=r"makes no sense|cannot be read"):
        host.receive(peer.take(host.hello()))


@given(st.lists(st.one_of(st.binary(max_size=200), st.tuples(st.integers(0, 255), st.binary(max_size=80)))))
def test_no_bytes_from_a_device_do_more_than_end_the_conversation(
    said: list[bytes | tuple[int, bytes]],
) -> None:
    for prepare in (_greeting, lambda: asked()[0], _sending):
        host = prepare()
        with contextlib.suppress(RemoteProtocolError):
            for piece in said:
                data = piece if isinstance(piece, bytes) else wire.frame(piece[0], host._sequence, piece[1])
                host.receive(data)
        assert host.durable <= host.taken <= host.sent <= len(PATCH)


def _greeting() -> agent.Host:
    host = agent.Host()
    host.hello()
    return host


def _sending() -> agent.Host:
    host, peer = greeted()
    host.receive(peer.take(host.place_order(order_of(PATCH), SIGNATURE)))
    host.data(PATCH[:1])
    return host


def test_every_code_the_wire_knows_has_one_line_of_its_own() -> None:
    text = Path(wire.__file__).read_text("utf-8")
    listed = text.split("# -- codes a device refuses with", 1)[1].split("class WireError", 1)[0]
    names = [line.split(" = ")[0] for line in listed.splitlines() if " = " in line]
    assert len(names) > 25
    assert {getattr(wire, name) for name in names} - {wire.OK} == set(agent_facts.LINES)
    assert len(set(agent_facts.LINES.values())) == len(agent_facts.LINES)
    for code in agent_facts.LINES:
        line = agent_facts.explain(code, 42)
        assert line.isprintable()
        assert "{" not in line
    assert "(61)" in agent_facts.explain(61, 0)
