"""The agent's own record: what may run, what is on trial, how far an installation is. One page, one atomic write.

Decides nothing. Two blocks are filled page by page in turn; the newest page that reads back whole counts, so a
torn one leaves the record as it was.
"""

import struct
from binascii import crc32

from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Region
from firmware_agent.wire import FLASH_FAILED

CONFIRMED = 0
TRIAL = 1
FELL_BACK = 2
UNFIT = 3

NO_JOB = 0
APPLYING = 1
"""An image is being changed in place: until it is done nothing may be launched."""

BLOCKS = 2
_MAGIC = b"PSC1"
_FIXED = "<4sIBBBBIIHH32s"
_FIXED_BYTES = struct.calcsize(_FIXED)
_IMAGE = "<II32s24s"
_IMAGE_BYTES = struct.calcsize(_IMAGE)
_RECORD_BYTES = _FIXED_BYTES + 2 * _IMAGE_BYTES + 4
_NO_ORDER = bytes(32)


class Image:
    """An image that lies, or is to lie, in a slot. ``size`` in bytes, 0: none."""

    def __init__(self) -> None:
        self.size = 0
        self.rollback_index = 0
        self.sha256 = bytes(32)
        self.version = ""


class Record:
    """What the control region remembers.

    ``images`` are those of slot 0 and 1; in place, image 0 is the one that runs or is being written, image 1
    the one it is made from. ``active`` is the slot that boots. ``job_order`` is the order being applied.
    """

    def __init__(self) -> None:
        self.sequence = 0
        self.active = 0
        self.boot_state = CONFIRMED
        self.tries_left = 0
        self.job = NO_JOB
        self.rollback_index = 0
        self.boots = 0
        self.last_code = 0
        self.job_order = _NO_ORDER
        self.images = [Image(), Image()]

    def take(self, other: "Record") -> None:
        """Become what ``other`` is; whoever holds this record sees it."""
        self.sequence = other.sequence
        self.active = other.active
        self.boot_state = other.boot_state
        self.tries_left = other.tries_left
        self.job = other.job
        self.rollback_index = other.rollback_index
        self.boots = other.boots
        self.last_code = other.last_code
        self.job_order = other.job_order
        self.images = other.images


class Control:
    """The record and where it is kept. ``record`` is changed by its owner and made durable by :meth:`write`."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._pages = region.block_bytes // region.page_bytes
        self._page = -1  # the last one programmed, counted over both blocks
        self._newest = -1  # the one that counts
        self.record = Record()
        self._load()

    def write(self) -> None:
        """Make the record durable: before it returns the old one counts, afterwards the new one.

        AgentError(FLASH_FAILED) where it cannot be: the record is then what flash says, whatever was asked for.
        """
        try:
            self._write()
        except AgentError:
            self.reload()
            raise

    def reload(self) -> None:
        """Take the record from flash: what memory says and flash does not was never decided."""
        self._load()

    def _write(self) -> None:
        self.record.sequence += 1
        page_bytes = self._region.page_bytes
        data = bytearray(b"\xff" * page_bytes)
        _pack(self.record, data)
        for _ in range(BLOCKS * self._pages):
            self._page = (self._page + 1) % (BLOCKS * self._pages)
            offset = self._page * page_bytes
            if self._page % self._pages == 0:
                if self._newest >= 0 and self._newest // self._pages == self._page // self._pages:
                    break  # this block holds the record that counts
                self._region.erase(offset)
            if not self._region.is_erased(offset, page_bytes):
                continue  # a torn record: never programmed again before its block is erased
            self._region.program(offset, data)
            if self._region.holds(offset, data):
                self._newest = self._page
                return
        raise AgentError(FLASH_FAILED)

    def _load(self) -> None:
        data, newest, at = bytearray(_RECORD_BYTES), Record(), -1
        for page in range(BLOCKS * self._pages):
            self._region.read(page * self._region.page_bytes, data)
            record = _unpack(data)
            if record is not None and record.sequence > newest.sequence:
                newest, at = record, page
        self._page = self._newest = at  # only now: every page was read
        self.record.take(newest)


def _pack(record: Record, page: bytearray) -> None:
    struct.pack_into(
        _FIXED,
        page,
        0,
        *(_MAGIC, record.sequence, record.active, record.boot_state, record.tries_left, record.job),
        *(record.rollback_index, record.boots, record.last_code, 0, record.job_order),
    )
    at = _FIXED_BYTES
    for image in record.images:
        version = image.version.encode("ascii")
        struct.pack_into(_IMAGE, page, at, image.size, image.rollback_index, image.sha256, version)
        at += _IMAGE_BYTES
    struct.pack_into("<I", page, at, crc32(memoryview(page)[:at]))


def _unpack(data: bytearray) -> "Record | None":
    end = _RECORD_BYTES - 4
    (check,) = struct.unpack_from("<I", data, end)
    if data[0:4] != _MAGIC or crc32(memoryview(data)[:end]) != check:
        return None
    record = Record()
    (
        _magic,
        record.sequence,
        record.active,
        record.boot_state,
        record.tries_left,
        record.job,
        record.rollback_index,
        record.boots,
        record.last_code,
        _zero,
        record.job_order,
    ) = struct.unpack_from(_FIXED, data, 0)
    at = _FIXED_BYTES
    for image in record.images:
        image.size, image.rollback_index, image.sha256, version = struct.unpack_from(_IMAGE, data, at)
        image.version = str(version.rstrip(b"\0"), "ascii")
        at += _IMAGE_BYTES
    return record
