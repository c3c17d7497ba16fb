"""What the wire learned, as immutable facts. They carry no behaviour and match the kiosk's ports by shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Mode = Literal["normal", "charging", "bootloader", "recovery", "agent", "foreign"]
"""What a bay shows. ``charging``: no data function; ``foreign``: HID, hub or anything else we refuse."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look at a bay, from descriptors alone. ``usb_serial`` is "" where reading it would need opening."""

    bay: str
    mode: Mode
    vendor_id: int
    product_id: int
    usb_serial: str
    what: str


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a phone in normal mode says of itself (MTP 1.1, 5.1.1). ``product`` None: an unknown model."""

    manufacturer: str
    mtp_model: str
    mtp_serial: str
    product: str | None
    battery_percent: int | None
    version: str | None = None  # only an update agent says it in normal operation


@dataclass(frozen=True, slots=True)
class UserObject:
    """One object of the owner's. ``path`` is personal data. ``modified`` is YYYYMMDDThhmmss or ""."""

    path: str
    size_bytes: int
    modified: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything MTP showed at one moment. ``truncated``: a limit or a stop cut it short."""

    objects: Sequence[UserObject]
    unreadable: int
    truncated: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Identity:
    """What the bootloader says (fastboot getvar). None: the phone did not say. Sizes in bytes."""

    product: str
    serialno: str
    variant: str | None = None
    version: str | None = None
    current_slot: str | None = None
    slot_successful: bool | None = None
    unlocked: bool | None = None
    secure: bool | None = None
    battery_percent: int | None = None
    battery_soc_ok: bool | None = None
    rollback_index: int | None = None
    max_download_bytes: int | None = None
    snapshot_update_status: str | None = None
    slotted_partitions: frozenset[str] = frozenset()
    partition_sizes: dict[str, int] = field(default_factory=dict)
    restarted: bool = False  # to say this it was restarted: what had been written to it had never started


class Who(Protocol):
    """The phone a step is meant for: what must match before anything is sent to it."""

    @property
    def product(self) -> str: ...
    @property
    def serialno(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds each kind of step may take before the phone counts as silent."""

    command_s: float = 10.0  # a getvar, an MTP dataset
    transfer_s: float = 30.0  # one bulk transfer of at most a MiB or a few
    flash_s: float = 300.0  # the phone writing what was downloaded
    open_s: float = 3.0  # a device that has just appeared
    connect_s: float = 3.0  # a TCP connection
