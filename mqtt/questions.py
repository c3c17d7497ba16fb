"""What a station asks of headquarters and what it is answered. Pure: bytes in, values out; it decides nothing.

Both are deterministic CBOR in COSE_Sign1 like every message beside the batches, the topic as external_aad.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mqtt import fields
from mqtt.errors import MessageError
from mqtt.fields import EPOCH_BYTES, ID_BYTES, NONCE_BYTES

MAX_QUESTION_BYTES = 4096
MAX_ANSWER_BYTES = 24 * 1024
MAX_ROWS = 64
MAX_ARGUMENT_CHARS = 512
"""A voucher's code, the longest thing that is asked about."""

Kind = Literal["claim", "redeem", "imei_history"]
KINDS: tuple[Kind, ...] = ("claim", "redeem", "imei_history")

REFUSED = "refused"
"""The one outcome that every kind of question can have: headquarters did not look into it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody at the station wants to know; the wire makes a :class:`Question` of it."""

    kind: Kind
    arguments: Mapping[str, str | int]


def claim(imei: str, trade: str) -> Ask:
    """May ``trade`` (ULID) take in the phone of ``imei`` (15 digits)? granted, elsewhere, processed."""
    return Ask("claim", {"imei": imei, "trade": trade})


def redeem(code: str) -> Ask:
    """May the voucher of ``code`` be taken here? granted, used, expired, forged, unknown."""
    return Ask("redeem", {"code": code})


def imei_history(imei: str) -> Ask:
    """What happened to the phone of ``imei`` anywhere? ``found`` with one row per entry, newest first."""
    return Ask("imei_history", {"imei": imei})


@dataclass(frozen=True, slots=True)
class Question:
    """``id`` is random and stays the same when the question is sent again on another connection."""

    id: bytes
    station: str
    epoch: str  # 32 hex digits
    kind: Kind
    arguments: dict[str, str | int]
    at_ms: int  # UTC, by the station's clock
    expires_ms: int  # UTC, by the station's clock
    nonce: bytes  # of the station's last birth


@dataclass(frozen=True, slots=True)
class Answer:
    """``outcome`` depends on the kind; "refused" is possible for each, and ``why`` then says it in one line."""

    id: bytes  # the question's
    station: str
    outcome: str
    why: str
    at_ms: int  # UTC, by headquarters' clock
    rows: tuple[dict[str, str | int], ...] = field(default=())


def encode_question(question: Question) -> bytes:
    """The payload of a question."""
    return fields.encode(
        question.id,
        question.station,
        bytes.fromhex(question.epoch),
        question.kind,
        question.arguments,
        question.at_ms,
        question.expires_ms,
        question.nonce,
    )


def decode_question(data: bytes) -> Question:
    """The question in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 8, "a question", MAX_QUESTION_BYTES)
    kind = next((known for known in KINDS if known == found[4]), None)
    if kind is None:
        raise MessageError("nobody answers questions of that kind")
    return Question(
        fields.exactly(found[1], ID_BYTES, "a question's id"),
        fields.station(found[2]),
        fields.exactly(found[3], EPOCH_BYTES, "an epoch").hex(),
        kind,
        fields.arguments(found[5], MAX_ARGUMENT_CHARS),
        fields.count(found[6], "a time"),
        fields.count(found[7], "an expiry"),
        fields.exactly(found[8], NONCE_BYTES, "a nonce"),
    )


def encode_answer(answer: Answer) -> bytes:
    """The payload of an answer."""
    return fields.encode(
        answer.id, answer.station, answer.outcome, answer.why, answer.at_ms, list(answer.rows)
    )


def decode_answer(data: bytes) -> Answer:
    """The answer in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 6, "an answer", MAX_ANSWER_BYTES)
    rows = found[6]
    if not isinstance(rows, list) or len(rows) > MAX_ROWS:
        raise MessageError(f"an answer has at most {MAX_ROWS} rows")
    return Answer(
        fields.exactly(found[1], ID_BYTES, "a question's id"),
        fields.station(found[2]),
        fields.word(found[3], "an outcome"),
        fields.text(found[4], "a reason"),
        fields.count(found[5], "a time"),
        tuple(fields.arguments(row) for row in rows),
    )
