"""Small images that change as real ones do, and packages with any content in valid wrapping."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from firmware_agent.delta.apply import Expected
from firmware_agent.delta.format import ENTRY_BYTES, HEADER_BYTES, VERSION, Header, Segment, write_front
from firmware_agent.delta.make import Made
from firmware_agent.delta.plan import Plan, write_plan
from firmware_agent.delta.streams import write_streams

BLOCK = 4096


def code(size_bytes: int, seed: int) -> bytes:
    """Like machine code: few words, much repeated, an address here and there."""
    rng = random.Random(seed)
    words = [rng.randbytes(rng.randint(3, 9)) for _ in range(400)]
    made = bytearray()
    while len(made) < size_bytes:
        made += rng.choice(words) + (rng.randbytes(4) if rng.random() < 0.2 else b"")
    return bytes(made[:size_bytes])


def relinked(data: bytes, seed: int) -> bytes:
    """The same code after its addresses moved: a byte in forty is another, and some bytes came in between."""
    rng = random.Random(seed)
    made = bytearray(data)
    for at in range(0, len(made), 40):
        if rng.random() < 0.8:
            made[at] = (made[at] + 17) & 0xFF
    for _ in range(5):
        at = rng.randrange(len(made))
        made[at:at] = rng.randbytes(rng.randint(1, 3000))
    return bytes(made)


def pair(seed: int = 1) -> tuple[bytes, bytes]:
    """A base and a new image, about 3 MiB: kept, moved by blocks, moved by bytes, relinked, emptied, new."""
    rng = random.Random(seed)
    kept, moved, shifted = (rng.randbytes(BLOCK * blocks) for blocks in (60, 90, 70))
    old = code(1_300_000, seed)
    base = kept + bytes(BLOCK * 50) + moved + old + shifted + rng.randbytes(BLOCK * 40)
    new = (
        kept
        + relinked(old, seed + 1)
        + bytes(BLOCK * 20)
        + shifted
        + rng.randbytes(1234)
        + moved[BLOCK * 8 :]
        + code(300_000, seed + 2)
        + bytes(3)
    )
    return base, new


def expected(made: Made | Header) -> Expected:
    """What a catalogue would say of it."""
    return Expected(made.base_sha256, made.base_size_bytes, made.result_sha256, made.result_size_bytes)


def wrapped(path: Path, plan: Plan | bytes, pieces: Sequence[bytes], base: bytes, result: bytes) -> Expected:
    """A package of one segment whose every hash is right, whatever its plan and pieces are."""
    raw = plan if isinstance(plan, bytes) else write_plan(plan)
    return wrapped_blob(path, write_streams([raw, *pieces]), base, result)


def wrapped_blob(path: Path, blob: bytes, base: bytes, result: bytes) -> Expected:
    """As :func:`wrapped`, around any blob."""
    front = HEADER_BYTES + ENTRY_BYTES

    def sha(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    segment = Segment(
        0,
        len(result),
        front,
        len(blob),
        bytes.fromhex(sha(base)),
        bytes.fromhex(sha(result)),
        bytes.fromhex(sha(blob)),
    )
    base_hash = sha(base) if base else ""
    header = Header(VERSION, len(base), base_hash, len(result), sha(result), front + len(blob), (segment,))
    path.write_bytes(write_front(header) + blob)
    return expected(header)
