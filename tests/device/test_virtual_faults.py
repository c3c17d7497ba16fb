"""Every fault strikes where it says, once or as long as it says, and the phone outlives it."""

from __future__ import annotations

import hashlib
import random
import time

import pytest

from hw.virtual import faults, user_data
from hw.virtual.errors import BadState, NoAnswer
from tests.conformance.conftest import NewPhone, Releases, new_phone, releases
from tests.conformance.rig import FastbootHost, Rig
from tests.device.test_virtual_boot import reboot

__all__ = ["new_phone", "releases"]

IMAGE = random.Random(3).randbytes(8 << 20)
CUT = (ConnectionError, AssertionError)


def bootloader(rig: Rig) -> FastbootHost:
    return FastbootHost(rig.address("fastboot_tcp"))


def test_drop_after_cuts_at_the_byte_and_a_replug_brings_the_phone_back(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("drop-after:5000000",))
    with bootloader(rig) as host, pytest.raises(CUT):
        host.download(IMAGE)
    status = rig.customer.wait(5, plugged=False)
    assert (status["mode"], status["writes"]) == ("bootloader", 0)
    with pytest.raises(ConnectionError):
        bootloader(rig)
    rig.customer.replug()
    with bootloader(rig) as host:
        host.flash("boot_b", IMAGE)
    assert rig.flash_file("boot_b").read_bytes()[: len(IMAGE)] == IMAGE


def test_drop_after_with_replug_comes_back_by_itself(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("drop-after:100,replug",))
    with bootloader(rig) as host, pytest.raises(CUT):
        host.download(IMAGE)
    rig.customer.wait(5, plugged=True)
    with bootloader(rig) as host:
        assert host.ask("getvar:product") == b"OKAYheron"


def test_fail_flash_answers_fail_and_writes_nothing(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("fail-flash:boot",))
    with bootloader(rig) as host:
        assert host.download(IMAGE) == b"OKAY"
        assert host.ask("flash:boot_b").startswith(b"FAIL")
        host.flash("vendor_b", IMAGE)
    assert not any(rig.flash_file("boot_b").read_bytes()[: len(IMAGE)])


@pytest.mark.parametrize("nth", [1, 4, 8])
def test_die_at_write_leaves_whole_blocks_before_and_a_torn_one(new_phone: NewPhone, nth: int) -> None:
    rig = new_phone(mode="bootloader", faults=(f"die-at-write:{nth}",))
    with bootloader(rig) as host:
        assert host.download(IMAGE) == b"OKAY"
        with pytest.raises(CUT):
            assert host.ask("flash:boot_b") == b"OKAY"
    status = rig.customer.wait(5, mode="off")
    assert status["writes"] == nth
    content = rig.flash_file("boot_b").read_bytes()[: len(IMAGE)]
    torn = (nth << 20) - (1 << 19)
    assert content[:torn] == IMAGE[:torn]
    assert not any(content[torn:])
    rig.customer.restart()
    assert rig.customer.wait(10, mode="normal")["version"] == "1.0.0"


def test_corrupt_flash_is_answered_okay_and_found_by_verified_boot(
    new_phone: NewPhone, releases: Releases
) -> None:
    rig = new_phone(mode="bootloader", faults=("corrupt-flash:system",))
    rig.flash_release(releases["heron", "2.0.0"], "b")
    reboot(rig)
    status = rig.customer.wait(10, mode="normal")
    assert (status["slot"], status["version"]) == ("a", "1.0.0")


def test_slow_takes_the_time_its_rate_says(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("slow:4000000",))
    began = time.monotonic()
    with bootloader(rig) as host:
        assert host.download(IMAGE[: 2 << 20]) == b"OKAY"
    assert 0.5 <= time.monotonic() - began < 3


def test_an_unplug_ends_a_stall_at_once(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("stall:3600",))
    with bootloader(rig) as host:
        host.send(b"download:%08x" % len(IMAGE))
        host.answer()
        host.send(IMAGE[:1000])
        rig.customer.unplug()
        with pytest.raises(ConnectionError):
            host.answer()
    rig.customer.replug()
    with bootloader(rig) as host:
        assert host.ask("getvar:product") == b"OKAYheron"


def digests(rig: Rig) -> dict[str, tuple[str, int, float]]:
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size, path.stat().st_mtime)
        for path in user_data.files(rig.state / "user")
    }


def test_userdata_faults_strike_once_at_the_first_boot_after_a_flash(
    new_phone: NewPhone, releases: Releases
) -> None:
    rig = new_phone(faults=("userdata:alter=2,lose=3,touch=1",))
    before = digests(rig)
    rig.customer.restart()
    rig.customer.wait(10, mode="normal", boots=2)
    assert digests(rig) == before, "a boot without a flash strikes nothing"
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    rig.flash_release(releases["heron", "2.0.0"], "b")
    reboot(rig)
    rig.customer.wait(10, mode="normal", boots=3)
    after = digests(rig)
    kept = before.keys() & after.keys()
    altered = [name for name in kept if after[name][0] != before[name][0]]
    touched = [name for name in kept if after[name][2] != before[name][2]]
    assert (len(before) - len(after), len(altered), len(touched)) == (3, 2, 1)
    assert not set(altered) & set(touched)
    assert all(after[name][1:] == before[name][1:] for name in altered), "only a hash tells"
    rig.customer.restart()
    rig.customer.wait(10, mode="normal", boots=4)
    assert digests(rig) == after


def test_erase_of_userdata_really_destroys_it(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    assert rig.customer.status()["user_objects"] >= 48
    with bootloader(rig) as host:
        assert host.ask("erase:userdata") == b"OKAY"
    assert rig.customer.status()["user_objects"] == 0


def test_unlocking_the_bootloader_wipes_too(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", locked=True)
    with bootloader(rig) as host:
        assert host.ask("getvar:unlocked") == b"OKAYno"
        assert host.download(b"x" * 100) == b"OKAY"
        for command in ("flash:boot_b", "erase:boot_b", "set_active:b"):
            assert host.ask(command) == b"FAILnot allowed in locked state"
        assert rig.customer.status()["writes"] == 0
        assert host.ask("flashing unlock") == b"OKAY"
        assert host.ask("getvar:unlocked") == b"OKAYyes"
    assert rig.customer.status()["user_objects"] == 0


def test_garbage_is_what_every_answer_becomes(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("garbage",))
    with bootloader(rig) as host:
        assert host.ask("getvar:product") != b"OKAYheron"
    rig.customer.fault("none")
    with bootloader(rig) as host:
        assert host.ask("getvar:product") == b"OKAYheron"


def test_keys_held_in_the_middle_of_a_flash_end_it(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("slow:1000000",))
    with bootloader(rig) as host:
        host.send(b"download:%08x" % len(IMAGE))
        host.answer()
        host.send(IMAGE[:200000])
        rig.customer.hold_keys()
        with pytest.raises(ConnectionError):
            host.answer()
    rig.customer.wait(5, mode="bootloader")


@pytest.mark.parametrize(
    "spec",
    ["", "nonsense", "drop-after:", "drop-after:-1", "drop-after:5,often", "stall:x", "slow:0", "slow:nan",
     "slow:inf", "die-at-write:0", "die-at-write:1e999", "userdata:", "userdata:eat=1", "userdata:lose=-1",
     "fail-flash:", "fail-flash:../x", "garbage:1"],
)  # fmt: skip
def test_a_bad_fault_is_refused_with_the_forms_there_are(spec: str) -> None:
    with pytest.raises(BadState, match="drop-after:BYTES"):
        faults.parse(spec)


def test_the_customer_is_told_what_makes_no_sense(new_phone: NewPhone) -> None:
    customer = new_phone(mode="bootloader").customer
    for act in (
        lambda: customer.fault("nonsense"),
        lambda: customer.battery(101),
        lambda: customer._ask({"do": "erase"}),
        lambda: customer._ask({}),
        lambda: customer.wait(1, colour="red"),
        lambda: customer.wait(0.01, mode="normal"),
    ):
        with pytest.raises(NoAnswer):
            act()
    assert customer.status()["mode"] == "bootloader"


def test_a_customer_can_pull_the_cable_exactly_in_the_middle(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("slow:2000000",))
    with bootloader(rig) as host:
        host.send(b"download:%08x" % len(IMAGE))
        host.answer()
        host.send(IMAGE[: 1 << 20])
        status = rig.customer.wait(10, download_bytes={"at_least": 300_000})
        assert status["download_bytes"] < 1 << 20
        rig.customer.unplug()
        with pytest.raises(ConnectionError):
            host.answer()
    rig.customer.fault("none")
    rig.customer.replug()
    with bootloader(rig) as host:
        host.flash("boot_b", IMAGE)
    assert rig.customer.wait(5, writes={"at_least": 8})["writes"] == 8
