"""What the screen shows, as immutable snapshots. The screen polls them; it never waits and never computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Screen(StrEnum):
    """Which screen a visit is at. Attract, home and the language are the UI's own business."""

    CONNECT = "connect"  # plug the phone into bay N
    RECOGNISING = "recognising"
    UNLOCK = "unlock"  # unlock the screen, allow file transfer
    INVENTORY = "inventory"  # counting and reading the owner's files
    KEYS = "keys"  # power off, hold these keys
    IDENTIFYING = "identifying"
    PLAN = "plan"  # what, from, to, how long, is my data safe; consent
    BACKUP = "backup"  # reminder with a tick
    FETCHING = "fetching"  # the update is downloaded; the phone is untouched and may still be unplugged
    PROGRESS = "progress"  # writing, switching, restarting: phases and one percent
    AWAIT_PHONE = "await_phone"  # the cable came out: plug it back into bay N, time left
    UNLOCK_AGAIN = "unlock_again"  # after the restart
    CHECKING = "checking"  # inventory again
    KEYS_AGAIN = "keys_again"  # one last look at the version
    RESULT = "result"  # updated
    UP_TO_DATE = "up_to_date"
    LOCKED = "locked"  # locked bootloader: update in Settings, or see staff; phone untouched
    REFUSED = "refused"  # refused before anything was written, with the reason
    CANCELLED = "cancelled"  # consent refused or cancelled before writing; phone untouched
    NEEDS_STAFF = "needs_staff"


@dataclass(frozen=True, slots=True)
class UserDataView:
    """Counts of objects, as in the contract. ``not_seen``: what no cable can show (apps, messages, ...)."""

    before: int = 0
    after: int | None = None
    identical: int = 0
    hashed: int = 0
    changed: int = 0
    missing: int = 0
    unreadable: int = 0
    added: int = 0
    bytes_before: int = 0
    truncated: bool = False  # a listing was cut short: the counts are lower bounds
    not_seen: tuple[str, ...] = ()  # keys: "apps", "messages", "call_log", "settings"


@dataclass(frozen=True, slots=True)
class FetchView:
    """What the update costs the shop's line, and why. ``method``: "cached", "delta", "full"; "" = no plan yet."""

    method: str = ""
    why: str = ""  # "images_here", "base_here", "no_base", "delta_not_cheaper", "no_delta"
    base_version: str = ""  # the version that only differences are fetched from
    bytes: int = 0  # to be downloaded
    full_bytes: int = 0  # instead of
    done_bytes: int = 0  # of ``bytes``


@dataclass(frozen=True, slots=True)
class CallView:
    """The customer's call for the duty manager."""

    state: str  # "sent" (in the ledger), "acknowledged"
    at_ms: int
    by: str = ""  # who acknowledged


@dataclass(frozen=True, slots=True)
class JobView:
    """One visit as the screen shows it."""

    visit: str  # ULID
    bay: str
    bay_number: int  # what is painted beside the port: 1, 2, ...
    screen: Screen
    step: int  # 1-based, for "step 3 of 6"
    steps: int
    attention: bool = False  # waits for the customer (not for the phone)
    model: str = ""  # fastboot product, e.g. "heron"
    model_names: dict[str, str] = field(default_factory=dict)  # {"zh": ..., "en": ...}
    keys: tuple[str, ...] = ()  # keys to hold: "power", "volume_down"
    version_from: str = ""
    version_to: str = ""
    notes: dict[str, str] = field(default_factory=dict)  # what is new, zh and en
    battery_percent: int | None = None
    bytes_to_send: int = 0
    fetch: FetchView = FetchView()
    minutes_estimate: int = 0
    phases: tuple[str, ...] = ()  # keys, in order: "fetch", "write", "restart", ...
    phase: str = ""  # the current one
    percent: int = 0  # 0..100, only rises within a visit
    seconds_left: int | None = None  # None until known
    deadline_s: int | None = None  # AWAIT_PHONE, and FETCHING without its phone: seconds to plug it back
    user_data: UserDataView = UserDataView()
    reason: str = ""  # machine name of why: "wrong_model", "battery_low", "user_data_missing", ...
    written: bool = False  # anything was written to the phone
    phone_present: bool = False
    resumed: bool = False  # this station restarted during the visit
    slip: str = ""  # what the QR slip holds (ledger epoch/index, visit)
    call: CallView | None = None
    can_cancel: bool = False
    finished: bool = False


@dataclass(frozen=True, slots=True)
class BayView:
    """One physical bay, with or without a visit."""

    number: int
    bay: str
    present: bool  # something is plugged in
    visit: str = ""  # the running visit, if any


@dataclass(frozen=True, slots=True)
class DeskView:
    """The whole station at one moment."""

    bays: tuple[BayView, ...] = ()
    jobs: tuple[JobView, ...] = ()
    hq_online: bool = False
    ledger_head: int = 0  # entries written
    ledger_acked: int = 0  # entries headquarters holds
    call: CallView | None = None  # a call made outside any visit

    def job(self, visit: str) -> JobView | None:
        """The visit's view, or None when it is gone."""
        return next((job for job in self.jobs if job.visit == visit), None)


class Desk(Protocol):
    """All that the screens may touch. Every method returns at once."""

    def view(self) -> DeskView: ...

    def begin(self, language: str) -> str | None:
        """Start an update visit in a free bay; the visit id, or None when every bay is taken."""
        ...

    def consent(self, visit: str, text_version: str, language: str) -> None: ...
    def decline(self, visit: str) -> None: ...
    def backup(self, visit: str, choice: str) -> None:
        """``choice``: "done" (I have a backup) or "without" (go on without)."""
        ...

    def cancel(self, visit: str) -> None: ...
    def call_manager(self, visit: str | None) -> None: ...
    def finish(self, visit: str) -> None:
        """The customer has read the result and goes."""
        ...
