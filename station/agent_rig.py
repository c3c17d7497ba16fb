"""What the agent's faults, figures and refusals are tried on: an image pair, a maker's key, devices as folders.

No USB and no station: a device here is its flash, and the process that runs on it (``agent_process``).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from firmware_agent.agent_patch import make
from firmware_agent.device.board.unix import layout_of
from firmware_agent.order import Order
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from firmware_agent.wire import Welcome
from hw.virtual import agent_factory
from hw.virtual.agent_models import AgentModel
from station.sample_agent import sample_images
from station.sample_firmware import VARIANT

MODES = ("slots", "in_place")
MODEL = "kestrel"
PAST_VERSION, OLD_VERSION, NEW_VERSION = "0.9.0", "1.0.0", "2.0.0"
KIB = 1024
FEW_SIGNATURES = Shape(5, 8)  # as long as a default key's, and made in no time
MANY_SIGNATURES = Shape(10, 4)
USER_FILES_BYTES = 24 * KIB
BLOCK_BYTES = 4096
GROUP_BLOCKS = 7


@dataclass(frozen=True, slots=True)
class Images:
    """Two versions of one firmware."""

    old: bytes
    new: bytes

    @property
    def past(self) -> bytes:
        """What a device may have had before: as long as the old one, and unlike either."""
        return self.old[::-1]

    @property
    def lawful(self) -> tuple[bytes, ...]:
        """All that a device may be found with."""
        return (self.old, self.new, self.past)


@dataclass(frozen=True, slots=True)
class Update:
    """One signed order and its patch. ``signed`` is the order's 192 bytes and the signature."""

    order: Order
    signed: bytes
    patch: bytes

    @property
    def base_sha256(self) -> bytes:
        """Of the image it is made from."""
        return self.order.base_sha256

    @property
    def image_sha256(self) -> bytes:
        """Of the image it makes."""
        return self.order.image_sha256


def made_up_images() -> Images:
    """The same on every machine, and nothing to download."""
    sample = sample_images()
    return Images(sample.old, sample.new)


@dataclass(frozen=True, slots=True)
class Device:
    """One device: ``folder`` has its flash and its board. ``images`` is what it may lawfully hold.

    ``owned`` are the bytes of its owner's region as they left the factory.
    """

    folder: Path
    images: Images
    owned: bytes

    @property
    def board(self) -> dict[str, Any]:
        """What its board.json says."""
        found: dict[str, Any] = json.loads((self.folder / "board.json").read_text("utf-8"))
        return found

    def copy(self, name: str, **board: object) -> Device:
        """The same device once more, beside this one; ``board`` changes what its board says."""
        place = self.folder.parent / name
        shutil.copytree(self.folder, place)
        if board:
            (place / "board.json").write_text(json.dumps(self.board | board), "utf-8")
        return replace(self, folder=place)

    def remove(self) -> None:
        """Throw it away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def image_differs(self, welcome: Welcome) -> str:
        """Empty where the flash holds, byte by byte, the image that the device says it runs; else what is wrong."""
        by_hash = {hashlib.sha256(image).digest(): image for image in self.images.lawful}
        image = by_hash.get(welcome.image_sha256)
        if image is None:
            return "it says that it runs an image that nobody made"
        layout = layout_of(self.board)
        slot = 0 if layout.in_place else welcome.slot
        at = layout.image_at + slot * layout.image_bytes
        with (self.folder / "flash.bin").open("rb") as flash:
            flash.seek(at)
            found = flash.read(len(image))
        return "" if found == image else "its flash does not hold the image that it says it runs"

    def free_records(self) -> int:
        """How many pages are left of the block that the device's record is being written to."""
        layout = layout_of(self.board)
        with (self.folder / "flash.bin").open("rb") as flash:
            flash.seek(layout.control_at)
            pages = [
                flash.read(layout.page_bytes) for _ in range(2 * layout.block_bytes // layout.page_bytes)
            ]
        return sum(page.strip(b"\xff") == b"" for page in pages) % (len(pages) // 2)

    def user_bytes_changed(self) -> int:
        """How many bytes of the owner's region are not what they were: 0, or something was lost."""
        found = owner_region(self.folder)
        if found == self.owned:
            return 0
        return max(1, sum(one != other for one, other in zip(found, self.owned, strict=False)))


def owner_region(folder: Path) -> bytes:
    """The bytes of a device's flash that belong to its owner."""
    layout = layout_of(json.loads((folder / "board.json").read_text("utf-8")))
    with (folder / "flash.bin").open("rb") as flash:
        flash.seek(layout.user_at)
        return flash.read(layout.user_bytes)


class Rig:
    """One maker and its devices, below ``folder``. ``images``: from and to what; ``shape``: of the keys."""

    def __init__(self, folder: Path, images: Images | None = None, shape: Shape = FEW_SIGNATURES) -> None:
        self.folder = folder
        self.images = images or made_up_images()
        self.old_rollback_index, self.new_rollback_index = 3, 4
        self._shape = shape
        self._lock = threading.Lock()
        self._updates: dict[tuple[str, str], Update] = {}
        self._devices: dict[str, Device] = {}

    @cached_property
    def key(self) -> LmsKey:
        """The maker's."""
        return make_key(self.folder / "keys" / "maker", self._shape, workers=1)

    @cached_property
    def other_key(self) -> LmsKey:
        """Somebody else's."""
        return make_key(self.folder / "keys" / "other", self._shape, workers=1)

    def model(self, mode: str) -> AgentModel:
        """As small as the images allow, so that every cut is soon tried."""
        image_bytes = -(-max(len(self.images.old), len(self.images.new)) // BLOCK_BYTES) * BLOCK_BYTES
        return AgentModel(
            name=MODEL,
            manufacturer="Lumen",
            product="Lumen Kestrel",
            variant=VARIANT,
            usb=(0x1209, 0x0005),
            layout=mode,
            block_bytes=BLOCK_BYTES,
            page_bytes=256,
            group_blocks=GROUP_BLOCKS if mode == "in_place" else 0,
            image_bytes=image_bytes,
            staging_bytes=image_bytes + 4 * BLOCK_BYTES,
            user_bytes=128 * KIB,
            min_battery_percent=30,
        )

    # -- devices

    def device(self, mode: str) -> Device:
        """One with the old image and its owner's files; copy it before it is changed."""
        with self._lock:
            if mode not in self._devices:
                self._devices[mode] = self._made(mode)
            return self._devices[mode]

    def _made(self, mode: str) -> Device:
        folder = self.folder / f"{mode}-fresh"
        new = agent_factory.Make(
            serial="KESTREL1",
            image=self.images.old,
            version=OLD_VERSION,
            rollback_index=self.old_rollback_index,
            public_key=self.key.public_key,
            user_bytes=USER_FILES_BYTES,
        )
        agent_factory.make(folder, self.model(mode), new)
        return Device(folder, self.images, owner_region(folder))

    # -- updates

    def update(self, mode: str) -> Update:
        """The difference from the old image to the new one, for devices of this mode."""
        return self._kept(mode, "delta", lambda: self._delta(mode, self._target(), self.images.old))

    def whole(self, mode: str) -> Update:
        """The new image itself."""
        return self._kept(mode, "whole", lambda: make.whole(self._target()))

    def history(self, mode: str) -> tuple[Update, Update]:
        """Two updates that end with the old image again; their traces are another image's, and of other orders."""
        index = self.new_rollback_index
        past = make.Target(MODEL, PAST_VERSION, index, self.images.past)
        back = make.Target(MODEL, OLD_VERSION, index, self.images.old)
        return (
            self._kept(mode, "past", lambda: make.whole(past)),
            self._kept(mode, "back", lambda: self._delta(mode, back, self.images.past)),
        )

    def signed(self, order: Order, patch: bytes, key: LmsKey | None = None) -> Update:
        """``order`` as it is, signed, and ``patch``, whether or not it names it."""
        raw = order.pack()
        return Update(order, raw + (key or self.key).sign(raw), patch)

    def _kept(self, mode: str, kind: str, made: Callable[[], make.Patch]) -> Update:
        with self._lock:
            if (mode, kind) not in self._updates:
                patch = made()
                self._updates[mode, kind] = self.signed(patch.order, patch.payload)
            return self._updates[mode, kind]

    def _target(self) -> make.Target:
        return make.Target(MODEL, NEW_VERSION, self.new_rollback_index, self.images.new)

    def _delta(self, mode: str, target: make.Target, base: bytes) -> make.Patch:
        if mode == "slots":
            return make.slot_delta(target, base)
        return make.in_place_delta(target, base, make.Flash(BLOCK_BYTES, GROUP_BLOCKS))
