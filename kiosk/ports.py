"""What the kiosk needs from the world, as structural types. Adapters match by shape; nobody inherits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, Protocol

from firmware_agent.manifest import Release
from firmware_agent.plan import FlashPlan
from firmware_agent.watch import Offer, Watch

Mode = Literal["normal", "charging", "bootloader", "recovery", "agent", "foreign"]
"""What a bay shows. ``charging``: no data function; ``foreign``: HID, hub or anything we refuse."""

OnBytes = Callable[[int, int], None]
"""``(done_bytes, total_bytes)``; done only rises and counts what the phone has acknowledged."""


class Sighting(Protocol):
    """One look at a bay, from USB descriptors alone; nothing was opened."""

    @property
    def bay(self) -> str: ...  # the port path: usb:1-1.4, usbip://127.0.0.1:3240/1-1, tcp:H:P
    @property
    def mode(self) -> Mode: ...
    @property
    def vendor_id(self) -> int: ...
    @property
    def product_id(self) -> int: ...
    @property
    def usb_serial(self) -> str: ...
    @property
    def what(self) -> str: ...  # for logs and staff: "MTP phone 1209:0001", "HID device 046d:c31c"


class Recognised(Protocol):
    """What a phone in normal mode says of itself (MTP DeviceInfo)."""

    @property
    def manufacturer(self) -> str: ...
    @property
    def mtp_model(self) -> str: ...
    @property
    def mtp_serial(self) -> str: ...
    @property
    def product(self) -> str | None: ...  # fastboot product the model data maps it to; None = unknown model
    @property
    def battery_percent(self) -> int | None: ...


class UserObject(Protocol):
    """One object of the owner's. ``path`` is personal data: it stays in the local inventory."""

    @property
    def path(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def modified(self) -> str: ...  # as MTP gives it, "YYYYMMDDThhmmss", or ""
    @property
    def sha256(self) -> str | None: ...  # hex; None = not read in full


class Inventory(Protocol):
    """Everything MTP showed at one moment."""

    @property
    def objects(self) -> Sequence[UserObject]: ...
    @property
    def unreadable(self) -> int: ...  # listed, but reading them failed
    @property
    def truncated(self) -> bool: ...  # a listing limit was hit: counts are lower bounds
    @property
    def seconds(self) -> float: ...


class Identity(Protocol):
    """What the bootloader says (fastboot getvar). None = the phone did not say."""

    @property
    def product(self) -> str: ...
    @property
    def serialno(self) -> str: ...
    @property
    def variant(self) -> str | None: ...
    @property
    def version(self) -> str | None: ...  # of the system in the current slot
    @property
    def current_slot(self) -> str | None: ...  # "a", "b"; None = single-slot
    @property
    def slot_successful(self) -> bool | None: ...  # of the current slot
    @property
    def unlocked(self) -> bool | None: ...
    @property
    def secure(self) -> bool | None: ...
    @property
    def battery_percent(self) -> int | None: ...
    @property
    def battery_soc_ok(self) -> bool | None: ...
    @property
    def rollback_index(self) -> int | None: ...
    @property
    def max_download_bytes(self) -> int | None: ...
    @property
    def snapshot_update_status(self) -> str | None: ...  # none, snapshotted, merging
    @property
    def slotted_partitions(self) -> frozenset[str]: ...  # has-slot:NAME answered yes
    @property
    def partition_sizes(self) -> dict[str, int]: ...  # bytes, by full name (system_b)
    @property
    def restarted(self) -> bool: ...  # to say this: what an agent had been given had never been started


class Image(Protocol):
    """Bytes to be written; opened anew for each attempt."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...  # hex
    def chunks(self, size_bytes: int) -> Iterator[bytes | memoryview]: ...


class Phone(Protocol):
    """One bay. Methods block; they run on a visit's worker thread, never on the screen's.

    ``stop`` set from outside ends a wait early. Errors are the adapter's own, each with the attributes of
    :class:`PhoneError` below; the flow reads those and never the class.
    """

    @property
    def bay(self) -> str: ...

    def look(self) -> Sighting | None:
        """What is in the bay now; None = nothing, or its bus does not answer."""
        ...

    def wait_for(self, modes: Iterable[Mode], timeout_s: float, stop: threading.Event) -> Sighting | None:
        """The first sighting in one of ``modes``; None on timeout or stop. ``()`` waits for an empty bay."""
        ...

    def recognise(self) -> Recognised: ...

    def wait_unlocked(self, timeout_s: float, stop: threading.Event) -> bool:
        """True once the owner has unlocked the screen and allowed file transfer (a storage appears)."""
        ...

    def inventory(
        self,
        hash_budget_s: float,
        seed: int,
        hash_paths: frozenset[str] | None,
        on_progress: OnBytes,
        stop: threading.Event,
    ) -> Inventory:
        """List every object; read a random sample in full for ``hash_budget_s``, or just ``hash_paths``."""
        ...

    def identify(self) -> Identity: ...

    @property
    def sent_bytes(self) -> int:
        """Bytes that went over the cable to be written, since this object was made; only rises.

        Of an agent all that its update took, frames and orders too: the difference, not the image.
        """
        ...

    def write(self, partition: str, image: Image, who: Identity, on_progress: OnBytes) -> None:
        """Download and flash one partition of the phone that is ``who`` (product and serialno checked)."""
        ...

    def set_active(self, slot: str, who: Identity) -> None: ...

    def reboot(self, who: Identity) -> None: ...

    def close(self) -> None:
        """Let go of the device and the bus; the phone is left as it is."""
        ...


FaultOf = Literal["link", "timeout", "phone", "ours", "swapped", "foreign"]
"""Whose fault: the cable, nobody answering, the phone refused, our own, another phone, not a phone."""


class PhoneError(Protocol):
    """The attributes every exception of a phone adapter has."""

    @property
    def fault(self) -> FaultOf: ...
    @property
    def detail(self) -> str: ...  # one line, no file names of the owner


class Clock(Protocol):
    """UTC for people, monotonic for deadlines."""

    def wall_ms(self) -> int: ...
    def mono_ms(self) -> int: ...


class Images(Protocol):
    """A release's images, every one of them checked and held open."""

    def image(self, file: str) -> Image: ...
    def close(self) -> None: ...


class Catalogue(Protocol):
    """Where releases come from. Errors have ``reason`` (machine name) and ``detail`` (one line).

    ``watch`` hears progress and notes for the ledger on the caller's thread, and can stop the work.
    """

    def newest(self, model: str, variant: str | None, watch: Watch) -> Release | None: ...
    def exact(self, model: str, version: str, watch: Watch) -> Release: ...
    def offer(self, release: Release, whole_only: bool = False) -> Offer:
        """What fetching would download, how and why. Looks at the disk only. ``whole_only``: without differences."""
        ...

    def fetch(self, visit: str, release: Release, watch: Watch, whole_only: bool = False) -> Images:
        """Every image whole, checked in full and held for the visit, before the first byte is written."""
        ...

    def again(self, visit: str, plan: FlashPlan, watch: Watch) -> Images:
        """The images of a plan that a restart of the station interrupted, by the plan's own hashes.

        Works from what the visit still holds even where the catalogue has expired meanwhile.
        """
        ...

    def let_go(self, visit: str) -> None:
        """The visit is over: its images need not be kept. Never fails."""
        ...

    def hint(self, model: str) -> None:
        """A phone of this model is in a bay: what it may need can be fetched already. Returns at once."""
        ...


class Models(Protocol):
    """What the station knows of a model by its fastboot product."""

    def names(self, product: str) -> dict[str, str]: ...  # {"zh": ..., "en": ...}; {} = unknown
    def keys(self, product: str) -> tuple[str, ...]: ...  # to hold for the bootloader: "power", "volume_down"
