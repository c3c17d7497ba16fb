"""What a mirror says and what the catalogue says of a file, against bytes nobody thought of."""

from __future__ import annotations

import base64
import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent.download.exchange import Span, parse_content_range
from firmware_agent.download.throttle import Throttle
from firmware_agent.errors import CatalogueRefused
from firmware_agent.wanted import PIECE_BYTES, Pieces, pieces_of, read_pieces, write_pieces

KIB = 1024


@given(st.integers(0, 10**17), st.integers(0, 10**17), st.none() | st.integers(0, 10**17))
def test_a_content_range_is_read_or_refused_by_its_numbers(first: int, last: int, total: int | None) -> None:
    told = parse_content_range(f"bytes {first}-{last}/{'*' if total is None else total}")
    if first <= last and (total is None or last < total):
        assert told == Span(first, last, total)
    else:
        assert told is None


@given(st.text(max_size=40) | st.text(alphabet="bytes 0123456789-/*,", max_size=40).map("bytes ".__add__))
def test_no_content_range_does_more_than_be_refused(text: str) -> None:
    told = parse_content_range(text)
    assert told is None or 0 <= told.first <= told.last < (told.total_bytes or 10**18)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes */5",
        "bytes 0-4",
        "bytes 0-4/5 ",
        "bytes 0-4/5\n",
        "Bytes 0-4/5",
        "bytes 0-4/5,6-7/8",
        "bytes ٠-٤/٥",
    ],
)
def test_a_content_range_that_is_none_is_refused(text: str) -> None:
    assert parse_content_range(text) is None


def test_pieces_come_back_as_they_were_written() -> None:
    for size_bytes in (0, 1, 64 * KIB, 64 * KIB + 1, 300 * KIB):
        raw = bytes(size_bytes)
        pieces = pieces_of(raw, 64 * KIB)
        assert read_pieces(write_pieces(pieces), size_bytes) == pieces
    assert pieces_of(b"x") == Pieces(PIECE_BYTES, (hashlib.sha256(b"x").digest(),))


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from(("size_bytes", "sha256", "x")), JSON) | JSON, st.integers(0, 1 << 40))
def test_odd_pieces_are_refused_with_one_line(value: object, file_bytes: int) -> None:
    try:
        pieces = read_pieces(value, file_bytes)
    except CatalogueRefused as refused:
        outcome = (refused.reason, "\n" in refused.detail)
    else:
        outcome = ("bad_pieces", len(pieces.sha256) != -(-file_bytes // pieces.size_bytes))
    assert outcome == ("bad_pieces", False)


def test_as_many_hashes_as_pieces_and_no_crumbs_of_one() -> None:
    for count, size_bytes in ((1, 64 * KIB + 1), (3, 128 * KIB), (0, 1)):
        text = base64.b64encode(bytes(32 * count)).decode()
        with pytest.raises(CatalogueRefused):
            read_pieces({"size_bytes": 64 * KIB, "sha256": text}, size_bytes)
    for text in ("A" * 44, "A" * 42 + "==", "!" * 44, "A" * 43):
        with pytest.raises(CatalogueRefused):
            read_pieces({"size_bytes": 64 * KIB, "sha256": text}, 1)
    with pytest.raises(CatalogueRefused, match="not a whole number"):
        read_pieces({"size_bytes": 1, "sha256": ""}, 0)


def test_the_cap_is_shared_and_is_asked_anew() -> None:
    now_s, rate = 0.0, 1000.0
    throttle = Throttle(lambda: rate, lambda: now_s)
    stop = threading.Event()
    stop.set()  # so that nothing waits
    assert throttle.take(500, stop) == 0.5
    assert throttle.take(500, stop) == 1.0, "queues behind the first"
    now_s = 10.0
    assert throttle.take(100, stop) == pytest.approx(0.1), "what was not used is not saved up"
    rate = 0.0
    assert throttle.take(10**9, stop) == 0.0
    assert throttle.share_bytes(5000) == 5000
    rate = 20_000.0
    assert throttle.share_bytes(5000) == 2000
