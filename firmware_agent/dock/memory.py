"""What the controller knows after a restart: starts, openings of the housing, the tare, and what it has been ordered.

A ring of blocks, one page for each thing that happened; a torn page is none. It decides nothing.
"""

import struct
from binascii import crc32

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region
from firmware_agent.dock_wire import INTENT_BYTES
from firmware_agent.wire import FLASH_FAILED

BLOCKS = 8
"""Of 16 pages each: 112 are always there, enough for REMEMBERED orders between many restarts."""
REMEMBERED = 32
_MAGIC = b"PSD1"
_PAGE = "<4sIIIIi16sI"
_PAGE_BYTES = struct.calcsize(_PAGE)
_NO_INTENT = bytes(INTENT_BYTES)


class Memory:
    """``boots``, ``tampers`` and ``tampers_read`` count for ever. :attr:`is_lost`: the flash takes nothing."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._pages = region.size_bytes // region.page_bytes
        self._per_block = region.block_bytes // region.page_bytes
        self._next = 0
        self._sequence = 0
        self.boots = self.tampers = self.tampers_read = self.tare_ticks = 0
        self.intents: list[bytes] = []
        self.is_lost = False
        self._load()

    def begin(self) -> None:
        """One more start."""
        self.boots = (self.boots + 1) & 0xFFFFFFFF
        self.keep()

    def knows(self, intent: bytes) -> bool:
        """Whether an order with this intent was taken, as far back as it remembers."""
        return intent in self.intents

    def take(self, intent: bytes) -> bool:
        """Remember an order before it is begun; False: it could not be."""
        if not self.keep(intent):
            return False
        self.intents.append(intent)
        if len(self.intents) > REMEMBERED:
            self.intents.pop(0)
        return True

    def keep(self, intent: bytes = _NO_INTENT) -> bool:
        """Write down what is known now; whether the flash has taken it."""
        try:
            self._write(intent)
            self.is_lost = False
        except AgentError:
            self.is_lost = True
        return not self.is_lost

    def _write(self, intent: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        page_bytes = self._region.page_bytes
        page = bytearray(b"\xff" * page_bytes)
        counts = (self._sequence, self.boots, self.tampers, self.tampers_read, self.tare_ticks)
        struct.pack_into(_PAGE, page, 0, _MAGIC, *counts, intent, 0)
        struct.pack_into("<I", page, _PAGE_BYTES - 4, crc32(memoryview(page)[: _PAGE_BYTES - 4]))
        for _ in range(2 * self._per_block):
            at = self._next * page_bytes
            if self._next % self._per_block == 0 and not self._region.is_erased(at, self._region.block_bytes):
                self._region.erase(at)
            self._next = (self._next + 1) % self._pages
            if not self._region.is_erased(at, page_bytes):
                continue  # torn by a power cut: not programmed again before its block is erased
            self._region.program(at, page)
            if self._region.holds(at, page):
                return
        raise AgentError(FLASH_FAILED)

    def _load(self) -> None:
        """The newest page has the counts; the last intents are those of the pages before it, in order."""
        found: list[tuple[int, int]] = []
        page = bytearray(_PAGE_BYTES)
        for number in range(self._pages):
            if self._read(number, page):
                found.append((struct.unpack_from("<I", page, 4)[0], number))
        found.sort()
        for sequence, number in found:
            self._read(number, page)
            self._sequence = sequence
            self._next = (number + 1) % self._pages
            _, _, self.boots, self.tampers, self.tampers_read, self.tare_ticks, intent, _ = struct.unpack(
                _PAGE, page
            )
            if intent != _NO_INTENT:
                self.intents.append(intent)
                if len(self.intents) > REMEMBERED:
                    self.intents.pop(0)

    def _read(self, number: int, page: bytearray) -> bool:
        try:
            self._region.read(number * self._region.page_bytes, page)
        except AgentError:
            self.is_lost = True
            return False
        (check,) = struct.unpack_from("<I", page, _PAGE_BYTES - 4)
        return bytes(page[:4]) == _MAGIC and crc32(memoryview(page)[: _PAGE_BYTES - 4]) == check
