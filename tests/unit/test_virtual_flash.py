"""The phone's flash, slot table and sparse decoder: exact, bounded, safe against hostile images."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.virtual import faults, sparse_image, user_data
from hw.virtual.errors import BadState, PowerLost, Refused
from hw.virtual.faults import FaultBox
from hw.virtual.flash import BLOCK_BYTES, Flash
from hw.virtual.models import model, size_bytes
from hw.virtual.slots import SlotTable
from hw.virtual.system_image import build_properties, system_version

PARTITION_BYTES = 4 * BLOCK_BYTES
BLOCK = 4096


def new_flash(folder: Path, box: FaultBox | None = None) -> Flash:
    return Flash(folder, {"boot": PARTITION_BYTES}, box or FaultBox(), lambda name: name, lambda: None)


def sparse(blocks: int, *chunks: tuple[int, int, bytes]) -> bytes:
    """A sparse image of ``(kind, blocks, body)`` chunks; written from the format's text for these tests."""
    out = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, BLOCK, blocks, len(chunks), 0)
    for kind, count, body in chunks:
        out += struct.pack("<HHII", kind, 0, count, 12 + len(body)) + body
    return out


def unpack(flash: Flash, image: bytes) -> bytes:
    with flash.writer("boot") as partition:
        sparse_image.unpack_into(memoryview(image), partition)
    return flash.path("boot").read_bytes()


def test_a_write_lands_where_it_should_and_nowhere_else(tmp_path: Path) -> None:
    flash = new_flash(tmp_path)
    data = random.Random(1).randbytes(BLOCK_BYTES + 5000)
    with flash.writer("boot") as partition:
        partition.write(BLOCK_BYTES - 100, memoryview(data))
    content = flash.path("boot").read_bytes()
    assert content[BLOCK_BYTES - 100 :][: len(data)] == data
    assert content.count(0) >= PARTITION_BYTES - len(data)
    assert flash.writes == 3, "split at block boundaries"


def test_nothing_is_written_beyond_a_partition(tmp_path: Path) -> None:
    flash = new_flash(tmp_path)
    with flash.writer("boot") as partition:
        for offset, size in ((PARTITION_BYTES, 1), (0, PARTITION_BYTES + 1), (-1, 1)):
            with pytest.raises(Refused, match="larger"):
                partition.write(offset, memoryview(bytes(size)))
    with pytest.raises(Refused), flash.writer("../boot"):
        pass
    assert flash.writes == 0


def test_a_write_ends_when_the_power_goes(tmp_path: Path) -> None:
    flash = new_flash(tmp_path)
    flash.power_off()
    with flash.writer("boot") as partition:
        partition.write(0, memoryview(b"x"))
        flash._power_cycle += 1  # as power_off does, which waits for this writer
        with pytest.raises(PowerLost):
            partition.write(0, memoryview(b"y"))
    assert flash.path("boot").read_bytes()[:1] == b"x"


def test_sparse_chunks_of_every_kind_are_unpacked(tmp_path: Path) -> None:
    flash = new_flash(tmp_path)
    with flash.writer("boot") as partition:
        partition.write(0, memoryview(b"\x11" * PARTITION_BYTES))
    raw = random.Random(2).randbytes(2 * BLOCK)
    content = unpack(
        flash,
        sparse(8, (0xCAC1, 2, raw), (0xCAC3, 3, b""), (0xCAC2, 2, b"abcd"), (0xCAC4, 0, b"\0\0\0\0"),
               (0xCAC2, 1, b"\0\0\0\0")),
    )  # fmt: skip
    assert content[: 2 * BLOCK] == raw
    assert content[2 * BLOCK : 5 * BLOCK] == b"\x11" * (3 * BLOCK), "DONT_CARE keeps what was there"
    assert content[5 * BLOCK : 7 * BLOCK] == b"abcd" * (2 * BLOCK // 4)
    assert content[7 * BLOCK : 8 * BLOCK] == bytes(BLOCK)
    assert content[8 * BLOCK :] == b"\x11" * (PARTITION_BYTES - 8 * BLOCK)


@pytest.mark.parametrize(
    "image",
    [
        sparse(PARTITION_BYTES // BLOCK + 1),
        sparse(1, (0xCAC1, 2, bytes(2 * BLOCK))),
        sparse(2, (0xCAC1, 2, bytes(BLOCK))),
        sparse(2, (0xBEEF, 1, b"")),
        sparse(2, (0xCAC1, 2, bytes(2 * BLOCK)))[:-1],
        sparse(2, (0xCAC1, 1, bytes(BLOCK)), (0xCAC3, 5, b"")),
        sparse(1)[:4] + b"\x02" + sparse(1)[5:],
    ],
)
def test_a_malformed_sparse_image_is_refused_before_anything_is_written(tmp_path: Path, image: bytes) -> None:
    flash = new_flash(tmp_path)
    with pytest.raises(Refused):
        unpack(flash, image)
    assert flash.writes == 0


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(
        st.tuples(
            st.sampled_from([0xCAC1, 0xCAC2, 0xCAC3, 0xCAC4, 7]), st.integers(0, 5), st.binary(max_size=40)
        ),
        max_size=4,
    ),
    st.binary(max_size=60),
)
def test_hostile_sparse_images_are_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, blocks: int, chunks: list[tuple[int, int, bytes]], tail: bytes
) -> None:
    flash = new_flash(tmp_path_factory.mktemp("flash"))
    try:
        content = unpack(flash, sparse(blocks, *chunks) + tail)
    except Refused:
        assert flash.writes == 0
    else:
        assert len(content) == PARTITION_BYTES


def test_slots_survive_and_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "slots.json"
    table = SlotTable(path, "ab")
    table.factory()
    table.set_active("b")
    again = SlotTable(path, "ab")
    assert (again.current, again["b"].tries, again["b"].successful) == ("b", 3, False)
    assert list(tmp_path.iterdir()) == [path]
    path.write_text("{}")
    with pytest.raises(BadState):
        SlotTable(path, "ab")


def test_a_slot_that_never_succeeds_runs_out_of_tries_and_the_other_boots(tmp_path: Path) -> None:
    table = SlotTable(tmp_path / "slots.json", "ab")
    table.factory()
    table.booted("a", 1)
    table.set_active("b")
    for _ in range(3):
        assert table.next_to_boot() == "b"
        table.trying("b")
    assert table.next_to_boot() == "a"
    table.failed("a")
    assert table.next_to_boot() is None


@pytest.mark.parametrize("slot", ["", "c", "A", "_b"])
def test_no_other_slot_can_be_made_active(tmp_path: Path, slot: str) -> None:
    with pytest.raises(Refused):
        SlotTable(tmp_path / "slots.json", "ab").set_active(slot)


def test_user_data_is_the_same_for_the_same_seed_and_only_for_it(tmp_path: Path) -> None:
    def digest(name: str, seed: str) -> list[tuple[str, bytes, float]]:
        folder = tmp_path / name
        user_data.generate(folder, seed, 1 << 20)
        return [
            (str(path.relative_to(folder)), path.read_bytes(), path.stat().st_mtime)
            for path in user_data.files(folder)
        ]

    one = digest("one", "seed")
    assert one == digest("two", "seed")
    assert one != digest("three", "other")
    names = [name for name, _, _ in one]
    assert len(one) >= 48
    assert any(ord(char) > 0xFFFF for name in names for char in name), "a name outside the BMP"
    assert any(not content for _, content, _ in one), "an empty file"
    assert sum(name.endswith(".vcf") for name in names) >= 10
    assert sum(len(content) for _, content, _ in one) == pytest.approx(1 << 20, rel=0.2)
    assert len({moment for _, _, moment in one}) == len(one)


def test_a_system_that_is_no_file_system_has_no_version(tmp_path: Path) -> None:
    image = tmp_path / "system.img"
    image.write_bytes(random.Random(4).randbytes(1 << 16))
    assert build_properties(image) == {}
    assert system_version(image) is None


def test_models_are_complete_and_fictional() -> None:
    for name in ("heron", "wren"):
        chosen = model(name)
        sizes = chosen.partitions()
        assert {chosen.base_name(full) for full in sizes} == set(chosen.slotted) | set(chosen.fixed)
        assert chosen.normal_usb[0] == chosen.bootloader_usb[0] == 0x1209
    assert model("heron").partitions()["system_b"] == 512 << 20
    assert model("wren").full_name("system", None) == "system"
    with pytest.raises(BadState, match="heron"):
        model("pixel")
    with pytest.raises(BadState):
        size_bytes("12 parsecs")


def test_a_corrupted_write_differs_by_one_bit_once(tmp_path: Path) -> None:
    box = FaultBox()
    box.arm(faults.parse("corrupt-flash:boot"))
    flash = new_flash(tmp_path, box)
    data = bytes(2 * BLOCK_BYTES)
    for expected in (1, 0):
        with flash.writer("boot") as partition:
            partition.write(0, memoryview(data))
        assert sum(flash.path("boot").read_bytes()) == expected
    json.dumps(box.specs())
