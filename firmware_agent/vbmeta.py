"""Writes Android Verified Boot 1.0 vbmeta images: signed hash descriptors of the other partitions.

It reads none. Format: AOSP external/avb, libavb/avb_vbmeta_image.h, avb_hash_descriptor.h, avb_crypto.h;
all fields big-endian.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from firmware_agent.errors import BuildFailed

ALGORITHM_SHA256_RSA2048 = 1
DESCRIPTOR_HASH = 2
IMAGE_ALIGN_BYTES = 4096

_HEADER = struct.Struct(">4s2L2QL11QLL48s80x")
_HASH_DESCRIPTOR = struct.Struct(">3Q32s4L60x")
_BLOCK_ALIGN_BYTES = 64
_RSA_BITS = 2048
_HASH_BYTES = 32
_READ_BYTES = 1024 * 1024
_MAX_KEY_FILE_BYTES = 65536


@dataclass(frozen=True, slots=True)
class HashDescriptor:
    """``digest`` = SHA-256(salt + image) of a partition's first ``image_size_bytes`` bytes."""

    partition: str
    image_size_bytes: int
    salt: bytes
    digest: bytes

    def encode(self) -> bytes:
        """AvbHashDescriptor, padded to 8 bytes."""
        name = self.partition.encode("ascii")
        tail = name + self.salt + self.digest
        following = _aligned(_HASH_DESCRIPTOR.size - 16 + len(tail), 8)
        head = _HASH_DESCRIPTOR.pack(
            DESCRIPTOR_HASH,
            following,
            self.image_size_bytes,
            b"sha256",
            len(name),
            len(self.salt),
            len(self.digest),
            0,
        )
        return (head + tail).ljust(16 + following, b"\0")


def describe(partition: str, image: Path, salt: bytes) -> HashDescriptor:
    """The hash descriptor of an image file, read in full."""
    digest = hashlib.sha256(salt)
    size_bytes = 0
    with image.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return HashDescriptor(partition, size_bytes, salt, digest.digest())


def make_vbmeta(descriptors: Sequence[HashDescriptor], rollback_index: int, key: rsa.RSAPrivateKey) -> bytes:
    """A signed vbmeta image, padded to 4096 bytes; the same input and key give the same bytes."""
    encoded = b"".join(descriptor.encode() for descriptor in descriptors)
    public_key = encode_public_key(key.public_key())
    auxiliary = encoded + public_key
    auxiliary = auxiliary.ljust(_aligned(len(auxiliary), _BLOCK_ALIGN_BYTES), b"\0")
    signature_bytes = _RSA_BITS // 8
    authentication_bytes = _aligned(_HASH_BYTES + signature_bytes, _BLOCK_ALIGN_BYTES)
    header = _HEADER.pack(
        b"AVB0",
        1,  # required libavb version 1.0
        0,
        authentication_bytes,
        len(auxiliary),
        ALGORITHM_SHA256_RSA2048,
        0,  # hash, then signature, in the authentication block
        _HASH_BYTES,
        _HASH_BYTES,
        signature_bytes,
        len(encoded),  # descriptors, then the public key, in the auxiliary block
        len(public_key),
        0,  # no public key metadata
        0,
        0,
        len(encoded),
        rollback_index,
        0,  # flags
        0,  # rollback index location
        b"phone-service-station",
    )
    signed = header + auxiliary
    digest = hashlib.sha256(signed).digest()
    # libavb checks the signature over the hash of header and auxiliary block, PKCS#1 v1.5.
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    authentication = (digest + signature).ljust(authentication_bytes, b"\0")
    image = header + authentication + auxiliary
    return image.ljust(_aligned(len(image), IMAGE_ALIGN_BYTES), b"\0")


def encode_public_key(key: rsa.RSAPublicKey) -> bytes:
    """AvbRSAPublicKeyHeader, the modulus, and R^2 mod n for Montgomery multiplication."""
    modulus = key.public_numbers().n
    n0_inverse = (-pow(modulus, -1, 1 << 32)) % (1 << 32)
    r_squared = pow(2, 2 * key.key_size, modulus)
    width = key.key_size // 8
    return (
        struct.pack(">LL", key.key_size, n0_inverse)
        + modulus.to_bytes(width, "big")
        + r_squared.to_bytes(width, "big")
    )


def load_or_create_key(path: Path) -> rsa.RSAPrivateKey:
    """The RSA-2048 key in a PEM file; made there (mode 0600) when the file does not exist."""
    if not path.exists():
        return _create_key(path)
    raw = path.read_bytes()
    if len(raw) > _MAX_KEY_FILE_BYTES:
        raise BuildFailed("bad_key", f"{path} is not a key: {len(raw)} bytes")
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except (ValueError, TypeError) as exc:
        raise BuildFailed("bad_key", f"{path} is not an unencrypted PEM private key") from exc
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != _RSA_BITS:
        raise BuildFailed("bad_key", f"{path} is not an RSA key of {_RSA_BITS} bits")
    return key


def _create_key(path: Path) -> rsa.RSAPrivateKey:
    key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return key


def _aligned(size_bytes: int, align_bytes: int) -> int:
    return -(-size_bytes // align_bytes) * align_bytes
