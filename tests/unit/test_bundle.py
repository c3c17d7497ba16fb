"""The container of signed orders and patches."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import bundle
from firmware_agent.bundle import BundleError, Content
from firmware_agent.order import Order
from firmware_agent.wire import SLOT_DELTA, WHOLE


def content(patch: bytes = b"patch", method: int = SLOT_DELTA, signature: bytes = b"signature") -> Content:
    order = Order()
    order.method, order.model, order.version = method, "kinglet", "1.0.0"
    order.image_size, order.patch_size = 100, len(patch)
    if method != WHOLE:
        order.base_size, order.base_sha256 = 90, b"\1" * 32
    return Content(order.pack(), signature, patch)


@given(
    st.lists(
        st.tuples(st.binary(min_size=1, max_size=50), st.sampled_from([WHOLE, SLOT_DELTA])),
        min_size=1,
        max_size=32,
    )
)
def test_what_was_packed_is_found_again_differences_first(entries: list[tuple[bytes, int]]) -> None:
    contents = [content(patch, method) for patch, method in entries]
    file = bundle.pack(contents)
    found = bundle.parse(file[: bundle.MAX_HEAD_BYTES], len(file))
    again = [
        Content(file[one.signed][:192], file[one.signed][192:], file[one.patch])
        for one in found
        if one.order(file[one.offset : one.offset + 192])
    ]
    whole = [one for one in contents if bundle._read(one.order).method == WHOLE]
    assert again == [one for one in contents if one not in whole] + whole


@given(st.binary(max_size=600), st.integers(0, 2**33))
def test_any_other_bytes_are_refused(head: bytes, total: int) -> None:
    with pytest.raises(BundleError):
        bundle.parse(head, total)


@given(st.data())
def test_a_changed_head_is_refused_or_means_the_same_bytes(data: st.DataObject) -> None:
    file = bytearray(bundle.pack([content(b"a" * 30), content(b"b" * 40, WHOLE)]))
    head_bytes = 8 + 2 * 12
    place = data.draw(st.integers(0, head_bytes - 1))
    file[place] ^= data.draw(st.integers(1, 255))
    try:
        entries = bundle.parse(bytes(file), len(file))
    except BundleError:
        return
    # what is left over: signature and patch of one entry divided differently, which its order then contradicts
    assert entries[0].offset == head_bytes
    assert entries[-1].end == len(file)
    with pytest.raises(BundleError):
        _ = [one.order(bytes(file[one.offset : one.offset + 192])) for one in entries]


@pytest.mark.parametrize("total", [-1, 1])
def test_a_file_of_another_length_is_refused(total: int) -> None:
    file = bundle.pack([content()])
    with pytest.raises(BundleError):
        bundle.parse(file, len(file) + total)


def test_offsets_that_leave_a_gap_are_refused() -> None:
    file = bytearray(bundle.pack([content()]) + b"\0")
    struct.pack_into("<I", file, 8, 21)
    with pytest.raises(BundleError, match="begin"):
        bundle.parse(bytes(file), len(file))


def test_a_patch_of_another_size_than_its_order_s_is_not_packed() -> None:
    with pytest.raises(BundleError, match="patch size"):
        bundle.pack([Content(content(b"patch").order, b"signature", b"longer")])


@pytest.mark.parametrize("count", [0, 33])
def test_no_orders_or_too_many_are_not_packed(count: int) -> None:
    with pytest.raises(BundleError):
        bundle.pack([content()] * count)


def test_bytes_that_are_no_order_are_not_packed() -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        bundle.pack([Content(bytes(192), b"signature", b"patch")])


@pytest.mark.parametrize("signature", [b"", b"s" * 4097])
def test_a_signature_of_no_sensible_size_is_not_packed(signature: bytes) -> None:
    with pytest.raises(BundleError):
        bundle.pack([content(signature=signature)])
