"""What may be written to this phone, decided before the first byte. Pure: facts and a release give a plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from firmware_agent.errors import PartitionRefused
from firmware_agent.manifest import Release, is_version, version_key
from firmware_agent.partitions import SLOTS, check_partition, full_name

__all__ = [
    "DeviceFacts",
    "FlashPlan",
    "Override",
    "PlanRefused",
    "Reason",
    "UpToDate",
    "Write",
    "check_partition",
    "make_plan",
]

Reason = Literal[
    "wrong_model",
    "wrong_variant",
    "bootloader_locked",
    "battery_low",
    "rollback",
    "wipes_data",
    "too_big_for_partition",
    "no_max_download",
    "snapshot_merging",
    "slot_state",
    "protected_partition",
    "unknown_partition",
    "downgrade",
]


MIN_DOWNLOAD_BYTES = 64 * 1024
"""Less cannot carry one sparse block with its headers (AOSP libsparse), and no real phone says less."""


class DeviceFacts(Protocol):
    """What the bootloader said (fastboot getvar, AOSP fastboot/README.md); None = it did not say."""

    @property
    def product(self) -> str: ...
    @property
    def variant(self) -> str | None: ...
    @property
    def version(self) -> str | None: ...
    @property
    def current_slot(self) -> str | None: ...
    @property
    def slot_successful(self) -> bool | None: ...
    @property
    def unlocked(self) -> bool | None: ...
    @property
    def battery_percent(self) -> int | None: ...
    @property
    def battery_soc_ok(self) -> bool | None: ...
    @property
    def rollback_index(self) -> int | None: ...
    @property
    def max_download_bytes(self) -> int | None: ...
    @property
    def snapshot_update_status(self) -> str | None: ...
    @property
    def slotted_partitions(self) -> frozenset[str]: ...
    @property
    def partition_sizes(self) -> dict[str, int]: ...


@dataclass(frozen=True, slots=True)
class Write:
    """One partition to write: its full name (``system_b``), its image relative to the release."""

    partition: str
    file: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FlashPlan:
    """Everything that will be done to the phone, in order: the writes, then the slot, then the restart."""

    model: str
    variant: str
    version_from: str  # "" = the phone did not say
    version_to: str
    writes: tuple[Write, ...]
    set_active: str | None  # the slot to switch to; None = single-slot phone
    rollback_index: int

    @property
    def size_bytes(self) -> int:
        """Bytes that go over the cable."""
        return sum(write.size_bytes for write in self.writes)


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The phone already runs the release's version: nothing to do."""

    version: str


@dataclass(frozen=True, slots=True)
class PlanRefused:
    """Why nothing may be written. ``detail`` is one line in English for staff and the log."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Override:
    """A member of staff answers for one check. Only ``battery_low`` and ``downgrade`` can be waived."""

    waives: frozenset[Literal["battery_low", "downgrade"]]
    staff: str


def make_plan(
    facts: DeviceFacts, release: Release, override: Override | None = None
) -> FlashPlan | UpToDate | PlanRefused:
    """Decide what to write to the phone that said ``facts``: to the inactive slot, or the only one.

    Whatever the phone does not say counts against writing, except the rollback index and the snapshot status,
    which phones without those features do not have.
    """
    refused = _check_release(facts, release)
    if refused:
        return refused
    if facts.version is not None and _same(facts.version, release.version):
        return _already(facts, release)
    waived = override.waives if override else frozenset[str]()
    refused = _check_phone(facts) or _check_versions(facts, release, waived)
    if refused is None and "battery_low" not in waived:
        refused = _check_battery(facts, release.min_battery_percent)
    if refused:
        return refused
    slot = _other_slot(facts)
    writes = _writes(facts, release, slot)
    if isinstance(writes, PlanRefused):
        return writes
    return FlashPlan(
        model=release.model,
        variant=release.variant,
        version_from=facts.version or "",
        version_to=release.version,
        writes=writes,
        set_active=slot,
        rollback_index=release.rollback_index,
    )


def _already(facts: DeviceFacts, release: Release) -> UpToDate | PlanRefused:
    """The version is the release's. A phone with one slot that says its system is no good is not up to date."""
    if not facts.slotted_partitions and facts.slot_successful is False:
        return PlanRefused("slot_state", f"the phone has {release.version}, which fails its own test")
    return UpToDate(release.version)


def _same(one: str, other: str) -> bool:
    return is_version(one) and version_key(one) == version_key(other)


def _check_release(facts: DeviceFacts, release: Release) -> PlanRefused | None:
    if facts.product != release.model:
        return PlanRefused(
            "wrong_model", f"the release is for {release.model}, the phone is a {facts.product}"
        )
    if facts.variant != release.variant:
        said = facts.variant or "not said"
        return PlanRefused(
            "wrong_variant", f"the release is for variant {release.variant}, the phone's is {said}"
        )
    if release.wipes_data:
        return PlanRefused("wipes_data", f"{release.version} erases the owner's data: staff only")
    for part in release.partitions:
        try:
            check_partition(part.name)
        except PartitionRefused as exc:
            reason: Reason = (
                "protected_partition" if exc.reason == "protected_partition" else "unknown_partition"
            )
            return PlanRefused(reason, exc.detail)
    return None


def _check_phone(facts: DeviceFacts) -> PlanRefused | None:
    if facts.unlocked is not True:
        said = "is locked" if facts.unlocked is False else "does not say whether it is unlocked"
        return PlanRefused("bootloader_locked", f"the bootloader {said}")
    if facts.snapshot_update_status not in (None, "", "none"):
        status = facts.snapshot_update_status
        return PlanRefused("snapshot_merging", f"an earlier update is not finished on the phone ({status})")
    if not facts.max_download_bytes:
        return PlanRefused("no_max_download", "the bootloader does not say how much it can take at once")
    if facts.max_download_bytes < MIN_DOWNLOAD_BYTES:
        took = f"the bootloader takes {facts.max_download_bytes} bytes at once"
        return PlanRefused("no_max_download", f"{took}, {MIN_DOWNLOAD_BYTES} are needed")
    return _check_slots(facts)


def _check_slots(facts: DeviceFacts) -> PlanRefused | None:
    if not facts.slotted_partitions:
        return None
    if facts.current_slot not in SLOTS:
        return PlanRefused("slot_state", f"the current slot is {facts.current_slot!r}, not a or b")
    if facts.slot_successful is not True:
        # The other slot may be the only one that boots: it must not be overwritten.
        return PlanRefused("slot_state", f"slot {facts.current_slot} has not proven that it starts")
    return None


def _check_versions(facts: DeviceFacts, release: Release, waived: frozenset[str]) -> PlanRefused | None:
    if facts.rollback_index is not None and release.rollback_index < facts.rollback_index:
        return PlanRefused(
            "rollback",
            f"the phone's rollback index is {facts.rollback_index}, the release's {release.rollback_index}: "
            "it would not start again",
        )
    if facts.version is None or not is_version(facts.version) or "downgrade" in waived:
        return None
    if version_key(release.version) < version_key(facts.version):
        return PlanRefused("downgrade", f"the phone has {facts.version}, newer than {release.version}")
    return None


def _check_battery(facts: DeviceFacts, min_percent: int) -> PlanRefused | None:
    if facts.battery_soc_ok is False:
        return PlanRefused("battery_low", "the phone says its battery is too low to be written")
    if facts.battery_percent is not None and facts.battery_percent < min_percent:
        return PlanRefused(
            "battery_low", f"the battery is at {facts.battery_percent} %, {min_percent} % are needed"
        )
    if facts.battery_percent is None and facts.battery_soc_ok is None:
        return PlanRefused("battery_low", "the phone does not say how full its battery is")
    return None


def _other_slot(facts: DeviceFacts) -> str | None:
    if not facts.slotted_partitions:
        return None
    return "b" if facts.current_slot == "a" else "a"


def _writes(facts: DeviceFacts, release: Release, slot: str | None) -> tuple[Write, ...] | PlanRefused:
    writes: list[Write] = []
    # vbmeta seals the others, so it is written last: an interrupted set never looks whole.
    for part in sorted(release.partitions, key=lambda part: part.name == "vbmeta"):
        if slot is not None and part.name not in facts.slotted_partitions:
            return PlanRefused(
                "unknown_partition", f"{part.name} has no second slot: there would be no way back"
            )
        name = full_name(part.name, slot)
        room = facts.partition_sizes.get(name)
        if room is None:
            return PlanRefused("unknown_partition", f"the phone has no partition {name}")
        if part.size_bytes > room:
            return PlanRefused(
                "too_big_for_partition", f"{name} holds {room} bytes, the image has {part.size_bytes}"
            )
        writes.append(Write(name, part.file, part.size_bytes, part.sha256))
    return tuple(writes)
