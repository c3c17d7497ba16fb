"""The frames between a station and the update agent on a device; one source for CPython and MicroPython.

Bytes in, frames out, nothing else: no port, no time, no meaning. docs/agent-protocol.md has every field.
Imports nothing of ours, and stays inside MicroPython's subset.
"""

import struct
from binascii import crc32

VERSION = 1
"""The newest protocol version this code speaks; :data:`HELLO` itself never changes."""
OLDEST_VERSION = 1

MAGIC = b"\xa5\x5a"
HEADER_BYTES = 10
TRAILER_BYTES = 4
MAX_PAYLOAD_BYTES = 4352
"""A block of 4 KiB with its offset, or an order with the longest signature."""
MAX_FRAME_BYTES = 4366
MIN_PAYLOAD_BYTES = 512
"""Neither end may ask for less."""

# -- kinds: station to device; HELLO's number and the first two bytes of its payload are the same for ever
HELLO = 0x01
ORDER = 0x10
DATA = 0x11
COMMIT = 0x12
ABORT = 0x13
REBOOT = 0x14
USER_FILES = 0x15
STATUS = 0x16
# -- device to station: the answer's kind is the question's with the high bit
IS_ANSWER = 0x80
WELCOME = 0x81
ORDERED = 0x90
TAKEN = 0x91
WORKING = 0x92  # as often as it likes while it commits; the last one has done == total
ABORTED = 0x93
REBOOTING = 0x94
USER_PAGE = 0x95
STATE = 0x96
REFUSED = 0xFF

# -- codes a device refuses with; a station turns each into one line
OK = 0
GARBAGE = 1  # bytes that are no frame
BAD_HEADER = 2
BAD_CRC = 3
OVERSIZE = 4
DUPLICATE = 5  # a frame that was answered already
OUT_OF_ORDER = 6  # detail: the sequence that was expected
UNKNOWN_KIND = 7
BAD_PAYLOAD = 8
NO_HELLO = 9
NO_VERSION = 10
NO_ORDER = 11  # data or a commit without an order
BAD_ORDER = 16  # an order that cannot be read
BAD_SIGNATURE = 17
WRONG_MODEL = 18
ROLLBACK = 19  # detail: the device's rollback index
WRONG_BASE = 20
WRONG_METHOD = 21  # in place on a device with slots, other block size, a window too large
TOO_LARGE = 22  # image or patch; detail: the limit in bytes
BATTERY_LOW = 23  # detail: the percentage that is needed
NOT_CONFIRMED = 24  # the running image is still on trial: its way back must not be overwritten
WRONG_OFFSET = 32  # detail: the offset that was expected
TOO_MUCH = 33  # more bytes than the order's patch has
INCOMPLETE = 34  # a commit before the last byte; detail: bytes that are there
PATCH_HASH = 35  # the patch is not the one that was signed for
BAD_PATCH = 36  # the patch cannot be decoded
IMAGE_HASH = 37  # the rebuilt image is not the one that was signed for
FLASH_FAILED = 48
FLASH_BOUNDS = 49  # our own mistake: a write outside the agent's regions
USER_DATA = 50  # the owner's file system cannot be read
SELF_TEST = 51
BUSY = 52
INTERNAL = 63


class WireError(Exception):
    """Bytes or a payload that break the protocol. ``code`` is one of the codes above."""

    def __init__(self, code: int, detail: int = 0) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


def frame(kind: int, sequence: int, payload: "bytes | bytearray | memoryview" = b"") -> bytes:
    """One frame's bytes. ``sequence`` is taken modulo 65536. WireError(OVERSIZE) beyond the limit."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError(OVERSIZE, len(payload))
    out = bytearray(HEADER_BYTES + len(payload) + TRAILER_BYTES)
    out[0:2] = MAGIC
    struct.pack_into("<BBHH", out, 2, kind, 0, sequence & 0xFFFF, len(payload))
    view = memoryview(out)
    struct.pack_into("<H", out, 8, crc32(view[:8]) & 0xFFFF)
    out[HEADER_BYTES : HEADER_BYTES + len(payload)] = payload
    struct.pack_into("<I", out, HEADER_BYTES + len(payload), crc32(view[: HEADER_BYTES + len(payload)]))
    return bytes(out)


class Frame:
    """One whole frame. ``payload`` is a copy and stays valid."""

    def __init__(self, kind: int, sequence: int, payload: bytes) -> None:
        self.kind = kind
        self.sequence = sequence
        self.payload = payload


class Deframer:
    """Takes a byte stream apart. Holds at most one frame; finds the next magic after anything that is none.

    ``feed`` takes what came; ``next`` gives a frame, None where more bytes are needed, or raises WireError
    (GARBAGE, BAD_HEADER, OVERSIZE, BAD_CRC) once for each thing that was wrong, after which it goes on.
    """

    def __init__(self, max_payload: int = MAX_PAYLOAD_BYTES) -> None:
        self._max_payload = max_payload
        self._buffer = bytearray(HEADER_BYTES + max_payload + TRAILER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._lost = False  # inside a run of bytes that are no frame

    @property
    def room(self) -> int:
        """How many bytes :meth:`feed` takes now; above zero whenever :meth:`next` gave None."""
        return len(self._buffer) - self._filled

    def feed(self, data: "bytes | bytearray | memoryview") -> int:
        """Take as much of ``data`` as there is room for; the count."""
        count = min(len(data), self.room)
        if count:
            self._view[self._filled : self._filled + count] = data[:count]
            self._filled += count
        return count

    def next(self) -> "Frame | None":
        """The next whole frame; None: feed more."""
        if not self._header():
            return None
        kind, _flags, sequence, length = struct.unpack_from("<BBHH", self._buffer, 2)
        if length > self._max_payload:
            self._pass(2)
            raise WireError(OVERSIZE, length)
        whole = HEADER_BYTES + length + TRAILER_BYTES
        if self._filled < whole:
            return None
        (crc,) = struct.unpack_from("<I", self._buffer, whole - TRAILER_BYTES)
        if crc32(self._view[: whole - TRAILER_BYTES]) != crc:
            self._pass(2)
            raise WireError(BAD_CRC, sequence)
        got = Frame(kind, sequence, bytes(self._view[HEADER_BYTES : HEADER_BYTES + length]))
        self._drop(whole)
        self._lost = False
        return got

    def _header(self) -> bool:
        """Move to the next sound header. WireError where the bytes passed over are the first of their run."""
        while True:
            if self._seek():
                raise WireError(GARBAGE)
            if self._filled < HEADER_BYTES:
                return False
            (check,) = struct.unpack_from("<H", self._buffer, 8)
            if crc32(self._view[:8]) & 0xFFFF == check:
                return True
            # Noise can hold a magic in every second byte; one run of it is one refusal.
            first = not self._lost
            self._pass(2)
            if first:
                raise WireError(BAD_HEADER)

    def clear(self) -> None:
        """Forget what is held: the other end has gone."""
        self._filled = 0
        self._lost = False

    def _seek(self) -> bool:
        """Move to the next magic. True where bytes had to be passed over for the first time in this run."""
        if self._filled == 0 or (
            self._buffer[0] == MAGIC[0] and (self._filled < 2 or self._buffer[1] == MAGIC[1])
        ):
            return False
        at = self._buffer.find(MAGIC, 0, self._filled)
        if at < 0:
            at = self._filled - (1 if self._buffer[self._filled - 1] == MAGIC[0] else 0)
        self._drop(at)
        first, self._lost = not self._lost, True
        return first

    def _pass(self, count: int) -> None:
        """Pass over a header that is not one; what follows belongs to the same run."""
        self._drop(count)
        self._lost = True

    def _drop(self, count: int) -> None:
        left = self._filled - count
        self._view[:left] = self._view[count : self._filled]
        self._filled = left


# -- payloads: each a pack and an unpack; unpack raises WireError(BAD_PAYLOAD)


def pack_hello(oldest: int, newest: int, max_payload: int) -> bytes:
    """``oldest`` and ``newest`` protocol version of the station, the largest payload it takes."""
    return struct.pack("<BBH", oldest, newest, max_payload)


def unpack_hello(payload: bytes) -> "tuple[int, int, int]":
    """(oldest, newest, max_payload); later versions may append."""
    if len(payload) < 4:
        raise WireError(BAD_PAYLOAD)
    oldest, newest, max_payload = struct.unpack_from("<BBH", payload, 0)
    return oldest, newest, max_payload


# -- methods of an update, and how a device takes them (bits of Welcome.methods)
WHOLE = 0
SLOT_DELTA = 1
IN_PLACE_DELTA = 2
METHOD_NAMES = ("whole", "slot_delta", "in_place_delta")

# -- what a device is doing
IDLE = 0
RECEIVING = 1  # an order is accepted, its patch is not whole yet
READY = 2  # the patch is whole: commit
INSTALLED = 3  # the new image is written; reboot
ON_TRIAL = 4  # the new image runs and has not confirmed itself
FELL_BACK = 5  # the new image did not confirm itself; the old one runs
UNFIT = 6  # the self-test failed and there is no way back: staff

UNKNOWN_BATTERY = 255

_WELCOME = "<BBHIIIBBBBBBBBIIIIH32s32s"
_WELCOME_BYTES = struct.calcsize(_WELCOME)


class Welcome:
    """What a device says of itself; every later decision rests on it. Sizes in bytes.

    ``methods`` has bit 1 << method for each method it takes. ``order_id`` is the SHA-256 of the order it
    is receiving, zeros for none; ``durable`` the bytes of its patch that survive a power cut.
    ``battery`` is a percentage or UNKNOWN_BATTERY, ``health`` bits of the constants below.
    """

    def __init__(self) -> None:
        self.version = VERSION
        self.state = IDLE
        self.max_payload = MAX_PAYLOAD_BYTES
        self.window = 8192
        self.max_image = 0
        self.max_patch = 0
        self.methods = 0
        self.block_log2 = 12
        self.group_blocks = 0
        self.window_log2 = 15
        self.battery = UNKNOWN_BATTERY
        self.health = 0
        self.last_code = OK
        self.slot = 0
        self.rollback_index = 0
        self.image_size = 0
        self.durable = 0
        self.boots = 0
        self.agent_version = 0
        self.image_sha256 = bytes(32)
        self.order_id = bytes(32)
        self.model = ""
        self.variant = ""
        self.serial = ""
        self.image_version = ""


# -- bits of Welcome.health: what is wrong
HEALTH_IMAGE = 1  # the running image is not what its record says
HEALTH_USER_DATA = 2  # the owner's file system cannot be mounted
HEALTH_BATTERY = 4  # too low to be written
HEALTH_SELF_TEST = 8  # the image's own test failed


def pack_welcome(w: Welcome) -> bytes:
    """The bytes of a :class:`Welcome`."""
    fixed = struct.pack(
        _WELCOME,
        *(w.version, w.state, w.max_payload, w.window, w.max_image, w.max_patch),
        *(w.methods, w.block_log2, w.group_blocks, w.window_log2, w.battery, w.health, w.last_code, w.slot),
        *(w.rollback_index, w.image_size, w.durable, w.boots, w.agent_version),
        *(w.image_sha256, w.order_id),
    )
    return fixed + b"".join([pack_text(text) for text in (w.model, w.variant, w.serial, w.image_version)])


def unpack_welcome(payload: bytes) -> Welcome:
    """A :class:`Welcome`; later versions may append. Limits nobody could work with are a bad payload."""
    if len(payload) < _WELCOME_BYTES:
        raise WireError(BAD_PAYLOAD)
    w = Welcome()
    (
        w.version,
        w.state,
        w.max_payload,
        w.window,
        w.max_image,
        w.max_patch,
        w.methods,
        w.block_log2,
        w.group_blocks,
        w.window_log2,
        w.battery,
        w.health,
        w.last_code,
        w.slot,
        w.rollback_index,
        w.image_size,
        w.durable,
        w.boots,
        w.agent_version,
        w.image_sha256,
        w.order_id,
    ) = struct.unpack_from(_WELCOME, payload, 0)
    at = _WELCOME_BYTES
    w.model, at = unpack_text(payload, at)
    w.variant, at = unpack_text(payload, at)
    w.serial, at = unpack_text(payload, at)
    w.image_version, at = unpack_text(payload, at)
    if w.window == 0 or w.max_payload < MIN_PAYLOAD_BYTES or w.block_log2 > 16 or w.window_log2 > 15:
        raise WireError(BAD_PAYLOAD)
    for letter in w.model + w.variant + w.serial + w.image_version:
        if letter < " " or letter == "\x7f":
            raise WireError(BAD_PAYLOAD)
    return w


def pack_text(text: str) -> bytes:
    """A length byte and UTF-8, at most 255 bytes of it."""
    try:
        raw = text.encode("utf-8")
    except UnicodeError:
        raise WireError(BAD_PAYLOAD)  # noqa: B904 - MicroPython chains no exceptions
    if len(raw) > 255:
        raise WireError(BAD_PAYLOAD)
    return bytes([len(raw)]) + raw


def unpack_text(payload: bytes, at: int) -> "tuple[str, int]":
    """The text at ``at`` and the place after it."""
    if at >= len(payload) or at + 1 + payload[at] > len(payload):
        raise WireError(BAD_PAYLOAD)
    end = at + 1 + payload[at]
    try:
        return str(payload[at + 1 : end], "utf-8"), end
    except UnicodeError:
        raise WireError(BAD_PAYLOAD)  # noqa: B904 - MicroPython chains no exceptions


def pack_data(offset: int, data: "bytes | memoryview") -> bytes:
    """DATA: where in the patch, and the bytes."""
    return struct.pack("<I", offset) + bytes(data)


def unpack_data(payload: bytes) -> "tuple[int, memoryview]":
    """(offset, bytes)."""
    if len(payload) < 5:
        raise WireError(BAD_PAYLOAD)
    (offset,) = struct.unpack_from("<I", payload, 0)
    return offset, memoryview(payload)[4:]


def pack_counts(first: int, second: int) -> bytes:
    """ORDERED and TAKEN: (received, durable) bytes; WORKING: (done, total) bytes; STATE: (state, last code)."""
    return struct.pack("<II", first, second)


def unpack_counts(payload: bytes) -> "tuple[int, int]":
    """Two numbers."""
    if len(payload) < 8:
        raise WireError(BAD_PAYLOAD)
    first, second = struct.unpack_from("<II", payload, 0)
    return first, second


def pack_refused(code: int, detail: int = 0) -> bytes:
    """REFUSED: a code, and a number that belongs to it."""
    return struct.pack("<HI", code, detail & 0xFFFFFFFF)


def unpack_refused(payload: bytes) -> "tuple[int, int]":
    """(code, detail)."""
    if len(payload) < 6:
        raise WireError(BAD_PAYLOAD)
    code, detail = struct.unpack_from("<HI", payload, 0)
    return code, detail


def pack_user_question(first: int, with_hash: bool) -> bytes:
    """USER_FILES: the number of the first file wanted, and whether each is to be read in full."""
    return struct.pack("<IB", first, 1 if with_hash else 0)


def unpack_user_question(payload: bytes) -> "tuple[int, bool]":
    """(first, with_hash)."""
    if len(payload) < 5:
        raise WireError(BAD_PAYLOAD)
    first, flag = struct.unpack_from("<IB", payload, 0)
    return first, flag != 0


def pack_user_page(total: int, files: "list[tuple[str, int, bytes]]") -> bytes:
    """USER_PAGE: how many files there are, then (path, size in bytes, SHA-256 or b"") of some of them."""
    out = struct.pack("<IH", total, len(files))
    for path, size, digest in files:
        out += pack_text(path) + struct.pack("<IB", size, len(digest)) + digest
    return out


def unpack_user_page(payload: bytes) -> "tuple[int, list[tuple[str, int, bytes]]]":
    """(total, files)."""
    if len(payload) < 6:
        raise WireError(BAD_PAYLOAD)
    total, count = struct.unpack_from("<IH", payload, 0)
    at, files = 6, []
    for _ in range(count):
        path, at = unpack_text(payload, at)
        if at + 5 > len(payload):
            raise WireError(BAD_PAYLOAD)
        size, digest_bytes = struct.unpack_from("<IB", payload, at)
        at += 5
        if digest_bytes not in {0, 32} or at + digest_bytes > len(payload):
            raise WireError(BAD_PAYLOAD)
        files.append((path, size, payload[at : at + digest_bytes]))
        at += digest_bytes
    return total, files
