"""Vouchers: a signed token that is good once. It holds no key and does not know which ones were used.

A code is ``V`` and RFC 4648 base32 without padding, so that a QR code takes it in its alphanumeric mode and a scanner
that types sends no character that depends on the keyboard. Inside: version (1 byte, 1), ULID (16), amount in fen (4),
expiry in seconds since 1970 (5), the station's name (1 byte length, UTF-8), then the signature (64), over
:data:`CONTEXT` and everything before it. Big-endian.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from recycling.errors import Refused

CONTEXT = b"phone-service-station voucher 1\x00"
"""What a signature of a voucher can never be mistaken for."""

MAX_AMOUNT_FEN = 2**32 - 1
MAX_CODE = 256
SIGNATURE_BYTES = 64

Sign = Callable[[bytes], bytes]
"""Ed25519 over the message: 64 bytes."""
Verify = Callable[[str, bytes, bytes], bool]
"""Station, message, signature: whether that station signed it. False for a station that is not known."""

_VERSION = 1
_HEAD_BYTES = 1 + 16 + 4 + 5
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's, of ULIDs
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_STATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CODE = re.compile(r"V[A-Z2-7]+")
_SHAPES = frozenset({0, 2, 4, 5, 7})  # lengths modulo 8 that base32 can have


@dataclass(frozen=True, slots=True)
class VoucherClaim:
    """What a code says. From :func:`read` the signature holds; from :func:`unverified` nobody has looked."""

    voucher: str  # ULID
    amount_fen: int
    station: str
    expires_ms: int


def issue(sign: Sign, voucher: str, amount_fen: int, station: str, expires_ms: int) -> str:
    """The code. :class:`Refused` "voucher_amount" for 0 or too much; ValueError for what the caller got wrong."""
    if not 0 < amount_fen <= MAX_AMOUNT_FEN:
        raise Refused("voucher_amount", f"a voucher of {amount_fen} fen cannot be issued")
    if not _ULID.fullmatch(voucher) or not _STATION.fullmatch(station):
        raise ValueError("a voucher has a ULID and the name of a station")
    name = station.encode()
    fields = (amount_fen.to_bytes(4, "big"), (expires_ms // 1000).to_bytes(5, "big"), bytes([len(name)]))
    payload = bytes([_VERSION]) + _ulid_bytes(voucher) + b"".join(fields) + name
    signature = sign(CONTEXT + payload)
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError("a signature has 64 bytes")
    return "V" + base64.b32encode(payload + signature).decode().rstrip("=")


def read(verify: Verify, code: str, now_ms: int) -> VoucherClaim:
    """What a genuine code says. :class:`Refused` "voucher_unreadable", "voucher_forged", "voucher_expired"."""
    payload, signature, claim = _parse(code)
    if not verify(claim.station, CONTEXT + payload, signature):
        raise Refused("voucher_forged", f"the voucher is not signed by station {claim.station}")
    if now_ms >= claim.expires_ms:
        raise Refused("voucher_expired", "the voucher has expired", {"expired_ms": claim.expires_ms})
    return claim


def unverified(code: str) -> VoucherClaim:
    """What a code says, for a question to headquarters, which knows every station's key."""
    return _parse(code)[2]


def _parse(code: str) -> tuple[bytes, bytes, VoucherClaim]:
    """Payload, signature, claim. One claim has one spelling: whatever else decodes to it is refused."""
    text = code.strip().upper() if len(code) <= MAX_CODE else ""
    if not _CODE.fullmatch(text) or len(text[1:]) % 8 not in _SHAPES:
        raise Refused("voucher_unreadable", "this is no voucher's code")
    try:
        raw = base64.b32decode(text[1:] + "=" * (-len(text[1:]) % 8))
    except binascii.Error as exc:
        raise Refused("voucher_unreadable", "this is no voucher's code") from exc
    if base64.b32encode(raw).decode().rstrip("=") != text[1:]:
        raise Refused("voucher_unreadable", "the code has stray bits at its end")
    payload, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    return payload, signature, _claim(payload)


def _claim(payload: bytes) -> VoucherClaim:
    if len(payload) <= _HEAD_BYTES or payload[0] != _VERSION:
        raise Refused("voucher_unreadable", "a voucher of another version, or cut short")
    name = payload[_HEAD_BYTES + 1 :]
    try:
        station = name.decode("ascii")
    except UnicodeDecodeError:
        station = ""
    number = int.from_bytes(payload[1:17], "big")
    amount_fen = int.from_bytes(payload[17:21], "big")
    if len(name) != payload[_HEAD_BYTES] or not _STATION.fullmatch(station) or amount_fen == 0:
        raise Refused("voucher_unreadable", "a voucher's fields do not fit together")
    return VoucherClaim(_ulid_text(number), amount_fen, station, int.from_bytes(payload[21:26], "big") * 1000)


def _ulid_bytes(text: str) -> bytes:
    number = 0
    for one in text:
        number = number * 32 + _ALPHABET.index(one)
    return number.to_bytes(16, "big")


def _ulid_text(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
