"""The topics of one station, ``f/1/<bucket>/<station>/<leaf>``. Pure; it knows nothing of what they carry."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mqtt.errors import TopicError

ROOT = "f/1"
BUCKETS = 16
LEAVES = frozenset({"ev", "st", "hl", "cmd", "rsp", "ack", "req", "res"})
MAX_TOPIC_CHARS = 128

_STATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_station(name: str) -> str:
    """``name`` when it may stand in a topic: 1 to 64 of ``A-Za-z0-9._-``, so never ``#``, ``+`` or ``/``."""
    if not _STATION.fullmatch(name):
        raise TopicError("a station's name is 1 to 64 letters, digits, dots, dashes or underscores")
    return name


def bucket(station: str) -> int:
    """Which of 16 intake shards a station belongs to: first byte of SHA-256 over its name, modulo 16."""
    return hashlib.sha256(check_station(station).encode()).digest()[0] % BUCKETS


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic of one station: up ev, st, hl, rsp, req; down cmd, ack, res."""

    station: str
    ev: str  # signed batch of entries
    st: str  # retained birth, and the will
    hl: str  # health sample
    cmd: str  # signed command
    rsp: str  # what became of a command
    ack: str  # retained receipt: headquarters' committed watermark
    req: str  # signed question
    res: str  # signed answer


def of(station: str) -> Topics:
    """The topics of ``station``; :exc:`TopicError` for a name that may not stand in a topic."""
    base = f"{ROOT}/{bucket(station)}/{station}"
    return Topics(
        station, *(f"{base}/{leaf}" for leaf in ("ev", "st", "hl", "cmd", "rsp", "ack", "req", "res"))
    )


def every(leaf: str) -> str:
    """The subscription for ``leaf`` of every station."""
    if leaf not in LEAVES:
        raise TopicError(f"no such topic: {leaf}")
    return f"{ROOT}/+/+/{leaf}"


def parse(topic: str) -> tuple[str, str]:
    """``(station, leaf)`` of a topic; :exc:`TopicError` when it is none of ours or in another's bucket."""
    parts = topic.split("/") if len(topic) <= MAX_TOPIC_CHARS else []
    if len(parts) != 5 or "/".join(parts[:2]) != ROOT or parts[4] not in LEAVES:
        raise TopicError("not a station's topic")
    station = check_station(parts[3])
    if parts[2] != str(bucket(station)):
        raise TopicError(f"station {station} in a bucket that is not its own")
    return station, parts[4]
