"""Whether a hash-based signature is right: HSS and LMS with SHA-256 (RFC 8554). It signs nothing and holds no secret.

Needs nothing but SHA-256; allocates little, for it runs in the heap that an update leaves.
"""

import struct
from hashlib import sha256

HASH_BYTES = 32
IDENTIFIER_BYTES = 16
LMS_KEY_BYTES = 56
PUBLIC_KEY_BYTES = 60
"""An HSS public key: the number of levels before an LMS public key."""
MAX_LEVELS = 2

HEIGHTS = {5: 5, 6: 10, 7: 15, 8: 20, 9: 25}
"""LMS_SHA256_M32_H5 to H25 (RFC 8554 5.1): type code to height of the tree."""
WINTERNITZ = {1: (1, 265, 7), 2: (2, 133, 6), 3: (4, 67, 4), 4: (8, 34, 0)}
"""LMOTS_SHA256_N32_W1 to W8 (RFC 8554 4.1): type code to (bits, chains, left shift of the checksum)."""

OF_PUBLIC_KEY = 0x8080
OF_MESSAGE = 0x8181
OF_LEAF = 0x8282
OF_NODE = 0x8383
"""What a hash is of: the domain separators D_PBLC, D_MESG, D_LEAF and D_INTR (RFC 8554 3.1)."""


def verify(
    public_key: bytes | bytearray | memoryview,
    message: bytes | bytearray | memoryview,
    signature: bytes | bytearray | memoryview,
) -> bool:
    """Whether ``signature`` is the HSS signature of ``message`` by ``public_key`` (RFC 8554 6.3), 1 or 2 levels.

    Never raises, whatever the bytes are; a signature with a byte too many is wrong.
    """
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) < 4:
        return False
    (levels,) = struct.unpack_from(">I", public_key, 0)
    (signed_keys,) = struct.unpack_from(">I", signature, 0)
    if not 1 <= levels <= MAX_LEVELS or signed_keys != levels - 1:
        return False
    key, rest = memoryview(public_key)[4:], memoryview(signature)[4:]
    for _ in range(signed_keys):
        size = signature_bytes(key)
        below = rest[size : size + LMS_KEY_BYTES]
        if size == 0 or len(below) != LMS_KEY_BYTES or not _verify_lms(key, below, rest[:size]):
            return False
        key, rest = below, rest[size + LMS_KEY_BYTES :]
    return _verify_lms(key, message, rest)


def signature_bytes(key: bytes | memoryview) -> int:
    """How long a signature by an LMS public key is (RFC 8554 5.4); 0 for types that are not known here."""
    lms_type, ots_type = struct.unpack_from(">II", key, 0)
    if lms_type not in HEIGHTS or ots_type not in WINTERNITZ:
        return 0
    return 12 + HASH_BYTES * (1 + WINTERNITZ[ots_type][1] + HEIGHTS[lms_type])


def digits(digest: bytes, bits: int, shift: int) -> bytearray:
    """A hash and its checksum (RFC 8554 4.4), cut into numbers of ``bits`` bits: where each chain is left."""
    per_byte = 8 // bits
    most = (1 << bits) - 1
    count = HASH_BYTES * per_byte
    out = bytearray(count)
    at = total = 0
    for byte in digest:
        for place in range(8 - bits, -1, -bits):
            out[at] = digit = (byte >> place) & most
            total += most - digit
            at += 1
    total <<= shift
    chains = (16 - shift) // bits  # of the checksum's 16 bits, those that its shift leaves in use
    return out + bytearray([(total >> (16 - bits - bits * place)) & most for place in range(chains)])


def _verify_lms(key: memoryview, message: bytes | bytearray | memoryview, signature: memoryview) -> bool:
    """RFC 8554, algorithms 6 and 6a. ``key`` has LMS_KEY_BYTES."""
    size = signature_bytes(key)
    if size == 0 or len(signature) != size:
        return False
    lms_type, ots_type = struct.unpack_from(">II", key, 0)
    path = size - HASH_BYTES * HEIGHTS[lms_type]
    leaf, ots_signed = struct.unpack_from(">II", signature, 0)
    (lms_signed,) = struct.unpack_from(">I", signature, path - 4)
    if ots_signed != ots_type or lms_signed != lms_type or leaf >> HEIGHTS[lms_type]:
        return False
    identifier = bytes(key[8 : 8 + IDENTIFIER_BYTES])
    leaf_key = _one_time_key(identifier, leaf, ots_type, message, signature[8 : path - 4])
    node = (1 << HEIGHTS[lms_type]) + leaf
    found: bytes = sha256(identifier + struct.pack(">IH", node, OF_LEAF) + leaf_key).digest()
    while node > 1:
        other = bytes(signature[path : path + HASH_BYTES])
        pair = other + found if node & 1 else found + other
        node >>= 1
        found = sha256(identifier + struct.pack(">IH", node, OF_NODE) + pair).digest()
        path += HASH_BYTES
    return found == bytes(key[24:LMS_KEY_BYTES])


def _one_time_key(
    identifier: bytes,
    leaf: int,
    ots_type: int,
    message: bytes | bytearray | memoryview,
    signature: memoryview,
) -> bytes:
    """The one-time public key that a signature leads to (RFC 8554, algorithm 4b).

    ``signature`` is the randomizer C and the chains' values.
    """
    bits, chains, shift = WINTERNITZ[ots_type]
    last = (1 << bits) - 1
    block = bytearray(identifier + struct.pack(">IHB", leaf, OF_MESSAGE, 0) + bytes(HASH_BYTES))
    hashed = sha256(memoryview(block)[:22])
    hashed.update(signature[:HASH_BYTES])
    hashed.update(message)
    left_at = digits(hashed.digest(), bits, shift)
    hashed = sha256(identifier + struct.pack(">IH", leaf, OF_PUBLIC_KEY))
    value = memoryview(block)[23:]
    # One block of 55 bytes for every hash of every chain: identifier, leaf, chain, step, value.
    for chain in range(chains):
        struct.pack_into(">H", block, 20, chain)
        at = HASH_BYTES * (chain + 1)
        value[:] = signature[at : at + HASH_BYTES]
        for step in range(left_at[chain], last):
            block[22] = step
            value[:] = sha256(block).digest()
        hashed.update(value)
    found: bytes = hashed.digest()
    return found
