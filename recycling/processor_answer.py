"""A processor's answer to a manifest as bytes and back. It trusts no signature of its own: the caller verifies.

Format: CBOR (RFC 8949) of a list
``[version, manifest, processor, stage, at_ms, items, changes, received_g, note]``; ``items`` is a list of
``[item, accepted, g]``, ``changes`` a list of ``[item, g]``. It travels as the payload of a COSE_Sign1 with the
external_aad :data:`AAD`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import cbor2

from recycling.errors import MalformedError
from recycling.manifest import LineAnswer

VERSION = 1
AAD = b"processor-answer/1"
MAX_BYTES = 256 * 1024
MAX_ITEMS = 2_000
MAX_G = 10_000_000
MAX_MS = 2**52
STAGES = ("received", "answered", "processed", "proposes", "agrees", "refuses")

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Answer:
    """``stage`` received: the parcels are there (``changes`` empty, total in ``received_g``); answered: a word on every
    item; processed; proposes: ``changes`` to the masses; agrees, refuses: to ours.
    """

    manifest: str
    processor: str
    stage: str
    at_ms: int
    items: tuple[LineAnswer, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)
    received_g: int = 0
    note: str = ""


def encode(answer: Answer) -> bytes:
    """The payload that the processor signs."""
    return cbor2.dumps(
        [
            VERSION,
            answer.manifest,
            answer.processor,
            answer.stage,
            answer.at_ms,
            [[one.item, one.accepted, one.received_g] for one in answer.items],
            [[item, answer.changes[item]] for item in sorted(answer.changes)],
            answer.received_g,
            answer.note,
        ]
    )


def decode(payload: bytes) -> Answer:
    """The answer again. :class:`MalformedError` for anything that :func:`encode` would not have written."""
    if len(payload) > MAX_BYTES:
        raise MalformedError(f"an answer has at most {MAX_BYTES} bytes")
    try:
        value = cbor2.loads(payload)
    except Exception as exc:
        # Hostile bytes: whatever a decoder of some tag raises, they are no answer.
        raise MalformedError("an answer is not CBOR") from exc
    if not isinstance(value, list) or len(value) != 9 or value[0] != VERSION or type(value[0]) is not int:
        raise MalformedError(f"not an answer of version {VERSION}")
    _, manifest, processor, stage, at_ms, items, changes, received_g, note = value
    if not _matches(_ULID, manifest) or not _matches(_NAME, processor) or stage not in STAGES:
        raise MalformedError("an answer names its manifest, its processor and what it says")
    if not isinstance(note, str) or len(note) > 200 or not (note.isprintable() or not note):
        raise MalformedError("an answer's note is at most 200 plain characters")
    answer = Answer(
        manifest,
        processor,
        stage,
        _whole(at_ms, MAX_MS),
        _items(items),
        _changes(changes),
        _whole(received_g, MAX_G),
        note,
    )
    if bool(answer.items) != (stage == "answered") or bool(answer.changes) != (stage == "proposes"):
        raise MalformedError("an answer has items or changes where its kind has none, or lacks them")
    return answer


def _items(value: object) -> tuple[LineAnswer, ...]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise MalformedError(f"an answer has a list of at most {MAX_ITEMS} items")
    answers = []
    for one in value:
        if (
            not isinstance(one, list)
            or len(one) != 3
            or not _matches(_ULID, one[0])
            or type(one[1]) is not bool
        ):
            raise MalformedError("an item of an answer is its id, yes or no, and g")
        answers.append(LineAnswer(one[0], one[1], _whole(one[2], MAX_G)))
    if len({one.item for one in answers}) != len(answers):
        raise MalformedError("an answer names an item twice")
    return tuple(answers)


def _changes(value: object) -> dict[str, int]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise MalformedError(f"an answer has a list of at most {MAX_ITEMS} changes")
    changes: dict[str, int] = {}
    for one in value:
        if not isinstance(one, list) or len(one) != 2 or not _matches(_ULID, one[0]) or one[0] in changes:
            raise MalformedError("a change of an answer is an item's id and g, once")
        changes[one[0]] = _whole(one[1], MAX_G)
    return changes


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise MalformedError(f"an answer's number is whole, from 0 to {most}")
    return value
