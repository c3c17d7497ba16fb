"""Sparse images: a plain reading of the format gives the image back, and every part fits."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.errors import LocalProtocolError
from hw.proto import sparse
from hw.proto.sparse import BLOCK_BYTES, Kind


def decode(raw: bytes, over: bytearray) -> None:
    """Lay one sparse image over ``over``, straight from sparse_format.h."""
    magic, major, minor, head, chunk_head, block, blocks, chunks, _crc = struct.unpack_from("<IHHHHIIII", raw)
    assert (magic, major, minor, head, chunk_head, block) == (0xED26FF3A, 1, 0, 28, 12, 4096)
    assert blocks * block == len(over)
    at, written = head, 0
    for _ in range(chunks):
        kind, reserved, count, total = struct.unpack_from("<HHII", raw, at)
        body = raw[at + chunk_head : at + total]
        place = slice(written * block, (written + count) * block)
        assert reserved == 0
        if kind == 0xCAC1:
            assert len(body) == count * block
            over[place] = body
        elif kind == 0xCAC2:
            assert len(body) == 4
            over[place] = body * (count * block // 4)
        else:
            assert (kind, len(body)) == (0xCAC3, 0)
        at, written = at + total, written + count
    assert (at, written) == (len(raw), blocks)


def chunked(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def encode_all(image: bytes, limit: int, base: bytes | None = None, piece: int = 10_000) -> list[bytes]:
    runs = sparse.runs(chunked(image, piece), len(image), chunked(base, 7_000) if base is not None else None)
    parts = sparse.split(runs, len(image), limit)
    source = sparse.Source(chunked(image, piece))
    encoded = [b"".join(bytes(chunk) for chunk in sparse.encode(part, source)) for part in parts]
    assert [len(raw) for raw in encoded] == [part.size_bytes for part in parts]
    return encoded


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK_BYTES)


blocks = st.lists(st.sampled_from([0, 0, 1, 2, 255]), min_size=1, max_size=40).map(
    lambda fills: b"".join(bytes([fill]) * BLOCK_BYTES for fill in fills)
)


@given(
    image=blocks, tail=st.binary(max_size=100), limit=st.integers(8192, 80_000), piece=st.integers(61, 20_000)
)
@settings(max_examples=80)
def test_the_parts_together_are_the_image_and_each_fits(
    image: bytes, tail: bytes, limit: int, piece: int
) -> None:
    image += tail
    flash = bytearray(b"\xee" * len(padded(image)))
    for raw in encode_all(image, limit, piece=piece):
        assert len(raw) <= limit
        decode(raw, flash)
    assert bytes(flash) == padded(image)


@given(old=blocks, new=blocks, limit=st.integers(8192, 80_000))
@settings(max_examples=80)
def test_a_difference_laid_over_its_base_is_the_new_image(old: bytes, new: bytes, limit: int) -> None:
    flash = bytearray(old[: len(new)].ljust(len(new), b"\xee"))
    encoded = encode_all(new, limit, base=old)
    for raw in encoded:
        assert len(raw) <= limit
        decode(raw, flash)
    assert bytes(flash) == new


def test_no_part_is_a_byte_larger_than_the_download_buffer() -> None:
    image = b"".join(bytes([1 + block % 2 * (block % 5)]) * BLOCK_BYTES for block in range(12))
    for limit in range(8192, 8192 + 2 * BLOCK_BYTES, 3):
        runs = sparse.runs([image], len(image))
        assert all(part.size_bytes <= limit for part in sparse.split(runs, len(image), limit))


def test_unchanged_blocks_do_not_travel_and_new_zeros_are_written_not_skipped() -> None:
    old = b"\x01" * BLOCK_BYTES * 100
    new = bytearray(old)
    new[BLOCK_BYTES * 50 : BLOCK_BYTES * 51] = bytes(BLOCK_BYTES)
    (raw,) = encode_all(bytes(new), 1 << 20, base=old)
    assert len(raw) == 28 + 12 + 16 + 12
    flash = bytearray(old)
    decode(raw, flash)
    assert flash == new


def test_an_identical_image_is_one_part_that_writes_nothing() -> None:
    old = b"\x01" * BLOCK_BYTES * 10
    (raw,) = encode_all(old, 1 << 20, base=old)
    flash = bytearray(old)
    decode(raw, flash)
    assert (len(raw), bytes(flash)) == (40, old)


def test_a_download_buffer_too_small_for_a_block_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="too small"):
        sparse.split(iter(()), 4096, 4096)


def test_an_image_that_got_shorter_is_noticed_before_zeros_are_sent_for_it() -> None:
    runs = list(sparse.runs([b"\x01" * 40960], 40960))
    (part,) = sparse.split(runs, 40960, 1 << 20)
    with pytest.raises(LocalProtocolError, match="shorter"):
        list(sparse.encode(part, sparse.Source([b"\x01" * 8192])))


def test_runs_hold_no_image_in_memory() -> None:
    runs = list(sparse.runs((bytes(1 << 20) for _ in range(64)), 64 << 20))
    assert runs == [sparse.Run(Kind.FILL, 0, 16384)]
