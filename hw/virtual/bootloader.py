"""The bootloader: variables, writes, slots, lock, and the decision what to boot. Speaks no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hw.virtual import sparse_image
from hw.virtual.errors import Refused
from hw.virtual.faults import FaultBox
from hw.virtual.flash import Flash
from hw.virtual.models import Model
from hw.virtual.slots import SlotTable
from hw.virtual.system_image import system_version
from hw.virtual.verified_boot import NotVerified, verify_slot

_MIN_SOC_PERCENT = 15
_EMPTY_MV, _FULL_MV = 3400, 4400


class Bootloader:
    """Holds what survives a reboot and answers for it. ``wipe_user_data`` really destroys."""

    def __init__(
        self,
        *,
        model: Model,
        serial: str,
        imei: str,
        flash: Flash,
        slots: SlotTable,
        faults: FaultBox,
        wipe_user_data: Callable[[], None],
    ) -> None:
        self._model = model
        self._serial = serial
        self._imei = imei
        self._flash = flash
        self._slots = slots
        self._faults = faults
        self._wipe_user_data = wipe_user_data
        self.locked = False
        self.battery_percent = 80
        self.flashed = False  # something was written since the last boot
        self.why_not_booted = ""

    def set_battery(self, percent: object) -> None:
        """Another charge, 0 to 100 percent."""
        if not isinstance(percent, int) or not 0 <= percent <= 100:
            raise Refused("battery takes percent, 0 to 100")
        self.battery_percent = percent

    # -- what it says ---------------------------------------------------------------------------

    def current_slot(self) -> str | None:
        """The slot it would boot; None on a single-slot phone."""
        return self._slots.current or None

    def installed_version(self) -> str | None:
        """The version inside the current slot's system image."""
        return system_version(self._flash.path(self._model.full_name("system", self._slots.current)))

    def variable(self, name: str) -> str:
        """One getvar; an unknown one is FAIL or, on an old bootloader, empty."""
        key, _, argument = name.partition(":")
        value = self._of(key, argument) if argument else self._simple().get(key, lambda: None)()
        if value is not None:
            return value
        if self._model.unknown_getvar_is_empty:
            return ""
        raise Refused(f"unknown variable {name}" if name.isprintable() else "unknown variable")

    def all_variables(self) -> Iterator[tuple[str, str]]:
        """Everything ``getvar all`` lists, except what the carrier adds."""
        for key, value_of in self._simple().items():
            if (value := value_of()) is not None:
                yield key, value
        for slot in self._model.slots:
            for key in ("slot-successful", "slot-unbootable", "slot-retry-count"):
                yield f"{key}:{slot}", self._of(key, slot) or ""
        for name in (*self._model.slotted, *self._model.fixed):
            yield f"has-slot:{name}", self._of("has-slot", name) or ""
        for name in self._model.partitions():
            yield f"partition-type:{name}", self._of("partition-type", name) or ""
            yield f"partition-size:{name}", self._of("partition-size", name) or ""

    def _simple(self) -> dict[str, Callable[[], str | None]]:
        model = self._model
        millivolts = _EMPTY_MV + (_FULL_MV - _EMPTY_MV) * self.battery_percent // 100
        return {
            "version": lambda: "0.4",
            "product": lambda: model.name,
            "serialno": lambda: self._serial,
            "variant": lambda: model.variant,
            "secure": lambda: _yes(model.secure),
            "unlocked": lambda: _yes(not self.locked),
            "version-bootloader": lambda: model.version_bootloader,
            "version-baseband": lambda: model.version_baseband,
            model.imei_getvar or "imei": lambda: self._imei if model.imei_getvar else None,
            model.version_getvar: lambda: self.installed_version() or "unknown",
            model.rollback_getvar: lambda: str(self._slots.rollback_index),
            "current-slot": self.current_slot,
            "slot-count": lambda: str(len(model.slots)),
            "battery-level": lambda: str(self.battery_percent),
            "battery-voltage": lambda: str(millivolts),
            "battery-soc-ok": lambda: _yes(self.battery_percent >= _MIN_SOC_PERCENT),
            "snapshot-update-status": lambda: "none",
            "is-userspace": lambda: "no",
        }

    def _of(self, key: str, argument: str) -> str | None:
        if key == "has-slot":
            known = argument in self._model.slotted or argument in self._model.fixed
            return _yes(self._model.has_slots and argument in self._model.slotted) if known else None
        if key == "is-logical" and self._flash.size_bytes(argument) is not None:
            return "no"
        if key == "partition-size" and (size := self._flash.size_bytes(argument)) is not None:
            return f"0x{size:x}"
        if key == "partition-type" and self._flash.size_bytes(argument) is not None:
            return "ext4" if self._model.base_name(argument) in ("system", "vendor", "userdata") else "raw"
        if argument in self._model.slots:
            slot = self._slots[argument]
            return {
                "slot-successful": _yes(slot.successful),
                "slot-unbootable": _yes(slot.unbootable),
                "slot-retry-count": str(slot.tries),
            }.get(key)
        return None

    # -- what it does ---------------------------------------------------------------------------

    def flash_partition(self, name: str, image: memoryview) -> None:
        """Write an image, raw or sparse; a name without a slot means the current one."""
        full = self._writable(name)
        if self._faults.fails_flash(self._model.base_name(full)):
            raise Refused(f"flash write failure on {full}")
        if full == "userdata":
            self._wipe_user_data()
        with self._flash.writer(full) as partition:
            if sparse_image.is_sparse(image):
                self._mark(full)
                sparse_image.unpack_into(image, partition)
            elif len(image) > partition.size_bytes:
                raise Refused("the image is larger than the partition")
            else:
                self._mark(full)
                partition.write(0, image)

    def erase_partition(self, name: str) -> None:
        """Erase; on userdata that destroys everything the owner has."""
        full = self._writable(name)
        if self._faults.erases("fail", self._model.base_name(full)):
            raise Refused(f"erase failure on {full}")
        if self._faults.erases("lie", self._model.base_name(full)):
            return
        self._mark(full)
        self._flash.erase(full)
        if full == "userdata":
            self._wipe_user_data()

    def set_active(self, slot: str) -> None:
        """Make a slot the next to boot."""
        self._must_be_unlocked()
        self._slots.set_active(slot)

    def set_locked(self, locked: bool) -> None:
        """Lock or unlock; either way the owner's data is destroyed, as on every real phone."""
        if locked != self.locked:
            for name in ("userdata", "metadata"):
                self._flash.erase(name)
            self._wipe_user_data()
            self.locked = locked

    def _must_be_unlocked(self) -> None:
        if self.locked:
            raise Refused("not allowed in locked state")

    def _writable(self, name: str) -> str:
        self._must_be_unlocked()
        full = self._model.full_name(name, self._slots.current or None)
        if self._flash.size_bytes(full) is None:
            raise Refused("no such partition")
        return full

    def _mark(self, full: str) -> None:
        self.flashed = True
        base = self._model.base_name(full)
        if base in self._model.slotted:
            self._slots.written(full.removeprefix(base).removeprefix("_"))

    # -- what it boots --------------------------------------------------------------------------

    def choose(self) -> tuple[str, int] | None:
        """The first bootable slot that verifies and its rollback index; None: stay in the bootloader.

        A slot that fails is marked unbootable, and the next one is tried.
        """
        while (slot := self._slots.next_to_boot()) is not None:
            self._slots.trying(slot)
            try:
                index = verify_slot(
                    lambda name, slot=slot: self._partition_file(name, slot),  # type: ignore[misc]
                    self._model.must_be_verified,
                    self._slots.rollback_index,
                )
            except NotVerified as exc:
                self.why_not_booted = exc.detail
                self._slots.failed(slot)
            else:
                self.why_not_booted = ""
                return slot, index
        return None

    def booted(self, slot: str, rollback_index: int) -> None:
        """The system came up and says so."""
        self._slots.booted(slot, rollback_index)

    def _partition_file(self, name: str, slot: str) -> Path | None:
        full = self._model.full_name(name, slot)
        return None if self._flash.size_bytes(full) is None else self._flash.path(full)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
