"""fastboot's framing over TCP without I/O: the ``FB01`` handshake and 8-byte lengths.

Source: AOSP ``system/core/fastboot/README.md``, "TCP Protocol v1". It opens no socket.
"""

from __future__ import annotations

import struct

from hw.errors import RemoteProtocolError
from hw.proto.fastboot import MAX_RESPONSE_BYTES

HANDSHAKE = b"FB01"
HEADER_BYTES = 8
_HEADER = struct.Struct(">Q")


def header(size_bytes: int) -> bytes:
    """What goes before a message of ``size_bytes``."""
    return _HEADER.pack(size_bytes)


def check_handshake(answer: bytes) -> None:
    """The phone's four bytes: ``FB`` and a version of two digits, at least 01 (the lower one is spoken)."""
    if len(answer) != 4 or answer[:2] != b"FB" or not answer[2:].isdigit() or answer[2:] == b"00":
        raise RemoteProtocolError("what answers there does not speak fastboot over TCP")


def response_size(raw: bytes) -> int:
    """The length of the next message of the phone, which is never more than a response may be."""
    size_bytes: int = _HEADER.unpack(raw)[0]
    if size_bytes > MAX_RESPONSE_BYTES:
        raise RemoteProtocolError(
            f"the phone announces an answer of {size_bytes} bytes, {MAX_RESPONSE_BYTES} allowed"
        )
    return size_bytes
