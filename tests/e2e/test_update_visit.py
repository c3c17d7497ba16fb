"""Whole visits by ``station update`` against ``station phone``: two processes, USB/IP between them."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.visits import MIB, Shop, make_releases, virtual_phone

pytestmark = pytest.mark.tool("mkfs.ext4")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("firmware")
    make_releases(root, "heron", ["1.0.0", "2.0.0"])
    make_releases(root, "wren", ["1.0.0", "2.0.0"])
    return root / "releases"


@pytest.fixture
def shop(tmp_path: Path, releases: Path) -> Shop:
    return Shop(tmp_path / "state", releases)


@pytest.mark.parametrize(("model", "slot"), [("heron", "b"), ("wren", None)])
def test_a_visit_updates_the_phone_and_proves_every_file(shop: Shop, model: str, slot: str | None) -> None:
    with virtual_phone(model, shop.releases / model / "1.0.0") as phone:
        update = shop.update(phone.where, phone.customer)
        code, answer = update.finish()
        status = phone.customer.wait(20, mode="normal")
    assert (code, answer["verdict"], answer["from"], answer["to"]) == (0, "updated", "1.0.0", "2.0.0")
    data = answer["user_data"]
    assert data["before"] >= 40
    assert data["before"] == data["after"] == data["identical"] == data["hashed"]
    assert data["changed"] == data["missing"] == data["unreadable"] == 0
    assert answer["bytes_sent"] == answer["bytes_full"] > 6 * MIB
    fetch = {"bytes": 0, "full_bytes": answer["bytes_full"], "base_version": "", "why": "images_here"}
    assert (answer["method"], answer["fetch"]) == ("cached", {**fetch, "mirrors": []})
    assert status["version"] == "2.0.0"
    if slot:
        assert status["slot"] == slot
    percents = [int(line.split()[1]) for line in update.lines if line.startswith("progress ")]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    kinds = shop.kinds()
    assert answer["ledger"]["index"] == len(kinds)
    assert kinds.index("consent.given") < kinds.index("backup.answered") < kinds.index("write.intended")
    assert kinds[-1] == "visit.closed"
    assert shop.inventory_rows() == 0, "the owner's file names go when the visit closes"


def test_a_second_visit_finds_the_phone_up_to_date(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "2.0.0") as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
        status = phone.customer.wait(20, mode="normal")
    assert (code, answer["verdict"], answer["written"]) == (0, "up_to_date", False)
    assert status["writes"] == 0


def test_an_unplug_mid_write_waits_for_the_phone_and_finishes(shop: Shop) -> None:
    with virtual_phone(
        "heron", shop.releases / "heron" / "1.0.0", "--fault", f"drop-after:{3 * MIB}"
    ) as phone:
        update = shop.update(phone.where, phone.customer)
        update.wait_for_line("plug it in")
        phone.customer.replug()
        code, answer = update.finish()
    assert (code, answer["verdict"]) == (0, "updated")
    assert answer["user_data"]["identical"] == answer["user_data"]["before"]
    assert answer["bytes_sent"] > answer["bytes_full"], "the broken partition travelled again"
    kinds = shop.kinds()
    assert kinds.index("link.lost") < kinds.index("phone.returned")
    done = kinds.count("write.done")
    assert kinds.count("write.intended") == done + 1, "only the partition under way was written again"


def test_a_power_cut_of_the_phone_mid_write_is_survived(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", "--fault", "die-at-write:2") as phone:
        update = shop.update(phone.where, phone.customer)
        update.wait_for_line("if it has started, hold")
        phone.customer.hold_keys()
        code, answer = update.finish()
    assert (code, answer["verdict"]) == (0, "updated")
    assert answer["user_data"]["identical"] == answer["user_data"]["before"]


def test_a_kill_mid_write_is_resumed_by_the_same_command(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", "--fault", f"slow:{4 * MIB}") as phone:
        first = shop.update(phone.where, phone.customer)
        first.wait_for_writing()
        first.kill()
        assert shop.kinds()[-1].startswith("write.")
        second = shop.update(phone.where, phone.customer)
        code, answer = second.finish()
    assert (code, answer["verdict"], answer["resumed"]) == (0, "updated", True)
    assert answer["user_data"]["identical"] == answer["user_data"]["before"] >= 40
    kinds = shop.kinds()
    assert kinds.count("visit.begun") == kinds.count("station.resumed") == kinds.count("visit.closed") == 1


def test_another_phone_in_the_bay_after_a_kill_is_refused(shop: Shop, tmp_path: Path) -> None:
    firmware = shop.releases / "heron" / "1.0.0"
    with virtual_phone("heron", firmware, "--serial", "AAA1", "--fault", f"slow:{4 * MIB}") as phone:
        first = shop.update(phone.where, phone.customer)
        first.wait_for_writing()
        first.kill()
        address = phone.where.removeprefix("usbip://").removesuffix("/1-1")
    where = f"usbip://{address}/1-1"
    options = ("--serial", "BBB2", "--mode", "bootloader", "--usbip", address)
    with virtual_phone("heron", firmware, *options) as other:
        code, answer = shop.update(where, other.customer).finish()
        assert (code, answer["verdict"], answer["reason"]) == (4, "needs_staff", "swapped")
        assert other.customer.status()["writes"] == 0, "the other phone was not touched"


@pytest.mark.parametrize(
    ("fault", "reason", "counts"),
    [
        ("userdata:lose=2", "user_data_missing", {"missing": 2, "changed": 0}),
        ("userdata:alter=3", "user_data_changed", {"missing": 0, "changed": 3}),
        ("userdata:touch=1", "user_data_changed", {"missing": 0, "changed": 1}),
    ],
)
def test_damaged_user_data_is_counted_exactly(
    shop: Shop, fault: str, reason: str, counts: dict[str, int]
) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", "--fault", fault) as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
    assert (code, answer["verdict"], answer["reason"]) == (4, "needs_staff", reason)
    assert {name: answer["user_data"][name] for name in counts} == counts
    assert answer["written"] is True
    assert shop.kinds()[-2:] == ["inventory.compared", "visit.closed"]


def test_a_partition_the_phone_refuses_needs_staff(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", "--fault", "fail-flash:system") as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
    assert (code, answer["verdict"], answer["reason"]) == (4, "needs_staff", "write_failed")


def test_a_flipped_byte_on_the_phone_never_passes_for_updated(shop: Shop) -> None:
    with virtual_phone(
        "heron", shop.releases / "heron" / "1.0.0", "--fault", "corrupt-flash:system"
    ) as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
    assert (code, answer["verdict"]) == (4, "needs_staff")
    assert answer["reason"] in ("version_mismatch", "boot_failed", "slot_mismatch")
    assert answer["user_data"]["missing"] == 0


def test_only_one_process_serves_a_bay(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0") as phone:
        first = shop.update(phone.where, None)
        first.wait_for_line("unlock the screen")
        code, answer = shop.update(phone.where, None).finish()
        assert code == 3
        assert "is served by process" in answer["error"]
        first.process.send_signal(signal.SIGTERM)
        code, answer = first.finish()
    assert (code, answer["verdict"], answer["reason"]) == (3, "refused", "cancelled")


def test_a_term_signal_in_the_bootloader_sends_the_phone_back_to_normal(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", "--locked") as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
        phone.customer.wait(20, mode="normal")
    assert (code, answer["reason"], answer["written"]) == (3, "bootloader_locked", False)


def test_without_consent_nothing_is_written(shop: Shop) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0") as phone:
        code, answer = shop.update(phone.where, phone.customer, yes=False).finish()
        status = phone.customer.wait(20, mode="normal")
    assert (code, answer["reason"], answer["written"], status["writes"]) == (3, "consent_refused", False, 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--battery", "12"), "battery_low"),
        (("--locked",), "bootloader_locked"),
        (("--fault", "garbage"), "phone_error"),
    ],
)
def test_a_phone_that_must_not_be_written_is_refused_untouched(
    shop: Shop, options: tuple[str, ...], reason: str
) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", *options) as phone:
        code, answer = shop.update(phone.where, phone.customer).finish()
        assert phone.customer.status()["writes"] == 0
    assert (code, answer["verdict"], answer["reason"]) == (3, "refused", reason)
    assert shop.kinds()[-1] == "visit.closed"


@pytest.mark.parametrize(("model", "reason"), [("hid", "foreign_device"), ("charger", "no_file_transfer")])
def test_what_is_no_phone_is_refused(shop: Shop, model: str, reason: str) -> None:
    quick = Shop(shop.state, shop.releases, {"connect_s": 1.0, "unlock_s": 1.0})
    with virtual_phone(model, None) as device:
        code, answer = quick.update(device.where, None).finish()
    assert (code, answer["verdict"], answer["reason"]) == (3, "refused", reason)


def test_nobody_there_is_said_so(shop: Shop) -> None:
    quick = Shop(shop.state, shop.releases, {"connect_s": 0.5})
    code, answer = quick.update("usbip://127.0.0.1:1/1-1", None).finish()
    assert (code, answer["reason"]) == (5, "no_phone")


def _truncate(release: Path) -> None:
    image = release / "images" / "system.img"
    image.write_bytes(image.read_bytes()[:-4096])


def _flip(release: Path) -> None:
    image = release / "images" / "system.img"
    content = bytearray(image.read_bytes())
    content[len(content) // 2] ^= 1
    image.write_bytes(content)


def _edit(release: Path, **changes: object) -> None:
    manifest = json.loads((release / "manifest.json").read_text("utf-8"))
    (release / "manifest.json").write_text(json.dumps(manifest | changes), "utf-8")


def _add_userdata(release: Path) -> None:
    manifest = json.loads((release / "manifest.json").read_text("utf-8"))
    _edit(
        release,
        partitions=[
            *manifest["partitions"],
            dict(manifest["partitions"][0], name="userdata", file="images/u.img"),
        ],
    )


BROKEN: dict[str, Callable[[Path], None]] = {
    "image_truncated": _truncate,
    "hash_mismatch": _flip,
    "wrong_model": lambda release: _edit(release, model="wren"),
    "wrong_variant": lambda release: _edit(release, variant="eu"),
    "protected_partition": _add_userdata,
    "wipes_data": lambda release: _edit(release, wipes_data=True),
    "bad_manifest": lambda release: _edit(release, surprise=1),
    "rollback": lambda release: _edit(release, rollback_index=0),
}


def test_a_broken_release_is_refused_before_the_first_byte(shop: Shop, tmp_path: Path) -> None:
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0") as phone:
        for reason, damage in BROKEN.items():
            broken = tmp_path / reason / "heron" / "2.0.0"
            shutil.copytree(shop.releases / "heron" / "2.0.0", broken)
            damage(broken)
            code, answer = Shop(shop.state, tmp_path / reason).update(phone.where, phone.customer).finish()
            status = phone.customer.wait(20, mode="normal")
            assert (code, answer["verdict"], answer["reason"]) == (3, "refused", reason)
            assert (answer["written"], status["writes"]) == (False, 0)
    kinds = shop.kinds()
    assert kinds.count("plan.refused") + kinds.count("fetch.given_up") == len(BROKEN), "each is in the ledger"
    assert "write.intended" not in kinds


def test_over_tcp_the_owners_files_are_not_claimed(shop: Shop) -> None:
    options = ("--mode", "bootloader", "--fastboot-tcp", "127.0.0.1:0")
    with virtual_phone("heron", shop.releases / "heron" / "1.0.0", *options) as phone:
        where = phone.ready["fastboot_tcp"]
        code, answer = shop.update(where, phone.customer).finish()
        assert code == 3
        assert "files cannot be seen" in answer["error"]
        code, answer = shop.update(where, phone.customer, "--no-inventory").finish()
    assert (code, answer["verdict"]) == (0, "updated")
    assert answer["user_data"]["after"] is None
    assert "files" in answer["user_data"]["not_seen"]


def test_a_single_slot_phone_that_does_not_start_is_never_called_updated(shop: Shop) -> None:
    options = ("--mode", "bootloader", "--fastboot-tcp", "127.0.0.1:0", "--fault", "corrupt-flash:boot")
    with virtual_phone("wren", shop.releases / "wren" / "1.0.0", *options) as phone:
        update = shop.update(phone.ready["fastboot_tcp"], None, "--no-inventory")
        code, answer = update.finish()
        assert phone.customer.status()["mode"] == "bootloader"
    assert (code, answer["verdict"], answer["reason"]) == (4, "needs_staff", "boot_failed")


def test_a_term_signal_mid_write_leaves_the_visit_to_the_same_command(shop: Shop) -> None:
    with virtual_phone("wren", shop.releases / "wren" / "1.0.0", "--fault", f"slow:{4 * MIB}") as phone:
        first = shop.update(phone.where, phone.customer)
        first.wait_for_writing()
        first.process.send_signal(signal.SIGTERM)
        code, answer = first.finish()
        assert (code, answer["reason"], answer["written"]) == (4, "interrupted", True)
        code, answer = shop.update(phone.where, phone.customer).finish()
    assert (code, answer["verdict"], answer["resumed"]) == (0, "updated", True)
