"""What one message from a station does to the database. It verifies and stores; it opens no socket.

Hostile bytes end as an alarm, never as an exception: a message that cannot be believed is settled too, or the
broker would bring it again for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from hq import alarms, commands, journal, presence, registry
from hq.counter import questions
from hq.journal import Delivery, Watermark
from hq.store import now_ms
from ledger import batch as batches
from ledger import cose
from ledger.errors import ChainError, LedgerError, MalformedError, SignatureError
from mqtt import messages, topics
from mqtt.errors import MqttError
from mqtt.messages import Receipt
from mqtt.questions import Answer, encode_answer

ANSWER_LIFE_S = 60
"""Nobody waits longer than that for an answer."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as the broker handed it over."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to a station, not signed yet."""

    topic: str
    payload: bytes
    retain: bool
    expiry_s: int | None = None


@dataclass(slots=True)
class Outcomes:
    """What a group of messages led to: receipts and answers that are due, and how many entries are new."""

    receipts: dict[str, Watermark] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    entries: int = 0


def handle(connection: sqlite3.Connection, mail: Mail, outcomes: Outcomes) -> None:
    """Take one message in, inside the caller's transaction."""
    try:
        station, leaf = topics.parse(mail.topic)
    except MqttError:
        return  # not a station's topic: nothing was asked of us
    key = registry.key_of(connection, station)
    if key is None:
        alarms.sound(connection, station, "unknown_station", "no key is pinned for this station")
        return
    try:
        if leaf == "ev":
            _batch(connection, mail, station, cose.only(key), outcomes)
        else:
            payload = cose.verify1(mail.payload, cose.only(key), mail.topic.encode(), 2 * messages.MAX_BYTES)
            _message(connection, mail, (station, leaf), payload, outcomes)
    except SignatureError as exc:
        alarms.sound(connection, station, "signature", f"{leaf}: {exc.detail}")
    except ChainError as exc:
        alarms.sound(connection, station, "fork", f"{leaf}: {exc.detail}", evidence=mail.payload)
    except (LedgerError, MqttError) as exc:
        alarms.sound(connection, station, "malformed", f"{leaf}: {exc.detail}")


def set_aside(connection: sqlite3.Connection, mail: Mail, why: str) -> None:
    """Leave behind a message that we ourselves failed over, as an alarm in the caller's transaction."""
    try:
        station, leaf = topics.parse(mail.topic)
    except MqttError:
        return
    alarms.sound(connection, station, "our_error", f"{leaf}: {why[:160]}", evidence=mail.payload)


def _batch(
    connection: sqlite3.Connection, mail: Mail, station: str, find_key: cose.FindKey, outcomes: Outcomes
) -> None:
    batch = batches.unseal(mail.payload, mail.topic, find_key)
    if batch.station != station:
        raise MalformedError(f"a batch of station {batch.station} on the topic of {station}")
    before = journal.watermark(connection, station, batch.epoch).index
    journal.take(connection, batch, Delivery(mail.topic, mail.payload, now_ms()))
    after = journal.watermark(connection, station, batch.epoch)
    outcomes.entries += after.index - before
    outcomes.receipts[station] = after


def _message(
    connection: sqlite3.Connection,
    mail: Mail,
    where: tuple[str, str],
    payload: bytes,
    outcomes: Outcomes,
) -> None:
    station, leaf = where
    if leaf in {"st", "hl"}:
        said = messages.decode_presence(payload)
        if said.station != station:
            raise MalformedError("a presence of another station")
        if presence.record(connection, said, live=not mail.retained) and leaf == "st" and said.online:
            outcomes.receipts[station] = journal.watermark(connection, station, said.epoch)
    elif leaf == "rsp":
        result = messages.decode_result(payload)
        if result.station != station:
            raise MalformedError("an answer of another station")
        commands.settle(connection, result)
    elif leaf == "req":
        outcomes.answers.append(questions.answer(connection, station, payload))


def replies(outcomes: Outcomes) -> Iterator[Reply]:
    """What the stations are told after the commit, still unsigned."""
    for held in outcomes.receipts.values():
        receipt = Receipt(held.station, held.epoch, held.index, held.hash, now_ms())
        yield Reply(topics.of(held.station).ack, messages.encode_receipt(receipt), retain=True)
    for answer in outcomes.answers:
        payload = encode_answer(answer)
        yield Reply(topics.of(answer.station).res, payload, retain=False, expiry_s=ANSWER_LIFE_S)
