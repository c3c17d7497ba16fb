"""What a visit asks of a phone whose update agent answers: who it is, its owner's files, one update, a restart.

An update comes as a bundle of signed orders; which of them fits is read off here, whether it may be written is
for the device to judge.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from firmware_agent import bundle, wire
from firmware_agent.order import ORDER_BYTES, Order
from hw.agent_talk import AgentTalk, OnBytes
from hw.errors import (
    Forbidden,
    HwError,
    LocalProtocolError,
    PhoneRefused,
    PhoneTimeout,
    RemoteProtocolError,
    Stalled,
    SwappedPhone,
)
from hw.facts import Identity, Inventory, Recognised, Timeouts, UserObject, Who
from hw.flashing import Image
from hw.link.base import UsbLink
from hw.quirks import model_of

PARTITION = "firmware"
"""The one thing an agent lets be written, under the name a release has for it."""

MAX_BYTES = bundle.MAX_BUNDLE_BYTES
GONE_S = 10.0
_CHUNK_BYTES = 64 << 10
_CLOSE_S = 1.0
_SET_LINE_CODING, _SET_CONTROL_LINE_STATE = 0x20, 0x22  # CDC PSTN 1.2, 6.3.10 and 6.3.12
_CODING = struct.pack("<IBBB", 115200, 0, 0, 8)
_PRESENT = 3  # DTR and RTS


class AgentPhone:
    """One conversation's worth of a phone; greeted."""

    def __init__(self, talk: AgentTalk, link: UsbLink | None = None, gone_s: float = GONE_S) -> None:
        """``gone_s``: how long a device that was told to restart may stay on the bus."""
        self._talk = talk
        self._link = link
        self._gone_s = gone_s

    @classmethod
    def over(cls, link: UsbLink, timeouts: Timeouts) -> Self:
        """Say on the port's lines that a station is there, and greet the agent. ``link``: its data interface."""
        with contextlib.suppress(Stalled):  # a device without a real serial line need not know its coding
            link.control_out(_SET_LINE_CODING, 0, _CODING, timeouts.command_s)
        link.control_out(_SET_CONTROL_LINE_STATE, _PRESENT, b"", timeouts.command_s)
        talk = AgentTalk(link, timeouts)
        talk.greet()
        return cls(talk, link)

    @property
    def wire_bytes(self) -> tuple[int, int]:
        """Bytes that went to the agent and that came from it in this conversation, frames and all."""
        return self._talk.wire_bytes

    def close(self) -> None:
        """Take the lines down, so that the device forgets a frame that was begun. Never raises."""
        if self._link is not None:
            with contextlib.suppress(HwError):
                self._link.control_out(_SET_CONTROL_LINE_STATE, 0, b"", _CLOSE_S)

    def recognise(self) -> Recognised:
        """The model's names, as far as this station knows them."""
        welcome = self._talk.welcome
        model = model_of(welcome.model)
        return Recognised(
            manufacturer=model.mtp_manufacturer if model is not None else "",
            mtp_model=model.mtp_model if model is not None else welcome.model,
            mtp_serial=welcome.serial,
            product=welcome.model if model is not None else None,
            battery_percent=_battery(welcome),
            version=welcome.image_version or None,
        )

    def identify(self) -> Identity:
        """What the agent says, asked anew, in a bootloader's words."""
        welcome = self._talk.greet()
        return Identity(
            product=welcome.model,
            serialno=welcome.serial,
            variant=welcome.variant or None,
            version=welcome.image_version or None,
            slot_successful=_runs_well(welcome),
            unlocked=True,
            battery_percent=_battery(welcome),
            battery_soc_ok=not welcome.health & wire.HEALTH_BATTERY,
            rollback_index=welcome.rollback_index,
            max_download_bytes=MAX_BYTES,
            partition_sizes={PARTITION: MAX_BYTES},
        )

    @property
    def boots(self) -> int:
        """How often it had started when it was last asked."""
        return self._talk.welcome.boots

    @property
    def is_unstarted(self) -> bool:
        """Whether an image was written that no start has tried yet: which one, and whether it runs, nobody knows."""
        return self._talk.welcome.state == wire.INSTALLED

    def check(self, who: Who) -> None:
        """Raise :class:`SwappedPhone` unless model and serial number are ``who``'s."""
        welcome = self._talk.welcome
        if welcome.model != who.product:
            raise SwappedPhone(
                f"another phone is in the bay: a {welcome.model}, not the {who.product} of this visit"
            )
        if welcome.serial != who.serialno:
            raise SwappedPhone("another phone is in the bay: same model, other serial number")

    def inventory(
        self,
        hash_budget_s: float,
        hash_paths: frozenset[str] | None,
        on_progress: OnBytes,
        stop: threading.Event,
    ) -> Inventory:
        """Every file of the owner's; read in full where there is any time for it: these devices are small."""
        began = time.monotonic()
        listing = self._list(False, lambda _size: None, stop)
        sizes = {path: size for path, size, _ in listing.files}
        total, done = sum(sizes.values()), 0
        digests: dict[str, str] = {}
        unreadable = 0

        def read(size_bytes: int) -> None:
            nonlocal done
            done = min(done + size_bytes, total)
            on_progress(done, total)

        if hash_paths or (hash_paths is None and hash_budget_s > 0):
            for path, size, digest in self._list(True, read, stop).files:
                if sizes.get(path) != size or not digest:
                    unreadable += 1  # it is being changed, or the phone cannot read it
                elif hash_paths is None or path in hash_paths:
                    digests[path] = digest.hex()
        objects = tuple(UserObject(path, size, "", digests.get(path)) for path, size in sorted(sizes.items()))
        return Inventory(objects, unreadable, listing.truncated, time.monotonic() - began)

    def write(self, partition: str, image: Image, who: Who, on_progress: OnBytes) -> None:
        """Bring the phone to what the bundle ``image`` holds for it; returns before it is restarted."""
        if partition != PARTITION:
            raise Forbidden(f"an update agent writes {PARTITION!r} only, never {partition!r}")
        welcome = self._talk.greet()
        self.check(who)
        entry, raw, order = _choose(image, welcome)
        total = order.patch_size + order.image_size
        if _is_there(welcome, order):
            on_progress(total, total)
            return
        signature = b"".join(_section(image, entry.offset + ORDER_BYTES, entry.patch_at))
        self._talk.update(
            raw, signature, lambda at: _section(image, entry.patch_at + at, entry.end), on_progress
        )

    def reboot(self, who: Who) -> bool:
        """Restart it; True when it has left the bus, or has started again without leaving it. False: the link
        ended before it had said yes, so it may have restarted or not.
        """
        before = self._talk.greet().boots
        self.check(who)
        begun = self._talk.reboot()
        if begun is None:
            return False
        if not (begun or self._talk.wait_gone(self._gone_s)) and self._talk.greet().boots == before:
            raise PhoneTimeout("the phone was told to restart and did not")
        return True

    def _list(self, with_hash: bool, on_size: Callable[[int], None], stop: threading.Event) -> _Listing:
        listing = _Listing()
        seen: set[str] = set()
        for page in self._talk.files(with_hash):
            for path, size, digest in page.files:
                clean = _shown(path)
                if clean in seen:
                    raise RemoteProtocolError("the phone lists one file twice")
                seen.add(clean)
                listing.files.append((clean, size, digest))
                on_size(size)
            if stop.is_set() and len(listing.files) < page.total:
                listing.truncated = True
                break
        return listing


class _Listing:
    """What the pages held."""

    def __init__(self) -> None:
        self.files: list[tuple[str, int, bytes]] = []
        self.truncated = False


def _shown(path: str) -> str:
    """The path with every unprintable character, and the backslash, as an escape: two paths never look the same.

    At most six times as long, so at most 1,530 characters.
    """
    return "".join(char if char.isprintable() and char != "\\" else f"\\u{{{ord(char):x}}}" for char in path)


def _battery(welcome: wire.Welcome) -> int | None:
    return None if welcome.battery == wire.UNKNOWN_BATTERY else welcome.battery


def _runs_well(welcome: wire.Welcome) -> bool:
    """Whether the image on the phone has passed its own test: none unstarted, on trial, failed or damaged."""
    failed = welcome.health & (wire.HEALTH_IMAGE | wire.HEALTH_SELF_TEST)
    return not failed and welcome.state not in (wire.INSTALLED, wire.ON_TRIAL, wire.UNFIT)


def _is_there(welcome: wire.Welcome, order: Order) -> bool:
    """Whether an earlier attempt came so far that only a restart is left, or not even that.

    A device that has written a new image beside the one that runs does not say which; it takes no other before it
    has been restarted, and says then what it runs.
    """
    return welcome.state == wire.INSTALLED or (
        (welcome.image_sha256, welcome.image_version) == (order.image_sha256, order.version)
    )


def _is_begun(welcome: wire.Welcome, raw: bytes) -> bool:
    """Whether the phone was changed in place by this order and did not finish: only the same one goes on."""
    return bool(welcome.health & wire.HEALTH_IMAGE) and hashlib.sha256(raw).digest() == welcome.order_id


def _choose(image: Image, welcome: wire.Welcome) -> tuple[bundle.Entry, bytes, Order]:
    """The first entry made for what is on the phone; differences come before whole images."""
    try:
        entries = bundle.parse(b"".join(_section(image, 0, bundle.MAX_HEAD_BYTES)), image.size_bytes)
        orders = _orders(image, entries)
    except bundle.BundleError as exc:
        raise LocalProtocolError(f"the update's file is not a bundle: {exc.args[0]}") from exc
    for entry, raw, order in orders:
        if _is_begun(welcome, raw):
            return entry, raw, order
    for entry, raw, order in orders:
        if _is_there(welcome, order) or _fits(welcome, order):
            return entry, raw, order
    raise PhoneRefused("no update in this package fits what is on the phone; its firmware is unchanged")


def _fits(welcome: wire.Welcome, order: Order) -> bool:
    """Model, rollback index, sizes and signature are the device's to judge: it says which of them is wrong."""
    if not welcome.methods >> order.method & 1 or order.window_log2 > welcome.window_log2:
        return False
    if order.method == wire.WHOLE:
        return True
    if (order.base_sha256, order.base_size) != (welcome.image_sha256, welcome.image_size):
        return False
    return order.method != wire.IN_PLACE_DELTA or (
        order.block == 1 << welcome.block_log2 and order.group == welcome.group_blocks
    )


def _orders(image: Image, entries: tuple[bundle.Entry, ...]) -> list[tuple[bundle.Entry, bytes, Order]]:
    """Every entry's order, in one pass over the file."""
    found: list[tuple[bundle.Entry, bytes, Order]] = []
    waiting = list(entries)
    held, at = bytearray(), 0
    for chunk in image.chunks(_CHUNK_BYTES):
        held += chunk
        while waiting and waiting[0].offset + ORDER_BYTES <= at + len(held):
            entry = waiting.pop(0)
            raw = bytes(held[entry.offset - at :][:ORDER_BYTES])
            found.append((entry, raw, entry.order(raw)))
        if not waiting:
            break
        drop = min(len(held), waiting[0].offset - at)
        del held[:drop]
        at += drop
    if waiting:
        raise bundle.BundleError("the file became shorter while it was read")
    return found


def _section(image: Image, first: int, end: int) -> Iterator[bytes]:
    """The image's bytes from ``first`` up to ``end`` or its own end."""
    at = 0
    for chunk in image.chunks(_CHUNK_BYTES):
        if at + len(chunk) > first:
            yield bytes(chunk[max(0, first - at) : end - at])
        at += len(chunk)
        if at >= end:
            return
