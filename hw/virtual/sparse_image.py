"""Android sparse images, decoded as a bootloader does: straight into a partition, every size checked first.

Source: AOSP system/core/libsparse/sparse_format.h (little-endian).
"""

from __future__ import annotations

import struct

from hw.virtual.errors import Refused
from hw.virtual.flash import PartitionWriter

_FILE = struct.Struct("<IHHHHIIII")
_CHUNK = struct.Struct("<HHII")
MAGIC = 0xED26FF3A
_RAW, _FILL, _DONT_CARE, _CRC32 = 0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4


def is_sparse(image: memoryview) -> bool:
    """Whether ``image`` begins with the sparse magic."""
    return len(image) >= _FILE.size and struct.unpack_from("<I", image)[0] == MAGIC


def unpack_into(image: memoryview, partition: PartitionWriter) -> None:
    """Write a sparse image; :class:`Refused` before the first write where it is malformed or too large."""
    chunks = list(_chunks(image, partition.size_bytes))
    for kind, offset, size_bytes, body in chunks:
        if kind == _RAW:
            partition.write(offset, body)
        elif kind == _FILL:
            partition.fill(offset, bytes(body), size_bytes)


def _chunks(image: memoryview, limit_bytes: int) -> list[tuple[int, int, int, memoryview]]:
    _, major, _, file_head, chunk_head, block_bytes, blocks, count, _ = _FILE.unpack_from(image)
    if major != 1 or file_head < _FILE.size or chunk_head < _CHUNK.size or not block_bytes or block_bytes % 4:
        raise Refused("sparse image: unknown version or block size")
    if blocks * block_bytes > limit_bytes:
        raise Refused("the image is larger than the partition")
    found = []
    at, block = file_head, 0
    for _ in range(count):
        if at + chunk_head > len(image):
            raise Refused("sparse image: cut short")
        kind, _, chunk_blocks, total = _CHUNK.unpack_from(image, at)
        body = image[at + chunk_head : at + total]
        size_bytes = chunk_blocks * block_bytes
        expected = {_RAW: size_bytes, _FILL: 4, _DONT_CARE: 0, _CRC32: 4}.get(kind)
        if expected is None or total != chunk_head + expected or len(body) != expected:
            raise Refused("sparse image: a chunk is malformed")
        if kind == _CRC32:
            size_bytes = chunk_blocks = 0
        block += chunk_blocks
        if block > blocks:
            raise Refused("sparse image: more blocks than it announced")
        found.append((kind, (block - chunk_blocks) * block_bytes, size_bytes, body))
        at += total
    return found
