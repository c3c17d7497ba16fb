"""What tests of erasing share: an order as the domain makes it, and a search for the owner's bytes in flash."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from hw.virtual import user_data
from tests.conformance.rig import Rig

_TELLING_BYTES = 48


@dataclass(frozen=True)
class Order:
    """As :class:`kiosk.counter_ports.EraseOrder`."""

    product: str
    serial: str
    partitions: tuple[str, ...] = ("userdata", "metadata")
    trade: str = "01JD0000000000000000000000"


def order_of(rig: Rig, **changes: str) -> Order:
    return Order(**{"product": rig.ready["model"], "serial": rig.ready["serial"], **changes})


def traces(rig: Rig) -> dict[str, tuple[bytes, ...]]:
    """By file of the owner's: its name and its first bytes, as they would stand in flash."""
    root = rig.state / "user"
    return {
        str(path): (str(path.relative_to(root)).encode(), path.read_bytes()[:_TELLING_BYTES])
        for path in user_data.files(root)
        if path.stat().st_size >= _TELLING_BYTES
    }


def found_in_flash(rig: Rig, wanted: dict[str, tuple[bytes, ...]]) -> set[str]:
    """The files of which anything is left in userdata or metadata."""
    held = b"".join(piece for name in ("userdata", "metadata") for piece in _written(rig, name))
    return {name for name, marks in wanted.items() if any(mark in held for mark in marks)}


def _written(rig: Rig, partition: str) -> Iterator[bytes]:
    """Every extent of the sparse file that is not a hole."""
    with rig.flash_file(partition).open("rb") as file:
        end = 0
        while True:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield os.pread(file.fileno(), end - start, start)
