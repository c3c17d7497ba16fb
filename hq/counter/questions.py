"""Answers one station's question inside the transaction that took it in. Signatures were checked before.

A question counts once: the same bytes again get the same answer again, and nothing else happens.
"""

from __future__ import annotations

import hashlib
import sqlite3

from hq import registry
from hq.counter import claims, history, trades
from hq.store import now_ms
from mqtt import questions
from mqtt.errors import MessageError
from mqtt.questions import Answer, Question
from recycling import voucher
from recycling.errors import RecyclingError

MAX_KEPT = 1000
"""Answers kept for each station; a question older than that many has expired long since."""
MAX_SUBJECT = 64


def answer(connection: sqlite3.Connection, station: str, payload: bytes) -> Answer:
    """The answer; :exc:`MessageError` for a question that cannot even be answered."""
    question = questions.decode_question(payload)
    if question.station != station:
        raise MessageError("a question of another station")
    digest = hashlib.sha256(payload).digest()
    known = connection.execute(
        "SELECT digest, answer FROM questions WHERE station = ? AND id = ?", (station, question.id)
    ).fetchone()
    if known is not None and bytes(known[0]) == digest:
        return questions.decode_answer(bytes(known[1]))
    why = _refusal(connection, question)
    if why:
        return Answer(question.id, station, questions.REFUSED, why, now_ms())
    if question.kind == "imei_history":
        return _history(connection, question)
    # The same question asked anew on another connection has another nonce: decided again, which changes nothing.
    outcome, why = _decide(connection, question)
    made = Answer(question.id, station, outcome, why, now_ms())
    _keep(connection, made, digest)
    return made


def _refusal(connection: sqlite3.Connection, question: Question) -> str:
    """Why it is not looked into, one line; "" when it is."""
    row = connection.execute(
        "SELECT nonce, epoch, skew_ms FROM presence WHERE station = ?", (question.station,)
    ).fetchone()
    if row is None or bytes(row[0]) != question.nonce:
        return "it was asked on another connection than the one that is open"
    if row[1] != question.epoch:
        return "it is of another ledger than the one this station reports"
    if question.expires_ms <= now_ms() + row[2]:  # by the station's clock
        return "it has expired"
    return ""


def _text(question: Question, name: str) -> str:
    value = question.arguments.get(name)
    return value if isinstance(value, str) else ""


def _decide(connection: sqlite3.Connection, question: Question) -> tuple[str, str]:
    if question.kind == "redeem":
        return _redeem(connection, question)
    imei, trade = _text(question, "imei"), _text(question, "trade")
    if not claims.is_imei(imei) or not trade or len(trade) > MAX_SUBJECT:
        return questions.REFUSED, "a claim names an IMEI of 15 digits and the trade"
    row = connection.execute(
        "SELECT state FROM trades WHERE station = ? AND trade = ?", (question.station, trade)
    ).fetchone()
    if row is not None and row[0] in trades.ENDED:
        # The question is late: what it claims now, no entry would ever release.
        return questions.REFUSED, "that trade-in has ended"
    return claims.claim(connection, imei, question.station, trade, now_ms()), ""


def _redeem(connection: sqlite3.Connection, question: Question) -> tuple[str, str]:
    def signed(station: str, message: bytes, signature: bytes) -> bool:
        return registry.signed(connection, station, message, signature)

    at_ms = now_ms()
    try:
        said = voucher.read(signed, _text(question, "code"), at_ms)
    except RecyclingError as exc:
        word = {"voucher_forged": "forged", "voucher_expired": "expired"}.get(exc.reason, questions.REFUSED)
        return word, exc.detail[:200]
    return claims.redeem(connection, said, question.station, at_ms), ""


def _history(connection: sqlite3.Connection, question: Question) -> Answer:
    imei, at_ms = _text(question, "imei"), now_ms()
    if not claims.is_imei(imei):
        return Answer(question.id, question.station, questions.REFUSED, "an IMEI has 15 digits", at_ms)
    lines, count = history.of(connection, imei, questions.MAX_ROWS)
    rows: tuple[dict[str, str | int], ...] = tuple(
        {
            "station": line.station,
            "subject": line.subject,
            "kind": line.kind,
            "actor": line.actor,
            "at_ms": max(0, line.at_ms),
        }
        for line in lines
    )
    return Answer(question.id, question.station, "found", f"{count}", at_ms, rows)


def _keep(connection: sqlite3.Connection, made: Answer, digest: bytes) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO questions (station, id, digest, answer, at_ms) VALUES (?, ?, ?, ?, ?)",
        (made.station, made.id, digest, questions.encode_answer(made), made.at_ms),
    )
    connection.execute(
        "DELETE FROM questions WHERE station = ? AND number <= (SELECT number FROM questions WHERE station = ?"
        " ORDER BY number DESC LIMIT 1 OFFSET ?)",
        (made.station, made.station, MAX_KEPT),
    )
