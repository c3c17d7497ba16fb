"""A signature holds for one payload, one key and one topic, or it does not hold."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import batch, cbor, cose, entry, keys
from ledger.entry import Entry
from ledger.errors import ChainError, LedgerError, MalformedError, SignatureError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
FIND = cose.only(KEY.public_key())


def test_the_structure_is_rfc_9052s() -> None:
    message = cose.sign1(b"payload", KEY, b"aad")
    assert message[0] == 0xD2  # tag 18
    parts = cbor.decode(message[1:], 1000)
    assert isinstance(parts, list)
    protected, unprotected, payload, signature = parts
    assert cbor.decode(protected, 100) == {1: -8, 4: keys.kid(KEY.public_key())}
    assert (unprotected, payload, len(signature)) == ({}, b"payload", 64)
    # Sig_structure, RFC 9052 section 4.4, built by hand: no code of the module's.
    by_hand = b"\x84\x6aSignature1" + bytes([0x40 + len(protected)]) + protected + b"\x43aad\x47payload"
    KEY.public_key().verify(signature, by_hand)


@given(st.binary(max_size=300), st.binary(max_size=40))
@settings(max_examples=40)
def test_what_was_signed_verifies(payload: bytes, aad: bytes) -> None:
    assert cose.verify1(cose.sign1(payload, KEY, aad), FIND, aad) == payload


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_flipped_byte_verifies(position: int, flip: int) -> None:
    message = bytearray(cose.sign1(b"payload", KEY, b"aad"))
    message[position % len(message)] ^= flip
    with pytest.raises(LedgerError):
        cose.verify1(bytes(message), FIND, b"aad")


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(LedgerError):
        cose.verify1(data, FIND, b"aad")
    with pytest.raises(LedgerError):
        cose.verify1(b"\xd2" + data, FIND, b"aad")


def test_another_topic_another_key_or_nobodys_key_is_refused() -> None:
    message = cose.sign1(b"payload", KEY, b"f/1/0/S01/ev")
    with pytest.raises(SignatureError, match="does not hold"):
        cose.verify1(message, FIND, b"f/1/0/S02/ev")
    with pytest.raises(SignatureError, match="nobody pinned"):
        cose.verify1(message, cose.only(OTHER.public_key()), b"f/1/0/S01/ev")
    with pytest.raises(SignatureError, match="does not hold"):
        cose.verify1(message, lambda _kid: OTHER.public_key(), b"f/1/0/S01/ev")


def test_another_algorithm_or_header_is_refused() -> None:
    signature = bytes(64)
    kid = keys.kid(KEY.public_key())
    for protected, unprotected in (
        ({1: -7, 4: kid}, {}),
        ({1: -8}, {}),
        ({1: -8, 4: kid, 2: [4]}, {}),
        ({1: -8, 4: b"short"}, {}),
        ({1: -8, 4: kid}, {4: kid}),
    ):
        message = b"\xd2" + cbor.encode([cbor.encode(protected), unprotected, b"payload", signature])
        with pytest.raises(MalformedError):
            cose.verify1(message, FIND, b"")
    detached = b"\xd2" + cbor.encode([cbor.encode({1: -8, 4: kid}), {}, None, signature])
    with pytest.raises(MalformedError):
        cose.verify1(detached, FIND, b"")
    with pytest.raises(MalformedError, match="at most"):
        cose.verify1(cose.sign1(b"x" * 5000, KEY, b""), FIND, b"", max_bytes=4096)


def _items(count: int, start: int = 1) -> list[tuple[bytes, bytes | None]]:
    prev = bytes(32)
    items: list[tuple[bytes, bytes | None]] = []
    for index in range(start, start + count):
        body = entry.encode_body({"n": index})
        leaf = entry.encode(
            Entry(
                station="S01",
                epoch="ab" * 16,
                index=index,
                prev=prev,
                wall_ms=1,
                mono_ms=1,
                boot_id="b",
                clock_state="unknown",
                visit="V1",
                actor="station",
                kind="write.done",
                body_hash=entry.body_hash(body),
            )
        )
        prev = entry.leaf_hash(leaf)
        items.append((leaf, body))
    return items


PLACE = ("S01", "ab" * 16, 1)


def test_a_batch_opens_as_it_was_sealed() -> None:
    sealed = batch.seal(PLACE, _items(3), KEY, "topic")
    opened = batch.unseal(sealed, "topic", FIND)
    assert (opened.station, opened.epoch, opened.first_index) == PLACE
    assert [link.entry.index for link in opened.links] == [1, 2, 3]


def test_a_batch_out_of_order_with_gaps_or_with_another_body_is_refused() -> None:
    items = _items(4)
    other_body = entry.encode_body({"n": 99})
    for rows in (items[::-1], [items[0], items[2]], items[1:], [(items[0][0], other_body)]):
        with pytest.raises(ChainError):
            batch.unseal(batch.seal(PLACE, rows, KEY, "topic"), "topic", FIND)
    with pytest.raises(MalformedError):
        batch.seal(PLACE, _items(65), KEY, "topic")
    with pytest.raises(MalformedError):
        batch.seal(PLACE, [], KEY, "topic")


@given(st.binary(max_size=300))
def test_any_payload_is_a_batch_or_refused(payload: bytes) -> None:
    with pytest.raises(LedgerError):
        batch.parse(payload)


ODD = st.recursive(
    st.none() | st.integers(-5, 5) | st.binary(max_size=20) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(st.tuples(ODD, ODD, ODD, ODD, ODD, ODD), st.integers(0, 5))
def test_any_well_formed_nonsense_is_refused(values: tuple[object, ...], keep: int) -> None:
    row = [1, "S01", bytes(16), 1, [[leaf, body] for leaf, body in _items(1)], None]
    for place in range(6):
        if place != keep:
            row[place] = values[place]
    with pytest.raises(LedgerError):
        batch.parse(cbor.encode(row))
