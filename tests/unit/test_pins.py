"""PINs are kept as Argon2id only, and only the right one passes."""

from __future__ import annotations

import pytest

from kiosk.pins import hash_pin, right

HASH = hash_pin("729461")


def test_only_the_right_pin_passes() -> None:
    assert right("729461", HASH)
    assert not right("729462", HASH)
    assert not right("", HASH)


def test_the_hash_is_argon2id_with_a_salt_of_its_own_and_does_not_show_the_pin() -> None:
    assert HASH.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert hash_pin("729461") != HASH
    assert "729461" not in HASH


@pytest.mark.parametrize("pin_hash", ["", "$argon2id$", "729461", "$argon2id$v=19$m=65536,t=3,p=4$AAAA$AAAA"])
def test_a_hash_that_is_none_lets_nobody_in(pin_hash: str) -> None:
    assert not right("729461", pin_hash)
    assert not right("nobody has this PIN", pin_hash)


def test_a_pin_longer_than_any_is_not_even_compared() -> None:
    pin = "7294618305" * 7
    assert not right(pin, hash_pin(pin))


def test_bytes_that_are_no_text_are_a_wrong_pin() -> None:
    """As a terminal hands over what it could not decode."""
    assert not right("72946\udcff", HASH)
    assert not right("\ud800", "")
