"""MTP's codes and the bytes of its datasets, the responder's side. Written from the USB-IF MTP 1.1 text.

Everything is little-endian; strings are counted in UTF-16 code units (MTP 1.1, 3.2.3), so that a name outside
the BMP takes two of them.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable
from enum import IntEnum

CONTAINER = struct.Struct("<IHHI")
COMMAND, DATA, RESPONSE, EVENT = 1, 2, 3, 4
UNKNOWN_LENGTH = 0xFFFFFFFF
MAX_PARAMETERS = 5
FORMAT_UNDEFINED, FORMAT_ASSOCIATION, FORMAT_TEXT = 0x3000, 0x3001, 0x3004
FORMAT_WAV, FORMAT_JPEG, FORMAT_PNG, FORMAT_VCARD = 0x3008, 0x3801, 0x380B, 0xBB82
STORE_ADDED, STORE_REMOVED = 0x4004, 0x4005
BATTERY_LEVEL, FRIENDLY_NAME = 0x5001, 0xD402

_FORMATS = {
    "png": FORMAT_PNG, "wav": FORMAT_WAV, "vcf": FORMAT_VCARD, "txt": FORMAT_TEXT, "jpg": FORMAT_JPEG,
}  # fmt: skip


class Op(IntEnum):
    """Operations (MTP 1.1, appendix D; 95C1 is Android's 64-bit extension)."""

    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_NUM_OBJECTS = 0x1006
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    GET_DEVICE_PROP_DESC = 0x1014
    GET_DEVICE_PROP_VALUE = 0x1015
    GET_PARTIAL_OBJECT = 0x101B
    GET_OBJECT_PROPS_SUPPORTED = 0x9801
    GET_OBJECT_PROP_DESC = 0x9802
    GET_OBJECT_PROP_VALUE = 0x9803
    GET_OBJECT_PROP_LIST = 0x9805
    GET_PARTIAL_OBJECT_64 = 0x95C1


WRITES_WITHOUT_DATA = frozenset({0x100B, 0x100F, 0x1012, 0x1019, 0x101A, 0x9807})
"""DeleteObject, FormatStore, SetObjectProtection, MoveObject, CopyObject and their kin: refused."""

WRITES_WITH_DATA = frozenset({0x100C, 0x100D, 0x1016, 0x9804, 0x9806, 0x9808, 0x95C2})
"""SendObjectInfo, SendObject, SetDevicePropValue, SetObjectPropValue...: data is read, then refused."""


class Code(IntEnum):
    """Responses (MTP 1.1, appendix F)."""

    OK = 0x2001
    GENERAL_ERROR = 0x2002
    SESSION_NOT_OPEN = 0x2003
    OPERATION_NOT_SUPPORTED = 0x2005
    PARAMETER_NOT_SUPPORTED = 0x2006
    INVALID_STORAGE_ID = 0x2008
    INVALID_OBJECT_HANDLE = 0x2009
    DEVICE_PROP_NOT_SUPPORTED = 0x200A
    INVALID_OBJECT_FORMAT = 0x200B
    STORE_READ_ONLY = 0x200E
    STORE_NOT_AVAILABLE = 0x2013
    SPECIFICATION_BY_FORMAT_UNSUPPORTED = 0x2014
    INVALID_PARENT = 0x201A
    INVALID_PARAMETER = 0x201D
    SESSION_ALREADY_OPEN = 0x201E
    DEVICE_BUSY = 0x2019
    INVALID_OBJECT_PROP = 0xA801
    GROUP_UNSUPPORTED = 0xA807
    DEPTH_UNSUPPORTED = 0xA808
    OBJECT_PROP_NOT_SUPPORTED = 0xA80A


class Prop(IntEnum):
    """Object properties this responder has (MTP 1.1, appendix B)."""

    STORAGE_ID = 0xDC01
    OBJECT_FORMAT = 0xDC02
    PROTECTION_STATUS = 0xDC03
    OBJECT_SIZE = 0xDC04
    FILE_NAME = 0xDC07
    DATE_MODIFIED = 0xDC09
    PARENT = 0xDC0B
    PERSISTENT_UID = 0xDC41
    NAME = 0xDC44


UINT8, UINT16, UINT32, UINT64, UINT128, STRING = 2, 4, 6, 8, 10, 0xFFFF
PROP_TYPES = {
    Prop.STORAGE_ID: UINT32,
    Prop.OBJECT_FORMAT: UINT16,
    Prop.PROTECTION_STATUS: UINT16,
    Prop.OBJECT_SIZE: UINT64,
    Prop.FILE_NAME: STRING,
    Prop.DATE_MODIFIED: STRING,
    Prop.PARENT: UINT32,
    Prop.PERSISTENT_UID: UINT128,
    Prop.NAME: STRING,
}
_WIDTHS = {UINT8: 1, UINT16: 2, UINT32: 4, UINT64: 8, UINT128: 16}


def string(text: str) -> bytes:
    """A string (3.2.3): code units with the final null, at most 255; empty is one zero byte."""
    if not text:
        return b"\0"
    units = text.encode("utf-16-le", "surrogatepass")[: 254 * 2]
    return bytes([len(units) // 2 + 1]) + units + b"\0\0"


def array16(values: Iterable[int]) -> bytes:
    """An array of 16-bit codes (3.2.4)."""
    items = list(values)
    return struct.pack(f"<I{len(items)}H", len(items), *items)


def array32(values: Iterable[int]) -> bytes:
    """An array of 32-bit ids (3.2.4)."""
    items = list(values)
    return struct.pack(f"<I{len(items)}I", len(items), *items)


def value(kind: int, content: int | str) -> bytes:
    """One value of a property, by its data type."""
    return string(content) if isinstance(content, str) else content.to_bytes(_WIDTHS[kind], "little")


def moment(seconds: float) -> str:
    """A date (3.2.5), ``YYYYMMDDThhmmss`` in UTC without a zone, as Android writes it."""
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))


def format_of(name: str) -> int:
    """The object format by a file's ending."""
    return _FORMATS.get(name.rpartition(".")[2].lower(), FORMAT_UNDEFINED)


def container(kind: int, code: int, transaction: int, body: bytes = b"") -> bytes:
    """A whole container (appendix H)."""
    return CONTAINER.pack(CONTAINER.size + len(body), kind, code, transaction) + body


def data_head(code: int, transaction: int, size_bytes: int) -> bytes:
    """The head of a data container of ``size_bytes``; 4 GiB and more are announced as 0xFFFFFFFF."""
    total = CONTAINER.size + size_bytes
    return CONTAINER.pack(min(total, UNKNOWN_LENGTH), DATA, code, transaction)
