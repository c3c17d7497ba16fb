"""What travels beside the batches: presence, receipt, command and its result. Pure: bytes in, values out.

Each is deterministic CBOR (RFC 8949, section 4.2.1): a map with exactly the integer keys given here, at most
4 KiB. The sender wraps it in COSE_Sign1 with the topic as external_aad; signing is not this module's
business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NoReturn

import cbor2

from mqtt.errors import MessageError, TopicError
from mqtt.topics import check_station

MAX_BYTES = 4096
MAX_INDEX = 2**63 - 1
NONCE_BYTES = 16
ID_BYTES = 16
EPOCH_BYTES = 16
HASH_BYTES = 32
MAX_TEXT = 200
MAX_ARGUMENTS = 16

Outcome = Literal["done", "refused"]

_WORD = re.compile(r"[a-z][a-z_.]{0,63}")


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


def _refuse_tag(*_: object) -> NoReturn:
    raise MessageError("CBOR tags have no place in a message")


_NO_TAGS = dict.fromkeys(range(1 << 16), _refuse_tag)


def _decode(data: bytes, keys: int, what: str) -> dict[int, object]:
    """The map of ``data`` with exactly the keys ``1..keys``, in its one deterministic encoding."""
    if len(data) > MAX_BYTES:
        raise MessageError(f"{what} of {len(data)} bytes; at most {MAX_BYTES}")
    try:
        value = cbor2.loads(
            data,
            tag_hook=_refuse_tag,
            semantic_decoders=_NO_TAGS,
            max_depth=4,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
        again = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError, TypeError, MemoryError) as exc:
        raise MessageError(f"{what} is not CBOR") from exc
    if again != data:
        raise MessageError(f"{what} is not in its deterministic encoding")
    if not isinstance(value, dict) or set(value) != set(range(1, keys + 1)):
        raise MessageError(f"{what} has exactly the fields 1 to {keys}")
    if any(type(key) is not int for key in value):
        raise MessageError(f"{what} has fields that are not integers")
    return value


def _encode(*values: object) -> bytes:
    return cbor2.dumps(dict(enumerate(values, start=1)), canonical=True)


def _station(value: object) -> str:
    if not isinstance(value, str):
        raise MessageError("a station's name is text")
    try:
        return check_station(value)
    except TopicError as exc:
        raise MessageError(exc.detail) from exc


def _bytes(value: object, size: int, what: str) -> bytes:
    if not isinstance(value, bytes) or len(value) != size:
        raise MessageError(f"{what} is not {size} bytes")
    return value


def _count(value: object, what: str) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INDEX:
        raise MessageError(f"{what} is not a count")
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise MessageError(f"{what} is not a short line of text")
    return value


def _word(value: object, what: str) -> str:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise MessageError(f"{what} is not a dotted lower-case word")
    return value


def encode_presence(presence: Presence) -> bytes:
    """The payload of a birth, will or health sample."""
    return _encode(
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
    fields = _decode(data, 7, "a presence")
    if not isinstance(fields[2], bool):
        raise MessageError("a presence says online or not")
    return Presence(
        _station(fields[1]),
        fields[2],
        _bytes(fields[3], NONCE_BYTES, "a nonce"),
        _bytes(fields[4], EPOCH_BYTES, "an epoch").hex(),
        _count(fields[5], "a head"),
        _count(fields[6], "a watermark"),
        _count(fields[7], "a time"),
    )


def encode_receipt(receipt: Receipt) -> bytes:
    """The payload of a receipt."""
    return _encode(receipt.station, bytes.fromhex(receipt.epoch), receipt.index, receipt.hash, receipt.at_ms)


def decode_receipt(data: bytes) -> Receipt:
    """The receipt in ``data``; :exc:`MessageError` otherwise."""
    fields = _decode(data, 5, "a receipt")
    return Receipt(
        _station(fields[1]),
        _bytes(fields[2], EPOCH_BYTES, "an epoch").hex(),
        _count(fields[3], "an index"),
        _bytes(fields[4], HASH_BYTES, "a hash"),
        _count(fields[5], "a time"),
    )


def encode_command(command: Command) -> bytes:
    """The payload of a command."""
    return _encode(
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
    if not isinstance(value, dict) or len(value) > MAX_ARGUMENTS:
        raise MessageError(f"a command's arguments are a map of at most {MAX_ARGUMENTS}")
    checked: dict[str, str | int] = {}
    for key, item in value.items():
        name = _word(key, "an argument's name")
        checked[name] = _count(item, "an argument") if type(item) is int else _text(item, "an argument")
    return checked


def decode_command(data: bytes) -> Command:
    """The command in ``data``; :exc:`MessageError` otherwise."""
    fields = _decode(data, 9, "a command")
    return Command(
        _bytes(fields[1], ID_BYTES, "a command's id"),
        _station(fields[2]),
        _bytes(fields[3], EPOCH_BYTES, "an epoch").hex(),
        _count(fields[4], "a counter"),
        _count(fields[5], "an expiry"),
        _text(fields[6], "a requester"),
        _word(fields[7], "an action"),
        _arguments(fields[8]),
        _bytes(fields[9], NONCE_BYTES, "a nonce"),
    )


def encode_result(result: CommandResult) -> bytes:
    """The payload of a command's result."""
    return _encode(result.id, result.station, result.outcome, result.why, result.at_ms)


def decode_result(data: bytes) -> CommandResult:
    """The command's result in ``data``; :exc:`MessageError` otherwise."""
    fields = _decode(data, 5, "a command's result")
    if fields[3] != "done" and fields[3] != "refused":
        raise MessageError("a command's result is done or refused")
    outcome: Outcome = "done" if fields[3] == "done" else "refused"
    return CommandResult(
        _bytes(fields[1], ID_BYTES, "a command's id"),
        _station(fields[2]),
        outcome,
        _text(fields[4], "a reason"),
        _count(fields[5], "a time"),
    )
