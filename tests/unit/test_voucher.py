"""A voucher's code says what was signed, to the fen; anything else that is scanned is refused in one line."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import Refused
from recycling.voucher import MAX_AMOUNT_FEN, VoucherClaim, issue, read, unverified

ULID = "01KAJ2Q6Y3N8V0ZT5C7RXWEMHB"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {"station-1": KEY.public_key(), "station-2": OTHER_KEY.public_key()}
EXPIRES = 1_900_000_000_000
NOW = 1_800_000_000_000
CODE = issue(KEY.sign, ULID, 55_000, "station-1", EXPIRES)

STATIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
ULIDS = st.from_regex(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", fullmatch=True)


def verify(station: str, message: bytes, signature: bytes) -> bool:
    key = KEYS.get(station)
    if key is None:
        return False
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def refusal(code: str, now_ms: int = NOW) -> str:
    with pytest.raises(Refused) as caught:
        read(verify, code, now_ms)
    assert "\n" not in caught.value.detail
    return caught.value.reason


def test_a_genuine_voucher_says_what_was_signed() -> None:
    claim = VoucherClaim(ULID, 55_000, "station-1", EXPIRES)
    assert read(verify, CODE, NOW) == claim
    assert read(verify, f" {CODE.lower()}\n", NOW) == claim
    assert unverified(CODE) == claim


@given(ULIDS, st.integers(1, MAX_AMOUNT_FEN), STATIONS, st.integers(0, 2**40 - 1))
def test_every_voucher_reads_back_and_fits_a_qr_codes_alphanumeric_mode(
    voucher: str, amount_fen: int, station: str, expires_s: int
) -> None:
    code = issue(KEY.sign, voucher, amount_fen, station, expires_s * 1000)
    assert unverified(code) == VoucherClaim(voucher, amount_fen, station, expires_s * 1000)
    assert re.fullmatch(r"[A-Z2-7]{1,256}", code)


def test_it_expires_at_its_millisecond() -> None:
    assert read(verify, CODE, EXPIRES - 1).amount_fen == 55_000
    assert refusal(CODE, EXPIRES) == "voucher_expired"


@pytest.mark.parametrize("place", range(1, len(CODE)))
def test_one_changed_character_anywhere_is_never_a_voucher(place: int) -> None:
    other = "B" if CODE[place] != "B" else "C"
    assert refusal(CODE[:place] + other + CODE[place + 1 :]) in {"voucher_forged", "voucher_unreadable"}


def test_another_stations_signature_does_not_count() -> None:
    assert refusal(issue(OTHER_KEY.sign, ULID, 55_000, "station-1", EXPIRES)) == "voucher_forged"
    assert refusal(issue(KEY.sign, ULID, 55_000, "station-9", EXPIRES)) == "voucher_forged"


def test_a_signature_of_something_else_does_not_count() -> None:
    """The key signs other things, too: without the context one of them could be read as a voucher."""
    bare = issue(lambda message: KEY.sign(message.partition(b"\x00")[2]), ULID, 55_000, "station-1", EXPIRES)
    assert refusal(bare) == "voucher_forged"


@given(
    st.one_of(
        st.text(max_size=300), st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=260).map("V".__add__)
    )
)
def test_any_other_text_is_refused(text: str) -> None:
    assert refusal(text) in {"voucher_unreadable", "voucher_forged"}


@given(st.integers(1, len(CODE) - 1))
def test_a_code_that_was_cut_short_is_refused(length: int) -> None:
    assert refusal(CODE[:length]) in {"voucher_unreadable", "voucher_forged"}


def test_a_code_has_one_spelling() -> None:
    """Stray bits behind the last byte would make two codes out of one voucher."""
    code = next(
        one
        for length in range(1, 20)
        if len(one := issue(KEY.sign, ULID, 1, "s" * length, EXPIRES)) % 8 not in (1, 6)
    )
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".index(code[-1])
    assert refusal(code[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[last ^ 1]) == "voucher_unreadable"
    assert refusal(code + "=") == "voucher_unreadable"


def test_a_length_that_does_not_fit_is_no_voucher_even_where_nobody_checks_the_signature() -> None:
    raw = bytearray(base64.b32decode(CODE[1:] + "=" * (-len(CODE[1:]) % 8)))
    raw[26] -= 1
    with pytest.raises(Refused):
        unverified("V" + base64.b32encode(raw).decode().rstrip("="))


@pytest.mark.parametrize("amount_fen", [0, -1, MAX_AMOUNT_FEN + 1])
def test_a_voucher_of_nothing_or_too_much_is_not_issued(amount_fen: int) -> None:
    with pytest.raises(Refused) as caught:
        issue(KEY.sign, ULID, amount_fen, "station-1", EXPIRES)
    assert caught.value.reason == "voucher_amount"
