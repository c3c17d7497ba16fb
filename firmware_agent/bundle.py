"""A bundle: the signed orders and patches that bring a device model's images to one new version, in one file.

Reads and writes the container and checks its shape; what an order says is :mod:`firmware_agent.order`'s, and no
signature is checked here. Layout, little endian: ``PSB1``, u8 format, u8 count (1..32), u16 0, then for each entry
u32 offset, u32 signature bytes, u32 patch bytes; at each offset the 192 bytes of the order, its signature and its
patch, one entry after the other with nothing between or after. Differences come first, whole images last.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from firmware_agent.order import ORDER_BYTES, Order, OrderError
from firmware_agent.order import parse as parse_order

MAGIC = b"PSB1"
FORMAT = 1
MAX_ENTRIES = 32
MAX_SIGNATURE_BYTES = 4096
MAX_BUNDLE_BYTES = 64 * 1024 * 1024
_HEAD = struct.Struct("<4sBBH")
_ENTRY = struct.Struct("<III")
MAX_HEAD_BYTES = _HEAD.size + MAX_ENTRIES * _ENTRY.size
"""This much of a file's beginning is enough for :func:`parse`."""
_WHOLE = 0  # wire's method


class BundleError(Exception):
    """A file that is no bundle, or one that contradicts itself. ``args[0]`` says what."""


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into a bundle: 192 bytes of an order, the signature of exactly these, and the patch."""

    order: bytes
    signature: bytes
    patch: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one order lies in a bundle. All in bytes from the file's beginning."""

    offset: int
    signature_bytes: int
    patch_bytes: int

    @property
    def signed(self) -> slice:
        """The order and its signature, as a device takes them."""
        return slice(self.offset, self.patch_at)

    @property
    def patch_at(self) -> int:
        """Where the patch begins."""
        return self.offset + ORDER_BYTES + self.signature_bytes

    @property
    def patch(self) -> slice:
        """The patch."""
        return slice(self.patch_at, self.end)

    @property
    def end(self) -> int:
        """Where the next entry begins."""
        return self.patch_at + self.patch_bytes

    def order(self, raw: bytes) -> Order:
        """Read ``raw``, the 192 bytes at ``offset``; BundleError where they do not fit this entry."""
        order = _read(raw)
        if order.patch_size != self.patch_bytes:
            raise BundleError("an order names another patch size than its bundle")
        return order


def pack(contents: Sequence[Content]) -> bytes:
    """The file's bytes; differences first, in the order given. BundleError where :func:`parse` would refuse it."""
    if not 1 <= len(contents) <= MAX_ENTRIES:
        raise BundleError(f"a bundle has 1 to {MAX_ENTRIES} orders")
    ordered = sorted(contents, key=lambda content: _read(content.order).method == _WHOLE)
    at = _HEAD.size + len(ordered) * _ENTRY.size
    head = [_HEAD.pack(MAGIC, FORMAT, len(ordered), 0)]
    body: list[bytes] = []
    for content in ordered:
        entry = Entry(at, len(content.signature), len(content.patch))
        entry.order(content.order)
        head.append(_ENTRY.pack(entry.offset, entry.signature_bytes, entry.patch_bytes))
        body += [content.order, content.signature, content.patch]
        at = entry.end
    whole = b"".join(head + body)
    parse(whole[:MAX_HEAD_BYTES], len(whole))
    return whole


def parse(head: bytes, total_bytes: int) -> tuple[Entry, ...]:
    """Read the first bytes of a bundle (MAX_HEAD_BYTES or all of it) that is ``total_bytes`` long. BundleError."""
    if len(head) < _HEAD.size:
        raise BundleError("too short for a bundle")
    magic, form, count, rest = _HEAD.unpack_from(head)
    if magic != MAGIC or form != FORMAT or rest:
        raise BundleError("not a bundle of format 1")
    if not 1 <= count <= MAX_ENTRIES:
        raise BundleError(f"a bundle has 1 to {MAX_ENTRIES} orders, not {count}")
    at = _HEAD.size + count * _ENTRY.size
    if len(head) < at:
        raise BundleError("the list of orders is cut off")
    if total_bytes > MAX_BUNDLE_BYTES:
        raise BundleError(f"larger than {MAX_BUNDLE_BYTES} bytes")
    entries = []
    for index in range(count):
        entry = Entry(*_ENTRY.unpack_from(head, _HEAD.size + index * _ENTRY.size))
        if entry.offset != at:
            raise BundleError(f"order {index} does not begin where the one before it ends")
        if not 1 <= entry.signature_bytes <= MAX_SIGNATURE_BYTES or not entry.patch_bytes:
            raise BundleError(f"order {index} has no signature or no patch, or too much of one")
        at = entry.end
        if at > total_bytes:
            raise BundleError(f"order {index} reaches beyond the end")
        entries.append(entry)
    if at != total_bytes:
        raise BundleError("bytes after the last patch")
    return tuple(entries)


def _read(raw: bytes) -> Order:
    try:
        return parse_order(raw)
    except OrderError as exc:
        raise BundleError(f"an order that cannot be read: {exc}") from exc
