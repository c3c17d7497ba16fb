"""What a step wants done: commit effects in the step's transaction, the others by the hands after it.

A wire effect replaces the one before and answers with an event; a supply effect does neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kiosk.ports import UserObject


@dataclass(frozen=True, slots=True)
class Keyed:
    """A value that may stand in an entry only as a keyed digest (a serial number)."""

    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One ledger entry. ``body`` holds counts, bytes, versions, words and :class:`Keyed` values."""

    kind: str
    body: Mapping[str, object] = field(default_factory=dict)
    actor: str = "station"


@dataclass(frozen=True, slots=True)
class Keep:
    """The first inventory goes into the local store."""

    objects: Sequence[UserObject]


@dataclass(frozen=True, slots=True)
class Forget:
    """The visit's inventory is deleted."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Report what is in the bay, and every change of it; ``settle_s`` is waited before the first look."""

    settle_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Recognise:
    """Ask the phone in normal mode what it is."""


@dataclass(frozen=True, slots=True)
class AwaitUnlock:
    """Wait until the owner unlocks; where ``mtp_serial`` is given, the phone must be that one."""

    mtp_serial: str = ""


@dataclass(frozen=True, slots=True)
class TakeInventory:
    """List the owner's objects and read a sample of them."""


@dataclass(frozen=True, slots=True)
class CompareInventory:
    """List them again, read the same sample again, compare."""


@dataclass(frozen=True, slots=True)
class Identify:
    """Ask the bootloader."""


@dataclass(frozen=True, slots=True)
class Prepare:
    """Choose the release, make the plan, see how its images would come here."""


@dataclass(frozen=True, slots=True)
class FetchImages:
    """Bring every image of the plan here, checked in full; report what is in the bay meanwhile."""


@dataclass(frozen=True, slots=True)
class WriteNext:
    """Write the plan's next partition."""


@dataclass(frozen=True, slots=True)
class SwitchSlot:
    """Make the written slot the active one."""


@dataclass(frozen=True, slots=True)
class Reboot:
    """Restart the phone; done when it has left the bootloader."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Let the phone go: back to normal if it is in the bootloader. Never fails."""


@dataclass(frozen=True, slots=True)
class Hint:
    """A phone of this model is here: the catalogue may fetch already. Answers nothing."""

    model: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """The visit is over: its images need not be kept. Answers nothing."""


CommitEffect = Record | Keep | Forget
SupplyEffect = Hint | LetGo
WireEffect = (
    Watch
    | Recognise
    | AwaitUnlock
    | TakeInventory
    | CompareInventory
    | Identify
    | Prepare
    | FetchImages
    | WriteNext
    | SwitchSlot
    | Reboot
    | Leave
)
Effect = CommitEffect | SupplyEffect | WireEffect
TOUCHING = (WriteNext, SwitchSlot, Reboot, Leave)
"""Change the phone; each stands in a step whose records say that it is intended."""
