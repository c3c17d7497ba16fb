"""The arithmetic of an LMS key (RFC 8554): secrets, tree, one leaf's signature. It keeps no state and no file."""

from __future__ import annotations

import multiprocessing
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256

from firmware_agent.device import lms

OnProgress = Callable[[int, int], None]
"""(done, total) leaves; ``done`` only rises."""

_OF_SECRET = 0xFF
_BATCH_HASHES = 400_000
_BATCH_LEAVES_MOST = 256


def _nobody(_done: int, _total: int) -> None:
    """Nobody is waiting."""


def is_public_key(raw: bytes) -> bool:
    """Whether it has the form of an HSS public key (RFC 8554 6.1) that a device takes: one level or two."""
    if len(raw) != lms.PUBLIC_KEY_BYTES:
        return False
    levels, lms_type, ots_type = struct.unpack_from(">III", raw)
    return levels in (1, 2) and lms_type in lms.HEIGHTS and ots_type in lms.WINTERNITZ


@dataclass(frozen=True, slots=True)
class Shape:
    """Height of the tree and bits per chain: how many signatures, how long, how slow."""

    height: int
    winternitz: int

    @property
    def lms_type(self) -> int:
        """RFC 8554 5.1. ``KeyError`` for a height that has none."""
        return {height: code for code, height in lms.HEIGHTS.items()}[self.height]

    @property
    def ots_type(self) -> int:
        """RFC 8554 4.1. ``KeyError`` for a width that has none."""
        return {bits: code for code, (bits, _, _) in lms.WINTERNITZ.items()}[self.winternitz]

    @property
    def chains(self) -> int:
        """Values in a one-time signature."""
        return lms.WINTERNITZ[self.ots_type][1]

    @property
    def shift(self) -> int:
        """Of the checksum."""
        return lms.WINTERNITZ[self.ots_type][2]

    @property
    def leaves(self) -> int:
        """How many messages a key of this shape can sign."""
        return 1 << self.height

    @property
    def nodes(self) -> int:
        """Of the whole tree, leaves included."""
        return 2 * self.leaves - 1

    @property
    def signature_bytes(self) -> int:
        """An HSS signature of one level by a key of this shape."""
        return 4 + 12 + lms.HASH_BYTES * (1 + self.chains + self.height)


@dataclass(frozen=True, slots=True)
class Secret:
    """What an LMS private key is made from (RFC 8554, appendix A): shape, I and SEED."""

    shape: Shape
    identifier: bytes
    seed: bytes = field(repr=False)

    def start(self, leaf: int, chain: int) -> bytes:
        """The secret value that a chain begins with."""
        return sha256(self.identifier + struct.pack(">IHB", leaf, chain, _OF_SECRET) + self.seed).digest()

    def advance(self, leaf: int, chain: int, value: bytes, steps: range) -> bytes:
        """A chain's value after ``steps``."""
        head = self.identifier + struct.pack(">IH", leaf, chain)
        for step in steps:
            value = sha256(head + _STEP[step] + value).digest()
        return value

    def leaf(self, leaf: int) -> bytes:
        """The tree's node of one leaf: all its chains to their ends."""
        every = range((1 << self.shape.winternitz) - 1)
        hashed = sha256(self.identifier + struct.pack(">IH", leaf, lms.OF_PUBLIC_KEY))
        for chain in range(self.shape.chains):
            hashed.update(self.advance(leaf, chain, self.start(leaf, chain), every))
        number = struct.pack(">IH", self.shape.leaves + leaf, lms.OF_LEAF)
        return sha256(self.identifier + number + hashed.digest()).digest()

    def one_time(self, leaf: int, message: bytes, randomizer: bytes) -> bytes:
        """The one-time signature of ``message`` (RFC 8554, algorithm 3). Twice by one leaf gives the key away."""
        head = self.identifier + struct.pack(">IH", leaf, lms.OF_MESSAGE)
        digest = sha256(head + randomizer + message).digest()
        left_at = lms.digits(digest, self.shape.winternitz, self.shape.shift)
        values = [
            self.advance(leaf, chain, self.start(leaf, chain), range(steps))
            for chain, steps in enumerate(left_at)
        ]
        return struct.pack(">I", self.shape.ots_type) + randomizer + b"".join(values)


_STEP = [bytes([step]) for step in range(256)]


@dataclass(frozen=True, slots=True)
class Tree:
    """Every node of a key's tree, 32 bytes each from the root on; public."""

    shape: Shape
    identifier: bytes
    nodes: bytes

    @property
    def public_key(self) -> bytes:
        """The HSS public key of one level: 60 bytes, what devices are given."""
        types = struct.pack(">III", 1, self.shape.lms_type, self.shape.ots_type)
        return types + self.identifier + self.node(1)

    def node(self, number: int) -> bytes:
        """Number 1 is the root, 2n and 2n+1 are below n."""
        return self.nodes[lms.HASH_BYTES * (number - 1) : lms.HASH_BYTES * number]

    def wrap(self, leaf: int, one_time: bytes) -> bytes:
        """The HSS signature of one level around a one-time signature: the leaf, and the path to the root."""
        number = self.shape.leaves + leaf
        path = b""
        while number > 1:
            path += self.node(number ^ 1)
            number >>= 1
        return struct.pack(">II", 0, leaf) + one_time + struct.pack(">I", self.shape.lms_type) + path


def grow(secret: Secret, on_progress: OnProgress = _nobody, workers: int = 2) -> Tree:
    """The tree of a key: every chain of every leaf, on ``workers`` processor cores."""
    leaves: list[bytes] = []
    for batch in _leaves(secret, workers):
        leaves += batch
        on_progress(len(leaves), secret.shape.leaves)
    rows = [leaves]
    while len(below := rows[-1]) > 1:
        width = len(below) // 2
        rows.append(
            [
                sha256(
                    secret.identifier
                    + struct.pack(">IH", width + at, lms.OF_NODE)
                    + below[2 * at]
                    + below[2 * at + 1]
                ).digest()
                for at in range(width)
            ]
        )
    return Tree(secret.shape, secret.identifier, b"".join(node for row in reversed(rows) for node in row))


def _leaves(secret: Secret, workers: int) -> Iterator[list[bytes]]:
    """All leaves in order, in batches that take a moment each."""
    shape = secret.shape
    hashes = shape.chains << shape.winternitz
    size = max(1, min(_BATCH_LEAVES_MOST, _BATCH_HASHES // hashes))
    batches = [range(at, min(at + size, shape.leaves)) for at in range(0, shape.leaves, size)]
    if workers < 2 or len(batches) < 4:  # not worth a second process
        yield from (_batch(secret, batch) for batch in batches)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(_batch, [secret] * len(batches), batches)
    finally:
        pool.shutdown(cancel_futures=True)


def _batch(secret: Secret, leaves: range) -> list[bytes]:
    return [secret.leaf(leaf) for leaf in leaves]
