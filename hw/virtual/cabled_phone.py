"""What every virtual phone has beside its brain: one lock, a cable that hands and faults pull, and who waits for it.

It knows no mode; the phones themselves own theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from hw.virtual.cable import Cable
from hw.virtual.control import meets
from hw.virtual.faults import FaultBox
from hw.virtual.ports import Port

_REPLUG_S = 0.3


class CabledPhone:
    """Base of the phones. Everything public is thread-safe; who changes something says so on ``_changed``."""

    def __init__(self, faults: FaultBox) -> None:
        self._faults = faults
        self._changed = threading.Condition(threading.RLock())
        self._cable = Cable()
        self._usb_sessions = 0

    def connect(self, port: Port) -> None:
        """Put the cable into a port."""
        self._cable.connect(port)

    def counted_session(self) -> None:
        """A host imported the device."""
        with self._changed:
            self._usb_sessions += 1
            self._changed.notify_all()

    def status(self) -> dict[str, Any]:
        """As far as it can be seen from outside."""
        raise NotImplementedError

    def wait_for(self, conditions: Mapping[str, Any], timeout_s: float) -> bool:
        """Wait until the status :func:`~hw.virtual.control.meets` the conditions; False when it never did."""
        with self._changed:
            return self._changed.wait_for(lambda: meets(self.status(), conditions), timeout_s)

    def unplug(self) -> None:
        """Pull the cable; the phone stays powered."""
        with self._changed:
            self._cable.pull()
            self._faults.release()
            self._changed.notify_all()

    def replug(self) -> None:
        """Put the cable back: a new device on the bus."""
        with self._changed:
            self._cable.plug()
            self._changed.notify_all()

    def cut(self, replug: bool) -> None:
        """The cable comes out by itself (a fault), and may come back."""
        self.unplug()
        if replug:
            timer = threading.Timer(_REPLUG_S, self.replug)
            timer.daemon = True
            timer.start()
