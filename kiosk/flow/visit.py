"""One visit's state as a value: everything needed to go on after the station was killed. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from firmware_agent.plan import FlashPlan
from kiosk.flow.user_data import UserData
from kiosk.ports import Identity


class State(StrEnum):
    """Where a visit is, in the order a customer meets it; the terminal ones last."""

    CONNECT = "connect"
    RECOGNISING = "recognising"
    UNLOCK = "unlock"
    INVENTORY = "inventory"
    KEYS = "keys"
    IDENTIFYING = "identifying"
    PREPARING = "preparing"
    PLAN = "plan"
    BACKUP = "backup"
    FETCHING = "fetching"
    LEAVING = "leaving"
    WRITING = "writing"
    SWITCHING = "switching"
    REBOOTING = "rebooting"
    RESTARTING = "restarting"
    UNLOCK_AGAIN = "unlock_again"
    CHECKING = "checking"
    KEYS_AGAIN = "keys_again"
    CONFIRMING = "confirming"
    FINISHING = "finishing"
    AWAIT_PHONE = "await_phone"
    RETURNING = "returning"
    UPDATED = "updated"
    UP_TO_DATE = "up_to_date"
    LOCKED = "locked"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    NEEDS_STAFF = "needs_staff"


TERMINAL = frozenset(
    {State.UPDATED, State.UP_TO_DATE, State.LOCKED, State.REFUSED, State.CANCELLED, State.NEEDS_STAFF}
)
BEFORE_WRITE = frozenset(
    {State.CONNECT, State.RECOGNISING, State.UNLOCK, State.INVENTORY, State.KEYS, State.IDENTIFYING}
    | {State.PREPARING, State.PLAN, State.BACKUP, State.FETCHING, State.LEAVING}
)
AFTER_WRITE = frozenset(State) - BEFORE_WRITE - TERMINAL


@dataclass(frozen=True, slots=True)
class BootFacts:
    """What the bootloader said, kept: :class:`kiosk.ports.Identity` as a value."""

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
    restarted: bool = False

    @classmethod
    def of(cls, identity: Identity) -> Self:
        """A copy of what an adapter returned."""
        return cls(**{name: getattr(identity, name) for name in cls.__dataclass_fields__})

    def same_phone(self, other: BootFacts) -> bool:
        """Product and serialno both equal."""
        return (self.product, self.serialno) == (other.product, other.serialno)


@dataclass(frozen=True, slots=True)
class Options:
    """How this visit is to be done."""

    hash_budget_s: float = 60.0
    inventory: bool = True  # False: the owner's data cannot be looked at (a fastboot-only connection)
    release: str = ""  # "" = the newest
    seed: int = 0  # which objects are read in full
    full: bool = False  # whole images over the line, even where a difference would do


@dataclass(frozen=True, slots=True)
class FetchFacts:
    """How the plan's images come to the station: the catalogue's offer, kept, and how far it has come."""

    method: str = ""  # "cached", "delta", "full"; "" = no plan yet
    why: str = ""
    base_version: str = ""
    fetch_bytes: int = 0  # over the shop's line
    full_bytes: int = 0  # of the images themselves
    done_bytes: int = 0  # of total_bytes, as the catalogue counts its work
    total_bytes: int = 0
    before_bytes: int = 0  # of both, what an earlier run brought before the phone was away
    complete: bool = False  # every image is here and checked
    away: bool = False  # the phone was unplugged meanwhile: it must say again who it is
    mirrors: tuple[str, ...] = ()  # that delivered, in order


@dataclass(frozen=True, slots=True)
class Visit:
    """Everything about one visit. ``reason`` and ``detail`` hold the first cause, never overwritten."""

    visit: str  # ULID
    bay: str
    bay_number: int = 1
    language: str = "zh"
    options: Options = field(default_factory=Options)
    state: State = State.CONNECT
    # what is known of the phone
    product: str = ""
    mtp_serial: str = ""
    battery_percent: int | None = None
    facts: BootFacts | None = None  # of the first bootloader entry: the phone every later step must match
    phone_present: bool = False
    charging: bool = False  # plugged in, but shows no data function
    agent: bool = False  # our agent runs on it: it needs no unlocking, no keys, and no bootloader to leave
    seen_before: bool = False  # the phone was there and went: a short loss of the cable
    # what will be, and was, done
    plan: FlashPlan | None = None
    notes: dict[str, str] = field(default_factory=dict)
    fetch: FetchFacts = field(default_factory=FetchFacts)
    noted: int = 0  # what the catalogue had to say, as entries so far
    writes_done: int = 0
    written: bool = False  # a byte was acknowledged, or may have been
    write_bytes: int = 0  # of the current write, acknowledged
    write_sent: int = 0  # of the current attempt at it, over the cable
    bytes_sent: int = 0  # over all writes and attempts
    counted_bytes: int = 0
    to_count_bytes: int = 0
    attempts: int = 0
    losses: int = 0
    restarts: int = 0  # because the new slot had not proven itself when it was looked at
    started: bool = False  # seen in normal mode since the last restart
    resume_to: State | None = None
    leave_tried: bool = False
    resumed: bool = False
    # how it ends
    ending: State | None = None  # while LEAVING
    reason: str = ""
    detail: str = ""
    user_data: UserData = field(default_factory=UserData)
    version_confirmed: str = ""
    backup: str = ""  # "", "done", "without"
    percent: int = 0
    began_ms: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Nothing more will be done to the phone."""
        return self.state in TERMINAL
