"""What can happen in a visit: touches of people, facts from the phone, time. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from firmware_agent.manifest import Release
from firmware_agent.plan import FlashPlan
from firmware_agent.watch import Offer
from kiosk.flow.user_data import UserData
from kiosk.flow.visit import BootFacts
from kiosk.ports import Mode, UserObject


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all."""


# -- people


@dataclass(frozen=True, slots=True)
class Consent(Event):
    """The customer agrees to the plan. ``text_version`` names the words they saw."""

    text_version: str
    language: str


@dataclass(frozen=True, slots=True)
class Decline(Event):
    """The customer does not want the update."""


@dataclass(frozen=True, slots=True)
class BackupAnswered(Event):
    """``choice``: "done" or "without"."""

    choice: str


@dataclass(frozen=True, slots=True)
class Cancel(Event):
    """The customer steps back. Only before the first write."""


# -- the bay


@dataclass(frozen=True, slots=True)
class PhoneSeen(Event):
    """Something is in the bay, in this mode."""

    mode: Mode
    what: str = ""


@dataclass(frozen=True, slots=True)
class PhoneGone(Event):
    """The bay is empty, the cable went, or nothing answers any more."""

    detail: str = ""


# -- what the phone says


@dataclass(frozen=True, slots=True)
class PhoneRecognised(Event):
    """MTP's device information; ``product`` None = a model this station does not know."""

    product: str | None
    mtp_serial: str
    battery_percent: int | None


@dataclass(frozen=True, slots=True)
class Unlocked(Event):
    """The owner unlocked the screen and allowed file transfer."""


@dataclass(frozen=True, slots=True)
class Counting(Event):
    """An inventory's reading goes on: bytes read of bytes planned."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class InventoryTaken(Event):
    """The first look at the owner's objects. ``objects`` go to the local store, never into an entry."""

    objects: Sequence[UserObject]
    user_data: UserData
    hashed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared(Event):
    """The second look, compared with the first."""

    user_data: UserData
    seconds: float


@dataclass(frozen=True, slots=True)
class Identified(Event):
    """What the bootloader says."""

    facts: BootFacts


@dataclass(frozen=True, slots=True)
class PlanReady(Event):
    """A plan, and how its images would come here."""

    plan: FlashPlan
    release: Release
    offer: Offer


@dataclass(frozen=True, slots=True)
class PlanImpossible(Event):
    """No plan; ``reason`` is a machine name, ``up_to_date`` among them."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Fetching(Event):
    """The catalogue's work on the images goes on: bytes done of bytes to do."""

    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """What the catalogue has to say for the audit log."""

    kind: str
    body: Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Fetched(Event):
    """Every image is here, checked in full and held."""


@dataclass(frozen=True, slots=True)
class FetchFailed(Event):
    """The images cannot be had; ``reason`` is a machine name."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress(Event):
    """Bytes of the current partition that the phone has acknowledged.

    ``sent_bytes`` went over the cable for it in this attempt; None: as many as were acknowledged.
    """

    done_bytes: int
    total_bytes: int
    sent_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Written(Event):
    """The phone said OKAY to the flash of the plan's write number ``index``."""

    index: int


@dataclass(frozen=True, slots=True)
class SlotSwitched(Event):
    """The phone said OKAY to set_active."""


@dataclass(frozen=True, slots=True)
class Rebooted(Event):
    """The phone took the reboot and left the bootloader."""


@dataclass(frozen=True, slots=True)
class Left(Event):
    """The phone was let go: rebooted to normal where it could be."""


# -- what goes wrong


@dataclass(frozen=True, slots=True)
class PhoneRefused(Event):
    """The phone answered no, or what its protocol does not allow."""

    detail: str


@dataclass(frozen=True, slots=True)
class WrongPhone(Event):
    """What answers is not the phone of this visit."""

    detail: str


@dataclass(frozen=True, slots=True)
class OurFailure(Event):
    """The station itself could not go on."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class TimeUp(Event):
    """The state's time is over."""


@dataclass(frozen=True, slots=True)
class Restarted(Event):
    """The station was restarted while this visit was open."""


TOUCHES: frozenset[type[Event]] = frozenset({Consent, Decline, BackupAnswered, Cancel})
VOLATILE: frozenset[type[Event]] = frozenset({Progress, Counting, Fetching})
"""These change what is shown, not what is so: they are not committed."""

EVENTS: tuple[type[Event], ...] = (
    *(Consent, Decline, BackupAnswered, Cancel, PhoneSeen, PhoneGone, PhoneRecognised, Unlocked, Counting),
    *(InventoryTaken, Compared, Identified, PlanReady, PlanImpossible, Fetching, Noted, Fetched),
    *(FetchFailed, Progress, Written, SlotSwitched, Rebooted, Left, PhoneRefused),
    *(WrongPhone, OurFailure, TimeUp, Restarted),
)
