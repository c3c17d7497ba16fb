"""A device's update agent as a script: answers frames as it should, or as it is told to misbehave."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from firmware_agent import order as orders
from firmware_agent import wire
from hw.errors import LinkLost, PhoneTimeout
from hw.link.base import Bytes, OnSent

BLOCK = 512
"""Bytes the peer keeps for good at once."""


def welcome_of(**changed: object) -> wire.Welcome:
    """What a sound device says."""
    welcome = wire.Welcome()
    welcome.model, welcome.serial, welcome.image_version = "kinglet", "KIN1", "1.0.0"
    welcome.methods = 1 << wire.WHOLE | 1 << wire.SLOT_DELTA
    welcome.battery, welcome.boots = 80, 1
    welcome.image_size, welcome.image_sha256 = 4, hashlib.sha256(b"base").digest()
    for name, value in changed.items():
        setattr(welcome, name, value)
    return welcome


def order_of(patch: bytes, **changed: object) -> bytes:
    """An order for this patch; nobody checks what it makes."""
    order = orders.Order()
    order.method, order.model, order.version, order.rollback_index = wire.WHOLE, "kinglet", "2.0.0", 1
    order.image_size, order.image_sha256 = 100_000, hashlib.sha256(b"new").digest()
    order.patch_size, order.patch_sha256 = len(patch), hashlib.sha256(patch).digest()
    for name, value in changed.items():
        setattr(order, name, value)
    return order.pack()


@dataclass
class Peer:
    """The device. ``refuse`` maps a kind to the code it is refused with; ``spoil`` may change what it says."""

    welcome: wire.Welcome = field(default_factory=welcome_of)
    refuse: dict[int, int] = field(default_factory=dict)
    spoil: Callable[[bytes], bytes] = bytes
    files: list[tuple[str, int, bytes]] = field(default_factory=list)
    page_files: int = 3

    def __post_init__(self) -> None:
        self.patch = bytearray()
        self.order = self.signature = b""
        self.kinds: list[int] = []
        self.most_unanswered = 0
        self._deframer = wire.Deframer()
        self._last = -1

    def take(self, data: Bytes) -> bytes:
        """What it says to these bytes."""
        out, view = b"", memoryview(data)
        while view:
            view = view[self._deframer.feed(view) :]
            while True:
                try:
                    frame = self._deframer.next()
                except wire.WireError as exc:
                    out += wire.frame(wire.REFUSED, 0, wire.pack_refused(exc.code, exc.detail))
                    continue
                if frame is None:
                    break
                out += self._answer(frame)
        return self.spoil(out)

    def lose_power(self) -> None:
        """Forget what was not kept."""
        del self.patch[len(self.patch) // BLOCK * BLOCK :]
        self._last = -1
        self._deframer.clear()

    def _answer(self, got: wire.Frame) -> bytes:
        self.kinds.append(got.kind)
        if got.kind == wire.HELLO:
            self._last = got.sequence
            del self.patch[len(self.patch) // BLOCK * BLOCK :]
            return wire.frame(wire.WELCOME, got.sequence, wire.pack_welcome(self.welcome))
        code = self._misplaced(got)
        if code == wire.OK:
            self._last = got.sequence
            code = self.refuse.get(got.kind, wire.OK)
        if code != wire.OK:
            return wire.frame(wire.REFUSED, got.sequence, wire.pack_refused(code, 7))
        answers: dict[int, Callable[[bytes], Iterable[bytes]]] = {
            wire.ORDER: self._ordered,
            wire.DATA: self._taken,
            wire.COMMIT: lambda _: [wire.pack_counts(done, 100_000) for done in (30_000, 60_000, 100_000)],
            wire.USER_FILES: self._page,
            wire.STATUS: lambda _: [wire.pack_counts(self.welcome.state, 0)],
        }
        said = answers[got.kind](got.payload) if got.kind in answers else [b""]
        return b"".join(wire.frame(got.kind | wire.IS_ANSWER, got.sequence, payload) for payload in said)

    def _misplaced(self, got: wire.Frame) -> int:
        if self._last < 0:
            return wire.NO_HELLO
        return wire.OK if got.sequence == (self._last + 1) & 0xFFFF else wire.OUT_OF_ORDER

    def _ordered(self, payload: bytes) -> list[bytes]:
        if payload[:192] != self.order:
            self.order, self.signature = payload[:192], payload[192:]
            self.patch.clear()
        return [self._counts()]

    def _taken(self, payload: bytes) -> list[bytes]:
        offset, data = wire.unpack_data(payload)
        assert offset == len(self.patch)
        self.patch += data
        return [self._counts()]

    def _counts(self) -> bytes:
        whole = orders.parse(self.order).patch_size == len(self.patch)
        kept = len(self.patch) if whole else len(self.patch) // BLOCK * BLOCK
        return wire.pack_counts(len(self.patch), kept)

    def _page(self, payload: bytes) -> list[bytes]:
        first, with_hash = wire.unpack_user_question(payload)
        some = self.files[first : first + self.page_files]
        return [wire.pack_user_page(len(self.files), [(p, s, d if with_hash else b"") for p, s, d in some])]


class PeerLink:
    """A link to a peer. ``harm`` sees every transfer to it, may change it, or raise what a link raises."""

    transfer_bytes = 4096

    def __init__(self, peer: Peer, harm: Callable[[bytes], bytes] = bytes, piece_bytes: int = 4096) -> None:
        self.peer, self._harm, self._piece_bytes = peer, harm, piece_bytes
        self.came = bytearray()
        self.gone = False

    def write(self, packet: Bytes, timeout_s: float) -> None:
        """To the peer."""
        del timeout_s
        if self.gone:
            raise LinkLost("gone")
        self.came += self.peer.take(self._harm(bytes(packet)))

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:
        """Not what an agent is spoken to with."""
        raise NotImplementedError

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        """From the peer; a silent one is out of time at once."""
        del timeout_s
        if self.gone:
            raise LinkLost("gone")
        if not self.came:
            raise PhoneTimeout("silent")
        count = min(size_bytes, self._piece_bytes)
        data = bytes(self.came[:count])
        del self.came[:count]
        return data

    def close(self) -> None:
        """Nothing is held."""
