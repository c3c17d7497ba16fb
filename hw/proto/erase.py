"""Fastboot with one command more: erase. Only :mod:`hw.eraser` speaks it; an update's conversation cannot.

Source: AOSP ``system/core/fastboot/README.md``, "erase:%s".
"""

from __future__ import annotations

from hw.errors import Forbidden
from hw.proto.fastboot import Host

ERASABLE = frozenset({"userdata", "metadata"})
"""The owner's data and the key over it. Nothing else is ever erased: no FRP, no calibration, no system."""


class ErasingHost(Host):
    """A conversation that may erase what is :data:`ERASABLE`."""

    def erase(self, partition: str) -> bytes:
        """The packet that erases ``partition``; :class:`Forbidden` for any other name."""
        if partition not in ERASABLE:
            raise Forbidden(f"{partition!r} is not erased by this station")
        return self._begin(f"erase:{partition}")
