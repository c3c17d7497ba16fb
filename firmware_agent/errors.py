"""What the updater's host part raises. One base, each with one line for people in ``detail``."""

from __future__ import annotations


class FirmwareError(Exception):
    """Base of the room. ``reason`` is a machine name, ``detail`` one line that says what is wrong."""

    exit_code = 3
    fault = "ours"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = " ".join(detail.split())


class PartitionRefused(FirmwareError):
    """A partition that no update may touch, or that is not a partition's name at all."""


class ReleaseRefused(FirmwareError):
    """A release directory, manifest or image that may not be used."""


class CatalogueRefused(FirmwareError):
    """Signed metadata that may not be believed, or none that still may. Nothing was downloaded for it."""


class Unreachable(FirmwareError):
    """No mirror could deliver. What had come is kept for the next attempt."""

    exit_code = 5


class Stopped(FirmwareError):
    """Whoever waited does not want it any more. What had come is kept."""

    exit_code = 5

    def __init__(self) -> None:
        super().__init__("stopped", "stopped before it was complete")


class NoRoom(FirmwareError):
    """The cache or the disk cannot hold it, and nothing may be evicted."""


class DeltaRefused(FirmwareError):
    """A difference that may not, or cannot, be applied to this base."""


class BuildFailed(FirmwareError):
    """A release could not be made from what was given."""


class ToolFailed(FirmwareError):
    """A program of the system's is missing or failed (mkfs.ext4, debugfs)."""

    exit_code = 1
