"""Flash as the agent sees it: whole blocks erased, whole erased pages programmed, and windows nothing leaves.

Knows neither what is kept in it nor the chip: a board gives the :class:`Flash`.
"""

from firmware_agent.device.errors import AgentError
from firmware_agent.wire import FLASH_BOUNDS, FLASH_FAILED

_SCRATCH_BYTES = 1024


class Flash:
    """NOR flash. ``block_bytes`` (erased at once, a power of two) is a multiple of ``page_bytes``.

    Erased bytes are 0xFF. Programming needs erased pages; what else happens is the chip's affair. A board
    overrides the three operations; they raise OSError where the chip fails.
    """

    def __init__(self, size_bytes: int, block_bytes: int, page_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.block_bytes = block_bytes
        self.page_bytes = page_bytes
        self.scratch = memoryview(bytearray(_SCRATCH_BYTES))

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        """Fill ``buffer`` from ``offset``."""
        raise NotImplementedError

    def erase(self, offset: int) -> None:
        """Erase the block that begins at ``offset``."""
        raise NotImplementedError

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        """Program whole pages from ``offset``, within one block."""
        raise NotImplementedError


class Region:
    """``size_bytes`` of a flash from ``offset``, and nothing outside: AgentError(FLASH_BOUNDS) is our own mistake.

    AgentError(FLASH_FAILED) where the chip fails, with the offset in the flash.
    """

    def __init__(self, flash: Flash, offset: int, size_bytes: int) -> None:
        if (
            offset % flash.block_bytes
            or size_bytes % flash.block_bytes
            or offset + size_bytes > flash.size_bytes
        ):
            raise AgentError(FLASH_BOUNDS, offset)
        self._flash = flash
        self.offset = offset
        self.size_bytes = size_bytes
        self.block_bytes = flash.block_bytes
        self.page_bytes = flash.page_bytes

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        """Fill ``buffer`` from ``offset``."""
        self._check(offset, len(buffer))
        try:
            self._flash.read(self.offset + offset, buffer)
        except OSError:
            raise AgentError(FLASH_FAILED, self.offset + offset)  # noqa: B904 - MicroPython chains no exceptions

    def erase(self, offset: int) -> None:
        """Erase the block that begins at ``offset``."""
        self._check(offset, self.block_bytes)
        if offset % self.block_bytes:
            raise AgentError(FLASH_BOUNDS, offset)
        try:
            self._flash.erase(self.offset + offset)
        except OSError:
            raise AgentError(FLASH_FAILED, self.offset + offset)  # noqa: B904

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        """Program whole erased pages of one block."""
        count = len(data)
        self._check(offset, count)
        if (
            offset % self.page_bytes
            or count % self.page_bytes
            or offset % self.block_bytes + count > self.block_bytes
        ):
            raise AgentError(FLASH_BOUNDS, offset)
        try:
            self._flash.program(self.offset + offset, data)
        except OSError:
            raise AgentError(FLASH_FAILED, self.offset + offset)  # noqa: B904

    def holds(self, offset: int, data: "bytes | bytearray | memoryview") -> bool:
        """Whether ``data`` is what lies at ``offset``."""
        view, at, scratch = memoryview(data), 0, self._flash.scratch
        while at < len(view):
            part = scratch[: min(len(scratch), len(view) - at)]
            self.read(offset + at, part)
            if part != view[at : at + len(part)]:
                return False
            at += len(part)
        return True

    def is_erased(self, offset: int, count: int) -> bool:
        """Whether ``count`` bytes from ``offset`` are all 0xFF."""
        scratch = self._flash.scratch
        while count:
            part = scratch[: min(len(scratch), count)]
            self.read(offset, part)
            if bytes(part).strip(b"\xff"):
                return False
            offset += len(part)
            count -= len(part)
        return True

    def put_block(self, index: int, data: "bytearray | memoryview") -> bool:
        """Make block ``index`` begin with ``data`` (whole pages); False where it did already.

        Doing it again after a cut at any point gives the same. AgentError(FLASH_FAILED) where it cannot be
        read back.
        """
        offset = index * self.block_bytes
        if self.holds(offset, data):
            return False
        self.erase(offset)
        self.program(offset, data)
        if not self.holds(offset, data):
            raise AgentError(FLASH_FAILED, self.offset + offset)
        return True

    def _check(self, offset: int, count: int) -> None:
        if offset < 0 or offset + count > self.size_bytes:
            raise AgentError(FLASH_BOUNDS, offset)


def whole_pages(count: int, page_bytes: int) -> int:
    """``count`` bytes rounded up to whole pages."""
    return (count + page_bytes - 1) // page_bytes * page_bytes
