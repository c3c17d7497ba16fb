"""Verified boot accepts what the release tool seals, and nothing that differs from it by a bit."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent import vbmeta
from hw.virtual.verified_boot import NotVerified, parse_vbmeta, verify_slot

BOOT = b"boot image " * 1000
AUTH_PADDING = range(256 + 32 + 256, 256 + 320)  # after the hash and the RSA-2048 signature
REQUIRED = frozenset({"boot"})


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slot with a boot partition larger than its image, and its vbmeta with rollback index 5."""
    folder = tmp_path_factory.mktemp("slot")
    image = folder / "image"
    image.write_bytes(BOOT)
    key = vbmeta.load_or_create_key(folder / "key.pem")
    sealed = vbmeta.make_vbmeta([vbmeta.describe("boot", image, b"salt" * 8)], 5, key)
    (folder / "boot").write_bytes(BOOT + bytes(4096))
    (folder / "vbmeta").write_bytes(sealed + bytes(8192))
    return folder


def files(slot: Path, **changed: bytes) -> dict[str, Path]:
    found = {"boot": slot / "boot", "vbmeta": slot / "vbmeta"}
    for name, content in changed.items():
        found[name] = slot / f"changed-{name}"
        found[name].write_bytes(content)
    return found


def test_a_sealed_slot_verifies_and_gives_its_rollback_index(slot: Path) -> None:
    assert verify_slot(files(slot).get, REQUIRED, stored_rollback_index=5) == 5


def test_an_older_rollback_index_is_refused(slot: Path) -> None:
    with pytest.raises(NotVerified, match="older"):
        verify_slot(files(slot).get, REQUIRED, stored_rollback_index=6)


def test_bytes_beyond_the_image_do_not_count(slot: Path) -> None:
    changed = files(slot, boot=BOOT + b"\xff" * 4096)
    assert verify_slot(changed.get, REQUIRED, 0) == 5


@pytest.mark.parametrize("content", [b"", BOOT[:-1], BOOT[:-1] + b"X", b"X" + BOOT[1:]])
def test_any_other_image_is_refused(slot: Path, content: bytes) -> None:
    with pytest.raises(NotVerified, match="boot: the digest"):
        verify_slot(files(slot, boot=content).get, REQUIRED, 0)


def test_a_partition_nobody_vouches_for_is_refused(slot: Path) -> None:
    with pytest.raises(NotVerified, match="does not cover system"):
        verify_slot(files(slot).get, frozenset({"boot", "system"}), 0)
    with pytest.raises(NotVerified, match="no vbmeta"):
        verify_slot({"boot": slot / "boot"}.get, REQUIRED, 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_flipped_bit_of_vbmeta_is_believed(slot: Path, data: st.DataObject) -> None:
    sealed = (slot / "vbmeta").read_bytes()
    sealed = sealed[: 256 + sum(struct.unpack_from(">QQ", sealed, 12))]  # header and both blocks
    at = data.draw(st.integers(0, len(sealed) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(sealed)
    flipped[at] ^= 1 << bit
    if at in AUTH_PADDING:
        assert parse_vbmeta(bytes(flipped)) == parse_vbmeta(sealed)
        return
    with pytest.raises(NotVerified):
        parse_vbmeta(bytes(flipped))


def test_a_changed_vbmeta_with_its_hash_made_right_still_lacks_the_signature(slot: Path) -> None:
    changed = bytearray((slot / "vbmeta").read_bytes())
    changed[119] ^= 1  # the rollback index
    auth_bytes, aux_bytes = struct.unpack_from(">QQ", changed, 12)
    aux = changed[256 + auth_bytes : 256 + auth_bytes + aux_bytes]
    changed[256 : 256 + 32] = hashlib.sha256(changed[:256] + aux).digest()
    with pytest.raises(NotVerified, match="signature"):
        parse_vbmeta(bytes(changed))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=700), st.booleans())
def test_hostile_vbmeta_is_refused_and_nothing_else(body: bytes, with_magic: bool) -> None:
    with pytest.raises(NotVerified):
        parse_vbmeta((b"AVB0\0\0\0\1" if with_magic else b"") + body)
