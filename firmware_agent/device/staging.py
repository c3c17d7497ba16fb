"""Where an order and its patch wait until they are whole: every byte counted as durable survives a power cut.

Checks no signature and decodes nothing. First the order with its signature, then blocks of patch, each with its
number and a CRC-32 that takes in the order's id, so that no block of another order is ever mistaken for one.
"""

import struct
from binascii import crc32
from hashlib import sha256

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region, whole_pages
from firmware_agent.order import ORDER_BYTES, Order, OrderError, parse
from firmware_agent.wire import FLASH_FAILED, MAX_PAYLOAD_BYTES

_MAGIC = b"PSS1"
_HEAD_BYTES = 12  # magic, length, CRC-32
_TRAILER_BYTES = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Staging:
    """One order at a time. ``order`` is None where there is none; sizes and offsets in bytes of its patch.

    ``feed`` is called for every block that is read or erased.
    """

    def __init__(self, region: Region, feed: "Callable[[], None]") -> None:
        block = region.block_bytes
        self._region = region
        self._feed = feed
        self._head_blocks = (_HEAD_BYTES + MAX_PAYLOAD_BYTES + block - 1) // block
        self._payload = block - _TRAILER_BYTES
        self.max_patch = (region.size_bytes // block - self._head_blocks) * self._payload
        self._block = bytearray(block)
        self._view = memoryview(self._block)
        self.order: Order | None = None
        self.order_id = bytes(32)
        self.received = 0
        self.durable = 0
        self._load()

    def open(self, order: Order, signed: bytes) -> None:
        """Take this order: go on where it stopped if it is the one that is here, else begin at 0.

        ``signed`` is the order's bytes and their signature.
        """
        order_id = sha256(signed[:ORDER_BYTES]).digest()
        if self.order is None or self.order_id != order_id:
            self._store(signed)
            self.order = order
            self.order_id = order_id
        self.rewind()

    def rewind(self) -> None:
        """Forget what is not durable: the station goes on at ``durable``."""
        self.durable = self._scan()
        self.received = self.durable

    def add(self, data: "bytes | memoryview") -> None:
        """Take the next bytes; the caller has checked that they belong at ``received`` and fit.

        After an AgentError the talk is back at ``durable``.
        """
        try:
            self._add(data)
        except AgentError:
            self.received = self.durable
            raise

    def _add(self, data: "bytes | memoryview") -> None:
        size = self._size()
        at = 0
        while at < len(data):
            start = self.received % self._payload
            step = min(len(data) - at, self._payload - start)
            self._view[start : start + step] = data[at : at + step]
            self.received += step
            at += step
            if self.received == size or start + step == self._payload:
                self._flush((self.received - 1) // self._payload)

    def read(self, offset: int, buffer: "bytearray | memoryview") -> int:
        """Fill ``buffer`` with the patch from ``offset``; the count is short only at its end."""
        view = memoryview(buffer)
        wanted = max(0, min(len(view), self._size() - offset))
        done = 0
        while done < wanted:
            index, start = divmod(offset + done, self._payload)
            step = min(wanted - done, self._payload - start)
            self._region.read(self._at(index) + start, view[done : done + step])
            done += step
        return done

    def drop(self) -> None:
        """Forget the order and its bytes, so that the same order begins at 0. A cut leaves part of them."""
        blocks = (self.durable + self._payload - 1) // self._payload
        while blocks:
            blocks -= 1
            self.received = self.durable = blocks * self._payload  # also where the erase fails
            self._region.erase(self._at(blocks))
            self._feed()
        self.forget()

    def forget(self) -> None:
        """Forget the order; its blocks may stay, they mean nothing without it.

        Where flash fails it is forgotten until the next start: an order is never believed that flash may not hold.
        """
        self.order = None
        self.order_id = bytes(32)
        self.received = self.durable = 0
        for index in range(self._head_blocks):
            if not self._region.is_erased(index * self._region.block_bytes, self._region.block_bytes):
                self._region.erase(index * self._region.block_bytes)
            self._feed()

    def _store(self, signed: bytes) -> None:
        block = self._region.block_bytes
        self.forget()
        head = bytearray(_HEAD_BYTES)
        struct.pack_into("<4sII", head, 0, _MAGIC, len(signed), crc32(signed))
        whole = bytes(head) + signed
        for at in range(0, len(whole), block):
            part = whole[at : at + block]
            pad = whole_pages(len(part), self._region.page_bytes) - len(part)
            self._region.program(at, part + b"\xff" * pad)
            if not self._region.holds(at, part):
                raise AgentError(FLASH_FAILED, at)

    def _load(self) -> None:
        head = bytearray(_HEAD_BYTES + ORDER_BYTES)
        self._region.read(0, head)
        magic, length, check = struct.unpack_from("<4sII", head, 0)
        if magic != _MAGIC or not ORDER_BYTES <= length <= MAX_PAYLOAD_BYTES:
            return
        if self._crc(_HEAD_BYTES, length, 0) != check:
            return
        raw = bytes(head[_HEAD_BYTES:])
        try:
            self.order = parse(raw)
        except OrderError:
            return
        self.order_id = sha256(raw).digest()
        self.rewind()

    def _flush(self, index: int) -> None:
        used = self.received - index * self._payload
        self._view[used : self._payload] = b"\xff" * (self._payload - used)
        check = crc32(self.order_id, crc32(struct.pack("<I", index), crc32(self._view[: self._payload])))
        struct.pack_into("<II", self._block, self._payload, index, check)
        offset = self._at(index)
        if not self._region.is_erased(offset, self._region.block_bytes):
            self._region.erase(offset)
        self._region.program(offset, self._view)
        if not self._region.holds(offset, self._view):
            raise AgentError(FLASH_FAILED, offset)
        self.durable = self.received

    def _scan(self) -> int:
        size, index, trailer = self._size(), 0, bytearray(_TRAILER_BYTES)
        while index * self._payload < size:
            self._region.read(self._at(index) + self._payload, trailer)
            number, check = struct.unpack("<II", trailer)
            if number != index:
                break
            crc = crc32(trailer[:4], self._crc(self._at(index), self._payload, 0))
            if crc32(self.order_id, crc) != check:
                break
            index += 1
            self._feed()
        return min(size, index * self._payload)

    def _crc(self, offset: int, count: int, crc: int) -> int:
        # the block buffer is free: whoever scans has nothing in it that is durable
        while count:
            part = self._view[: min(len(self._view), count)]
            self._region.read(offset, part)
            crc = crc32(part, crc)
            offset += len(part)
            count -= len(part)
        return crc

    def _size(self) -> int:
        return self.order.patch_size if self.order is not None else 0

    def _at(self, index: int) -> int:
        return (self._head_blocks + index) * self._region.block_bytes
