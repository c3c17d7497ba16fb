"""MTP datasets, decoded: every count, length and type is checked against the bytes that are there.

It holds no session. Source: USB-IF MTP 1.1, sections 3.1-3.4, 5.1-5.3 and appendix B and E.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hw.errors import RemoteProtocolError

MAX_HANDLES = 1_000_000
MAX_PROPERTIES = 4_000_000

FORMAT_ASSOCIATION = 0x3001
PROP_STORAGE_ID, PROP_FORMAT, PROP_SIZE, PROP_NAME, PROP_MODIFIED, PROP_PARENT = (
    0xDC01, 0xDC02, 0xDC04, 0xDC07, 0xDC09, 0xDC0B,
)  # fmt: skip
SIZE_UNKNOWN_32 = 0xFFFFFFFF

_STRING = 0xFFFF
_ARRAY = 0x4000
_INTEGER_BYTES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 8, 8: 8, 9: 16, 10: 16}
_DATE = re.compile(r"\d{8}T\d{6}", re.ASCII)


class Reader:
    """Takes values off a dataset; RemoteProtocolError when it ends too early."""

    def __init__(self, raw: bytes | memoryview) -> None:
        self._raw = memoryview(raw)
        self._at = 0

    @property
    def left_bytes(self) -> int:
        """Not yet taken."""
        return len(self._raw) - self._at

    def take(self, size_bytes: int) -> memoryview:
        """The next bytes."""
        if not 0 <= size_bytes <= self.left_bytes:
            raise RemoteProtocolError("an MTP dataset of the phone is cut short")
        self._at += size_bytes
        return self._raw[self._at - size_bytes : self._at]

    def integer(self, size_bytes: int) -> int:
        """An unsigned little-endian integer."""
        return int.from_bytes(self.take(size_bytes), "little")

    def array(self, item_bytes: int, limit: int) -> tuple[int, ...]:
        """A counted array (3.3). Its count must be believable and its items must be there."""
        count = self.integer(4)
        if count > limit or count * item_bytes > self.left_bytes:
            raise RemoteProtocolError(f"an MTP array of the phone claims {count} items")
        code = {1: "B", 2: "H", 4: "I"}[item_bytes]
        return struct.unpack(f"<{count}{code}", self.take(count * item_bytes))

    def text(self) -> str:
        """A string (3.2.3): a count of UTF-16 units, the last one NUL; surrogate pairs are two units."""
        units = self.integer(1)
        text = bytes(self.take(2 * units)).decode("utf-16-le", "replace")
        return text.partition("\0")[0]

    def value(self, kind: int) -> int | str | None:
        """A property's value of datatype ``kind`` (3.1); None for an array, which is skipped."""
        if kind == _STRING:
            return self.text()
        size = _INTEGER_BYTES.get(kind & ~_ARRAY)
        if size is None or kind & ~_ARRAY & 0xFFF0:
            raise RemoteProtocolError(f"a property of the phone has the unknown type 0x{kind:04x}")
        if kind & _ARRAY:
            self.take(self.integer(4) * size)
            return None
        return self.integer(size)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """5.1.1, what the station uses of it."""

    manufacturer: str
    model: str
    version: str
    serial: str
    operations: frozenset[int]
    device_properties: frozenset[int]


def device_info(raw: bytes) -> DeviceInfo:
    """GetDeviceInfo's dataset."""
    reader = Reader(raw)
    reader.take(8)  # StandardVersion, VendorExtensionID, VendorExtensionVersion
    reader.text()  # VendorExtensionDesc
    reader.take(2)  # FunctionalMode
    operations = reader.array(2, 4096)
    reader.array(2, 4096)  # events
    properties = reader.array(2, 4096)
    reader.array(2, 4096)  # capture formats
    reader.array(2, 4096)  # playback formats
    manufacturer, model, version, serial = (one_line(reader.text()) for _ in range(4))
    return DeviceInfo(manufacturer, model, version, serial, frozenset(operations), frozenset(properties))


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """5.2.2, what the station uses of it."""

    capacity_bytes: int
    free_bytes: int
    description: str
    volume: str


def storage_info(raw: bytes) -> StorageInfo:
    """GetStorageInfo's dataset."""
    reader = Reader(raw)
    reader.take(6)  # StorageType, FilesystemType, AccessCapability
    capacity, free = reader.integer(8), reader.integer(8)
    reader.take(4)  # free space in objects
    return StorageInfo(capacity, free, one_line(reader.text()), one_line(reader.text()))


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object. ``size_bytes`` None: over 4 GiB, ask the property. ``modified``: YYYYMMDDThhmmss or ""."""

    name: str
    format: int
    size_bytes: int | None
    modified: str

    @property
    def is_folder(self) -> bool:
        """An association is no object of the owner's; it holds them."""
        return self.format == FORMAT_ASSOCIATION


def object_info(raw: bytes) -> ObjectInfo:
    """GetObjectInfo's dataset (5.3.1)."""
    reader = Reader(raw)
    reader.take(4)  # StorageID
    kind = reader.integer(2)
    reader.take(2)  # ProtectionStatus
    size = reader.integer(4)
    reader.take(40)  # thumbnail and image geometry, parent, association, sequence number
    name = reader.text()
    reader.text()  # DateCreated
    modified = reader.text()
    return ObjectInfo(name, kind, None if size == SIZE_UNKNOWN_32 else size, date(modified))


def handles(raw: bytes) -> tuple[int, ...]:
    """GetStorageIDs' or GetObjectHandles' array."""
    return Reader(raw).array(4, MAX_HANDLES)


def property_list(raw: bytes) -> Iterator[tuple[int, int, int | str | None]]:
    """GetObjectPropList's quadruples (E.2.1) as (handle, property, value)."""
    reader = Reader(raw)
    count = reader.integer(4)
    if count > MAX_PROPERTIES or count * 9 > reader.left_bytes:
        raise RemoteProtocolError(f"a property list of the phone claims {count} entries")
    for _ in range(count):
        handle, code, kind = reader.integer(4), reader.integer(2), reader.integer(2)
        yield handle, code, reader.value(kind)


def objects(raw: bytes) -> dict[int, ObjectInfo]:
    """A property list as objects by handle; an object that lacks name, format or size is left out."""
    found: dict[int, dict[int, int | str | None]] = {}
    for handle, code, value in property_list(raw):
        found.setdefault(handle, {})[code] = value
    complete: dict[int, ObjectInfo] = {}
    for handle, values in found.items():
        name, kind, size = values.get(PROP_NAME), values.get(PROP_FORMAT), values.get(PROP_SIZE)
        modified = values.get(PROP_MODIFIED)
        if (
            isinstance(name, str)
            and isinstance(kind, int)
            and isinstance(size, int)
            and isinstance(modified, str)
        ):
            complete[handle] = ObjectInfo(name, kind, size, date(modified))
    return complete


def date(text: str) -> str:
    """A date and time (3.2.5) without tenths and zone: phones add them in one dataset, not in the other."""
    match = _DATE.match(text)
    return match[0] if match else ""


def one_line(text: str) -> str:
    """A phone's text made safe to show and store: no line breaks, no control characters."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text).strip()
