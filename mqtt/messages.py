"""What travels beside the batches: presence, receipt, command and its result. Pure: bytes in, values out.

Each is deterministic CBOR (RFC 8949, section 4.2.1): a map with exactly the integer keys given here, at most
4 KiB (a command: 72 KiB). The sender wraps it in COSE_Sign1 with the topic as external_aad; signing is not
this module's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mqtt import fields
from mqtt.errors import MessageError
from mqtt.fields import EPOCH_BYTES, HASH_BYTES, ID_BYTES, MAX_BYTES, MAX_TEXT, NONCE_BYTES

__all__ = ["ID_BYTES", "MAX_BYTES", "MAX_TEXT", "NONCE_BYTES"]

MAX_COMMAND_BYTES = 72 * 1024
MAX_ARGUMENT_CHARS = 64 * 1024
"""A command may carry a processor's signed answer about a whole manifest: an argument longer than a line is
base64url.
"""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}")

Outcome = Literal["done", "refused"]


@dataclass(frozen=True, slots=True)
class Presence:
    """Birth, will and health sample. ``nonce`` is new with each connection; ``epoch`` is 32 hex digits."""

    station: str
    online: bool
    nonce: bytes
    epoch: str
    head: int  # entries in the station's ledger
    acked: int  # entries the station holds a receipt for
    at_ms: int  # UTC


@dataclass(frozen=True, slots=True)
class Receipt:
    """Headquarters has committed every entry of ``epoch`` up to ``index``, which hashes to ``hash``."""

    station: str
    epoch: str
    index: int
    hash: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class Command:
    """What headquarters asks of a station. ``id`` stays the same when it is sent again after a birth."""

    id: bytes
    station: str
    epoch: str
    counter: int  # rises with every command to this station
    expires_ms: int  # UTC
    requester: str
    action: str  # call.acknowledge
    arguments: dict[str, str | int]
    nonce: bytes  # of the station's last birth


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command; ``why`` says it when it was refused."""

    id: bytes
    station: str
    outcome: Outcome
    why: str
    at_ms: int


def encode_presence(presence: Presence) -> bytes:
    """The payload of a birth, will or health sample."""
    return fields.encode(
        presence.station,
        presence.online,
        presence.nonce,
        bytes.fromhex(presence.epoch),
        presence.head,
        presence.acked,
        presence.at_ms,
    )


def decode_presence(data: bytes) -> Presence:
    """The birth, will or health sample in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 7, "a presence")
    if not isinstance(found[2], bool):
        raise MessageError("a presence says online or not")
    return Presence(
        fields.station(found[1]),
        found[2],
        fields.exactly(found[3], NONCE_BYTES, "a nonce"),
        fields.exactly(found[4], EPOCH_BYTES, "an epoch").hex(),
        fields.count(found[5], "a head"),
        fields.count(found[6], "a watermark"),
        fields.count(found[7], "a time"),
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload of a receipt."""
    return fields.encode(
        receipt.station, bytes.fromhex(receipt.epoch), receipt.index, receipt.hash, receipt.at_ms
    )


def decode_receipt(data: bytes) -> Receipt:
    """The receipt in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 5, "a receipt")
    return Receipt(
        fields.station(found[1]),
        fields.exactly(found[2], EPOCH_BYTES, "an epoch").hex(),
        fields.count(found[3], "an index"),
        fields.exactly(found[4], HASH_BYTES, "a hash"),
        fields.count(found[5], "a time"),
    )


def encode_command(command: Command) -> bytes:
    """The payload of a command."""
    return fields.encode(
        command.id,
        command.station,
        bytes.fromhex(command.epoch),
        command.counter,
        command.expires_ms,
        command.requester,
        command.action,
        command.arguments,
        command.nonce,
    )


def _arguments(value: object) -> dict[str, str | int]:
    checked = fields.arguments(value, MAX_ARGUMENT_CHARS)
    for item in checked.values():
        if isinstance(item, str) and len(item) > MAX_TEXT and not _BASE64URL.fullmatch(item):
            raise MessageError("a long argument is base64url")
    return checked


def decode_command(data: bytes) -> Command:
    """The command in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 9, "a command", MAX_COMMAND_BYTES)
    return Command(
        fields.exactly(found[1], ID_BYTES, "a command's id"),
        fields.station(found[2]),
        fields.exactly(found[3], EPOCH_BYTES, "an epoch").hex(),
        fields.count(found[4], "a counter"),
        fields.count(found[5], "an expiry"),
        fields.text(found[6], "a requester"),
        fields.word(found[7], "an action"),
        _arguments(found[8]),
        fields.exactly(found[9], NONCE_BYTES, "a nonce"),
    )


def encode_result(result: CommandResult) -> bytes:
    """The payload of a command's result."""
    return fields.encode(result.id, result.station, result.outcome, result.why, result.at_ms)


def decode_result(data: bytes) -> CommandResult:
    """The command's result in ``data``; :exc:`MessageError` otherwise."""
    found = fields.decode(data, 5, "a command's result")
    if found[3] != "done" and found[3] != "refused":
        raise MessageError("a command's result is done or refused")
    outcome: Outcome = "done" if found[3] == "done" else "refused"
    return CommandResult(
        fields.exactly(found[1], ID_BYTES, "a command's id"),
        fields.station(found[2]),
        outcome,
        fields.text(found[4], "a reason"),
        fields.count(found[5], "a time"),
    )
