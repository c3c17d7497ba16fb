"""What the cable goes into, and how a carrier listens. The phone only shows itself and hides."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Protocol

from hw.virtual.errors import BadState

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


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. :class:`BadState` when the address cannot be had."""
    try:
        return socket.create_server((host, port))
    except OSError as exc:
        raise BadState(f"cannot listen on {host}:{port}: {exc.strerror}") from exc
