"""``station release agent``: from images to a signed bundle that a device's own checks accept."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import pytest

from firmware_agent import bundle
from firmware_agent.device import lms
from firmware_agent.order import parse
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from firmware_agent.wire import IN_PLACE_DELTA, SLOT_DELTA, WHOLE
from station import release_agent
from station.errors import StationError

OLD = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(256))
NEW = OLD[:3000] + b"something new" + OLD[3000:]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key") / "lms"
    make_key(folder, Shape(5, 8), workers=1)
    return folder


def words(folder: Path, key: Path, *more: str) -> argparse.Namespace:
    (folder / "old.bin").write_bytes(OLD)
    (folder / "new.bin").write_bytes(NEW)
    parser = argparse.ArgumentParser()
    release_agent.arguments(parser)
    fixed = ["--model", "kinglet", "--version", "2.0.0", "--rollback", "4", "--new", str(folder / "new.bin")]
    return parser.parse_args([*fixed, "--key", str(key), "--out", str(folder / "out.agu"), "--json", *more])


@pytest.mark.parametrize(("mode", "method"), [("slots", SLOT_DELTA), ("in_place", IN_PLACE_DELTA)])
def test_every_order_is_signed_and_the_bundle_has_a_difference_and_the_whole_image(
    mode: str, method: int, key: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = f"{tmp_path / 'old.bin'}@1.0.0"
    assert release_agent.run(words(tmp_path, key, "--mode", mode, "--base", base)) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    file = (tmp_path / "out.agu").read_bytes()
    assert answer["sha256"] == hashlib.sha256(file).hexdigest()
    assert [one["base"] for one in answer["patches"]] == ["1.0.0", ""]
    assert answer["signatures_left"] == LmsKey(key).left
    orders = []
    for one in bundle.parse(file, len(file)):
        signed = file[one.signed]
        assert lms.verify(LmsKey(key).public_key, signed[:192], signed[192:])
        orders.append(parse(signed[:192]))
    assert [order.method for order in orders] == [method, WHOLE]
    assert {(order.model, order.version, order.rollback_index) for order in orders} == {
        ("kinglet", "2.0.0", 4)
    }


@pytest.mark.parametrize(
    "wrong",
    [
        ("--rollback", "-1"),
        ("--rollback", "4294967296"),
        ("--block", "3000"),
        ("--block", "128"),
        ("--group", "0"),
        ("--group", "256"),
        ("--window", "8"),
        ("--window", "16"),
    ],
)
def test_what_no_order_can_say_is_refused_before_a_signature_is_spent(
    wrong: tuple[str, str], key: Path, tmp_path: Path
) -> None:
    left = LmsKey(key).left
    with pytest.raises(StationError, match=wrong[0]):
        release_agent.run(words(tmp_path, key, "--mode", "in_place", *wrong))
    assert LmsKey(key).left == left


def test_a_bundle_that_is_there_already_is_kept(key: Path, tmp_path: Path) -> None:
    (tmp_path / "out.agu").write_bytes(b"kept")
    with pytest.raises(StationError, match="already"):
        release_agent.run(words(tmp_path, key, "--mode", "slots"))
    assert (tmp_path / "out.agu").read_bytes() == b"kept"


def test_a_request_that_cannot_succeed_spends_no_signature(key: Path, tmp_path: Path) -> None:
    left = LmsKey(key).left
    base = ["--base", str(tmp_path / "old.bin")]
    many = words(tmp_path, key, "--mode", "slots", *base * bundle.MAX_ENTRIES)
    with pytest.raises(StationError, match="at most 31"):
        release_agent.run(many)
    few = words(tmp_path, key, "--mode", "slots", *base * left)
    with pytest.raises(StationError, match=f"{left} signatures are left"):
        release_agent.run(few)
    nowhere = words(tmp_path, key, "--mode", "slots", *base)
    nowhere.out = tmp_path / "no-folder" / "out.agu"
    with pytest.raises(StationError, match="no folder"):
        release_agent.run(nowhere)
    assert LmsKey(key).left == left
