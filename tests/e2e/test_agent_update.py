"""Whole visits of phones with the update agent over the signed catalogue: by a difference, and what is refused."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firmware_agent.agent_patch import make
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from hw.phone import open_phone
from hw.virtual.agent_factory import is_made
from hw.virtual.agent_process import interpreter
from hw.virtual.errors import BadState
from station.mirror_server import MirrorServer
from tests.catalogues import Workshop, make_release
from tests.e2e.visits import Shop, VirtualPhone, virtual_phone

KIB = 1024
MODELS = ("kinglet", "firecrest")
METHODS = {"kinglet": "slots", "firecrest": "in place"}


try:
    interpreter()
except BadState:
    pytest.skip("no MicroPython for this machine: the update agent was not tried", allow_module_level=True)


def firmware() -> tuple[bytes, bytes]:
    """Two versions of something like code: parts moved, changed, new and lost."""
    draw = random.Random(11)
    words = [draw.randbytes(draw.randrange(3, 12)) for _ in range(400)]
    old = b"".join(draw.choices(words, k=180 * KIB // 6))[: 180 * KIB]
    new = bytearray(old[:50_000] + draw.randbytes(12_000) + old[50_000:110_000] + old[116_000:])
    for at in range(0, len(new), 1700):
        new[at] ^= 0x55
    return old, bytes(new)


OLD, NEW = firmware()


@dataclass(frozen=True)
class Maker:
    """Signs updates and publishes them."""

    folder: Path
    key: LmsKey
    workshop: Workshop
    deltas: dict[str, int]  # bytes of the difference, by model

    @property
    def trust(self) -> Path:
        return self.folder / "public-key.txt"

    @property
    def image(self) -> Path:
        return self.folder / "old.bin"

    def patches(self, model: str, version: str = "2.0.0", rollback_index: int = 2) -> list[make.Patch]:
        target = make.Target(model, version, rollback_index, NEW)
        if model == "kinglet":
            return [make.slot_delta(target, OLD), make.whole(target)]
        return [make.in_place_delta(target, OLD, make.Flash()), make.whole(target)]


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """One version of both models, each a bundle of a difference and the whole image."""
    folder = tmp_path_factory.mktemp("agent-maker")
    made = Maker(folder, make_key(folder / "lms", Shape(5, 8), workers=1), workshop(folder / "shop"), {})
    made.trust.write_text(made.key.public_key.hex(), "ascii")
    made.image.write_bytes(OLD)
    for model in MODELS:
        patches = made.patches(model)
        made.deltas[model] = len(patches[0].payload)
        release(made, model, make.bundle_of(patches, made.key.sign))
    return made


def workshop(folder: Path) -> Workshop:
    return Workshop(folder, {"lumen": MODELS})


def release(maker: Maker, model: str, bundle: bytes, version: str = "2.0.0", rollback_index: int = 2) -> None:
    """Publish a version whose only partition is the bundle."""
    place = maker.workshop.folder / "releases"
    images = {"firmware": bundle}
    made = make_release(place, model, version, images=images, rollback_index=rollback_index)
    maker.workshop.publish(made)


@contextmanager
def other_shop(maker: Maker, folder: Path) -> Iterator[Maker]:
    """The same maker with a repository of its own that is still empty."""
    yield Maker(maker.folder, maker.key, workshop(folder / "shop-of-its-own"), {})


class SignedShop(Shop):
    """A station that believes a workshop's root."""

    def visit(
        self, maker: Maker, phone: VirtualPhone, *options: str
    ) -> tuple[int, dict[str, Any], list[str]]:
        """One visit over the signed catalogue: exit code, answer, what was said."""
        folder = self.state.parent
        (folder / "root.json").write_bytes(maker.workshop.root)
        config = folder / "signed.toml"
        with MirrorServer(maker.workshop.repository.folder) as mirror:
            lines = [f'state_dir = "{self.state}"', "[catalogue]", 'root = "root.json"']
            config.write_text("\n".join([*lines, f"mirrors = [{json.dumps(mirror.url)}]"]) + "\n", "utf-8")
            update = self.update(phone.where, phone.customer, "--config", os.fspath(config), *options)
            code, answer = update.finish()
        return code, answer, update.lines


@pytest.fixture
def shop(tmp_path: Path) -> SignedShop:
    return SignedShop(tmp_path / "state", tmp_path / "no-releases")


@contextmanager
def agent_phone(maker: Maker, model: str, state: Path, *options: str) -> Iterator[VirtualPhone]:
    words = ("--trust", str(maker.trust), "--state", str(state), "--boot-delay", "0.1", *options)
    with virtual_phone(model, maker.image, *words) as phone:
        yield phone


def wire_bytes(phone: VirtualPhone) -> int:
    """Everything that went over its serial line, both ways."""
    status = phone.customer.status()
    return int(status["download_bytes"]) + int(status["upload_bytes"])


def owned(state: Path) -> bytes:
    """The owner's region of a phone that is off or quiet."""
    board = json.loads((state / "board.json").read_text("utf-8"))
    raw = (state / "flash.bin").read_bytes()
    return raw[len(raw) - int(board["user_bytes"]) :]


def but_for_the_record(state: Path) -> bytes:
    """The whole flash but for its first two blocks, where every start of the phone is counted."""
    return (state / "flash.bin").read_bytes()[2 * 4 * KIB :]


@pytest.mark.parametrize("model", MODELS)
def test_an_agent_phone_is_updated_by_a_difference_and_keeps_its_owners_files(
    shop: SignedShop, maker: Maker, tmp_path: Path, model: str
) -> None:
    state = tmp_path / "phone"
    with agent_phone(maker, model, state) as phone:
        assert is_made(state)
        before = owned(state)
        code, answer, lines = shop.visit(maker, phone)
        assert (code, answer["verdict"], answer["to"]) == (0, "updated", "2.0.0"), lines
        data = answer["user_data"]
        assert data["identical"] == data["hashed"] == data["before"] > 3
        assert owned(state) == before
        assert not [line for line in lines if "unlock the screen" in line or "hold" in line]
        carried = wire_bytes(phone)
        listed = data["before"] * 100 * 4  # names, sizes and digests, asked for twice before and twice after
        assert carried <= maker.deltas[model] * 1.02 + 4 * KIB + listed, METHODS[model]
        assert maker.deltas[model] < answer["bytes_sent"] <= maker.deltas[model] * 1.02 + 4 * KIB
        code, again, _ = shop.visit(maker, phone)
        assert (code, again["verdict"], again["from"]) == (0, "up_to_date", "2.0.0")


def write_and_do_not_restart(maker: Maker, phone: VirtualPhone, patches: list[make.Patch]) -> None:
    """What a visit that ended before the restart leaves behind."""
    image = Bundle(make.bundle_of(patches, maker.key.sign))
    bay = open_phone(phone.where)
    try:
        bay.write("firmware", image, bay.identify(), lambda _done, _total: None)
    finally:
        bay.close()


@dataclass(frozen=True)
class Bundle:
    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def chunks(self, size_bytes: int) -> Iterator[bytes]:
        for at in range(0, len(self.data), size_bytes):
            yield self.data[at : at + size_bytes]


@pytest.mark.parametrize("model", MODELS)
def test_a_phone_that_an_earlier_visit_did_not_restart_is_brought_from_what_it_then_runs(
    shop: SignedShop, maker: Maker, tmp_path: Path, model: str
) -> None:
    with agent_phone(maker, model, tmp_path / "phone") as phone:
        earlier = make.whole(make.Target(model, "1.5.0", 1, NEW[:-1]))
        write_and_do_not_restart(maker, phone, [earlier])
        code, answer, lines = shop.visit(maker, phone)
        assert (code, answer["verdict"], answer["from"], answer["to"]) == (0, "updated", "1.5.0", "2.0.0"), (
            lines
        )
    kinds = shop.kinds()
    assert kinds.count("phone.restarted") == 1, "nothing is done to a phone that the log does not tell"
    assert kinds.index("phone.restarted") < kinds.index("phone.identified")


@pytest.mark.parametrize("model", MODELS)
def test_a_bad_image_that_was_never_started_is_not_up_to_date(
    shop: SignedShop, maker: Maker, tmp_path: Path, model: str
) -> None:
    state = tmp_path / "phone"
    with agent_phone(maker, model, state):
        pass
    board = json.loads((state / "board.json").read_text("utf-8"))
    (state / "board.json").write_text(json.dumps(board | {"self_test": "fail 2.0.0"}), "utf-8")
    with agent_phone(maker, model, state) as phone:
        write_and_do_not_restart(maker, phone, maker.patches(model))
        code, answer, lines = shop.visit(maker, phone)
    ends = (4, "needs_staff") if model == "kinglet" else (3, "refused")  # it fell back, or is unfit
    assert (code, answer["verdict"]) == ends, lines
    assert answer["from"] == ("1.0.0" if model == "kinglet" else "2.0.0")


def test_the_ledger_tells_the_whole_visit_and_one_restart(
    shop: SignedShop, maker: Maker, tmp_path: Path
) -> None:
    with agent_phone(maker, "kinglet", tmp_path / "phone") as phone:
        assert shop.visit(maker, phone)[0] == 0
    kinds = shop.kinds()
    assert kinds.count("reboot.intended") == 1
    order = ["inventory.taken", "phone.identified", "consent.given", "write.intended", "write.done"]
    order += ["reboot.intended", "phone.rebooted", "inventory.compared", "version.confirmed", "visit.closed"]
    assert [kind for kind in kinds if kind in order] == order
    assert shop.inventory_rows() == 0


def refused(
    shop: SignedShop, maker: Maker, phone: VirtualPhone, state: Path, reason: str, words: str
) -> None:
    flash = but_for_the_record(state)
    code, answer, lines = shop.visit(maker, phone)
    assert (code, answer["verdict"], answer["reason"], answer["written"]) == (3, "refused", reason, False), (
        lines
    )
    assert words in answer["detail"]
    assert "nothing was written to the phone" in lines[-1]
    assert but_for_the_record(state) == flash


def test_a_bundle_for_another_model_is_refused_by_the_phone(
    shop: SignedShop, maker: Maker, tmp_path: Path
) -> None:
    """Published under the wrong name by mistake: every signature is right, and the phone still knows better."""
    state = tmp_path / "phone"
    with other_shop(maker, tmp_path) as wrong, agent_phone(maker, "kinglet", state) as phone:
        release(wrong, "kinglet", make.bundle_of(maker.patches("firecrest"), maker.key.sign))
        refused(shop, wrong, phone, state, "phone_error", "another model")


def test_an_update_signed_by_somebody_else_is_refused_by_the_phone(
    shop: SignedShop, maker: Maker, tmp_path: Path
) -> None:
    state = tmp_path / "phone"
    other = make_key(tmp_path / "other", Shape(5, 8), workers=1)
    with other_shop(maker, tmp_path) as wrong, agent_phone(maker, "firecrest", state) as phone:
        release(wrong, "firecrest", make.bundle_of(maker.patches("firecrest"), other.sign))
        refused(shop, wrong, phone, state, "phone_error", "not signed with the key")


def test_a_lower_rollback_index_is_refused_by_the_plan_and_by_the_phone(
    shop: SignedShop, maker: Maker, tmp_path: Path
) -> None:
    """By the plan where the release says so; by the phone where only the order does."""
    state = tmp_path / "phone"
    bundle = make.bundle_of(maker.patches("kinglet", rollback_index=0), maker.key.sign)
    with agent_phone(maker, "kinglet", state) as phone:
        with other_shop(maker, tmp_path) as honest:
            release(honest, "kinglet", bundle, rollback_index=0)
            refused(shop, honest, phone, state, "rollback", "rollback index")
        with other_shop(maker, tmp_path / "second") as lying:
            release(lying, "kinglet", bundle, version="2.0.1", rollback_index=2)
            fresh = SignedShop(tmp_path / "second-state" / "state", tmp_path / "no-releases")
            fresh.state.parent.mkdir()
            refused(fresh, lying, phone, state, "phone_error", "older than what the phone accepts")


@pytest.mark.parametrize("model", MODELS)
def test_a_new_image_that_fails_its_own_test_is_never_called_updated(
    shop: SignedShop, maker: Maker, tmp_path: Path, model: str
) -> None:
    """With two slots the phone falls back by itself; in place it says that it is unfit. Its files are kept."""
    state = tmp_path / "phone"
    with agent_phone(maker, model, state):
        before = owned(state)
    board = json.loads((state / "board.json").read_text("utf-8"))
    (state / "board.json").write_text(json.dumps(board | {"self_test": "fail 2.0.0"}), "utf-8")
    with agent_phone(maker, model, state) as phone:
        code, answer, lines = shop.visit(maker, phone)
        _, again, _ = shop.visit(maker, phone)
    assert (code, answer["verdict"], answer["written"]) == (4, "needs_staff", True), lines
    assert answer["reason"] == ("version_mismatch" if model == "kinglet" else "boot_failed")
    assert answer["user_data"]["identical"] == answer["user_data"]["before"]
    assert owned(state) == before
    # The phone that fell back keeps refusing the release for what it is; the unfit one is not "up to date".
    assert again["verdict"] != "updated"
    if model == "firecrest":
        assert (again["verdict"], again["reason"]) == ("refused", "slot_state")
