"""COSE_Sign1 with Ed25519 (RFC 9052, section 4.2; RFC 9053, section 2.2), and only that.

One shape is written and read: tag 18, protected ``{1: -8 (EdDSA), 4: kid}``, an empty unprotected map, a
payload that is not detached. The topic a message travels on is its external_aad, so that it cannot be
replayed elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger import cbor, keys
from ledger.errors import LedgerError, MalformedError, SignatureError

ALG_EDDSA = -8
HEADER_ALG, HEADER_KID = 1, 4
SIGNATURE_BYTES = 64
TAG_SIGN1 = b"\xd2"
"""CBOR tag 18 in its one shortest form."""

MAX_MESSAGE_BYTES = 512 * 1024

FindKey = Callable[[bytes], Ed25519PublicKey | None]
"""kid -> the pinned public key, or None when nobody pinned it."""


def _to_sign(protected: bytes, external_aad: bytes, payload: bytes) -> bytes:
    """Sig_structure (RFC 9052, section 4.4)."""
    return cbor.encode(["Signature1", protected, external_aad, payload])


def _protected(kid: bytes) -> bytes:
    return cbor.encode({HEADER_ALG: ALG_EDDSA, HEADER_KID: kid})


def sign1(payload: bytes, key: Ed25519PrivateKey, external_aad: bytes) -> bytes:
    """The COSE_Sign1 message of ``payload``."""
    protected = _protected(keys.kid(key.public_key()))
    signature = key.sign(_to_sign(protected, external_aad, payload))
    return TAG_SIGN1 + cbor.encode([protected, {}, payload, signature])


def _parts(message: bytes, max_bytes: int) -> tuple[bytes, bytes, bytes]:
    """``(kid, payload, signature)`` of a message in the one shape; :exc:`MalformedError` otherwise."""
    if not message.startswith(TAG_SIGN1):
        raise MalformedError("not a COSE_Sign1 message")
    value = cbor.decode(message[1:], max_bytes)
    if not isinstance(value, list) or len(value) != 4:
        raise MalformedError("a COSE_Sign1 message has four parts")
    protected, unprotected, payload, signature = value
    if not isinstance(protected, bytes) or not isinstance(payload, bytes):
        raise MalformedError("a COSE_Sign1 message carries its header and payload as bytes")
    if unprotected != {}:
        raise MalformedError("a COSE_Sign1 message with an unprotected header")
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise MalformedError("an Ed25519 signature is 64 bytes")
    header = cbor.decode(protected, 64)
    if not isinstance(header, dict) or header.keys() != {HEADER_ALG, HEADER_KID}:
        raise MalformedError("a COSE_Sign1 header has alg and kid")
    kid = header[HEADER_KID]
    if header[HEADER_ALG] != ALG_EDDSA or not isinstance(kid, bytes) or len(kid) != keys.KID_BYTES:
        raise MalformedError("a COSE_Sign1 header of another algorithm or key id")
    return kid, payload, signature


def verify1(
    message: bytes, find_key: FindKey, external_aad: bytes, max_bytes: int = MAX_MESSAGE_BYTES
) -> bytes:
    """The payload, once its signature holds under the pinned key for this ``external_aad``.

    Raises :exc:`MalformedError` for other shapes and :exc:`SignatureError` for an unknown key or a false
    signature.
    """
    kid, payload, signature = _parts(message, max_bytes)
    key = find_key(kid)
    if key is None:
        raise SignatureError(f"signed by a key that nobody pinned: {kid.hex()}")
    try:
        key.verify(signature, _to_sign(_protected(kid), external_aad, payload))
    except InvalidSignature as exc:
        raise SignatureError("the signature does not hold") from exc
    return payload


def only(key: Ed25519PublicKey) -> FindKey:
    """A :data:`FindKey` that knows one key."""
    known = keys.kid(key)
    return lambda kid: key if kid == known else None


def signer(key: Ed25519PrivateKey) -> Callable[[bytes, str], bytes]:
    """``(payload, topic) -> message`` for whoever publishes and should not know of keys."""
    return lambda payload, topic: sign1(payload, key, topic.encode())


def verifier(key: Ed25519PublicKey) -> Callable[[bytes, str], bytes | None]:
    """``(message, topic) -> payload``, None when it is not what the holder of ``key`` signed for that
    topic.
    """
    find_key = only(key)

    def verify(message: bytes, topic: str) -> bytes | None:
        try:
            return verify1(message, find_key, topic.encode())
        except LedgerError:
            return None

    return verify
