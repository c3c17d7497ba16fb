"""What the fault matrix compares an owner's partitions by: every byte counts, holes need no reading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.fault_rig import digest_of

SIZE_BYTES = 1 << 20


def image(path: Path, *, at: int = 0, data: bytes = b"", written_zeros: bool = False) -> Path:
    path.unlink(missing_ok=True)
    path.touch()
    os.truncate(path, SIZE_BYTES)
    with path.open("r+b") as file:
        if written_zeros:
            file.write(bytes(SIZE_BYTES))
        file.seek(at)
        file.write(data)
    return path


def test_a_hole_is_the_same_as_zeros_that_were_written(tmp_path: Path) -> None:
    hole = digest_of(image(tmp_path / "a", at=300_000, data=b"x"))
    assert hole == digest_of(image(tmp_path / "b", at=300_000, data=b"x", written_zeros=True))
    assert digest_of(image(tmp_path / "c")) == digest_of(image(tmp_path / "d", written_zeros=True))


@given(st.integers(0, SIZE_BYTES - 1), st.integers(1, 255), st.booleans())
def test_any_byte_that_changes_anywhere_is_seen(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, written_zeros: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    before = digest_of(image(folder / "before", at=70_000, data=b"the owner's"))
    file = image(folder / "after", at=70_000, data=b"the owner's", written_zeros=written_zeros)
    with file.open("r+b") as changed:
        changed.seek(at)
        old = changed.read(1)
        changed.seek(at)
        changed.write(bytes([old[0] ^ value]))
    assert digest_of(file) != before


def test_the_same_bytes_at_another_place_and_another_size_are_seen(tmp_path: Path) -> None:
    before = digest_of(image(tmp_path / "a", at=0, data=b"block"))
    assert digest_of(image(tmp_path / "b", at=65_536, data=b"block")) != before
    longer = image(tmp_path / "c", at=0, data=b"block")
    os.truncate(longer, SIZE_BYTES + 1)
    assert digest_of(longer) != before
