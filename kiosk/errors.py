"""What the kiosk raises. One base, one line for people in ``detail``."""

from __future__ import annotations


class KioskError(Exception):
    """Base of the room. ``exit_code`` is what a command ends with when it comes this far."""

    exit_code = 1

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = " ".join(detail.split())


class SettingsError(KioskError):
    """The settings file cannot be used."""

    exit_code = 2


class StoreError(KioskError):
    """The station's database cannot be read or written."""


class BayTaken(KioskError):
    """Another running process serves this bay."""

    exit_code = 3


class FlowError(KioskError):
    """A rule of the flow was about to be broken: our own bug. Nothing was done."""
