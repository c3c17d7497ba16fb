"""What lies in the house and how it leaves: bins, the hazard drawer, manifests, their corrections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.flow.counter.commands.command import Command
from kiosk.flow.counter.commands.people import Second


@dataclass(frozen=True, slots=True)
class DrawerEmpty(Command):
    """A staff member has packed the hazard drawer's item by itself and put it into quarantine."""

    item: str
    package: str  # number of its package
    mass_g: int = 0  # 0 = as the scale shows it now


@dataclass(frozen=True, slots=True)
class DrawerOpen(Command):
    """Release the hazard drawer for staff."""


@dataclass(frozen=True, slots=True)
class DropResolve(Command):
    """Staff looked where an item is that nobody saw falling. ``where``: "bin", "owner", "quarantine"."""

    item: str
    where: str
    mass_g: int = 0  # for quarantine; 0 = as known, or as the scale shows it now


@dataclass(frozen=True, slots=True)
class BinLock(Command):
    """Lock a bin by hand; "hazard" or "fault"."""

    bin: int
    why: str


@dataclass(frozen=True, slots=True)
class BinEmpty(Command):
    """Two people open a full or locked bin; its items go into a draft manifest's parcel."""

    bin: int
    manifest: str
    second: Second


@dataclass(frozen=True, slots=True)
class BinClosed(Command):
    """The empty bin is back in its place."""

    bin: int


@dataclass(frozen=True, slots=True)
class ManifestDraft(Command):
    """To a listed processor whose licence holds on that day."""

    processor: str


@dataclass(frozen=True, slots=True)
class ManifestRedirect(Command):
    """A draft goes to another listed processor, with all that is on it: its own may not take it any more."""

    manifest: str
    processor: str


@dataclass(frozen=True, slots=True)
class ManifestAdd(Command):
    """A quarantine item or a released shelf item joins a draft."""

    manifest: str
    item: str


@dataclass(frozen=True, slots=True)
class ManifestSeal(Command):
    """Parcels closed, seal numbers scanned."""

    manifest: str
    seals: tuple[str, ...]
    second: Second


@dataclass(frozen=True, slots=True)
class ManifestPickUp(Command):
    """The carrier has it. ``vehicle``: plate; "road" or "sea": a manifest with lithium never goes by "air"."""

    manifest: str
    carrier: str
    vehicle: str
    by: str = "road"


@dataclass(frozen=True, slots=True)
class ManifestAnswer(Command):
    """The processor's signed answer (see :mod:`recycling.processor_answer`), from headquarters or a file."""

    answer: bytes


@dataclass(frozen=True, slots=True)
class ManifestRevise(Command):
    """Propose a correction of a sealed manifest; the other side has to accept it."""

    manifest: str
    changes: Mapping[str, int]  # item -> corrected g
    reason: str


@dataclass(frozen=True, slots=True)
class ManifestReviseAnswer(Command):
    """Our word on a correction that the processor proposed."""

    manifest: str
    accept: bool
