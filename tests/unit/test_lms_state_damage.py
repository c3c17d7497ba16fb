"""A signer's log whose end was spoilt: only what a power cut leaves is written over, all else stops the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_agent.errors import BuildFailed
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape


def signed_once(tmp_path: Path) -> tuple[Path, bytes]:
    """A key that has signed, and its state from before."""
    key = make_key(tmp_path / "key", Shape(5, 1))
    state = (tmp_path / "key/state.json").read_bytes()
    key.sign(b"one")
    return tmp_path / "key", state


@pytest.mark.parametrize("at", [0, 9, 10, 11, 40, 74, 75])
@pytest.mark.parametrize("flipped", [0x01, 0x80])
def test_an_older_state_beside_a_spoilt_last_line_never_gives_its_leaf_again(
    at: int, flipped: int, tmp_path: Path
) -> None:
    folder, state = signed_once(tmp_path)
    raw = bytearray((folder / "signed.log").read_bytes())
    raw[at] ^= flipped
    (folder / "signed.log").write_bytes(raw)
    (folder / "state.json").write_bytes(state)
    with pytest.raises(BuildFailed) as caught:
        LmsKey(folder).sign(b"two")
    assert caught.value.reason == "bad_state"


@pytest.mark.parametrize(
    "tail",
    [
        b"x",
        b"0000000001_",
        b"0000000001 G",
        b"00000\x0000000",
        b"0000000001 " + b"a" * 65,
        b"\n",
        bytes(77),
        b"0000000001 " + b"A",
    ],
)
def test_a_tail_that_is_no_beginning_of_a_line_stops_the_key(tail: bytes, tmp_path: Path) -> None:
    folder, _ = signed_once(tmp_path)
    with (folder / "signed.log").open("ab") as file:
        file.write(tail)
    with pytest.raises(BuildFailed, match="damaged"):
        LmsKey(folder).sign(b"two")


@pytest.mark.parametrize("length", [0, 1, 9, 10, 11, 12, 74, 75])
@pytest.mark.parametrize("zeros", [0, 1])
def test_a_line_torn_at_any_byte_is_written_over(length: int, zeros: int, tmp_path: Path) -> None:
    folder, _ = signed_once(tmp_path)
    line = b"0000000001 " + b"a5" * 32 + b"\n"
    with (folder / "signed.log").open("ab") as file:
        file.write(line[:length] + bytes((len(line) - length) * zeros))
    signature = LmsKey(folder).sign(b"two")
    assert int.from_bytes(signature[4:8], "big") == 1
    assert len((folder / "signed.log").read_bytes().splitlines()) == 2
