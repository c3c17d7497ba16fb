"""What the cable goes into. The phone only shows itself and hides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hw.virtual.fastboot_device import FastbootDevice
    from hw.virtual.usb_device import UsbDevice


class Port(Protocol):
    """A socket the cable goes into."""

    def show(self, usb: UsbDevice, fastboot: FastbootDevice | None) -> None:
        """A new device is there."""
        ...

    def hide(self) -> None:
        """Nothing is there: what was there is cut."""
        ...
