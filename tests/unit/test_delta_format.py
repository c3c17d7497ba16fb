"""Every reader of a delta package against bytes nobody thought of: refused in one line, in bounded memory."""

from __future__ import annotations

import io
import lzma
import os
import random
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.delta import plan as delta_plan
from firmware_agent.delta import streams as delta_streams
from firmware_agent.delta.apply import Expected, apply, read_header
from firmware_agent.delta.format import ENTRY_BYTES, HEADER_BYTES, MAX_SEGMENTS, Header, merged, write_front
from firmware_agent.delta.hdiff import Difference, difference, rebuild
from firmware_agent.delta.make import make
from firmware_agent.delta.plan import COPY, PATCH, ZERO, Op, Plan, Unit, read_plan, write_plan
from firmware_agent.delta.streams import open_streams, write_streams
from firmware_agent.delta.window import window
from firmware_agent.errors import DeltaRefused
from firmware_agent.watch import Watch
from tests.delta_images import code, expected, pair, relinked, wrapped, wrapped_blob

QUIET = Watch()
Read = TypeVar("Read")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base, a package for it, and what it makes."""
    folder = tmp_path_factory.mktemp("hostile")
    base, new = (data[: 1 << 20] for data in pair(3))
    (folder / "base").write_bytes(base)
    (folder / "new").write_bytes(relinked(base[400_000:], 4) + new[:100_000])
    make(folder / "base", folder / "new", folder / "package")
    return folder


def header_of(raw: bytes) -> Header:
    return read_header(io.BytesIO(raw))


def refused(package: Path, base: Path | None, said: Expected, out: Path) -> DeltaRefused:
    handle = None if base is None else os.open(base, os.O_RDONLY)
    try:
        with pytest.raises(DeltaRefused) as error:
            apply(package, handle, out, said, QUIET)
    finally:
        if handle is not None:
            os.close(handle)
    assert "\n" not in error.value.detail
    if out.exists():
        assert out.stat().st_size <= said.result_size_bytes
    return error.value


def tried(read: Callable[[], Read]) -> Read | None:
    """What it gives, or None where it refuses as a package's reader must."""
    try:
        return read()
    except DeltaRefused as exc:
        if exc.reason != "bad_delta":
            raise
        return None


# -- header and table -------------------------------------------------------------------------------------------


def test_a_header_is_read_back_as_it_was_written(folder: Path) -> None:
    raw = (folder / "package").read_bytes()
    header = header_of(raw)
    assert raw.startswith(write_front(header))
    assert sum(segment.result_bytes for segment in header.segments) == header.result_size_bytes


@given(st.binary(max_size=400))
def test_any_bytes_are_a_header_or_refused(raw: bytes) -> None:
    with pytest.raises(DeltaRefused):
        header_of(raw)


@given(st.data())
def test_a_damaged_front_is_refused_or_says_another_image(folder: Path, data: st.DataObject) -> None:
    raw = bytearray((folder / "package").read_bytes())
    header = header_of(bytes(raw))
    at = data.draw(st.integers(0, header.segments[0].blob_offset - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    damaged = tried(lambda: header_of(bytes(raw)))
    if damaged is not None:
        assert expected(damaged) != expected(header)
        assert (
            replace(
                damaged,
                base_sha256=header.base_sha256,
                base_size_bytes=header.base_size_bytes,
                result_sha256=header.result_sha256,
            )
            == header
        )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("<H", (8, 2)),  # a later version
        ("<H", (10, HEADER_BYTES + 1)),
        ("<I", (12, 1)),  # a flag
        ("<Q", (24, 0)),  # no result
        ("<Q", (24, 1 << 60)),
        ("<Q", (16, 1 << 60)),
        ("<Q", (16, 0)),  # no base, with a hash
        ("<I", (96, 0)),
        ("<I", (96, MAX_SEGMENTS + 1)),
        ("<I", (96, 0xFFFFFFFF)),
        ("<I", (100, ENTRY_BYTES + 1)),
        ("<Q", (104, 1)),
    ],
)
def test_every_field_of_the_header_has_its_limit(folder: Path, field: str, value: tuple[int, int]) -> None:
    raw = bytearray((folder / "package").read_bytes())
    struct.pack_into(field, raw, *value)
    with pytest.raises(DeltaRefused) as error:
        header_of(bytes(raw))
    assert error.value.reason == "bad_delta"


@pytest.mark.parametrize("count", [0, MAX_SEGMENTS + 1, 0xFFFFFFFF])
def test_a_table_is_not_read_before_its_length_is_in_bounds(folder: Path, count: int) -> None:
    raw = bytearray((folder / "package").read_bytes())
    struct.pack_into("<I", raw, 96, count)
    file = io.BytesIO(raw)
    with pytest.raises(DeltaRefused, match="segments are not 1 to"):
        read_header(file)
    assert file.tell() == HEADER_BYTES


@pytest.mark.parametrize("sizes", [(0, 50), (1 << 27, 50), (100, 0), (100, 1 << 31)])
def test_a_segment_has_its_limits(folder: Path, sizes: tuple[int, int]) -> None:
    header = header_of((folder / "package").read_bytes())
    segment = replace(header.segments[0], result_bytes=sizes[0], blob_bytes=sizes[1])
    with pytest.raises(DeltaRefused, match="size is out of bounds"):
        header_of(write_front(replace(header, segments=(segment,))))


# -- plan -------------------------------------------------------------------------------------------------------

BASE_BYTES = 1 << 30
stretch = st.tuples(st.integers(0, BASE_BYTES - 70_000), st.integers(1, 70_000))
ops = st.lists(
    st.one_of(
        st.builds(lambda s: Op(COPY, s[1], s[0]), stretch),
        st.builds(lambda n: Op(ZERO, n), st.integers(1, 1 << 26)),
        st.builds(lambda n: Op(PATCH, n), st.integers(1, 1 << 20)),
    ),
    min_size=1,
    max_size=20,
)


def units_for(plan_ops: list[Op], window: list[tuple[int, int]]) -> tuple[Unit, ...]:
    sizes = [op.length for op in plan_ops if op.kind == PATCH]
    return tuple(Unit(size, tuple(window), 1, (4, 3, 2, 1)) for size in sizes)


@given(ops, st.lists(stretch, max_size=5))
def test_a_plan_is_read_back_as_it_was_written(plan_ops: list[Op], window: list[tuple[int, int]]) -> None:
    plan = Plan(tuple(plan_ops), units_for(plan_ops, window))
    assert read_plan(write_plan(plan), sum(op.length for op in plan_ops), BASE_BYTES) == plan


@given(st.binary(max_size=200), st.integers(1, 5000))
def test_any_bytes_are_a_plan_within_its_base_or_refused(raw: bytes, base_bytes: int) -> None:
    plan = tried(lambda: read_plan(raw, 64, base_bytes))
    if plan is not None:
        assert sum(op.length for op in plan.ops) == 64
        assert all(offset >= 0 and offset + length <= base_bytes for offset, length in plan.source())


LITERAL = Unit(10, (), 0, (0, 0, 0, 10))
BAD_PLANS = {
    "outside the base": Plan((Op(COPY, 10, 95),), ()),
    "before the base": Plan((Op(COPY, 10, -1),), ()),
    "of another length": Plan((Op(ZERO, 11),), ()),
    "of no length": Plan((Op(ZERO, 10), Op(ZERO, 0)), ()),
    "of an unknown kind": Plan((Op(3, 10),), ()),
    "without the units it needs": Plan((Op(PATCH, 10),), ()),
    "with units nobody needs": Plan((Op(ZERO, 10),), (LITERAL,)),
    "a window outside": Plan((Op(PATCH, 10),), (Unit(10, ((95, 10),), 1, (1, 1, 1, 1)),)),
    "an empty window": Plan((Op(PATCH, 10),), (Unit(10, ((5, 0),), 1, (1, 1, 1, 1)),)),
    "more literals than result": Plan((Op(PATCH, 10),), (Unit(10, ((0, 9),), 1, (1, 1, 1, 11)),)),
    "pieces too large": Plan(
        (Op(PATCH, 10),), (Unit(10, ((0, 9),), 1, (delta_plan.MAX_PIECES_BYTES, 1, 1, 1)),)
    ),
    "no covers, not all literals": Plan((Op(PATCH, 10),), (Unit(10, ((0, 9),), 0, (1, 0, 0, 10)),)),
    "covers beyond reason": Plan((Op(PATCH, 10),), (Unit(10, (), 1 << 30, (1, 1, 1, 1)),)),
}


@pytest.mark.parametrize("name", BAD_PLANS)
def test_a_plan_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(DeltaRefused):
        read_plan(write_plan(BAD_PLANS[name]), 10, 100)


def test_too_many_ops_units_windows_or_bytes_are_refused_before_they_are_kept() -> None:
    ones = tuple(Op(ZERO, 1) for _ in range(delta_plan.MAX_OPS + 1))
    window = tuple((0, 1) for _ in range(delta_plan.MAX_EXTENTS + 1))
    many = (Unit(1, (), 0, (0, 0, 0, 1)),) * (delta_plan.MAX_UNITS + 1)
    half = delta_plan.MAX_WINDOW_BYTES // 2 + 1
    halves = Unit(10, ((0, half), (half, half)), 1, (1, 1, 1, 1))
    big = Unit(10, ((0, delta_plan.MAX_WINDOW_BYTES + 1),), 1, (1, 1, 1, 1))
    for plan, length in (
        (Plan(ones, ()), len(ones)),
        (Plan((Op(PATCH, 10),), (Unit(10, window, 1, (1, 1, 1, 1)),)), 10),
        (Plan((Op(PATCH, len(many)),), many), len(many)),
        (Plan((Op(PATCH, 2),), (Unit(1, window[: len(window) // 2 + 1], 1, (1, 1, 1, 1)),) * 2), 2),
        (Plan((Op(PATCH, 10),), (big,)), 10),
        (Plan((Op(PATCH, 10),), (halves,)), 10),
    ):
        with pytest.raises(DeltaRefused):
            read_plan(write_plan(plan), length, 1 << 24)
    with pytest.raises(DeltaRefused, match="too long"):
        read_plan(bytes(delta_plan.MAX_PLAN_BYTES + 1), 10, 100)


def test_a_plan_with_something_behind_it_is_refused() -> None:
    with pytest.raises(DeltaRefused, match="goes on"):
        read_plan(write_plan(Plan((Op(ZERO, 10),), ())) + b"\0", 10, 100)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 40)), max_size=20))
def test_merged_extents_hold_each_byte_once(extents: list[tuple[int, int]]) -> None:
    wanted = {at for offset, length in extents for at in range(offset, offset + length)}
    joined = merged(extents)
    assert sorted(wanted) == [at for offset, length in joined for at in range(offset, offset + length)]
    assert joined == sorted(joined)


# -- streams ----------------------------------------------------------------------------------------------------


def opened(blob: bytes) -> tuple[delta_streams.Stream, ...]:
    return open_streams(lambda length, offset: blob[offset : offset + length], len(blob))


@given(st.lists(st.binary(max_size=3000), min_size=5, max_size=5), st.integers(1, 997))
def test_streams_are_read_back_in_pieces_of_any_size(raws: list[bytes], step: int) -> None:
    for raw, stream in zip(raws, opened(write_streams(raws)), strict=True):
        parts = [stream.take(min(step, len(raw) - at)) for at in range(0, len(raw), step)]
        assert b"".join(parts) == raw
        with pytest.raises(DeltaRefused):
            stream.take(1)


@given(st.data())
def test_damaged_streams_end_in_a_refusal_or_in_as_many_bytes(data: st.DataObject) -> None:
    raws = [b"plan", b"", code(5000, 1), b"abc" * 700, random.Random(1).randbytes(300)]
    blob = bytearray(write_streams(raws))
    for _ in range(data.draw(st.integers(1, 3))):
        blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(blob)))
    damaged = bytes(blob[:cut]) if data.draw(st.booleans()) else bytes(blob)
    for stream in tried(lambda: opened(damaged)) or ():
        size_bytes = min(stream.raw_left, 1 << 16)
        taken = tried(lambda: stream.take(size_bytes))  # noqa: B023 called at once
        assert taken is None or len(taken) == size_bytes


@pytest.mark.parametrize(
    "head",
    [
        (2, 0, 4, 4),  # unknown coder
        (0, 12, 4, 4),  # stored, with a dictionary
        (0, 0, 4, 5),  # stored, of another length
        (1, 30, 4, 4),  # a dictionary of a gigabyte
        (1, 11, 4, 4),
        (1, 12, 4, 1 << 31),  # two gigabytes to come
        (1, 12, 0xFFFFFFFF, 4),
    ],
)
def test_a_stream_has_its_limits(head: tuple[int, int, int, int]) -> None:
    for which in range(5):
        heads = [(0, 0, 0, 0)] * 5
        heads[which] = head
        with pytest.raises(DeltaRefused):
            opened(b"".join(struct.pack("<BBII", *each) for each in heads) + b"four")


def test_streams_that_do_not_fill_their_blob_are_refused() -> None:
    with pytest.raises(DeltaRefused, match="do not fill"):
        opened(write_streams([b"plan", b"", b"", b"", b""]) + b"more")


def test_a_zstd_window_beyond_the_limit_is_refused() -> None:
    wide = {
        zstd.CompressionParameter.window_log: 27,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    writer = zstd.ZstdCompressor(options=wide)  # of unknown length: it then says how much it may look back
    coded = writer.compress(code(50_000, 1)) + writer.flush()
    heads = [(0, 0, 0, 0)] * 4 + [(delta_streams.ZSTD, 23, len(coded), 50_000)]
    stream = opened(b"".join(struct.pack("<BBII", *head) for head in heads) + coded)[delta_streams.LITERALS]
    with pytest.raises(DeltaRefused, match="damaged"):
        stream.take(50_000)


def test_literals_go_to_zstd_unless_lzma_is_much_shorter() -> None:
    rng = random.Random(1)
    walk = b"".join((1_000_000 + at * 12 + rng.randrange(3)).to_bytes(4, "little") for at in range(80_000))
    for literals, coder in (
        (code(400_000, 5), delta_streams.ZSTD),
        (walk, delta_streams.LZMA2),
        (rng.randbytes(100_000), delta_streams.STORED),
    ):
        blob = write_streams([b"", b"", b"", b"", literals])
        assert blob[delta_streams.LITERALS * 10] == coder
        assert opened(blob)[delta_streams.LITERALS].take(len(literals)) == literals


def test_a_stream_gives_no_more_than_it_said_it_holds() -> None:
    coded = lzma.compress(
        bytes(1000), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    )
    heads = [(1, 12, len(coded), 10), *[(0, 0, 0, 0)] * 4]
    stream = opened(b"".join(struct.pack("<BBII", *head) for head in heads) + coded)[0]
    assert stream.take(10) == bytes(10)
    with pytest.raises(DeltaRefused, match="shorter than its segment needs"):
        stream.take(1)


# -- windows ----------------------------------------------------------------------------------------------------

WIDE_BYTES = 1 << 28
places = st.lists(st.integers(0, WIDE_BYTES - 1), max_size=400)


@given(places, st.integers(0, WIDE_BYTES // 2), st.sampled_from([6000, 100_000]))
def test_a_window_lies_in_the_base_ascending_and_within_what_a_plan_allows(
    votes: list[int], near: int, step: int
) -> None:
    voted = np.array([*votes, *range(near, near + 2000 * step, step)], np.int64).clip(0, WIDE_BYTES - 1)
    extents = window(voted, WIDE_BYTES)
    ends = [offset + length for offset, length in extents]
    assert extents
    assert all(end < offset for end, (offset, _) in zip(ends, extents[1:], strict=False))
    assert extents[0][0] >= 0
    assert ends[-1] <= WIDE_BYTES
    assert sum(length for _, length in extents) <= delta_plan.MAX_WINDOW_BYTES


def test_a_single_vote_far_from_the_others_is_no_window() -> None:
    assert window(np.array([5_000_000], np.int64), 1 << 24) == ()
    assert window(np.array([100_000, 101_000, 5_000_000], np.int64), 1 << 24) == ((94208, 12288),)


def test_the_gap_between_two_places_is_filled_where_there_is_room() -> None:
    votes = np.array([100_000, 220_000], np.int64)
    assert window(votes, 1 << 24) == ((94208, 217088 + 8192 - 94208),)


# -- differences ------------------------------------------------------------------------------------------------


@given(st.binary(max_size=600), st.binary(min_size=1, max_size=600))
def test_a_difference_rebuilds_what_it_was_made_from(window: bytes, result: bytes) -> None:
    assert rebuild(window, difference(window, result)) == result
    assert rebuild(window, difference(window, window + result)) == window + result


@given(st.data())
@settings(max_examples=300)
def test_damaged_differences_make_their_length_or_are_refused(data: st.DataObject) -> None:
    window = code(4000, 1)
    delta = difference(window, relinked(window, 2))
    pieces = [bytearray(piece) for piece in delta.pieces]
    for _ in range(data.draw(st.integers(1, 4))):
        piece = pieces[data.draw(st.integers(0, 3))]
        if data.draw(st.booleans()) and piece:
            piece[data.draw(st.integers(0, len(piece) - 1))] ^= data.draw(st.integers(1, 255))
        else:
            del piece[data.draw(st.integers(0, len(piece))) :]
    covers = max(1, delta.covers + data.draw(st.integers(-2, 2)))
    damaged = Difference(
        delta.result_bytes, covers, (bytes(pieces[0]), bytes(pieces[1]), bytes(pieces[2]), bytes(pieces[3]))
    )
    short = window[: data.draw(st.sampled_from([4000, 100, 0]))]
    made = tried(lambda: rebuild(short, damaged))
    assert made is None or len(made) == delta.result_bytes


# -- whole packages ---------------------------------------------------------------------------------------------


@given(st.data())
def test_a_package_with_any_damage_gives_its_image_or_is_refused(folder: Path, data: st.DataObject) -> None:
    raw = bytearray((folder / "package").read_bytes())
    said = expected(header_of(bytes(raw)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    (folder / "damaged").write_bytes(raw)
    (folder / "out").unlink(missing_ok=True)
    error = refused(folder / "damaged", folder / "base", said, folder / "out")
    assert error.reason in ("bad_delta", "other_base", "other_result")


@given(st.data())
def test_any_plan_and_pieces_in_right_hashes_stay_inside_the_result(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, data: st.DataObject
) -> None:
    """Whoever could sign anything: the second wall, behind the hashes."""
    base = (folder / "base").read_bytes()[:60_000]
    (folder / "small").write_bytes(base)
    result = relinked(base[:50_000], 6)
    delta = difference(base, result)
    plan = bytearray(
        write_plan(
            Plan(
                (Op(PATCH, len(result)),),
                (Unit(len(result), ((0, len(base)),), delta.covers, tuple(map(len, delta.pieces))),),  # type: ignore[arg-type]
            )
        )
    )
    pieces = [bytearray(piece) for piece in delta.pieces]
    target = data.draw(st.sampled_from([plan, *(piece for piece in pieces if piece)]))
    target[data.draw(st.integers(0, len(target) - 1))] ^= data.draw(st.integers(1, 255))
    said = wrapped(folder / "odd", bytes(plan), [bytes(piece) for piece in pieces], base, result)
    (folder / "out").unlink(missing_ok=True)
    error = refused(folder / "odd", folder / "small", said, folder / "out")
    assert error.reason in ("bad_delta", "other_base", "wrong_result")


BOUNDED = """
import os, resource, sys, threading
from pathlib import Path
from firmware_agent.delta.apply import Expected, apply
from firmware_agent.errors import DeltaRefused
from firmware_agent.watch import Watch
package, base, out, *said = sys.argv[1:]
threading.stack_size(256 * 1024)
pages = int(Path("/proc/self/statm").read_text().split()[0])
room = pages * resource.getpagesize() + 150 * 1000 * 1000
resource.setrlimit(resource.RLIMIT_AS, (room, room))
os.environ["MALLOC_ARENA_MAX"] = "1"
handle = os.open(base, os.O_RDONLY) if base else None
want = Expected(said[0], int(said[1]), said[2], int(said[3]))
try:
    apply(Path(package), handle, Path(out), want, Watch())
except DeltaRefused as exc:
    print(exc.reason, exc.detail)
else:
    print("rebuilt")
"""


def bounded(package: Path, base: Path | None, out: Path, said: Expected) -> str:
    words = [sys.executable, "-c", BOUNDED, str(package), str(base or ""), str(out)]
    words += [said.base_sha256, str(said.base_size_bytes), said.result_sha256, str(said.result_size_bytes)]
    env = {**os.environ, "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


def test_the_largest_units_that_are_allowed_fit_the_memory(tmp_path: Path) -> None:
    """Two workers on segments whose units, windows and dictionaries are all as large as the format allows."""
    base = random.Random(1).randbytes(delta_plan.MAX_WINDOW_BYTES)
    (tmp_path / "base").write_bytes(base)
    result = base[: delta_plan.MAX_UNIT_BYTES - 4] + b"last"
    delta = difference(base, result)
    sizes = tuple(map(len, delta.pieces))
    unit = Unit(len(result), ((0, len(base)),), delta.covers, sizes)  # type: ignore[arg-type]
    plan = Plan((Op(PATCH, 8 * len(result)),), (unit,) * 8)
    raws = [write_plan(plan), *(piece * 8 for piece in delta.pieces)]
    heads, bodies = b"", b""
    for raw, log2 in zip(raws, delta_streams.MAX_DICT_LOG2, strict=True):
        coded = lzma.compress(
            raw, lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << log2}]
        )
        heads += struct.pack("<BBII", delta_streams.LZMA2, log2, len(coded), len(raw))
        bodies += coded
    said = wrapped_blob(tmp_path / "package", heads + bodies, base, result * 8)
    assert bounded(tmp_path / "package", tmp_path / "base", tmp_path / "out", said) == "rebuilt\n"


def test_streams_that_swell_without_end_are_refused_in_the_same_memory(tmp_path: Path) -> None:
    swollen = bytes(128 << 20)
    plan = write_plan(Plan((Op(ZERO, 10),), ()))
    for which in range(5):
        raws = [plan, b"", b"", b"", b""]
        raws[which] = swollen[: delta_streams.MAX_RAW_BYTES[which]]
        said = wrapped(tmp_path / "package", raws[0], raws[1:], b"", bytes(10))
        (tmp_path / "out").unlink(missing_ok=True)
        assert bounded(tmp_path / "package", None, tmp_path / "out", said).startswith("bad_delta")
