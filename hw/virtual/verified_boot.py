"""Android Verified Boot as a bootloader does it: vbmeta's signature, every digest, the rollback index.

Source: AOSP external/avb, libavb/avb_vbmeta_image.h, avb_crypto.h, avb_hash_descriptor.h (all big-endian).
The bootloader is unlocked ("orange"), so any RSA key is accepted; signature and digests still have to match.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from hw.virtual.errors import VirtualPhoneError

_HEADER = struct.Struct(">4sII QQ I QQ QQ QQ QQ QQ Q II 48s 80x")
_HASH_DESCRIPTOR = struct.Struct(">QQ Q 32s IIII 60x")
_DESCRIPTOR_HEAD = struct.Struct(">QQ")
_TAG_HASH = 2
_SHA256_RSA2048, _SHA256_RSA4096, _SHA256_RSA8192 = 1, 2, 3
_KEY_BITS = {_SHA256_RSA2048: 2048, _SHA256_RSA4096: 4096, _SHA256_RSA8192: 8192}
_MAX_BLOCK_BYTES = 1 << 18
_PUBLIC_EXPONENT = 65537  # fixed by AvbRSAPublicKeyHeader


class NotVerified(VirtualPhoneError):
    """The slot does not verify; ``detail`` says which check failed first."""


@dataclass(frozen=True, slots=True)
class HashDescriptor:
    """``digest = SHA-256(salt + image)`` over the first ``image_size_bytes`` of a partition."""

    partition: str
    image_size_bytes: int
    salt: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class VbMeta:
    """A vbmeta image whose signature was checked with the key inside it."""

    rollback_index: int
    descriptors: tuple[HashDescriptor, ...]


def _slice(block: bytes, offset: int, size_bytes: int, what: str) -> bytes:
    if offset + size_bytes > len(block):
        raise NotVerified(f"vbmeta: {what} lies outside its block")
    return block[offset : offset + size_bytes]


def _public_key(blob: bytes, bits: int) -> rsa.RSAPublicKey:
    # AvbRSAPublicKeyHeader: key_num_bits, n0inv, then n and r^2 mod n, each of key_num_bits / 8 bytes.
    if len(blob) < 8 + bits // 4 or struct.unpack_from(">I", blob)[0] != bits:
        raise NotVerified("vbmeta: the public key is not of the signature's size")
    modulus = int.from_bytes(blob[8 : 8 + bits // 8], "big")
    try:
        return rsa.RSAPublicNumbers(_PUBLIC_EXPONENT, modulus).public_key()
    except ValueError as exc:
        raise NotVerified("vbmeta: the public key is no RSA key") from exc


def parse_vbmeta(image: bytes) -> VbMeta:
    """Check structure and signature of a vbmeta image; trailing bytes are ignored. :class:`NotVerified`."""
    if len(image) < _HEADER.size or image[:4] != b"AVB0":
        raise NotVerified("vbmeta: no AVB0 header")
    (_, major, _, auth_size, aux_size, algorithm, hash_at, hash_size, sig_at, sig_size, key_at, key_size)\
        = _HEADER.unpack_from(image)[:12]  # fmt: skip
    _, _, descriptors_at, descriptors_size, rollback_index, _, _, _ = _HEADER.unpack_from(image)[12:]
    if major != 1 or algorithm not in _KEY_BITS:
        raise NotVerified(f"vbmeta: version {major} with algorithm {algorithm} is not supported")
    if auth_size > _MAX_BLOCK_BYTES or aux_size > _MAX_BLOCK_BYTES or auth_size % 64 or aux_size % 64:
        raise NotVerified("vbmeta: impossible block sizes")
    header = image[: _HEADER.size]
    auth = _slice(image, _HEADER.size, auth_size, "the authentication block")
    aux = _slice(image, _HEADER.size + auth_size, aux_size, "the auxiliary block")
    if _slice(auth, hash_at, hash_size, "the hash") != hashlib.sha256(header + aux).digest():
        raise NotVerified("vbmeta: its own hash does not match")
    key = _public_key(_slice(aux, key_at, key_size, "the key"), _KEY_BITS[algorithm])
    try:
        signature = _slice(auth, sig_at, sig_size, "the signature")
        key.verify(signature, header + aux, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature as exc:
        raise NotVerified("vbmeta: the signature does not match") from exc
    return VbMeta(rollback_index, _descriptors(_slice(aux, descriptors_at, descriptors_size, "a descriptor")))


def _descriptors(blob: bytes) -> tuple[HashDescriptor, ...]:
    found = []
    offset = 0
    while offset + _DESCRIPTOR_HEAD.size <= len(blob):
        tag, following = _DESCRIPTOR_HEAD.unpack_from(blob, offset)
        body = _slice(blob, offset, _DESCRIPTOR_HEAD.size + following, "a descriptor")
        if tag == _TAG_HASH:
            found.append(_hash_descriptor(body))
        offset += _DESCRIPTOR_HEAD.size + following
    return tuple(found)


def _hash_descriptor(body: bytes) -> HashDescriptor:
    if len(body) < _HASH_DESCRIPTOR.size:
        raise NotVerified("vbmeta: a hash descriptor is cut short")
    _, _, image_size, algorithm, name_size, salt_size, digest_size, _ = _HASH_DESCRIPTOR.unpack_from(body)
    if algorithm.rstrip(b"\0") != b"sha256" or digest_size != 32:
        raise NotVerified("vbmeta: a hash descriptor is not SHA-256")
    tail = _slice(body, _HASH_DESCRIPTOR.size, name_size + salt_size + digest_size, "a hash descriptor")
    try:
        name = tail[:name_size].decode("ascii")
    except UnicodeDecodeError as exc:
        raise NotVerified("vbmeta: a partition's name is not ASCII") from exc
    return HashDescriptor(
        name, image_size, tail[name_size : name_size + salt_size], tail[name_size + salt_size :]
    )


def digest_matches(path: Path, descriptor: HashDescriptor) -> bool:
    """Whether the partition in ``path`` begins with the image that ``descriptor`` describes."""
    if not 0 < descriptor.image_size_bytes <= path.stat().st_size:
        return False
    digest = hashlib.sha256(descriptor.salt)
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), descriptor.image_size_bytes, access=mmap.ACCESS_READ) as image,
    ):
        digest.update(image)
    return digest.digest() == descriptor.digest


def verify_slot(
    partition_path: Callable[[str], Path | None],
    required: frozenset[str],
    stored_rollback_index: int,
) -> int:
    """Verify one slot; its rollback index. ``partition_path`` maps a base name to the slot's file, or None.

    :class:`NotVerified` when vbmeta, a digest or the rollback index is wrong, or a required one is unnamed.
    """
    vbmeta_path = partition_path("vbmeta")
    if vbmeta_path is None:
        raise NotVerified("there is no vbmeta partition")
    with vbmeta_path.open("rb") as file:
        vbmeta = parse_vbmeta(file.read(_HEADER.size + 2 * _MAX_BLOCK_BYTES))
    if vbmeta.rollback_index < stored_rollback_index:
        raise NotVerified(
            f"rollback index {vbmeta.rollback_index} is older than the stored {stored_rollback_index}"
        )
    missing = required - {descriptor.partition for descriptor in vbmeta.descriptors}
    if missing:
        raise NotVerified(f"vbmeta does not cover {', '.join(sorted(missing))}")
    for descriptor in vbmeta.descriptors:
        path = partition_path(descriptor.partition)
        if path is None or not digest_matches(path, descriptor):
            raise NotVerified(f"{descriptor.partition}: the digest does not match")
    return vbmeta.rollback_index
