"""Making patches for the update agent, and the device's decoder against HDiffPatch's own."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator

import hdiffpatch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent import bundle
from firmware_agent.agent_patch import covers, in_place, make, simulate
from firmware_agent.agent_patch.refine import refine
from firmware_agent.agent_patch.rewrite import Rewriting
from firmware_agent.device.block_order import BlockOrder
from firmware_agent.device.errors import AgentError
from firmware_agent.device.inflate import Inflater, Packed
from firmware_agent.device.lite import LiteReader
from firmware_agent.errors import BuildFailed
from firmware_agent.order import parse
from firmware_agent.wire import BAD_PATCH, IN_PLACE_DELTA, OK, SLOT_DELTA, WHOLE

reading = simulate.reading


@st.composite
def pairs(draw: st.DrawFn, largest: int = 3000) -> tuple[bytes, bytes]:
    """An image and one made of its pieces, moved, changed here and there, with new bytes between."""
    alphabet = draw(st.sampled_from([2, 16, 256]))
    random = draw(st.randoms(use_true_random=False))
    base = bytes(random.choices(range(alphabet), k=draw(st.integers(1, largest))))
    image = bytearray()
    for _ in range(draw(st.integers(1, 8))):
        start = random.randrange(len(base))
        piece = bytearray(base[start : start + random.randrange(1, largest // 2)])
        for _ in range(random.randrange(4)):
            piece[random.randrange(len(piece))] = random.randrange(256)
        image += piece + random.randbytes(random.randrange(20))
    return base, bytes(image)


def decoded(diff: bytes, base: bytes, size: int) -> bytes:
    reader = LiteReader(Packed(reading(diff), len(diff)), reading(base), len(base), size)
    out = bytearray(size)
    assert reader.readinto(out) == size
    reader.finish()
    return bytes(out)


def code_of(action: Callable[[], object]) -> int:
    try:
        action()
    except AgentError as exc:
        return exc.code
    return OK


@given(pairs())
def test_the_device_reads_hdiffpatch_s_differences(pair: tuple[bytes, bytes]) -> None:
    base, image = pair
    diff = hdiffpatch.diff_lite(base, image)
    assert decoded(diff, base, len(image)) == hdiffpatch.apply_lite(base, diff) == image


@given(pairs(), st.lists(st.tuples(st.booleans(), st.integers(1, 3000)), max_size=12))
def test_skipped_bytes_change_nothing_of_those_after_them(
    pair: tuple[bytes, bytes], moves: list[tuple[bool, int]]
) -> None:
    base, image = pair
    diff = hdiffpatch.diff_lite(base, image)
    reader = LiteReader(Packed(reading(diff), len(diff)), reading(base), len(base), len(image))
    for skip, size in [*moves, (False, len(image))]:
        at = reader.produced
        if skip:
            reader.skip(min(size, len(image) - at))
        else:
            piece = bytearray(size)
            assert piece[: reader.readinto(piece)] == image[at : at + size]
    reader.finish()


@given(pairs(2000), st.data())
def test_any_bytes_are_refused_or_give_the_right_number_of_bytes(
    pair: tuple[bytes, bytes], data: st.DataObject
) -> None:
    base, image = pair
    diff = bytearray(hdiffpatch.diff_lite(base, image))
    for _ in range(data.draw(st.integers(1, 4))):
        diff[data.draw(st.integers(0, len(diff) - 1))] = data.draw(st.integers(0, 255))
    code = code_of(lambda: decoded(bytes(diff), base, len(image)))  # which looks at the size
    assert code in {OK, BAD_PATCH}


@given(st.binary(max_size=3000), st.integers(9, 15))
def test_a_packed_stream_comes_out_as_it_was(plain: bytes, window_log2: int) -> None:
    codec = zlib.compressobj(9, zlib.DEFLATED, window_log2)
    packed = codec.compress(plain) + codec.flush()
    source = Inflater(reading(packed), len(packed), window_log2)
    out = bytearray(len(plain) + 1)
    assert source.readinto(out) == len(plain)
    assert out[:-1] == plain
    source.finish()


@given(st.binary(max_size=300))
def test_any_stream_is_refused_or_ends(packed: bytes) -> None:
    def unpack() -> None:
        source = Inflater(reading(packed), len(packed), 15)
        piece = bytearray(64)
        while source.readinto(piece):
            pass

    assert code_of(unpack) in {OK, BAD_PATCH}


@given(pairs())
def test_covers_written_again_give_the_same_image_and_no_longer_a_difference(
    pair: tuple[bytes, bytes],
) -> None:
    base, image = pair
    diff = covers.difference(base, image)
    found = covers.read_covers(diff)
    again = covers.write(found, image, [base[one.old : one.old + one.length] for one in found])
    assert hdiffpatch.apply_lite(base, again) == image
    assert len(again) <= len(diff)


@given(st.integers(0, 200).flatmap(lambda size: st.tuples(*[st.binary(min_size=size, max_size=size)] * 2)))
def test_subtraction_borrows_from_no_other_byte(pair: tuple[bytes, bytes]) -> None:
    target, base = pair
    assert covers.subtract(target, base) == bytes((a - b) & 255 for a, b in zip(target, base, strict=True))


@given(st.integers(1, 60).flatmap(lambda count: st.permutations(range(count))))
def test_the_device_reads_the_order_of_blocks_that_was_written(order: list[int]) -> None:
    raw = in_place.write_order(order)
    found = BlockOrder(reading(raw), len(order))
    assert (list(found), found.size) == (order, len(raw))


def graphs() -> st.SearchStrategy[tuple[int, in_place.Reads]]:
    """Blocks, and who reads whom how much."""
    return st.integers(2, 30).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.dictionaries(
                st.integers(0, count - 1),
                st.dictionaries(st.integers(0, count - 1), st.integers(1, 4096), min_size=1, max_size=4),
                min_size=1,
                max_size=count,
            ).map(lambda found: {a: {b: n for b, n in to.items() if a != b} for a, to in found.items()}),
        )
    )


@given(graphs())
def test_an_order_by_dependency_has_every_block_once(graph: tuple[int, in_place.Reads]) -> None:
    count, found = graph
    assert sorted(in_place.dependency(found, count)) == list(range(count))


@given(st.integers(2, 40), st.randoms(use_true_random=False))
def test_without_cycles_nothing_is_lost(count: int, random: object) -> None:
    places = list(range(count))
    random.shuffle(places)  # type: ignore[attr-defined]
    found = {places[i]: {places[i + 1]: 100, places[-1]: 50} for i in range(count - 2)}
    assert in_place.lost(in_place.dependency(found, count), found, 1) == 0


@settings(max_examples=20)
@given(graphs(), st.integers(1, 5))
def test_refining_costs_no_more_than_it_saves(graph: tuple[int, in_place.Reads], group: int) -> None:
    count, found = graph
    found = {reader: sources for reader, sources in found.items() if sources}
    if not found:
        return
    order = in_place.forward(count)
    better = refine(order, found, group)
    assert sorted(better) == order
    assert in_place.lost(better, found, group) <= in_place.lost(order, found, group)


def target(image: bytes, window_log2: int = 15) -> make.Target:
    return make.Target("kinglet", "2.0.0", 3, image, window_log2)


@settings(max_examples=40)
@given(pairs(), st.sampled_from([256, 512]), st.integers(1, 4))
def test_an_in_place_patch_gives_the_image_through_power_cuts(
    pair: tuple[bytes, bytes], block: int, group: int
) -> None:
    base, image = pair
    patch = make.in_place_delta(target(image, 9), base, make.Flash(block, group))
    rehearsal = simulate.Rehearsal(patch.order, patch.payload, base)
    rehearsal.run()
    groups = -(-len(image) // (block * group))
    assert rehearsal.cuts >= groups
    assert (patch.order.method, patch.order.block, patch.order.group) == (IN_PLACE_DELTA, block, group)


def moved_pair() -> tuple[bytes, bytes]:
    """Two halves that change places: whatever is written first, the other half's source is gone."""
    code = b"".join(hashlib.sha256(bytes([i & 255, i >> 8])).digest() for i in range(512))
    return code, code[8192:] + code[:8192]


@pytest.mark.parametrize("order", [list(range(4)), [3, 2, 1, 0], [2, 0, 3, 1]])
@pytest.mark.parametrize("group", [1, 2, 4])
def test_what_is_overwritten_too_early_travels_as_literals_or_is_found_where_it_went(
    order: list[int], group: int
) -> None:
    base, image = moved_pair()
    block = 4096
    rewriting = Rewriting(
        base, image, covers.read_covers(covers.difference(base, image)), order, block, group
    )
    diff = rewriting.difference()
    flash, out = bytearray(base), bytearray()
    reader = LiteReader(Packed(reading(diff), len(diff)), reading(flash), len(base), len(image))
    for first in range(0, len(order), group):
        pieces = []
        for _ in order[first : first + group]:
            piece = bytearray(block)
            assert reader.readinto(piece) == block
            pieces.append(piece)
        for number, piece in zip(order[first : first + group], pieces, strict=True):
            flash[number * block : (number + 1) * block] = piece
            out += piece
    reader.finish()
    assert flash == image
    found = in_place.reads(covers.read_covers(covers.difference(base, image)), block, len(order))
    assert rewriting.lost_bytes == in_place.lost(order, found, group)
    assert (rewriting.lost_bytes == 0) == (group == 4 or (group == 2 and order[0] % 2 == order[1] % 2))


def test_a_whole_image_and_a_difference_between_slots_are_proven_and_packed_into_a_bundle() -> None:
    base, image = moved_pair()
    patches = [make.whole(target(image)), make.slot_delta(target(image), base)]
    file = make.bundle_of(patches, lambda raw: b"signature of " + raw[:4])
    entries = bundle.parse(file, len(file))
    orders = [parse(file[one.offset : one.offset + 192]) for one in entries]
    assert [order.method for order in orders] == [SLOT_DELTA, WHOLE]
    assert orders[0].base_sha256 == hashlib.sha256(base).digest()
    assert {order.image_sha256 for order in orders} == {hashlib.sha256(image).digest()}
    assert hashlib.sha256(file[entries[0].patch]).digest() == orders[0].patch_sha256
    assert len(patches[1].payload) < len(patches[0].payload) / 10


def test_images_of_very_different_sizes_are_made_in_place_too() -> None:
    base, _ = moved_pair()
    for image in (base[:100], base[5000:5001], base + base + b"more", bytes(9000)):
        make.in_place_delta(target(image), base, make.Flash(4096, 2))
        make.in_place_delta(target(base), image, make.Flash(4096, 2))


def spoiled() -> Iterator[tuple[str, bytes, bytes]]:
    base, image = moved_pair()
    patch = make.in_place_delta(target(image), base, make.Flash(4096, 1))
    wrong = Rewriting(
        base, base[::-1], covers.read_covers(covers.difference(base, image)), [0, 1, 2, 3], 4096, 1
    )
    body = zlib.compress(wrong.difference())
    yield "another image", in_place.write_order([0, 1, 2, 3]) + body, base
    yield "code", patch.payload[:-1], base
    yield "code", patch.payload + b"\0", base
    yield "code", b"\xff" + patch.payload[1:], base


def test_a_patch_that_makes_anything_else_is_not_given_out() -> None:
    good = make.in_place_delta(target(moved_pair()[1]), moved_pair()[0], make.Flash(4096, 1)).order
    for words, payload, base in spoiled():
        good.patch_size, good.patch_sha256 = len(payload), hashlib.sha256(payload).digest()
        with pytest.raises(BuildFailed, match=words):
            simulate.prove(good, payload, base)


def test_a_patch_for_another_base_is_not_given_out() -> None:
    base, image = moved_pair()
    patch = make.slot_delta(target(image), base)
    with pytest.raises(BuildFailed, match="another base"):
        simulate.prove(patch.order, patch.payload, image)
    with pytest.raises(BuildFailed, match="another patch"):
        simulate.prove(patch.order, patch.payload + b"\0", base)


def test_a_difference_that_reads_behind_the_image_s_end_in_its_last_block_is_found_out() -> None:
    """That block is erased with it, and a device does not keep what was there."""
    base, image = moved_pair()[0], b"x" * 4200
    found = [covers.Cover(0, 5000, 4200)]  # block 1, behind 4200, is gone once block 1 is written
    order = [1, 0]
    wanted = image[4096:] + image[:4096]
    diff = covers.write(found, wanted, [base[5000:9200]])
    payload = in_place.write_order(order) + zlib.compress(diff)
    patch = make.in_place_delta(target(image), base, make.Flash(4096, 1)).order
    patch.patch_size, patch.patch_sha256 = len(payload), hashlib.sha256(payload).digest()
    with pytest.raises(BuildFailed, match="another image"):
        simulate.prove(patch, payload, base)


def test_nothing_is_read_behind_the_image_s_end_in_its_last_block() -> None:
    base = moved_pair()[0]
    image = base[5000:9200]
    found = [covers.Cover(0, 5000, 4200)]
    rewriting = Rewriting(base, image, found, [1, 0], 4096, 1)
    for one in covers.read_covers(rewriting.difference()):
        assert one.old + one.length <= len(image) or one.old >= 8192


@pytest.mark.parametrize("window_log2", [8, 16])
def test_a_window_that_zlib_does_not_have_is_refused(window_log2: int) -> None:
    with pytest.raises(BuildFailed, match="window"):
        make.whole(target(b"image", window_log2))


@pytest.mark.parametrize("model", ["", "m" * 33, "modèle", "two words"])
def test_a_name_that_no_order_can_carry_is_refused(model: str) -> None:
    with pytest.raises(BuildFailed):
        make.whole(make.Target(model, "1.0", 1, b"image"))


@pytest.mark.parametrize(("base", "image"), [(b"", b"image"), (b"base", b"")])
def test_an_empty_image_is_refused(base: bytes, image: bytes) -> None:
    with pytest.raises(BuildFailed, match="0 bytes"):
        make.slot_delta(target(image), base)
