"""The cable between a phone and its ports: what is at its end, and whether it is plugged in. No lock of its own."""

from __future__ import annotations

from hw.virtual.fastboot_device import FastbootDevice
from hw.virtual.ports import Port
from hw.virtual.usb_device import UsbDevice


class Cable:
    """Shows the phone's device to every port while plugged in. The phone holds its lock around each call."""

    def __init__(self) -> None:
        self._ports: list[Port] = []
        self._device: UsbDevice | None = None
        self._fastboot: FastbootDevice | None = None
        self.plugged = True

    def connect(self, port: Port) -> None:
        """Put it into a port."""
        self._ports.append(port)

    def carry(self, device: UsbDevice, fastboot: FastbootDevice | None = None) -> None:
        """The phone has become this device."""
        self._device, self._fastboot = device, fastboot
        if self.plugged:
            self._show()

    def carry_nothing(self) -> None:
        """The phone has left the bus."""
        self._hide()
        self._device = self._fastboot = None

    def pull(self) -> None:
        """Out."""
        self.plugged = False
        self._hide()

    def plug(self) -> None:
        """In: a new device on the bus."""
        if not self.plugged:
            self.plugged = True
            self._show()

    def _show(self) -> None:
        if self._device is not None:
            for port in self._ports:
                port.show(self._device, self._fastboot)

    def _hide(self) -> None:
        for port in self._ports:
            port.hide()
