"""Records the transcripts beside this file from virtual phones: ``python -m tests.transcripts.record``.

Needed again only when the station says something else on the wire on purpose.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from hw.facts import Identity
from hw.flashing import OnBytes
from hw.phone import UsbPhone, open_phone

HERE = Path(__file__).parent
INVENTORY = HERE / "inventory.jsonl"
UPDATE = HERE / "update.jsonl"
SERIAL = "HERTRANSCRIPT"
SEED = 11
BUDGET_S = 1e9  # no clock decides what is read
MAX_DOWNLOAD_BYTES = 256 << 10


class Pattern:
    """An image whose bytes anyone can make again: noise, then zeros, then noise."""

    def __init__(self, seed: int, noise_bytes: int, zero_bytes: int = 0) -> None:
        source = random.Random(seed)
        self.data = source.randbytes(noise_bytes) + bytes(zero_bytes) + source.randbytes(noise_bytes)
        self.size_bytes = len(self.data)
        self.sha256 = hashlib.sha256(self.data).hexdigest()

    def chunks(self, size_bytes: int) -> Iterator[memoryview]:
        """In pieces."""
        for at in range(0, self.size_bytes, size_bytes):
            yield memoryview(self.data)[at : at + size_bytes]


SMALL = Pattern(1, 50_000)
LARGE = Pattern(2, 200_000, 500_000)


def ignore(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def update(phone: UsbPhone, who: Identity, on_progress: OnBytes = ignore) -> None:
    """What is recorded after identifying: a raw image, one in sparse parts, the switch, the restart."""
    phone.write("boot_b", SMALL, who, on_progress)
    phone.write("system_b", LARGE, who, on_progress)
    phone.set_active("b", who)
    phone.set_active("a", who)
    phone.reboot(who)


def main() -> None:
    """Record both."""
    from tests.conformance.rig import build_release, virtual_phone

    with tempfile.TemporaryDirectory() as folder:
        firmware = build_release(Path(folder), "heron", "1.0.0", 1)
        for path in (INVENTORY, UPDATE):
            path.unlink(missing_ok=True)
        with virtual_phone(
            Path(folder) / "phone",
            firmware,
            serial=SERIAL,
            user_seed="transcript",
            user_bytes=48 << 10,
            max_download_bytes=MAX_DOWNLOAD_BYTES,
        ) as rig:
            rig.customer.unlock()
            stop = threading.Event()
            for path, mode in ((INVENTORY, "normal"), (UPDATE, "bootloader")):
                phone = open_phone(rig.ready["usbip"], transcript=path)
                assert isinstance(phone, UsbPhone)
                if mode == "bootloader":
                    rig.customer.hold_keys()
                phone.wait_for([mode], 10, stop)  # type: ignore[list-item]
                if mode == "normal":
                    phone.recognise()
                    phone.inventory(BUDGET_S, SEED, None, ignore, stop)
                else:
                    update(phone, phone.identify())
                phone.close()


if __name__ == "__main__":
    main()
