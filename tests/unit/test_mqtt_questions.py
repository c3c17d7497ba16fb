"""A question reaches headquarters once for each connection, and only its own signed answer settles it."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mqtt import asking, messages, questions, topics
from mqtt.asking import Asking
from mqtt.errors import MessageError
from mqtt.messages import Command
from mqtt.ports import Broker, Callbacks
from mqtt.questions import Answer, Ask, Question
from mqtt.reporter import Reporter
from mqtt.session import Session
from tests.unit.test_mqtt import EPOCH, NONCE, Shelf

IMEI = "490154203237518"
TRADE = "01JZZZZZZZZZZZZZZZZZZZZZZ1"
QUESTION = Question(b"q" * 16, "S01", EPOCH, "claim", {"imei": IMEI, "trade": TRADE}, 5, 6, NONCE)
ANSWER = Answer(b"q" * 16, "S01", "granted", "", 7, ({"kind": "trade.accepted", "at_ms": 4},))
COMMAND = Command(b"i" * 16, "S01", EPOCH, 3, 2**50, "王经理", "manifest.answer", {}, NONCE)


def test_both_come_back_as_sent() -> None:
    assert questions.decode_question(questions.encode_question(QUESTION)) == QUESTION
    assert questions.decode_answer(questions.encode_answer(ANSWER)) == ANSWER
    longest = replace(COMMAND, arguments={"answer": "A-_z" * (16 * 1024)})
    assert messages.decode_command(messages.encode_command(longest)) == longest


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_way(data: bytes) -> None:
    for decode in (questions.decode_question, questions.decode_answer):
        with pytest.raises(MessageError):
            decode(data)


@given(st.integers(0, 1000), st.integers(1, 255))
def test_no_flipped_byte_reads_as_the_same(position: int, flip: int) -> None:
    pairs = (
        (questions.decode_question, questions.encode_question(QUESTION)),
        (questions.decode_answer, questions.encode_answer(ANSWER)),
    )
    for decode, data in pairs:
        flipped = bytearray(data)
        flipped[position % len(data)] ^= flip
        try:
            assert decode(bytes(flipped)) not in (QUESTION, ANSWER)
        except MessageError:
            pass


@pytest.mark.parametrize(
    "question",
    [
        replace(QUESTION, kind="money"),  # type: ignore[arg-type]
        replace(QUESTION, arguments={"code": "x" * 513}),
        replace(QUESTION, arguments={"imei": "4\n9"}),
        replace(QUESTION, arguments={f"a{chr(97 + n)}": n for n in range(17)}),
        replace(QUESTION, id=b"short"),
        replace(QUESTION, nonce=b""),
        replace(QUESTION, expires_ms=-1),
        replace(QUESTION, station="a/b"),
    ],
)
def test_a_question_outside_the_format_is_refused(question: Question) -> None:
    with pytest.raises(MessageError):
        questions.decode_question(questions.encode_question(question))


@pytest.mark.parametrize(
    "answer",
    [
        replace(ANSWER, outcome="Yes, of course"),
        replace(ANSWER, why="x" * 201),
        replace(ANSWER, rows=tuple({"kind": "x"} for _ in range(65))),
        replace(ANSWER, rows=({"Kind": "x"},)),
    ],
)
def test_an_answer_outside_the_format_is_refused(answer: Answer) -> None:
    with pytest.raises(MessageError):
        questions.decode_answer(questions.encode_answer(answer))


class Talk:
    """A session with an unsigned headquarters; what it said is kept with its expiry."""

    def __init__(self, waiting: Asking) -> None:
        self.said: list[tuple[str, bytes, int | None]] = []
        self.troubles: list[str] = []
        self.topics = topics.of("S01")
        self.session = Session(
            Broker("h", 1),
            self.topics,
            Shelf(),
            sign=lambda payload, _topic: payload,
            verify=lambda message, _topic: None if message.startswith(b"forged") else message,
            callbacks=Callbacks(on_trouble=self.troubles.append),
            asking=waiting,
        )

    def say(self, topic: str, message: bytes, qos: int, retain: bool, expiry_s: int | None) -> None:
        assert (qos, retain) == (1, False) or topic != self.topics.req
        self.said.append((topic, message, expiry_s))

    def work(self) -> list[Question]:
        self.session.work(self.say)
        return [questions.decode_question(data) for topic, data, _ in self.said if topic == self.topics.req]

    def hear(self, data: bytes) -> None:
        self.session.receive(self.topics.res, data, self.say)


def test_a_question_goes_out_once_and_again_on_the_next_connection_under_its_nonce() -> None:
    waiting = Asking()
    pending = waiting.begin(questions.claim(IMEI, TRADE), 30.0)
    assert pending is not None
    first, second = Talk(waiting), Talk(waiting)
    assert len(first.work()) == len(first.work()) == 1
    (again,) = second.work()
    assert (again.id, again.kind) == (pending.id, "claim")
    assert again.nonce != first.work()[0].nonce
    assert 29_000 <= again.expires_ms - again.at_ms <= 30_000
    assert [expiry_s for topic, _, expiry_s in second.said if topic == second.topics.req] == [30]
    waiting.end(pending)
    assert Talk(waiting).work() == []


def test_only_the_own_signed_answer_settles_a_question() -> None:
    waiting = Asking()
    pending = waiting.begin(questions.claim(IMEI, TRADE), 30.0)
    assert pending is not None
    talk = Talk(waiting)
    mine = replace(ANSWER, id=pending.id)
    talk.hear(b"forged")
    talk.hear(b"junk")
    talk.hear(b"x" * 100_000)
    talk.hear(questions.encode_answer(replace(mine, station="S02")))
    assert len(talk.troubles) == 4
    talk.hear(questions.encode_answer(ANSWER))  # to somebody who has given up
    assert not pending.done.is_set()
    talk.hear(questions.encode_answer(mine))
    assert pending.done.is_set()
    assert pending.answer == mine
    assert len(talk.troubles) == 4


def test_questions_that_wait_are_bounded_and_nobody_waits_after_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "MAX_PENDING", 2)
    waiting = Asking()
    held = [waiting.begin(questions.imei_history(IMEI), 30.0) for _ in range(3)]
    assert held[2] is None
    waiting.close()
    assert all(one.done.is_set() for one in held if one is not None)
    assert waiting.begin(questions.imei_history(IMEI), 30.0) is None


def test_asking_while_offline_ends_without_an_answer_and_a_stop_ends_it_at_once() -> None:
    reporter = Reporter(
        Broker("127.0.0.1", 1), "S01", Shelf(), sign=lambda data, _: data, verify=lambda data, _: data
    )
    assert reporter.ask(Ask("claim", {}), 0.01) is None
    answers: list[Answer | None] = []
    caller = threading.Thread(target=lambda: answers.append(reporter.ask(Ask("claim", {}), 600.0)))
    caller.start()
    while not reporter._asking.waiting():
        caller.join(0.01)
    reporter.stop()
    caller.join(30)
    assert answers == [None]
