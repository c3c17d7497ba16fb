"""Puts a virtual phone together from its options, serves it on loopback, and says where it is reached.

It parses no command line; ``station phone`` does.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from hw.virtual import faults as fault_values
from hw.virtual import user_data
from hw.virtual.bootloader import Bootloader
from hw.virtual.control import ControlServer
from hw.virtual.errors import BadState
from hw.virtual.factory import install
from hw.virtual.faults import FaultBox
from hw.virtual.flash import Flash
from hw.virtual.models import Model, model
from hw.virtual.other_devices import KINDS, OtherDevice
from hw.virtual.owner import Owner
from hw.virtual.phone import VirtualPhone
from hw.virtual.slots import SlotTable
from hw.virtual.state import Nameplate, StateDir
from hw.virtual.tcp_server import FastbootTcpServer
from hw.virtual.usbip_server import UsbIpServer

_READY_S = 60.0
LOOPBACK = ("127.0.0.1", 0)
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Options:
    """How a virtual phone is to be. ``firmware`` makes the release directory a new phone is born with."""

    model: str
    state: Path
    firmware: Callable[[Model], Path]
    serial: str | None = None
    imei: str | None = None
    mode: Literal["normal", "bootloader"] = "normal"
    usbip: Address = LOOPBACK
    fastboot_tcp: Address | None = None
    faults: tuple[str, ...] = ()
    user_seed: str | None = None
    user_bytes: int = user_data.DEFAULT_SIZE_BYTES
    locked: bool = False
    battery_percent: int | None = None
    boot_s: float = 0.3
    max_download_bytes: int | None = None


class ServedPhone:
    """A virtual phone with its ports, as a context. ``ready`` is what the ready line says."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = model(options.model)
        self._state = StateDir(options.state)
        try:
            self._build(options)
        except BaseException:
            self._state.close()
            raise

    def _build(self, options: Options) -> None:
        wanted = [fault_values.parse(spec) for spec in options.faults]
        faults = FaultBox()
        self.plate = self._nameplate(options)
        flash, bootloader = self._firmware(options, faults)
        for fault in wanted:
            faults.arm(fault)  # only now: none of them is to strike in the factory
        self.phone = VirtualPhone(
            model=self._model,
            state=self._state,
            plate=self.plate,
            flash=flash,
            bootloader=bootloader,
            owner=self.owner,
            faults=faults,
            boot_s=options.boot_s,
            max_download_bytes=options.max_download_bytes or self._model.max_download_bytes,
        )
        self.usbip = UsbIpServer(*options.usbip, on_import=self.phone.counted_session)
        self.phone.connect(self.usbip)
        self.tcp = None if options.fastboot_tcp is None else FastbootTcpServer(*options.fastboot_tcp)
        if self.tcp is not None:
            self.phone.connect(self.tcp)
        self.control = ControlServer(self.phone)

    def _firmware(self, options: Options, faults: FaultBox) -> tuple[Flash, Bootloader]:
        """Flash and bootloader; a new phone gets its release and the factory's own test boot."""
        chosen, plate = self._model, self.plate
        flash = Flash(self._state.flash, chosen.partitions(), faults, chosen.base_name, self._power_lost)
        self.owner = Owner(plate, self._state.user, flash)
        slots = SlotTable(self._state.slots, chosen.slots)
        bootloader = Bootloader(
            model=chosen,
            serial=plate.serial,
            imei=plate.imei,
            flash=flash,
            slots=slots,
            faults=faults,
            wipe_user_data=self.owner.forget,
        )
        if self._state.is_new:
            install(options.firmware(chosen), chosen, flash, slots)
            if (booted := bootloader.choose()) is not None:
                bootloader.booted(*booted)
        if not plate.laid_out:
            self.owner.lay_out()
        self._state.save(plate)
        flash.writes = plate.writes
        bootloader.locked, bootloader.battery_percent = plate.locked, plate.battery_percent
        return flash, bootloader

    def _power_lost(self) -> None:
        self.phone.power_lost()

    def _nameplate(self, options: Options) -> Nameplate:
        if self._state.is_new:
            plate = self._state.make(
                self._model, options.serial, options.user_seed, options.user_bytes, options.imei
            )
        else:
            plate = self._state.load()
            if plate.model != self._model.name:
                raise BadState(f"{options.state} holds a {plate.model}, not a {self._model.name}")
            if options.serial not in (None, plate.serial):
                raise BadState(f"{options.state} holds {plate.serial}, not {options.serial}")
        plate.locked = plate.locked or options.locked
        if options.battery_percent is not None:
            plate.battery_percent = options.battery_percent
        return plate

    def __enter__(self) -> Self:
        self.usbip.start()
        if self.tcp is not None:
            self.tcp.start()
        self.control.start()
        self.phone.start(self._options.mode)
        if not self.phone.wait_settled(_READY_S):
            raise BadState("the virtual phone did not come up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.phone.stop()
        self.control.stop()
        self.usbip.stop()
        if self.tcp is not None:
            self.tcp.stop()
        self._state.close()

    @property
    def ready(self) -> dict[str, Any]:
        """Where everything is reached."""
        return {
            "model": self._model.name,
            "serial": self.plate.serial,
            "mtp_serial": self.plate.mtp_serial,
            "mode": self.phone.status()["mode"],
            "usbip": self.usbip.where,
            "fastboot_tcp": None if self.tcp is None else self.tcp.where,
            "control": self.control.address,
            "state": str(self._options.state),
            "pid": os.getpid(),
        }


class ServedOther:
    """A device that is no phone, on the same kind of port."""

    def __init__(self, kind: str, usbip: Address = LOOPBACK) -> None:
        self._kind = kind
        self._device = OtherDevice(kind)
        self._usbip = UsbIpServer(*usbip, on_import=lambda: None)
        self._control = ControlServer(self._device)

    def __enter__(self) -> Self:
        self._device.connect(self._usbip)
        self._usbip.start()
        self._control.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.stop()
        self._usbip.stop()

    @property
    def ready(self) -> dict[str, Any]:
        """Where it is reached; what only a phone has is null."""
        return {
            "model": self._kind, "serial": self._device.serial, "mtp_serial": None,
            "mode": self._device.status()["mode"], "usbip": self._usbip.where, "fastboot_tcp": None,
            "control": self._control.address, "state": None, "pid": os.getpid(),
        }  # fmt: skip


def is_phone(name: str) -> bool:
    """Whether ``name`` is a phone's, rather than another device's."""
    return name not in KINDS


class Interruption:
    """SIGINT and SIGTERM from now on end :meth:`wait`, and nothing else. Main thread only."""

    def __init__(self) -> None:
        # The interpreter writes the byte; a handler that set an Event could meet the lock that the wait holds.
        self._asleep, self._waker = socket.socketpair()
        self._waker.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)

    def wait(self) -> None:
        """Until one of them has come."""
        self._asleep.recv(1)
