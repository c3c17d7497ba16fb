"""An update order: what a device is told to become, in 192 bytes that are signed; shared with the device.

Reads and writes the format, and says whether it makes sense in itself. It checks no signature and knows no
device. Imports nothing of ours, and stays inside MicroPython's subset. docs/agent-protocol.md has every field.
"""

import struct

ORDER_BYTES = 192
MAGIC = b"PSO1"
FORMAT = 1
PLAIN = 0
ZLIB = 1
MAX_IMAGE_BYTES = 64 * 1024 * 1024

_FIELDS = "<4sBBBBIIIIII32s32s32s32s24s8s"
_NOTHING = bytes(32)


class OrderError(Exception):
    """An order that cannot be read, or that contradicts itself. ``args[0]`` says what."""


class Order:
    """One order. Sizes in bytes; hashes are SHA-256.

    ``method`` is one of wire's WHOLE, SLOT_DELTA, IN_PLACE_DELTA; ``packing`` PLAIN or ZLIB with a window of
    ``1 << window_log2`` bytes. ``block`` and ``group``: the erase block and the journal group that an
    in-place patch was proven for, else 0. WHOLE has no base: size 0 and a hash of zeros.
    """

    def __init__(self) -> None:
        self.method = 0
        self.packing = ZLIB
        self.window_log2 = 15
        self.rollback_index = 0
        self.image_size = 0
        self.base_size = 0
        self.patch_size = 0
        self.block = 0
        self.group = 0
        self.image_sha256 = _NOTHING
        self.base_sha256 = _NOTHING
        self.patch_sha256 = _NOTHING
        self.model = ""
        self.version = ""

    def pack(self) -> bytes:
        """The 192 bytes that are signed. OrderError where :func:`parse` would refuse them."""
        # MicroPython's struct cuts a number that is too large, and both cut a hash that is too long.
        small = (self.method, self.packing, self.window_log2)
        large = (
            self.rollback_index,
            self.image_size,
            self.base_size,
            self.patch_size,
            self.block,
            self.group,
        )
        if min(small + large) < 0 or max(small) > 0xFF or max(large) > 0xFFFFFFFF:
            raise OrderError("a number that does not fit")
        for digest in (self.image_sha256, self.base_sha256, self.patch_sha256):
            if len(digest) != len(_NOTHING):
                raise OrderError("a hash of another length")
        raw = struct.pack(
            _FIELDS,
            *(MAGIC, FORMAT, self.method, self.packing, self.window_log2, self.rollback_index),
            *(self.image_size, self.base_size, self.patch_size, self.block, self.group),
            *(self.image_sha256, self.base_sha256, self.patch_sha256),
            *(_word(self.model, 32), _word(self.version, 24), bytes(8)),
        )
        parse(raw)
        return raw


def parse(raw: "bytes | bytearray | memoryview") -> Order:
    """Read 192 bytes strictly. OrderError for anything that is not an order."""
    if len(raw) != ORDER_BYTES:
        raise OrderError("an order has 192 bytes")
    order = Order()
    (
        magic,
        form,
        order.method,
        order.packing,
        order.window_log2,
        order.rollback_index,
        order.image_size,
        order.base_size,
        order.patch_size,
        order.block,
        order.group,
        order.image_sha256,
        order.base_sha256,
        order.patch_sha256,
        model,
        version,
        rest,
    ) = struct.unpack(_FIELDS, bytes(raw))
    if magic != MAGIC or form != FORMAT or rest != bytes(8):
        raise OrderError("not an order of format 1")
    order.model = _unword(model)
    order.version = _unword(version)
    _check(order)
    return order


def _check(order: Order) -> None:
    if order.method > 2 or order.packing > ZLIB or not 8 <= order.window_log2 <= 15:
        raise OrderError("unknown method or packing")
    if not 0 < order.image_size <= MAX_IMAGE_BYTES or not 0 < order.patch_size <= MAX_IMAGE_BYTES:
        raise OrderError("no size, or one beyond every device")
    if order.base_size > MAX_IMAGE_BYTES:
        raise OrderError("a base beyond every device")
    if (order.method == 0) != (order.base_size == 0) or (order.method == 0) != (
        order.base_sha256 == _NOTHING
    ):
        raise OrderError("a difference needs a base, a whole image has none")
    if order.method == 0 and order.packing == PLAIN:
        _check_plain(order)
    in_place = order.method == 2
    if in_place != (order.block > 0) or in_place != (order.group > 0):
        raise OrderError("only an in-place order names blocks")
    if in_place and (order.block & (order.block - 1) or not 256 <= order.block <= 65536 or order.group > 255):
        raise OrderError("blocks that no flash has")


def _check_plain(order: Order) -> None:
    if order.patch_size != order.image_size or order.patch_sha256 != order.image_sha256:
        raise OrderError("a plain whole image is its own patch")


def _word(text: str, size: int) -> bytes:
    for letter in text:
        if not "!" <= letter <= "~":
            raise OrderError("a name with strange letters")
    if not 0 < len(text) <= size:
        raise OrderError("a name that is empty or too long")
    return text.encode("ascii") + bytes(size - len(text))


def _unword(raw: bytes) -> str:
    text = raw.rstrip(b"\0")
    for letter in text:
        if not 33 <= letter <= 126:
            raise OrderError("a name with strange letters")
    if not text:
        raise OrderError("a name that is empty")
    return str(text, "ascii")
