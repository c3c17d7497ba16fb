"""Reads an uncompressed HPatchLite difference and gives the new image's bytes in order, from a kilobyte of memory.

Writes nothing and knows neither flash nor compression. The format (HPatchLite's public sources, version 1;
docs/agent-patch.md): ``hI``, a codec byte (0), a byte of version and widths, the image's size; then a count of
covers, and for each its length, where it lies in the old image, how far it lies behind the last one in the new
image, the literal bytes up to it, and the bytes to add to the old ones unless its flag says they are all zero.
"""

from firmware_agent.device.add import add as add_bytes
from firmware_agent.device.errors import AgentError
from firmware_agent.wire import BAD_PATCH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Source(Protocol):
        """Where the difference comes from: an Inflater or a Packed."""

        def readinto(self, target: "bytearray | memoryview") -> int:
            """The next bytes; 0 at the end."""

    ReadOld = Callable[[int, memoryview], object]
    """Fills a buffer with the old image's bytes from an offset on."""

_BUFFER_BYTES = 1024
_LARGEST = 0x0FFFFFFF  # a number that a small integer of a 32-bit board holds, above every image
_HEADER_BYTES = 4
_VERSION = 1
_SAME = 0x80
_BACK = 0x40
_MORE = 0x20


class LiteReader:
    """The new image as a stream.

    ``source.readinto(buffer) -> int`` gives the difference's bytes (0: its end), ``read_old(offset, buffer)``
    fills ``buffer`` from the old image and is never asked for anything outside ``0..base_size``. Exactly
    ``image_size`` bytes come out. AgentError(BAD_PATCH) for anything else, from here on.
    """

    def __init__(self, source: "Source", read_old: "ReadOld", base_size: int, image_size: int) -> None:
        self._source = source
        self._read_old = read_old
        self._base_size = base_size
        self._image_size = image_size
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._at = 0  # next byte of the buffer
        self._end = 0  # bytes in the buffer
        self._produced = 0  # bytes of the image
        self._literal = 0  # left before the cover
        self._cover = 0  # left of the cover
        self._same = False  # its bytes are the old ones
        self._old = 0  # where it goes on in the old image
        self._reach = 0  # where it ends in the new image
        self._left = 0  # covers not read yet
        self._open()

    @property
    def produced(self) -> int:
        """How many bytes of the image have come out or been skipped."""
        return self._produced

    def readinto(self, target: "bytearray | memoryview") -> int:
        """Fill ``target`` with the next bytes of the image; fewer only at its end, then 0."""
        view = memoryview(target)
        wanted = min(len(view), self._image_size - self._produced)
        done = 0
        while done < wanted:
            if self._literal:
                step = min(wanted - done, self._literal)
                self._take(view[done : done + step])
                self._literal -= step
            elif self._cover:
                step = min(wanted - done, self._cover)
                part = view[done : done + step]
                self._read_old(self._old, part)
                if not self._same:
                    self._add(part)
                self._old += step
                self._cover -= step
            else:
                self._next()
                step = 0
            done += step
        self._produced += done
        return done

    def skip(self, count: int) -> None:
        """Pass over ``count`` bytes of the image without reading the old one: they are written already."""
        if count > self._image_size - self._produced:
            raise AgentError(BAD_PATCH, self._produced)
        self._produced += count
        while count:
            if self._literal:
                step = min(count, self._literal)
                self._pass(step)
                self._literal -= step
            elif self._cover:
                step = min(count, self._cover)
                if not self._same:
                    self._pass(step)
                self._old += step
                self._cover -= step
            else:
                self._next()
                step = 0
            count -= step

    def finish(self) -> None:
        """The image is whole and nothing comes after it, else AgentError(BAD_PATCH)."""
        if self._produced != self._image_size:
            raise AgentError(BAD_PATCH, self._produced)
        if self._left:  # an empty cover may close the list
            self._next()
        if self._left or self._literal or self._cover or self._at < self._end or self._fill():
            raise AgentError(BAD_PATCH, self._produced)

    def _open(self) -> None:
        header = bytearray(_HEADER_BYTES)
        self._take(memoryview(header))
        width = header[3] & 7
        # magic, no codec, version 1, an image size of at most four bytes, no compressed size
        if header[:3] != b"hI\0" or header[3] >> 3 != _VERSION << 3 or width > 4:
            raise AgentError(BAD_PATCH)
        size = 0
        for place in range(width):
            size |= self._byte() << (8 * place)
        if size != self._image_size:
            raise AgentError(BAD_PATCH)
        self._left = self._number(0)

    def _next(self) -> None:
        """Read the next cover. What it says is checked against both images before a byte of it is used."""
        if self._left == 0:
            raise AgentError(BAD_PATCH, self._produced)
        self._left -= 1
        length = self._number(0)
        tag = self._byte()
        away = tag & 31
        if tag & _MORE:
            away = self._number(away)
        old = self._old - away if tag & _BACK else self._old + away
        gap = self._number(0)
        room = self._image_size - self._reach
        if length > room - gap or old < 0 or old > self._base_size - length:
            raise AgentError(BAD_PATCH, self._produced)
        if length == 0 and self._left:
            raise AgentError(BAD_PATCH, self._produced)
        self._reach += gap + length
        self._literal = gap
        self._cover = length
        self._same = tag & _SAME != 0
        self._old = old

    def _number(self, value: int) -> int:
        """A number of seven bits a byte, the highest first; ``value`` are bits that came before."""
        for _ in range(5):
            byte = self._byte()
            if value > _LARGEST >> 7:
                break
            value = value << 7 | byte & 127
            if byte < 128:
                return value
        raise AgentError(BAD_PATCH, self._produced)

    def _byte(self) -> int:
        if self._at == self._end and not self._fill():
            raise AgentError(BAD_PATCH, self._produced)
        self._at += 1
        return self._buffer[self._at - 1]

    def _fill(self) -> bool:
        """Get more of the difference into the empty buffer. False at its end."""
        self._at = 0
        self._end = self._source.readinto(self._view)
        return self._end > 0

    def _take(self, target: memoryview) -> None:
        """Literal bytes: those in the buffer, the rest straight from the source."""
        size = len(target)
        done = min(size, self._end - self._at)
        target[:done] = self._view[self._at : self._at + done]
        self._at += done
        while done < size:
            got = self._source.readinto(target[done:])
            if got == 0:
                raise AgentError(BAD_PATCH, self._produced)
            done += got

    def _add(self, target: memoryview) -> None:
        size = len(target)
        done = 0
        while done < size:
            if self._at == self._end and not self._fill():
                raise AgentError(BAD_PATCH, self._produced)
            step = min(size - done, self._end - self._at)
            add_bytes(target[done:], self._view, self._at, step)
            self._at += step
            done += step

    def _pass(self, count: int) -> None:
        while count:
            if self._at == self._end and not self._fill():
                raise AgentError(BAD_PATCH, self._produced)
            step = min(count, self._end - self._at)
            self._at += step
            count -= step
