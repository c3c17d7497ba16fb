"""Makes the orders and patches of one new image, each proven, and puts them into a bundle. Signs nothing itself.

How a patch is laid out: docs/agent-patch.md. What a device does with it: ``firmware_agent.device``.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from firmware_agent import bundle
from firmware_agent.agent_patch import in_place
from firmware_agent.agent_patch.covers import difference, read_covers
from firmware_agent.agent_patch.refine import refine
from firmware_agent.agent_patch.rewrite import Rewriting
from firmware_agent.agent_patch.simulate import prove
from firmware_agent.errors import BuildFailed
from firmware_agent.order import MAX_IMAGE_BYTES, ZLIB, Order, OrderError
from firmware_agent.wire import IN_PLACE_DELTA, SLOT_DELTA, WHOLE

_MANY_BLOCKS = 512
_WAYS = (
    (zlib.Z_DEFAULT_STRATEGY, 8),
    (zlib.Z_DEFAULT_STRATEGY, 9),
    (zlib.Z_FILTERED, 8),
    (zlib.Z_FILTERED, 9),
)
_TRIED_BYTES = 4 << 20

Sign = Callable[[bytes], bytes]
"""An order's 192 bytes in, the signature of exactly these out."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a device is to become, and the largest window (9..15, as log2 of bytes) its decoder has room for."""

    model: str
    version: str
    rollback_index: int
    image: bytes
    window_log2: int = 15


@dataclass(frozen=True, slots=True)
class Flash:
    """How a device that is changed in place erases and journals: block in bytes, group in blocks."""

    block_bytes: int = 4096
    group_blocks: int = 7


@dataclass(frozen=True, slots=True)
class Patch:
    """One proven patch and the order that names it. ``layout`` says how it was found, for people."""

    order: Order
    payload: bytes
    layout: str


def whole(target: Target) -> Patch:
    """The image itself, packed: for a device whose image no difference fits."""
    _check(target.image)
    order = _order(target, WHOLE, b"")
    return _finished(order, _pack(target.image, target.window_log2), b"", "whole")


def slot_delta(target: Target, base: bytes) -> Patch:
    """For a device that writes the new image beside the old one."""
    _check(target.image, base)
    order = _order(target, SLOT_DELTA, base)
    return _finished(order, _pack(difference(base, target.image), target.window_log2), base, "slot")


def in_place_delta(target: Target, base: bytes, flash: Flash) -> Patch:
    """For a device that writes the new image over the old one: the smallest of the orders of blocks tried."""
    image, block = target.image, flash.block_bytes
    _check(image, base)
    count = -(-len(image) // block)
    if count > in_place.MAX_BLOCKS:
        raise BuildFailed(
            "agent_patch", f"{count} blocks; an order of blocks has at most {in_place.MAX_BLOCKS}"
        )
    order = _order(target, IN_PLACE_DELTA, base)
    order.block, order.group = block, flash.group_blocks
    covers = read_covers(difference(base, image))
    tried: list[tuple[bytes, str]] = []
    for name, blocks in _orders(in_place.reads(covers, block, count), count, flash.group_blocks):
        rewriting = Rewriting(base, image, covers, blocks, block, flash.group_blocks)
        packed = _pack(rewriting.difference(), target.window_log2)
        lost = f"in place, {name}, {rewriting.lost_bytes} bytes lost"
        tried.append((in_place.write_order(blocks) + packed, lost))
    payload, layout = min(tried, key=lambda one: len(one[0]))
    return _finished(order, payload, base, layout)


def bundle_of(patches: Iterable[Patch], sign: Sign) -> bytes:
    """The bundle of these patches. Each signature uses up one of the key's."""
    contents = []
    for patch in patches:
        raw = patch.order.pack()
        contents.append(bundle.Content(raw, sign(raw), patch.payload))
    return bundle.pack(contents)


def _orders(found: in_place.Reads, count: int, group: int) -> Iterator[tuple[str, Sequence[int]]]:
    """The orders worth a difference; for a large image only the most promising ones."""
    plain: list[tuple[str, Sequence[int]]] = [("forward", in_place.forward(count))]
    if found:  # otherwise no block reads another, and any order is as good
        plain.append(("backward", in_place.backward(count)))
        plain.append(("by dependency", in_place.dependency(found, count)))
    if count > _MANY_BLOCKS:
        plain = [min(plain, key=lambda one: in_place.lost(one[1], found, group))]
    for name, order in plain:
        yield name, order
        if found:
            yield f"{name} and refined", refine(order, found, group)


def _check(image: bytes, base: bytes | None = None) -> None:
    for what, data in (("new image", image), ("base", base)):
        if data is not None and not 0 < len(data) <= MAX_IMAGE_BYTES:
            raise BuildFailed(
                "agent_patch", f"the {what} has {len(data)} bytes; it may have 1 to {MAX_IMAGE_BYTES}"
            )


def _order(target: Target, method: int, base: bytes) -> Order:
    if not 9 <= target.window_log2 <= 15:
        raise BuildFailed("agent_patch", f"a window of 2^{target.window_log2} bytes; zlib has 2^9 to 2^15")
    order = Order()
    order.method, order.packing, order.window_log2 = method, ZLIB, target.window_log2
    order.model, order.version, order.rollback_index = target.model, target.version, target.rollback_index
    order.image_size, order.image_sha256 = len(target.image), hashlib.sha256(target.image).digest()
    if base:
        order.base_size, order.base_sha256 = len(base), hashlib.sha256(base).digest()
    return order


def _finished(order: Order, payload: bytes, base: bytes, layout: str) -> Patch:
    order.patch_size, order.patch_sha256 = len(payload), hashlib.sha256(payload).digest()
    try:
        order.pack()
    except (OrderError, UnicodeError) as exc:
        raise BuildFailed("agent_patch", f"no order can say that: {exc}") from exc
    prove(order, payload, base)
    return Patch(order, payload, layout)


def _pack(data: bytes, window_log2: int) -> bytes:
    """The shortest of what zlib makes of it; which way wins depends on the image. Large ones are packed one way."""
    ways = _WAYS if len(data) <= _TRIED_BYTES else _WAYS[:1]
    made = []
    for strategy, memory in ways:
        codec = zlib.compressobj(9, zlib.DEFLATED, window_log2, memory, strategy)
        made.append(codec.compress(data) + codec.flush())
    return min(made, key=len)
