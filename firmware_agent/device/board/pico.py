"""What every Raspberry Pi Pico here has, whatever it is for: flash behind ``rp2.Flash``, a USB serial line of its own.

It decides nothing. A dock's Pico takes this along, and nothing else of the update agent's boards.
"""

import rp2
from usb.device import get as usb_device
from usb.device.cdc import CDCInterface

from firmware_agent.device.flash import Flash

BLOCK_BYTES = 4096
PAGE_BYTES = 256
WATCHDOG_MS = 8000
"""An RP2040's watchdog counts to 8388 ms at most."""
_ERASE = 6
_COUNT = 4


def flash_blocks() -> int:
    """Of the storage area, which is what the interpreter leaves of the chip's flash."""
    return int(rp2.Flash().ioctl(_COUNT, 0) or 0)


class PicoFlash(Flash):
    """The storage area of the chip's flash. ``rp2.Flash`` reads anywhere, erases a block, programs whole pages."""

    def __init__(self) -> None:
        self._chip = rp2.Flash()
        super().__init__(flash_blocks() * BLOCK_BYTES, BLOCK_BYTES, PAGE_BYTES)

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        """Any bytes."""
        self._chip.readblocks(offset // BLOCK_BYTES, buffer, offset % BLOCK_BYTES)

    def erase(self, offset: int) -> None:
        """One block; interrupts are off meanwhile (45 ms typically, 400 ms at worst by the chip's data sheet)."""
        self._chip.ioctl(_ERASE, offset // BLOCK_BYTES)

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        """Whole erased pages: with an offset ``writeblocks`` does not erase first."""
        self._chip.writeblocks(offset // BLOCK_BYTES, data, offset % BLOCK_BYTES)


def serial_line(facts: "dict[str, object]", product: str, serial: str, receive_bytes: int) -> CDCInterface:
    """A serial interface of the firmware's own; the interpreter's console is not on the bus."""
    line = CDCInterface(timeout=0, txbuf=1024, rxbuf=receive_bytes)
    usb_device().init(
        line,
        builtin_driver=False,
        id_vendor=int(str(facts["usb_vendor"])),
        id_product=int(str(facts["usb_product"])),
        manufacturer_str="phone service station",
        product_str=product,
        serial_str=serial,
        device_class=0xEF,  # interfaces say what they are, in associations (USB ECN IAD)
        device_subclass=2,
        device_protocol=1,
    )
    return line
