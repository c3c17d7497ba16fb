"""Messages are strict, the window never loses or invents an entry, and a replayed command is worthless."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt import messages, topics
from mqtt.errors import MessageError, MqttError, TopicError
from mqtt.messages import Command, CommandResult, Presence, Receipt
from mqtt.orders import Orders
from mqtt.ports import Broker, Callbacks
from mqtt.session import Session, now_ms
from mqtt.window import BATCHES, Window

EPOCH = "ab" * 16
NONCE = b"n" * 16
PRESENCE = Presence("S01", True, NONCE, EPOCH, 10, 7, 1_700_000_000_000)
RECEIPT = Receipt("S01", EPOCH, 7, b"h" * 32, 1_700_000_000_000)
COMMAND = Command(
    id=b"i" * 16,
    station="S01",
    epoch=EPOCH,
    counter=3,
    expires_ms=2**50,
    requester="王经理",
    action="call.acknowledge",
    arguments={"by": "王经理", "call_index": 12},
    nonce=NONCE,
)
RESULT = CommandResult(b"i" * 16, "S01", "refused", "busy", 5)


def test_topics_are_the_stations_own() -> None:
    mine = topics.of("S01")
    assert mine.ev == f"f/1/{topics.bucket('S01')}/S01/ev"
    assert topics.parse(mine.cmd) == ("S01", "cmd")
    assert {topics.bucket(f"S{n}") for n in range(400)} == set(range(16))


@pytest.mark.parametrize("name", ["", "a/b", "a+b", "#", "站点", "-x", "a" * 65, "a b", "S01\n"])
def test_a_name_that_could_reach_other_topics_is_refused(name: str) -> None:
    with pytest.raises(TopicError):
        topics.of(name)


@pytest.mark.parametrize(
    "topic", ["", "f/1/0/S01", "f/1/x/S01/ev", "f/2/0/S01/ev", "f/1/0/S01/xx", "f/1//+/ev", "f" * 500]
)
def test_a_topic_that_is_not_a_stations_is_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        topics.parse(topic)


def test_a_station_in_anothers_bucket_is_refused() -> None:
    wrong = (topics.bucket("S01") + 1) % 16
    with pytest.raises(TopicError, match="bucket"):
        topics.parse(f"f/1/{wrong}/S01/ev")


def test_every_message_comes_back_as_sent() -> None:
    assert messages.decode_presence(messages.encode_presence(PRESENCE)) == PRESENCE
    assert messages.decode_receipt(messages.encode_receipt(RECEIPT)) == RECEIPT
    assert messages.decode_command(messages.encode_command(COMMAND)) == COMMAND
    assert messages.decode_result(messages.encode_result(RESULT)) == RESULT


DECODERS = (
    messages.decode_presence,
    messages.decode_receipt,
    messages.decode_command,
    messages.decode_result,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    for decode in DECODERS:
        with pytest.raises(MessageError):
            decode(data)


@given(st.integers(0, 1000), st.integers(1, 255))
def test_no_flipped_byte_reads_as_the_same_message(position: int, flip: int) -> None:
    for decode, data in zip(
        DECODERS,
        (
            messages.encode_presence(PRESENCE),
            messages.encode_receipt(RECEIPT),
            messages.encode_command(COMMAND),
            messages.encode_result(RESULT),
        ),
        strict=True,
    ):
        flipped = bytearray(data)
        flipped[position % len(data)] ^= flip
        try:
            assert decode(bytes(flipped)) not in (PRESENCE, RECEIPT, COMMAND, RESULT)
        except MessageError:
            pass


@pytest.mark.parametrize(
    "command",
    [
        replace(COMMAND, action="Rm -rf"),
        replace(COMMAND, arguments={"by": "王 " * 150}),
        replace(COMMAND, arguments={"answer": "x" * (64 * 1024 + 1)}),
        replace(COMMAND, arguments={f"a{chr(97 + n)}": n for n in range(17)}),
        replace(COMMAND, arguments={"by": "line\nbreak"}),
        replace(COMMAND, nonce=b"short"),
        replace(COMMAND, counter=-1),
        replace(COMMAND, station="a/b"),
    ],
)
def test_a_command_outside_the_format_is_refused(command: Command) -> None:
    with pytest.raises(MessageError):
        messages.decode_command(messages.encode_command(command))


def test_a_large_message_is_refused_unread() -> None:
    with pytest.raises(MessageError, match="at most"):
        messages.decode_receipt(b"\x00" * 5000)


def test_a_window_stops_at_four_batches_and_opens_with_receipts() -> None:
    window = Window(0, 5.0)
    for number in range(BATCHES):
        assert window.has_room()
        window.sent(number * 10 + 1, number * 10 + 10, 0.0)
    assert not window.has_room()
    window.received(10)
    assert window.has_room()
    assert window.cursor == 40
    window.received(35)  # in the middle of a batch: the rest of it is still awaited
    window.received(40)
    assert window.patience_s(1.0) is None


def test_a_late_receipt_sends_everything_after_the_watermark_again_less_and_less_often() -> None:
    window = Window(10, 5.0)
    window.sent(11, 20, 0.0)
    assert not window.late(4.9)
    assert window.late(5.0)
    assert window.cursor == 10
    assert window.overdue
    window.sent(11, 20, 5.0)
    assert not window.late(14.9)
    assert window.late(15.0)
    window.received(20)
    assert not window.overdue


def test_headquarters_word_counts_when_it_holds_less_than_believed() -> None:
    window = Window(100, 5.0)
    window.sent(101, 110, 0.0)
    window.received(60)
    assert window.cursor == 60
    assert window.has_room()


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60)), max_size=60))
def test_the_window_never_skips_an_entry(moves: list[tuple[int, int]]) -> None:
    """However many messages are lost, headquarters ends with every entry, and only ever holds a prefix."""
    window, held, now_s = Window(0, 1.0), 0, 0.0
    head = 40

    def send() -> tuple[int, int] | None:
        if not window.has_room() or window.cursor >= head:
            return None
        first, last = window.cursor + 1, min(head, window.cursor + 7)
        window.sent(first, last, now_s)
        return first, last

    def deliver(batch: tuple[int, int]) -> None:
        nonlocal held
        first, last = batch
        if first <= held + 1:
            held = max(held, last)

    for kind, number in moves:
        now_s += 0.3
        window.late(now_s)
        batch = send()
        if batch is not None and kind != 0:
            deliver(batch)
        if kind == 2:
            window.received(held)
        if kind == 3:
            window.received(min(held, number))
    for _ in range(500):
        now_s += 100.0
        window.late(now_s)
        while (batch := send()) is not None:
            deliver(batch)
        window.received(held)
        if held == head:
            break
    assert held == head
    assert window.watermark == head


def test_a_command_is_for_this_connection_and_counts_upwards() -> None:
    orders = Orders("S01", EPOCH, NONCE)
    assert orders.refusal(COMMAND, 0) == ""
    assert "another station" in orders.refusal(replace(COMMAND, station="S02"), 0)
    assert "another station" in orders.refusal(replace(COMMAND, epoch="00" * 16), 0)
    assert "expired" in orders.refusal(COMMAND, COMMAND.expires_ms)
    assert orders.stale(replace(COMMAND, nonce=b"o" * 16))
    orders.answer(COMMAND, "")
    assert orders.answered(COMMAND) == ""
    assert "later command" in orders.refusal(replace(COMMAND, id=b"j" * 16), 0)
    assert orders.refusal(replace(COMMAND, id=b"j" * 16, counter=4), 0) == ""


@dataclass
class Shelf:
    """An outbox in memory."""

    entries: int = 0
    mark: int = 0
    settled: list[int] = field(default_factory=list)

    def next_batch(self, topic: str, after_index: int | None = None) -> Piece | None:
        after = self.mark if after_index is None else after_index
        last = min(self.entries, after + 64)
        return Piece(after + 1, last, topic.encode()) if last > after else None

    def settle(self, receipt: Receipt) -> str:
        if receipt.epoch != EPOCH:
            return "other_epoch"
        if receipt.index > self.entries:
            return "not_ours"
        outcome = "same" if receipt.index == self.mark else "moved"
        self.mark = receipt.index
        return outcome

    def watermark(self) -> int:
        return self.mark

    def head(self) -> tuple[str, int]:
        return EPOCH, self.entries


@dataclass(frozen=True)
class Piece:
    """A batch."""

    first_index: int
    last_index: int
    data: bytes


class Talk:
    """A session with an unsigned headquarters whose topics and payloads are recorded."""

    def __init__(self, shelf: Shelf, resend_s: float = 5.0) -> None:
        self.said: list[tuple[str, bytes, int, bool]] = []
        self.troubles: list[str] = []
        self.done: list[Command] = []
        self.refuse = ""
        self.topics = topics.of("S01")
        self.session = Session(
            Broker("h", 1, resend_s=resend_s),
            self.topics,
            shelf,
            sign=lambda payload, _topic: payload,
            verify=lambda message, _topic: None if message.startswith(b"forged") else message,
            callbacks=Callbacks(on_command=self._do, on_trouble=self.troubles.append),
        )

    def _do(self, command: Command) -> str:
        self.done.append(command)
        return self.refuse

    def say(self, topic: str, message: bytes, qos: int, retain: bool, _expiry_s: int | None) -> None:
        self.said.append((topic.rsplit("/", 1)[1], message, qos, retain))

    @property
    def nonce(self) -> bytes:
        return messages.decode_presence(self.session.presence(True)).nonce

    def results(self) -> list[CommandResult]:
        return [messages.decode_result(message) for leaf, message, _, _ in self.said if leaf == "rsp"]


def test_the_birth_is_retained_and_the_will_says_offline_with_the_same_nonce() -> None:
    talk = Talk(Shelf())
    will = messages.decode_presence(talk.session.presence(False))
    talk.session.open(talk.say)
    leaf, message, qos, retain = talk.said[0]
    birth = messages.decode_presence(message)
    assert (leaf, qos, retain) == ("st", 1, True)
    assert birth.online
    assert not will.online
    assert birth.nonce == will.nonce
    assert Talk(Shelf()).nonce != birth.nonce


def test_batches_go_out_from_the_watermark_and_a_receipt_moves_it() -> None:
    shelf = Shelf(entries=400, mark=10)
    talk = Talk(shelf)
    talk.session.open(talk.say)
    talk.session.work(talk.say)
    assert [leaf for leaf, *_ in talk.said].count("ev") == 4
    talk.session.receive(talk.topics.ack, messages.encode_receipt(replace(RECEIPT, index=266)), talk.say)
    assert shelf.mark == 266
    talk.session.work(talk.say)
    assert [leaf for leaf, *_ in talk.said].count("ev") == 7


def test_without_a_receipt_everything_after_the_watermark_goes_out_again() -> None:
    talk = Talk(Shelf(entries=70, mark=3), resend_s=0.0)
    talk.session.open(talk.say)
    talk.session.work(talk.say)
    talk.session.work(talk.say)
    assert [leaf for leaf, *_ in talk.said].count("ev") == 4  # twice two batches


def test_an_unsigned_or_foreign_receipt_moves_nothing_and_is_reported() -> None:
    shelf = Shelf(entries=5)
    talk = Talk(shelf)
    talk.session.receive(talk.topics.ack, b"forged", talk.say)
    talk.session.receive(talk.topics.ack, b"junk", talk.say)
    talk.session.receive(talk.topics.ack, b"x" * 100_000, talk.say)
    talk.session.receive(talk.topics.ack, messages.encode_receipt(replace(RECEIPT, station="S02")), talk.say)
    talk.session.receive(talk.topics.ack, messages.encode_receipt(replace(RECEIPT, index=99)), talk.say)
    assert shelf.mark == 0
    assert len(talk.troubles) == 5
    assert "rolled back" in talk.troubles[-1]


def test_a_command_is_carried_out_once_however_often_it_comes() -> None:
    talk = Talk(Shelf())
    command = messages.encode_command(replace(COMMAND, nonce=talk.nonce))
    for _ in range(3):
        talk.session.receive(talk.topics.cmd, command, talk.say)
    assert len(talk.done) == 1
    assert [result.outcome for result in talk.results()] == ["done"] * 3


def test_a_command_of_an_earlier_connection_is_not_carried_out() -> None:
    talk = Talk(Shelf())
    talk.session.receive(talk.topics.cmd, messages.encode_command(COMMAND), talk.say)
    assert talk.done == []
    assert talk.results() == []


def test_a_refused_command_says_why() -> None:
    talk = Talk(Shelf())
    talk.refuse = "no such call"
    late = replace(COMMAND, nonce=talk.nonce, expires_ms=now_ms() - 1)
    talk.session.receive(talk.topics.cmd, messages.encode_command(late), talk.say)
    fresh = replace(COMMAND, nonce=talk.nonce, id=b"k" * 16)
    talk.session.receive(talk.topics.cmd, messages.encode_command(fresh), talk.say)
    assert [(result.outcome, result.why) for result in talk.results()] == [
        ("refused", "it has expired"),
        ("refused", "no such call"),
    ]
    assert len(talk.done) == 1


def test_every_error_of_the_wire_is_one_line() -> None:
    for error in (MessageError("a"), TopicError("b")):
        assert isinstance(error, MqttError)
        assert "\n" not in error.detail
