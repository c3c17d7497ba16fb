"""Writes an image into a region block by block and reads one back; a block that is right already is left alone.

Knows no patch, no order and no record: bytes come from a reader, and whoever calls says what they must be.
"""

from hashlib import sha256

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region, whole_pages
from firmware_agent.wire import BAD_PATCH

try:
    from collections.abc import Callable
except ImportError:  # MicroPython reads no annotations
    pass


class BlockWriter:
    """One block of memory, and the region it goes to."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.view = memoryview(bytearray(region.block_bytes))

    def aim(self, region: Region) -> None:
        """Go on in another region of the same flash."""
        self._region = region

    def fill(self, reader, count: int) -> None:  # type: ignore[no-untyped-def]
        """The next ``count`` bytes of ``reader`` (``readinto(buffer) -> int``). AgentError(BAD_PATCH) if short."""
        done = 0
        while done < count:
            got = reader.readinto(self.view[done:count])
            if got <= 0:
                raise AgentError(BAD_PATCH, done)
            done += got

    def padded(self, count: int) -> memoryview:
        """The first ``count`` bytes, filled up with 0xFF to whole pages."""
        end = whole_pages(count, self._region.page_bytes)
        self.view[count:end] = b"\xff" * (end - count)
        return self.view[:end]

    def put(self, index: int, count: int) -> None:
        """Make block ``index`` of the region begin with the first ``count`` bytes."""
        self._region.put_block(index, self.padded(count))


def write_image(  # type: ignore[no-untyped-def]
    reader, writer: BlockWriter, size_bytes: int, on_progress: "Callable[[int], None]"
) -> None:
    """Write the image of ``size_bytes`` that ``reader`` gives. To go on after a cut, do it all again."""
    block, done, index = len(writer.view), 0, 0
    while done < size_bytes:
        count = min(block, size_bytes - done)
        writer.fill(reader, count)
        writer.put(index, count)
        index += 1
        done += count
        on_progress(done)


def image_hash(region: Region, size_bytes: int, scratch: memoryview, feed: "Callable[[], None]") -> bytes:
    """SHA-256 of the first ``size_bytes``, read from flash. ``feed`` is called for every piece."""
    digest, done = sha256(), 0
    while done < size_bytes:
        part = scratch[: min(len(scratch), size_bytes - done)]
        region.read(done, part)
        digest.update(part)
        done += len(part)
        feed()
    found: bytes = digest.digest()
    return found
