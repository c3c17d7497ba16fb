"""Signatures as RFC 8554 prints them, and what must not pass for one; under both interpreters."""

from firmware_agent.device import lms
from tests.device.micro import rfc8554

CASES = (
    (rfc8554.PUBLIC_KEY_1, rfc8554.MESSAGE_1, rfc8554.SIGNATURE_1),
    (rfc8554.PUBLIC_KEY_2, rfc8554.MESSAGE_2, rfc8554.SIGNATURE_2),
)


def flipped(raw: bytes, at: int, mask: int) -> bytes:
    out = bytearray(raw)
    out[at] ^= mask
    return bytes(out)


def test_both_test_cases_of_the_rfc_verify() -> None:
    for key, message, signature in CASES:
        assert lms.verify(key, message, signature)
        assert lms.verify(memoryview(key), memoryview(message), memoryview(signature))


def test_another_message_or_another_key_does_not() -> None:
    (key, message, signature), (other_key, other_message, _) = CASES
    assert not lms.verify(key, other_message, signature)
    assert not lms.verify(other_key, message, signature)
    assert not lms.verify(key, message + b"\0", signature)
    assert not lms.verify(key, b"", signature)


def test_no_flipped_bit_of_a_signature_or_a_key_is_overlooked() -> None:
    for key, message, signature in CASES:
        for at in range(0, len(signature), 29):
            assert not lms.verify(key, message, flipped(signature, at, 1 << at % 8)), at
        for at in range(len(key)):
            assert not lms.verify(flipped(key, at, 1 << at % 8), message, signature), at


def test_a_signature_that_is_cut_or_goes_on_is_wrong() -> None:
    for key, message, signature in CASES:
        for end in (0, 1, 3, 4, 7, 11, 12, 1295, 1296, 1351, 1352, len(signature) - 1):
            assert not lms.verify(key, message, signature[:end]), end
        assert not lms.verify(key, message, signature + b"\0")


def test_types_and_levels_nobody_knows_are_wrong_and_never_an_error() -> None:
    key, message, signature = CASES[0]
    for number in (0, 1, 2, 3, 4, 10, 255, 0xFFFFFFFF):
        word = number.to_bytes(4, "big")
        for at in range(0, 12, 4):
            changed = key[:at] + word + key[at + 4 :]
            assert changed == key or not lms.verify(changed, message, signature)
        # the level's count, the leaf, both types and those of the key below
        for at in (0, 4, 8, 1132, 1296, 1300, 1352, 1356):
            changed = signature[:at] + word + signature[at + 4 :]
            assert changed == signature or not lms.verify(key, message, changed), (at, number)
    assert not lms.verify(b"", message, signature)
    assert not lms.verify(key + b"\0", message, signature)
