"""Which of a bundle's orders a phone is given, by what it says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from firmware_agent import wire
from firmware_agent.agent_patch import make
from firmware_agent.wire import Welcome
from hw.agent_phone import _choose
from hw.errors import PhoneRefused

OLD = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256))
NEW = OLD[:3000] + b"something new" + OLD[3000:]
TARGET = make.Target("firecrest", "2.0.0", 2, NEW)
PATCHES = (make.in_place_delta(TARGET, OLD, make.Flash()), make.whole(TARGET))


class Held:
    """A bundle in memory, in chunks."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.size_bytes = len(raw)

    def chunks(self, size_bytes: int) -> Iterator[bytes]:
        for at in range(0, len(self.raw), size_bytes):
            yield self.raw[at : at + size_bytes]


BUNDLE = Held(make.bundle_of(PATCHES, lambda raw: b"signature"))


def phone(image: bytes) -> Welcome:
    welcome = Welcome()
    welcome.model, welcome.group_blocks = "firecrest", 7
    welcome.methods = 1 << wire.WHOLE | 1 << wire.IN_PLACE_DELTA
    welcome.image_size = len(image)
    welcome.image_sha256 = hashlib.sha256(image).digest() if image else bytes(32)
    return welcome


def test_a_difference_is_given_to_a_phone_that_has_its_base_and_the_whole_image_to_any_other() -> None:
    assert _choose(BUNDLE, phone(OLD))[2].method == wire.IN_PLACE_DELTA
    assert _choose(BUNDLE, phone(OLD[:-1]))[2].method == wire.WHOLE


def test_a_phone_that_was_left_between_two_images_is_given_the_order_it_began() -> None:
    between = phone(b"")
    between.health = wire.HEALTH_IMAGE
    assert _choose(BUNDLE, between)[2].method == wire.WHOLE
    between.order_id = hashlib.sha256(PATCHES[0].order.pack()).digest()
    assert _choose(BUNDLE, between)[2].method == wire.IN_PLACE_DELTA


def test_a_phone_that_takes_none_of_the_methods_is_refused_in_one_line() -> None:
    other = phone(OLD)
    other.methods = 1 << wire.SLOT_DELTA
    with pytest.raises(PhoneRefused, match="no update in this package fits"):
        _choose(BUNDLE, other)
