"""An image rebuilt from its base: exactly, resumably, within its bounds, or refused with the right word."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from firmware_agent import durable
from firmware_agent.delta import make as delta_make
from firmware_agent.delta import match as delta_match
from firmware_agent.delta import segment as delta_segment
from firmware_agent.delta.apply import Expected, apply, read_header
from firmware_agent.delta.hdiff import Difference
from firmware_agent.delta.make import Made, make
from firmware_agent.errors import BuildFailed, DeltaRefused, NoRoom, Stopped
from firmware_agent.watch import Watch
from tests.delta_images import code, expected, pair

QUIET = Watch()


@contextmanager
def opened(path: Path | None) -> Iterator[int | None]:
    handle = None if path is None else os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


class Shop:
    """A folder with a base, a new image and the package between them, cut into many small segments."""

    def __init__(self, folder: Path) -> None:
        self.base, self.new, self.package = folder / "base", folder / "new", folder / "package"
        self.out = folder / "out"
        base, new = pair()
        self.base.write_bytes(base)
        self.new.write_bytes(new)
        self.made = make(self.base, self.new, self.package)
        self.result = new

    def apply(self, watch: Watch = QUIET, workers: int = 2, said: Expected | None = None) -> None:
        with opened(self.base) as base:
            apply(self.package, base, self.out, said or expected(self.made), watch, workers)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delta_segment, "CHANGED_BYTES", 200_000)
        patch.setattr(delta_segment, "UNIT_BYTES", 70_000)
        yield Shop(tmp_path_factory.mktemp("delta"))


@pytest.fixture
def shop(built: Shop) -> Shop:
    built.out.unlink(missing_ok=True)
    return built


class Recorded(durable.Disk):
    """The real disk, with a note of every write."""

    def __init__(self) -> None:
        self.writes: list[tuple[int, int]] = []
        self.synced_after: list[int] = []

    def write(self, handle: int, data: bytes | memoryview, offset: int) -> None:
        self.writes.append((offset, len(data)))
        super().write(handle, data, offset)

    def sync(self, handle: int) -> None:
        self.synced_after.append(len(self.writes))
        super().sync(handle)


@pytest.fixture
def disk() -> Iterator[Recorded]:
    recorded = Recorded()
    durable.use(recorded)
    yield recorded
    durable.use(None)


RNG = random.Random(7)
NOISE = RNG.randbytes(700_000)
PAIRS: dict[str, tuple[bytes | None, bytes]] = {
    "the same": (NOISE, NOISE),
    "grown": (NOISE, NOISE + code(50_000, 1)),
    "shrunk": (NOISE, NOISE[: 4096 * 33 + 1]),
    "moved by a byte": (NOISE, b"x" + NOISE),
    "emptied": (NOISE, bytes(500_001)),
    "filled": (bytes(300_000), NOISE),
    "one byte": (b"a", b"b"),
    "one byte from nothing": (None, b"b"),
    "zeros from nothing": (None, bytes(5_000_000)),
    "code from nothing": (None, code(1_500_000, 3)),
    "another file": (NOISE, random.Random(8).randbytes(600_000)),
    "doubled": (NOISE[:200_000], NOISE[:200_000] * 3),
    "turned round": (NOISE, NOISE[350_000:] + NOISE[:350_000]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_every_pair_of_images_is_rebuilt_to_the_byte(name: str, tmp_path: Path) -> None:
    old, new = PAIRS[name]
    base = None if old is None else tmp_path / "base"
    if base is not None and old is not None:
        base.write_bytes(old)
    (tmp_path / "new").write_bytes(new)
    made = make(base, tmp_path / "new", tmp_path / "package")
    with opened(base) as handle:
        apply(tmp_path / "package", handle, tmp_path / "out", expected(made), QUIET)
    assert (tmp_path / "out").read_bytes() == new
    package = (tmp_path / "package").read_bytes()
    assert (made.size_bytes, made.sha256) == (len(package), hashlib.sha256(package).hexdigest())
    assert len(package) < len(new) + 600
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {"new", "package", "out"} | ({"base"} if base else set())
    )


def test_what_moved_costs_little_and_relinked_code_a_fraction(shop: Shop) -> None:
    fresh = 300_000 + 1234
    assert shop.made.size_bytes < fresh * 0.6 + len(shop.result) * 0.05


def test_the_same_images_give_the_same_package(tmp_path: Path) -> None:
    base, new = pair(5)
    (tmp_path / "base").write_bytes(base)
    (tmp_path / "new").write_bytes(new)
    hashes = {
        make(tmp_path / "base", tmp_path / "new", tmp_path / f"p{n}", workers=n).sha256 for n in (1, 2, 4)
    }
    assert len(hashes) == 1


def test_a_segment_is_rebuilt_without_the_others(shop: Shop, disk: Recorded) -> None:
    shop.apply()
    header = read_header(shop.package.open("rb"))
    assert len(header.segments) > 5
    for segment in header.segments[:: len(header.segments) // 4]:
        spoilt = bytearray(shop.result)
        spoilt[segment.result_offset] ^= 1
        shop.out.write_bytes(spoilt)
        disk.writes.clear()
        shop.apply()
        assert shop.out.read_bytes() == shop.result
        first, end = disk.writes[0][0], max(offset + length for offset, length in disk.writes)
        assert (first, end) == (segment.result_offset, segment.result_end)


def test_what_is_there_and_right_is_not_written_again(shop: Shop, disk: Recorded) -> None:
    shop.out.write_bytes(shop.result)
    seen: list[int] = []
    shop.apply(Watch(on_bytes=lambda done, _: seen.append(done)))
    assert disk.writes == []
    assert seen[-1] == len(shop.result)


def test_the_result_is_on_the_disk_before_apply_returns(shop: Shop, disk: Recorded) -> None:
    shop.apply()
    assert disk.synced_after == [len(disk.writes)]


def test_a_longer_file_is_cut_to_the_result(shop: Shop) -> None:
    shop.out.write_bytes(shop.result + b"left over")
    shop.apply()
    assert shop.out.read_bytes() == shop.result


def test_progress_only_rises_and_ends_at_the_whole(shop: Shop) -> None:
    seen: list[tuple[int, int]] = []
    shop.apply(Watch(on_bytes=lambda done, total: seen.append((done, total))))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert {total for _, total in seen} == {len(shop.result)}
    assert seen[-1][0] == len(shop.result)


def test_progress_of_making_only_rises(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(code(400_000, 9))
    seen: list[tuple[int, int]] = []
    make(None, tmp_path / "new", tmp_path / "p", on_progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (800_000, 800_000)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"base_sha256": "00" * 32}, "other_base"),
        ({"base_size_bytes": 4096}, "other_base"),
        ({"base_sha256": "", "base_size_bytes": 0}, "other_base"),
        ({"result_sha256": "11" * 32}, "other_result"),
        ({"result_size_bytes": 1}, "other_result"),
    ],
)
def test_a_package_that_the_catalogue_does_not_mean_writes_nothing(
    shop: Shop, change: dict[str, str | int], reason: str
) -> None:
    made = shop.made
    said: dict[str, str | int] = {
        "base_sha256": made.base_sha256,
        "base_size_bytes": made.base_size_bytes,
        "result_sha256": made.result_sha256,
        "result_size_bytes": made.result_size_bytes,
    }
    with pytest.raises(DeltaRefused) as refused:
        shop.apply(said=Expected(**(said | change)))  # type: ignore[arg-type]
    assert refused.value.reason == reason
    assert not shop.out.exists()


def applied_to(shop: Shop, base: bytes | None, folder: Path, workers: int = 2) -> str:
    """The reason it was refused for."""
    path = None if base is None else folder / "wrong"
    if path is not None and base is not None:
        path.write_bytes(base)
    with opened(path) as handle, pytest.raises(DeltaRefused) as refused:
        apply(shop.package, handle, shop.out, expected(shop.made), QUIET, workers)
    return refused.value.reason


def test_a_damaged_segment_is_refused_before_it_is_decoded(
    shop: Shop, disk: Recorded, tmp_path: Path
) -> None:
    for segment in read_header(shop.package.open("rb")).segments[::3]:
        damaged = bytearray(shop.package.read_bytes())
        damaged[segment.blob_offset + segment.blob_bytes - 2] ^= 1
        (tmp_path / "package").write_bytes(damaged)
        shop.out.unlink(missing_ok=True)
        disk.writes.clear()
        with opened(shop.base) as base, pytest.raises(DeltaRefused, match="a segment is damaged") as refused:
            apply(tmp_path / "package", base, shop.out, expected(shop.made), QUIET)
        assert refused.value.reason == "bad_delta"
        assert not [at for at, _ in disk.writes if segment.result_offset <= at < segment.result_end]


@pytest.mark.parametrize("change", [-1, 1, -1000])
def test_a_package_of_another_length_writes_nothing(shop: Shop, change: int, tmp_path: Path) -> None:
    raw = shop.package.read_bytes()
    (tmp_path / "package").write_bytes(raw[:change] if change < 0 else raw + b"x")
    with opened(shop.base) as base, pytest.raises(DeltaRefused) as refused:
        apply(tmp_path / "package", base, shop.out, expected(shop.made), QUIET)
    assert refused.value.reason == "bad_delta"
    assert not shop.out.exists()


def test_another_base_is_found_before_anything_is_written(shop: Shop, disk: Recorded, tmp_path: Path) -> None:
    right = shop.base.read_bytes()
    assert applied_to(shop, bytes(reversed(right)), tmp_path) == "other_base"
    assert applied_to(shop, right + b"x", tmp_path) == "other_base"
    assert applied_to(shop, None, tmp_path) == "other_base"
    assert disk.writes == []


def test_one_rotten_byte_of_the_base_is_named_and_a_sound_base_then_helps(shop: Shop, tmp_path: Path) -> None:
    rotten = bytearray(shop.base.read_bytes())
    rotten[-75 * 4096] ^= 1  # in what moved, which no worker begins with
    assert applied_to(shop, bytes(rotten), tmp_path, workers=1) == "other_base"
    assert shop.out.stat().st_size > 0
    shop.apply()
    assert shop.out.read_bytes() == shop.result


def test_a_stop_ends_it_and_the_next_run_goes_on_from_there(shop: Shop, disk: Recorded) -> None:
    shop.apply()
    half = len(disk.writes) // 2
    assert half > 0
    shop.out.unlink()
    disk.writes.clear()
    watch = Watch()
    write = disk.write

    def stopping(handle: int, data: memoryview, offset: int) -> None:
        write(handle, data, offset)
        if len(disk.writes) == half:
            watch.stop.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "write", stopping)
        with pytest.raises(Stopped):
            shop.apply(watch)
    assert len(disk.writes) <= half + 2  # what each worker had begun
    disk.writes.clear()
    shop.apply()
    assert shop.out.read_bytes() == shop.result
    assert 0 < sum(length for _, length in disk.writes) <= len(shop.result)


KILLED = """
import os, signal, sys
from pathlib import Path
from firmware_agent import durable
from firmware_agent.delta import apply as delta
from firmware_agent.watch import Watch
package, base, out, left = sys.argv[1:5]
class Pulled(durable.Disk):
    left = int(left)
    def write(self, handle, data, offset):
        if len(data) >= self.left:
            os.pwrite(handle, data[: self.left], offset)
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= len(data)
        super().write(handle, data, offset)
durable.use(Pulled())
said = delta.read_header(open(package, "rb"))
want = delta.Expected(said.base_sha256, said.base_size_bytes, said.result_sha256, said.result_size_bytes)
delta.apply(Path(package), os.open(base, os.O_RDONLY), Path(out), want, Watch())
"""


def test_killed_at_any_byte_the_next_run_ends_with_the_same_image(shop: Shop) -> None:
    rng = random.Random(20261122)
    words = [sys.executable, "-c", KILLED, *map(str, (shop.package, shop.base, shop.out))]
    for _ in range(3):
        shop.out.unlink(missing_ok=True)
        for _ in range(3):  # killed again while it repairs
            left = rng.randrange(1, len(shop.result) // 3)
            done = subprocess.run([*words, str(left)], check=False, capture_output=True)
            assert done.returncode == -signal.SIGKILL, done.stderr[-300:]
            assert shop.out.stat().st_size <= len(shop.result)
        shop.apply()
        assert shop.out.read_bytes() == shop.result


def test_a_full_disk_is_named_and_nothing_is_lost(shop: Shop) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(shop.result) // 2, hard))
    try:
        with pytest.raises(NoRoom):
            shop.apply()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    shop.apply()
    assert shop.out.read_bytes() == shop.result


def test_a_package_that_does_not_give_its_image_is_never_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right: Callable[[bytes, bytes], Difference] = delta_segment.difference

    def wrong(view: bytes, result: bytes) -> Difference:
        return right(view, bytes([result[0] ^ 1]) + result[1:])

    monkeypatch.setattr(delta_segment, "difference", wrong)
    (tmp_path / "new").write_bytes(code(100_000, 2))
    with pytest.raises(BuildFailed):
        make(None, tmp_path / "new", tmp_path / "package")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("number", [0, 1])
def test_blocks_of_equal_hash_and_other_bytes_are_no_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def same(data: delta_match.Bytes) -> delta_match.Words:
        return np.full(-(-len(data) // delta_match.BLOCK_BYTES), number, np.uint64)

    monkeypatch.setattr(delta_match, "_block_hashes", same)
    (tmp_path / "base").write_bytes(NOISE)
    (tmp_path / "new").write_bytes(NOISE[4096:300_000] + code(200_000, 4))
    make(tmp_path / "base", tmp_path / "new", tmp_path / "package")  # which proves it


@pytest.mark.parametrize("missing", ["base", "new"])
def test_making_without_an_image_says_so(tmp_path: Path, missing: str) -> None:
    for name in {"base", "new"} - {missing}:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(BuildFailed):
        make(tmp_path / "base", tmp_path / "new", tmp_path / "package")


def test_an_empty_image_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"")
    with pytest.raises(BuildFailed):
        make(None, tmp_path / "new", tmp_path / "package")


def test_what_is_made_matches_what_its_header_says(shop: Shop) -> None:
    header = read_header(shop.package.open("rb"))
    assert isinstance(shop.made, Made)
    assert expected(shop.made) == expected(header)
    assert header.package_bytes == shop.made.size_bytes
    assert (
        delta_make.HEADER_BYTES + len(header.segments) * delta_make.ENTRY_BYTES
        == header.segments[0].blob_offset
    )
