"""What else may sit in a bay: a phone that only charges, a keyboard. For tests of what must be refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from hw.virtual.control import meets
from hw.virtual.errors import BadState, Refused
from hw.virtual.ports import Port
from hw.virtual.usb_device import UsbDevice
from hw.virtual.usb_functions import charging_device, keyboard_device

KINDS: dict[str, Callable[[], UsbDevice]] = {"charger": charging_device, "hid": keyboard_device}
"""The names ``station phone --model`` takes besides the phones'."""


class OtherDevice:
    """A device that can be plugged and unplugged, and nothing else (:class:`hw.virtual.control.Hands`)."""

    def __init__(self, kind: str) -> None:
        if kind not in KINDS:
            raise BadState(f"no device is called {kind!r}")
        self._kind = kind
        self._device = KINDS[kind]()
        self._ports: list[Port] = []
        self._plugged = True
        self._changed = threading.Condition()

    @property
    def serial(self) -> str:
        """Its USB serial number."""
        return self._device.parts.serial

    def connect(self, port: Port) -> None:
        """Put the cable into a port."""
        self._ports.append(port)
        port.show(self._device, None)

    def status(self) -> dict[str, Any]:
        """As far as it has one."""
        return {"mode": {"charger": "charging", "hid": "foreign"}[self._kind], "plugged": self._plugged}

    def wait_for(self, conditions: Mapping[str, Any], timeout_s: float) -> bool:
        """As for a phone."""
        with self._changed:
            return self._changed.wait_for(lambda: meets(self.status(), conditions), timeout_s)

    def act(self, action: str, argument: Mapping[str, Any]) -> None:
        """Plug and unplug."""
        del argument
        if action not in ("unplug", "replug"):
            raise Refused("this is no phone: it can only be unplugged and replugged")
        with self._changed:
            self._plugged = action == "replug"
            for port in self._ports:
                if self._plugged:
                    port.show(self._device, None)
                else:
                    port.hide()
            self._changed.notify_all()
