"""The one time an owner's part of the flash is formatted: only when all of it is erased, or when power went in that.

Knows no file system and formats nothing itself. A mark in the last block says that formatting has begun; it is erased
before anybody may write a file, so that no owner's data is ever behind it.
"""

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region
from firmware_agent.wire import USER_DATA

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = b"the owner's part is being formatted for the first time"
_HEAD_BLOCKS = 2
"""What formatting writes: littlefs keeps its root in the first two blocks."""


class FirstFormat:
    """The owner's ``region``, of four blocks or more. ``feed`` is called for every block that is looked at."""

    def __init__(self, region: Region, feed: "Callable[[], None] | None" = None) -> None:
        self._region = region
        self._feed = feed
        self._blocks = region.size_bytes // region.block_bytes
        self._at = (self._blocks - 1) * region.block_bytes

    def begin(self) -> None:
        """To be called before formatting. AgentError(USER_DATA) where there may be an owner's data: hands off."""
        is_marked = self.is_marked()
        if not self._is_erased(_HEAD_BLOCKS, self._blocks - 1):
            raise AgentError(USER_DATA)
        if is_marked:
            return
        if not self._is_erased(0, _HEAD_BLOCKS) or not self._is_blank_or_torn():
            raise AgentError(USER_DATA)
        page = bytearray(b"\xff" * self._region.page_bytes)
        page[: len(_MARK)] = _MARK
        self._region.put_block(self._blocks - 1, page)

    def end(self) -> None:
        """To be called when it is mounted and nobody has written to it yet."""
        if self.is_marked():
            self._region.erase(self._at)

    def is_marked(self) -> bool:
        """Whether formatting has begun and not ended, or the mark was left behind by a cut at the end."""
        size = self._region.page_bytes
        rest = self._region.is_erased(self._at + size, self._region.block_bytes - size)
        return rest and self._region.holds(self._at, _MARK + b"\xff" * (size - len(_MARK)))

    def _is_blank_or_torn(self) -> bool:
        """Whether the last block is erased but for the beginning of the mark."""
        page = bytearray(self._region.page_bytes)
        self._region.read(self._at, page)
        written = bytes(page).rstrip(b"\xff")
        size = self._region.page_bytes
        rest = self._region.is_erased(self._at + size, self._region.block_bytes - size)
        return rest and _MARK.startswith(written)

    def _is_erased(self, first: int, end: int) -> bool:
        block = self._region.block_bytes
        for index in range(first, end):
            if not self._region.is_erased(index * block, block):
                return False
            if self._feed is not None:
                self._feed()
        return True
