"""The whole phone: power, boot, modes, screen lock and cable. It owns the mode; ports only show it.

Threads: one for power (boots take time), the ports' own for the wires. Whoever changes the mode says so on
one condition, so that nobody has to poll.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from hw.virtual import user_data
from hw.virtual.bootloader import Bootloader
from hw.virtual.cabled_phone import CabledPhone
from hw.virtual.errors import Refused
from hw.virtual.fastboot_device import FastbootDevice
from hw.virtual.faults import FaultBox
from hw.virtual.flash import Flash
from hw.virtual.models import Model
from hw.virtual.mtp_device import About, MtpDevice
from hw.virtual.owner import Owner
from hw.virtual.state import Nameplate, StateDir
from hw.virtual.usb_device import UsbDevice
from hw.virtual.usb_functions import bootloader_device, normal_device

PhoneMode = Literal["off", "booting", "normal", "bootloader", "recovery"]
_LINGER_S = 0.02  # the last answer reaches the host before the phone leaves the bus


class VirtualPhone(CabledPhone):
    """One phone on one cable. Everything public is thread-safe."""

    def __init__(
        self,
        *,
        model: Model,
        state: StateDir,
        plate: Nameplate,
        flash: Flash,
        bootloader: Bootloader,
        owner: Owner,
        faults: FaultBox,
        boot_s: float,
        max_download_bytes: int,
    ) -> None:
        super().__init__(faults)
        self._model, self._state, self._plate = model, state, plate
        self._flash, self._bootloader = flash, bootloader
        self._owner = owner
        self._boot_s, self._max_download_bytes = boot_s, max_download_bytes
        self._mode: PhoneMode = "off"
        self._unlocked = False
        self._slot: str | None = None
        self._version: str | None = None
        self._mtp: MtpDevice | None = None
        self._power_requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._power_thread = threading.Thread(target=self._power, name="phone-power", daemon=True)
        self._download_bytes = 0
        flash.on_write = self._noted

    # -- life of the simulator ------------------------------------------------------------------

    def start(self, mode: Literal["normal", "bootloader"]) -> None:
        """Switch on; ready when :meth:`wait_for` says so."""
        self._power_thread.start()
        self._power_requests.put("bootloader" if mode == "bootloader" else "system")

    def stop(self) -> None:
        """Switch off for good and keep the state."""
        self._switch_off()
        self._power_requests.put(None)
        self._power_thread.join()
        self._save()

    def _data_came(self, size_bytes: int) -> None:
        self._download_bytes += size_bytes
        self._noted()

    def _noted(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # -- the customer's hands (hw.virtual.control.Hands) ----------------------------------------

    def status(self) -> dict[str, Any]:
        """Everything a test or a person may want to know of the phone."""
        with self._changed:
            return {
                "mode": self._mode,
                "plugged": self._cable.plugged,
                "unlocked": self._unlocked,
                "slot": self._slot,
                "version": self._version,
                "battery_percent": self._bootloader.battery_percent,
                "boots": self._plate.boots,
                "writes": self._flash.writes,
                "bootloader_entries": self._plate.bootloader_entries,
                "user_objects": user_data.count(self._state.user),
                "usb_sessions": self._usb_sessions,
                "download_bytes": self._download_bytes,
                "locked_bootloader": self._bootloader.locked,
                "imei": self._plate.imei,  # as dialling *#06# shows it
                **self._owner.status(),
                "why_not_booted": self._bootloader.why_not_booted,
                "faults": self._faults.specs(),
            }

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until the phone is neither off nor booting."""
        with self._changed:
            return self._changed.wait_for(lambda: self._mode not in ("off", "booting"), timeout_s)

    def act(self, action: str, argument: Mapping[str, Any]) -> None:
        """One thing a hand can do; :class:`Refused` where it makes no sense now."""
        actions: dict[str, Callable[[], None]] = {
            "hold_keys": lambda: self._power_cycle("bootloader"),
            "restart": lambda: self._power_cycle("system"),
            "unlock": lambda: self._set_unlocked(True),
            "lock": lambda: self._set_unlocked(False),
            "unplug": self.unplug,
            "replug": self.replug,
            "battery": lambda: self._bootloader.set_battery(argument.get("percent")),
            "fault": lambda: self._faults.order(str(argument.get("spec"))),
            **self._owner.actions(argument, self._screen, lambda do: self._power_cycle("system", do)),
        }
        if action not in actions:
            raise Refused(f"a customer cannot do that; there are: {', '.join(sorted(actions))}, status, wait")
        actions[action]()
        self._noted()

    def _set_unlocked(self, unlocked: bool) -> None:
        with self._changed:
            if self._mtp is None:
                raise Refused(f"the screen cannot be reached: the phone is {self._mode}")
            self._unlocked = unlocked
            self._mtp.set_unlocked(unlocked)
            self._changed.notify_all()

    def _screen(self) -> None:
        """Whatever is done on the screen: the phone must be on, and unlocked where it has a lock."""
        if self._mtp is None or not (self._unlocked or self._plate.wizard):
            raise Refused(
                f"the screen cannot be used: the phone is {self._mode}, and locked unless it is new"
            )

    # -- power ----------------------------------------------------------------------------------

    def _power_cycle(self, target: str, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._switch_off()
        meanwhile()
        self._power_requests.put(target)

    def power_lost(self) -> None:
        """The power is gone at once; the phone stays off until somebody switches it on."""
        with self._changed:
            self._leave("off")

    def _switch_off(self) -> None:
        with self._changed:
            self._leave("off")
        self._flash.power_off()

    def reboot(self, target: str) -> None:
        """The host told the bootloader to reboot: ``system`` or ``bootloader``."""
        time.sleep(_LINGER_S)
        with self._changed:
            self._leave("booting")
        self._power_requests.put(target)

    def _leave(self, mode: PhoneMode) -> None:
        self._cable.carry_nothing()
        self._mtp = None
        self._unlocked = False
        self._mode = mode
        self._faults.release()
        self._changed.notify_all()

    def _power(self) -> None:
        while (target := self._power_requests.get()) is not None:
            with self._changed:
                self._leave("booting")
                self._changed.wait_for(lambda: not self._power_requests.empty(), self._boot_s)
            if self._power_requests.empty():
                self._boot(target)

    def _boot(self, target: str) -> None:
        chosen = self._bootloader.choose() if target == "system" else None
        if chosen is not None and self._power_requests.empty():
            self._boot_system(*chosen)
        elif self._power_requests.empty():
            self._enter_bootloader()
        self._save()

    def _boot_system(self, slot: str, rollback_index: int) -> None:
        strike = self._faults.user_data() if self._plate.flashed or self._bootloader.flashed else None
        if strike is not None:
            user_data.strike(self._state.user, strike, seed=self._plate.boots)
        self._owner.mount()
        self._bootloader.booted(slot, rollback_index)
        version = self._bootloader.installed_version()
        about = About(self._model.manufacturer, self._model.mtp_model, self._plate.mtp_id or self._plate.mtp_serial,
                      self._model.mtp_property_lists, self._model.setup_property)  # fmt: skip
        with self._changed:
            if not self._power_requests.empty():
                return  # switched off meanwhile
            self._bootloader.flashed = self._plate.flashed = False
            self._plate.boots += 1
            self._slot, self._version = slot or None, version
            self._mtp = MtpDevice(about, self._state.user, lambda: self._bootloader.battery_percent,
                                  seed=self._plate.boots, wizard=lambda: self._plate.wizard)  # fmt: skip
            if self._plate.wizard and self._model.setup_property:
                self._mtp.set_unlocked(True)  # a new phone has no lock, and this model lets it be read
            self._arrive(
                "normal", normal_device(self._model, self._plate.mtp_serial, self._mtp, self._faults)
            )

    def _enter_bootloader(self) -> None:
        fastboot = FastbootDevice(
            bootloader=self._bootloader,
            faults=self._faults,
            on_reboot=self.reboot,
            on_cut=self.cut,
            on_data=self._data_came,
            max_download_bytes=self._max_download_bytes,
        )
        version = self._bootloader.installed_version()
        with self._changed:
            if not self._power_requests.empty():
                return
            self._plate.bootloader_entries += 1
            self._slot, self._version = self._bootloader.current_slot(), version
            self._arrive("bootloader", bootloader_device(self._model, self._plate.serial, fastboot), fastboot)

    def _arrive(self, mode: PhoneMode, device: UsbDevice, fastboot: FastbootDevice | None = None) -> None:
        self._mode = mode
        self._cable.carry(device, fastboot)
        self._changed.notify_all()

    def _save(self) -> None:
        with self._changed:
            self._plate.locked = self._bootloader.locked
            self._plate.battery_percent = self._bootloader.battery_percent
            self._plate.flashed = self._plate.flashed or self._bootloader.flashed
            self._plate.writes = self._flash.writes
            self._state.save(self._plate)
