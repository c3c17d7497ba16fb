"""Update orders, as both interpreters must read and write them."""

from firmware_agent import order as orders
from firmware_agent import wire

HASH_AT = 36


def whole() -> orders.Order:
    order = orders.Order()
    order.image_size, order.patch_size, order.rollback_index = 300000, 200000, 0xFFFFFFFF
    order.image_sha256, order.patch_sha256 = b"i" * 32, b"p" * 32
    order.model, order.version = "kinglet", "1.2.3"
    return order


def slot_delta() -> orders.Order:
    order = whole()
    order.method, order.base_size, order.base_sha256 = wire.SLOT_DELTA, 280000, b"b" * 32
    return order


def in_place_delta() -> orders.Order:
    order = slot_delta()
    order.method, order.block, order.group = wire.IN_PLACE_DELTA, 4096, 7
    return order


def is_refused(order: orders.Order) -> bool:
    try:
        order.pack()
    except orders.OrderError:
        return True
    return False


def test_an_order_comes_back_as_it_was() -> None:
    for order in (whole(), slot_delta(), in_place_delta()):
        raw = order.pack()
        assert len(raw) == orders.ORDER_BYTES
        assert orders.parse(memoryview(raw)).pack() == raw


def test_an_order_that_contradicts_itself_is_refused() -> None:
    wrong = (
        (whole, "base_size", 1),
        (whole, "base_sha256", b"b" * 32),
        (whole, "block", 4096),
        (whole, "packing", orders.PLAIN),
        (whole, "packing", 2),
        (whole, "method", 3),
        (whole, "image_size", 0),
        (whole, "patch_size", orders.MAX_IMAGE_BYTES + 1),
        (whole, "window_log2", 16),
        (whole, "window_log2", 7),
        (slot_delta, "base_size", 0),
        (slot_delta, "base_size", orders.MAX_IMAGE_BYTES + 1),
        (slot_delta, "base_sha256", bytes(32)),
        (slot_delta, "group", 1),
        (in_place_delta, "block", 0),
        (in_place_delta, "block", 4095),
        (in_place_delta, "block", 128),
        (in_place_delta, "block", 131072),
        (in_place_delta, "group", 0),
        (in_place_delta, "group", 256),
    )
    for make, name, value in wrong:
        order = make()
        assert not is_refused(order)
        setattr(order, name, value)
        assert is_refused(order), (name, value)


def test_a_plain_whole_image_is_its_own_patch() -> None:
    order = whole()
    order.packing, order.patch_size, order.patch_sha256 = orders.PLAIN, order.image_size, order.image_sha256
    assert not is_refused(order)


def test_what_does_not_fit_into_an_order_is_refused_and_not_cut() -> None:
    for name, value in (
        ("model", "m" * 33),
        ("model", ""),
        ("model", "two words"),
        ("model", "k\0"),
        ("version", "v" * 25),
        ("version", "é"),
        ("rollback_index", 1 << 32),
        ("rollback_index", -1),
        ("image_size", (1 << 32) + 5),
        ("method", 256),
        ("image_sha256", b"i" * 33),
        ("patch_sha256", b"p" * 31),
    ):
        order = whole()
        setattr(order, name, value)
        assert is_refused(order), name


def test_bytes_that_are_no_order_are_refused() -> None:
    raw = whole().pack()
    spoilt = [
        raw[:-1],
        raw + b"\0",
        b"",
        bytes(192),
        raw[:-1] + b"\1",
        b"PSO2" + raw[4:],
        raw[:4] + b"\2" + raw[5:],
    ]
    for one in spoilt:
        try:
            orders.parse(one)
        except orders.OrderError:
            continue
        raise AssertionError(one)
