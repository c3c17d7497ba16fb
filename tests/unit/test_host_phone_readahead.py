"""Reading ahead: the same bytes in even pieces, errors in their place, and no thread left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.flashing import FileImage
from hw.readahead import from_chunks, read_ahead, read_now


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "read-ahead"]


@given(chunks=st.lists(st.binary(max_size=50), max_size=20), piece=st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_the_bytes_are_the_same_and_every_piece_but_the_last_is_whole(
    chunks: list[bytes], piece: int
) -> None:
    pieces = [bytes(view) for view in read_ahead(from_chunks(chunks), piece)]
    assert b"".join(pieces) == b"".join(chunks)
    assert all(len(view) == piece for view in pieces[:-1])
    assert all(pieces)
    assert not threads()
    assert [bytes(view) for view in read_now(from_chunks(chunks), piece)] == pieces


def test_an_error_of_the_source_comes_after_the_bytes_before_it() -> None:
    def source() -> Iterator[bytes]:
        yield b"first piece"
        raise ValueError("the disk says no")

    got: list[bytes] = []
    with pytest.raises(ValueError, match="the disk says no"):
        got.extend(bytes(view) for view in read_ahead(from_chunks(source()), 11))
    assert not threads()


def test_a_reader_that_stops_early_leaves_no_thread_and_no_endless_source_running() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield bytes(100)

    pieces = read_ahead(from_chunks(endless()), 64)
    assert len(next(pieces)) == 64
    pieces.close()
    assert not threads()


def test_a_reused_chunk_is_not_sent_twice() -> None:
    buffer = bytearray(8)

    def source() -> Iterator[memoryview]:
        for number in range(50):
            buffer[:] = bytes([number]) * 8
            yield memoryview(buffer)

    got = b"".join(bytes(view) for view in read_ahead(from_chunks(source()), 8))
    assert got == b"".join(bytes([number]) * 8 for number in range(50))


def test_a_file_is_the_one_that_was_opened_even_when_its_name_is_given_to_another(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(b"old" * 1000)
    image = FileImage(path)
    (tmp_path / "b.img").write_bytes(b"new" * 1000)
    (tmp_path / "b.img").rename(path)
    for _ in range(2):
        assert b"".join(bytes(view) for view in image.chunks(700)) == b"old" * 1000
        assert b"".join(bytes(view) for view in read_ahead(image.fill(), 700)) == b"old" * 1000
