"""What headquarters asks of a station: made, signed anew for each connection, and settled by its answer.

``call.acknowledge``: a duty manager has seen a customer's call. ``manifest.answer``: what a processor signed about
a manifest it received.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3

from hq.errors import HqError
from hq.store import now_ms
from mqtt import messages
from mqtt.messages import Command, CommandResult

MAX_NAME = 40
MAX_ANSWER_BYTES = 48 * 1024
MANIFEST_ANSWER = "manifest.answer"
COSE_SIGN1 = b"\xd2"
"""What a COSE_Sign1 message begins with: CBOR tag 18."""


def clean_name(name: str) -> str:
    """The name somebody signs with: one printable line of 1 to 40 characters."""
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > MAX_NAME or not cleaned.isprintable():
        raise HqError(f"a name of 1 to {MAX_NAME} characters is needed")
    return cleaned


def acknowledge(connection: sqlite3.Connection, call: int, by: str, life_s: int) -> bool:
    """Take a call over inside the caller's transaction; makes the command that tells the station.

    False when somebody else had already done so (the same name again is a double click); :exc:`HqError`
    when there is no such call.
    """
    name = clean_name(by)
    row = connection.execute(
        "SELECT station, epoch, idx, visit, acknowledged_ms, by FROM calls WHERE id = ?", (call,)
    ).fetchone()
    if row is None:
        raise HqError("no such call")
    station, epoch, index, visit, taken, taken_by = row
    if taken is not None:
        return bool(taken_by == name)
    connection.execute("UPDATE calls SET by = ?, acknowledged_ms = ? WHERE id = ?", (name, now_ms(), call))
    arguments: dict[str, str | int] = {"by": name, "call_index": index, "visit": visit}
    _order(connection, (station, epoch), name, "call.acknowledge", arguments, life_s)
    return True


def _order(
    connection: sqlite3.Connection,
    ledger: tuple[str, str],
    by: str,
    action: str,
    arguments: dict[str, str | int],
    life_s: int,
) -> None:
    """A command for the station and epoch of ``ledger``; it waits until the station is there."""
    station, at_ms = ledger[0], now_ms()
    counter = connection.execute(
        "SELECT coalesce(max(counter), 0) + 1 FROM commands WHERE station = ?", (station,)
    ).fetchone()[0]
    connection.execute(
        "INSERT INTO commands (id, station, epoch, counter, created_ms, expires_ms, requester, action,"
        " arguments) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            os.urandom(messages.ID_BYTES),
            *ledger,
            counter,
            at_ms,
            at_ms + life_s * 1000,
            by,
            action,
            json.dumps(arguments),
        ),
    )


def answer_manifest(
    connection: sqlite3.Connection, where: tuple[str, str], answer: bytes, by: str, life_s: int
) -> bool:
    """Hand a processor's signed answer to the station that sealed the manifest (``where``: station, manifest).

    False when the same bytes are on their way or were accepted; :exc:`HqError` for what cannot be an answer. Only
    the station can verify it: it knows the processors' keys.
    """
    name = clean_name(by)
    if not 0 < len(answer) <= MAX_ANSWER_BYTES or not answer.startswith(COSE_SIGN1):
        raise HqError(f"not a processor's signed answer (COSE_Sign1, at most {MAX_ANSWER_BYTES // 1024} KiB)")
    station, manifest = where
    row = connection.execute(
        "SELECT w.epoch FROM manifests m JOIN watermarks w ON w.station = m.station"
        " WHERE m.station = ? AND m.manifest = ? ORDER BY w.since_ms DESC, w.rowid DESC LIMIT 1",
        where,
    ).fetchone()
    if row is None:
        raise HqError("no such manifest")
    arguments: dict[str, str | int] = {
        "answer": base64.urlsafe_b64encode(answer).decode().rstrip("="),
        "manifest": manifest,
    }
    again = connection.execute(
        "SELECT 1 FROM commands WHERE station = ? AND action = ? AND arguments = ?"
        " AND (outcome = 'done' OR (outcome = '' AND expires_ms > ?))",
        (station, MANIFEST_ANSWER, json.dumps(arguments), now_ms()),
    ).fetchone()
    if again is not None:
        return False
    _order(connection, (station, row[0]), name, MANIFEST_ANSWER, arguments, life_s)
    return True


def due(connection: sqlite3.Connection) -> list[Command]:
    """Unanswered commands for stations that are there, once for each of their connections, in order."""
    rows = connection.execute(
        "SELECT c.id, c.station, c.epoch, c.counter, c.expires_ms, c.requester, c.action, c.arguments,"
        " p.nonce FROM commands c JOIN presence p"
        " ON p.station = c.station AND p.epoch = c.epoch AND p.online = 1"
        " WHERE c.outcome = '' AND c.expires_ms > ? AND c.sent_nonce IS NOT p.nonce"
        " ORDER BY c.station, c.counter LIMIT 256",
        (now_ms(),),
    )
    return [
        Command(
            id=bytes(row[0]),
            station=row[1],
            epoch=row[2],
            counter=row[3],
            expires_ms=row[4],
            requester=row[5],
            action=row[6],
            arguments=json.loads(row[7]),
            nonce=bytes(row[8]),
        )
        for row in rows
    ]


def sent(connection: sqlite3.Connection, command: Command) -> None:
    """It went to the broker on the connection it names."""
    connection.execute("UPDATE commands SET sent_nonce = ? WHERE id = ?", (command.nonce, command.id))


def unsent(connection: sqlite3.Connection) -> None:
    """The broker was lost: what was handed to it and not answered may not have arrived and is due again.

    A station answers a command that comes twice on one connection without carrying it out twice.
    """
    connection.execute(
        "UPDATE commands SET sent_nonce = NULL WHERE outcome = '' AND expires_ms > ?", (now_ms(),)
    )


def settle(connection: sqlite3.Connection, result: CommandResult) -> None:
    """The station's answer; the first one counts."""
    connection.execute(
        "UPDATE commands SET outcome = ?, why = ? WHERE id = ? AND station = ? AND outcome = ''",
        (result.outcome, result.why, result.id, result.station),
    )
