"""A phone with an update agent, whole: MicroPython behind USB/IP, PyUSB in front, cables and power that go."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from firmware_agent import bundle
from firmware_agent.agent_patch import make
from firmware_agent.signing.key import LmsKey, make_key
from firmware_agent.signing.tree import Shape
from hw import phone as phone_module
from hw.errors import (
    Forbidden,
    HwError,
    LinkLost,
    PhoneRefused,
    PhoneTimeout,
    RemoteProtocolError,
    SwappedPhone,
)
from hw.facts import Identity, Inventory, Timeouts
from hw.phone import UsbPhone, open_phone
from hw.virtual.agent_process import interpreter
from hw.virtual.agent_serve import AgentOptions, ServedAgent
from hw.virtual.control import Customer
from hw.virtual.errors import BadState

MODELS = ["kinglet", "firecrest"]
KIB = 1024
QUICK = Timeouts(command_s=10.0, transfer_s=20.0, flash_s=30.0, open_s=5.0, connect_s=2.0)

try:
    interpreter()
except BadState:
    pytest.skip("no MicroPython for this machine: the update agent was not tried", allow_module_level=True)


@dataclass(frozen=True)
class Image:
    """Bytes as the kiosk hands them over."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def chunks(self, size_bytes: int) -> Iterator[memoryview]:
        for at in range(0, len(self.data), size_bytes):
            yield memoryview(self.data)[at : at + size_bytes]


def firmware() -> tuple[bytes, bytes]:
    """Two versions of something like code: parts moved, changed, new and lost."""
    draw = random.Random(7)
    words = [draw.randbytes(draw.randrange(3, 12)) for _ in range(400)]
    old = b"".join(draw.choices(words, k=200 * KIB // 6))[: 200 * KIB]
    new = bytearray(old[:60_000] + draw.randbytes(9000) + old[60_000:120_000] + old[125_000:])
    for at in range(0, len(new), 1500):
        new[at] ^= 0x55
    return old, bytes(new)


OLD, NEW = firmware()
NEW_VERSION = "2.0.0"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> LmsKey:
    return make_key(tmp_path_factory.mktemp("maker") / "key", Shape(5, 8))


def delta_of(model: str, base: bytes = OLD, image: bytes = NEW) -> make.Patch:
    target = make.Target(model, NEW_VERSION, 2, image)
    return (
        make.slot_delta(target, base)
        if model == "kinglet"
        else make.in_place_delta(target, base, make.Flash())
    )


def whole_of(model: str, rollback_index: int = 2) -> make.Patch:
    return make.whole(make.Target(model, NEW_VERSION, rollback_index, NEW))


@pytest.fixture(scope="module")
def bundles(key: LmsKey) -> dict[str, Image]:
    """For each model a difference for its base, one for another base, and the whole image."""
    made = {}
    for model in MODELS:
        patches = [delta_of(model, base=OLD[::-1]), delta_of(model), whole_of(model)]
        made[model] = Image(make.bundle_of(patches, key.sign))
    return made


def delta_bytes(image: Image) -> int:
    """Of the difference that fits: the second entry."""
    return bundle.parse(image.data[: bundle.MAX_HEAD_BYTES], len(image.data))[1].patch_bytes


class Bay:
    """A virtual phone in a bay, and the adapter in front of it."""

    def __init__(self, folder: Path, model: str, key: LmsKey, *faults: str, image: bytes = OLD) -> None:
        options = AgentOptions(
            model=model,
            state=folder / model,
            image=image,
            public_key=key.public_key,
            serial="AGENT0001",
            faults=faults,
            boot_s=0.0,
        )
        self.served = ServedAgent(options)
        self.served.__enter__()
        self.virtual = self.served.phone
        self.customer = Customer(self.served.control.address)
        phone = open_phone(self.served.usbip.where, timeouts=QUICK)
        assert isinstance(phone, UsbPhone)
        self.phone = phone
        self.who: Identity = phone.identify()

    def __enter__(self) -> Bay:
        return self

    def __exit__(self, *_: object) -> None:
        self.phone.close()
        self.served.__exit__(None, None, None)

    def write(self, image: Image) -> list[tuple[int, int]]:
        progress: list[tuple[int, int]] = []
        self.phone.write("firmware", image, self.who, lambda done, total: progress.append((done, total)))
        return progress

    def seen(self) -> None:
        assert self.phone.wait_for(("agent",), 20, threading.Event()) is not None

    def restarted(self) -> Identity:
        self.phone.reboot(self.who)
        self.seen()
        return self.phone.identify()

    def owner(self) -> Inventory:
        return self.phone.inventory(1.0, 0, None, lambda _done, _total: None, threading.Event())

    def traffic(self) -> int:
        status = self.virtual.status()
        return int(status["download_bytes"] + status["upload_bytes"])


def files_of(inventory: Inventory) -> list[tuple[str, int, str | None]]:
    return [(item.path, item.size_bytes, item.sha256) for item in inventory.objects]


@pytest.mark.parametrize("model", MODELS)
def test_an_update_by_difference_keeps_the_files_and_sends_little_more_than_the_difference(
    model: str, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    with Bay(tmp_path, model, key) as bay:
        seen = bay.phone.recognise()
        assert (seen.product, seen.mtp_serial, seen.battery_percent) == (model, "AGENT0001", 80)
        assert bay.phone.wait_unlocked(1, threading.Event())
        before = bay.owner()
        assert len(before.objects) > 10
        assert all(item.sha256 for item in before.objects)
        assert (before.unreadable, before.truncated) == (0, False)
        traffic = bay.traffic()
        progress = bay.write(bundles[model])
        assert bay.traffic() - traffic <= delta_bytes(bundles[model]) * 1.02 + 4 * KIB
        assert progress == sorted(progress)
        assert progress[-1][0] == progress[-1][1]
        assert len({total for _, total in progress}) == 1
        after = bay.restarted()
        assert (after.version, after.rollback_index, after.serialno) == (NEW_VERSION, 2, "AGENT0001")
        assert files_of(bay.owner()) == files_of(before)
        flash = (tmp_path / model / "flash.bin").read_bytes()
        assert NEW in flash
        progress = bay.write(bundles[model])  # it is there already: nothing to send
        assert [done == total for done, total in progress] == [True]


@pytest.mark.parametrize("model", MODELS)
def test_a_phone_with_another_image_gets_the_whole_one(
    model: str, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    with Bay(tmp_path, model, key, image=b"neither of both" * 5000) as bay:
        bay.write(bundles[model])
        assert bay.restarted().version == NEW_VERSION


@pytest.mark.parametrize("model", MODELS)
def test_a_cable_pulled_in_the_middle_costs_only_what_was_not_yet_kept(
    model: str, tmp_path: Path, key: LmsKey
) -> None:
    image = Image(make.bundle_of([whole_of(model)], key.sign))
    with Bay(tmp_path, model, key) as bay:
        half = len(image.data) // 2
        bay.customer.fault(f"drop-after:{half}")
        with pytest.raises(LinkLost):
            bay.write(image)
        assert bay.phone.look() is None
        before = bay.virtual.status()["download_bytes"]
        bay.customer.replug()
        bay.seen()
        bay.write(image)
        again = bay.virtual.status()["download_bytes"] - before
        assert again <= len(image.data) - half + 4 * 4096 + 4 * KIB  # the window, a block, greeting and order
        assert bay.restarted().version == NEW_VERSION


@pytest.mark.parametrize("model", MODELS)
def test_a_cable_pulled_while_the_image_is_built_does_not_stop_it(
    model: str, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    with Bay(tmp_path, model, key) as bay:

        def pull(done: int, _total: int) -> None:
            if done > delta_bytes(bundles[model]):
                bay.virtual.unplug()

        with pytest.raises(LinkLost) as caught:
            bay.phone.write("firmware", bundles[model], bay.who, pull)
        assert caught.value.written
        bay.customer.replug()
        bay.seen()
        sent = bay.virtual.status()["download_bytes"]
        bay.write(bundles[model])
        assert bay.virtual.status()["download_bytes"] - sent < 5 * KIB
        assert bay.restarted().version == NEW_VERSION


EARLIER = OLD[:100_000] + NEW[100_000:]


@pytest.mark.parametrize("model", MODELS)
def test_a_phone_that_was_never_restarted_is_before_it_says_what_it_runs(
    model: str, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    """An image that lies there unstarted is neither what runs nor known to run; the next update needs the truth."""
    earlier = Image(make.bundle_of([make.whole(make.Target(model, "1.5.0", 1, EARLIER))], key.sign))
    with Bay(tmp_path, model, key) as bay:
        before, boots = bay.owner(), bay.virtual.status()["boots"]
        bay.write(earlier)
        assert bay.phone.identify().version == "1.5.0"
        assert bay.virtual.status()["boots"] == boots + 1
        assert bay.phone.identify().slot_successful
        assert bay.virtual.status()["boots"] == boots + 1
        bay.write(bundles[model])
        said = bay.phone.identify()
        assert (said.version, said.slot_successful) == (NEW_VERSION, True)
        assert files_of(bay.owner()) == files_of(before)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("is_sound", [True, False])
def test_a_cable_pulled_as_the_restart_is_asked_for_hides_nothing_of_the_image(
    model: str, is_sound: bool, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    with Bay(tmp_path, model, key):
        pass
    board = json.loads((tmp_path / model / "board.json").read_text("utf-8"))
    board["self_test"] = "pass" if is_sound else f"fail {NEW_VERSION}"
    (tmp_path / model / "board.json").write_text(json.dumps(board), "utf-8")
    with Bay(tmp_path, model, key) as bay:
        bay.write(bundles[model])
        boots = bay.virtual.status()["boots"]
        bay.customer.fault("drop-after:20,replug")  # behind the greeting: it never hears of the restart
        with pytest.raises(LinkLost, match="has not restarted"):
            bay.phone.reboot(bay.who)
        assert bay.virtual.status()["boots"] == boots
        said = bay.phone.identify()
        fell_back = not is_sound and model == "kinglet"
        assert said.version == ("1.0.0" if fell_back else NEW_VERSION)
        assert said.slot_successful is (is_sound or fell_back)


def test_a_phone_that_does_not_come_back_from_that_restart_is_waited_for_by_the_visit(
    tmp_path: Path, key: LmsKey, bundles: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Bay(tmp_path, "kinglet", key) as bay:
        bay.write(bundles["kinglet"])
        bay.virtual._boot_s = 600.0
        monkeypatch.setattr(phone_module, "RESTART_S", 0.3)
        with pytest.raises(PhoneTimeout, match="not come back"):
            bay.phone.identify()


def test_a_phone_that_talks_nonsense_is_told_from_one_that_is_silent(tmp_path: Path, key: LmsKey) -> None:
    with Bay(tmp_path, "kinglet", key) as bay:
        bay.customer.fault("garbage")
        brief = Timeouts(command_s=0.2, transfer_s=0.2, flash_s=1.0)
        bay.phone.close()
        phone = open_phone(bay.served.usbip.where, timeouts=brief)
        with pytest.raises(RemoteProtocolError):
            phone.identify()
        phone.close()
        bay.customer.fault("none")
        assert bay.phone.identify().serialno == "AGENT0001"


@pytest.mark.parametrize("model", MODELS)
def test_power_lost_while_the_patch_arrives_is_taken_up_where_it_was(
    model: str, tmp_path: Path, key: LmsKey
) -> None:
    image = Image(make.bundle_of([whole_of(model)], key.sign))
    with Bay(tmp_path, model, key, "die-at-write:12") as bay:
        before = bay.owner()
        with pytest.raises(LinkLost):
            bay.write(image)
        status = bay.customer.wait(10, mode="off")
        assert status["power_cuts"] == 1
        sent = status["download_bytes"]
        bay.customer.restart()
        bay.seen()
        assert bay.phone.identify().version == "1.0.0"
        bay.write(image)
        again = bay.virtual.status()["download_bytes"] - sent
        assert again < len(image.data) - 5 * 4096
        assert bay.restarted().version == NEW_VERSION
        assert files_of(bay.owner()) == files_of(before)


@pytest.mark.parametrize("model", MODELS)
def test_power_lost_while_the_image_is_built_ends_with_the_new_one(
    model: str, tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    staged = delta_bytes(bundles[model]) // 4088 + 6  # the record of the boot, the order, the patch
    with Bay(tmp_path, model, key, f"die-at-write:{staged + 40}") as bay:
        before = bay.owner()
        with pytest.raises(LinkLost) as caught:
            bay.write(bundles[model])
        assert caught.value.written
        bay.customer.wait(10, mode="off")
        bay.customer.restart()
        bay.seen()
        assert bay.phone.identify().version == ("1.0.0" if model == "kinglet" else NEW_VERSION)
        sent = bay.virtual.status()["download_bytes"]
        bay.write(bundles[model])
        assert bay.virtual.status()["download_bytes"] - sent < 4 * KIB  # the patch was there, or the image
        assert bay.restarted().version == NEW_VERSION
        assert files_of(bay.owner()) == files_of(before)


def test_what_does_not_fit_is_refused_in_one_line_and_changes_nothing(
    tmp_path: Path, key: LmsKey, bundles: dict[str, Image]
) -> None:
    other = make_key(tmp_path / "other", Shape(5, 8))
    with Bay(tmp_path, "kinglet", key) as bay:
        sold_as = Image(make.bundle_of([delta_of("kinglet", base=NEW, image=OLD)], key.sign))
        for image, says in [
            (bundles["firecrest"], "another model"),
            (Image(make.bundle_of([delta_of("kinglet")], other.sign)), "not signed with the key"),
            (Image(make.bundle_of([whole_of("kinglet", 0)], key.sign)), "rollback index is 1"),
            (sold_as, "no update in this package fits"),
        ]:
            with pytest.raises(PhoneRefused, match=says) as caught:
                bay.write(image)
            assert not caught.value.written
        for broken in (b"", b"PSB1", b"a boot image" * 1000, bundles["kinglet"].data[:-1]):
            with pytest.raises(HwError, match="not a bundle") as flawed:
                bay.write(Image(broken))
            assert flawed.value.fault == "ours"
        with pytest.raises(Forbidden):
            bay.phone.write("userdata", bundles["kinglet"], bay.who, lambda _done, _total: None)
        with pytest.raises(Forbidden):
            bay.phone.set_active("b", bay.who)
        bay.who = Identity(product="kinglet", serialno="AGENT0002")
        with pytest.raises(SwappedPhone, match="other serial number"):
            bay.write(bundles["kinglet"])
        bay.phone.close()  # its link is about to be cut: what it would still show is the past
        bay.customer.battery(20)
        bay.seen()
        bay.who = bay.phone.identify()
        assert (bay.who.battery_percent, bay.who.battery_soc_ok) == (20, False)
        with pytest.raises(PhoneRefused, match="30 percent are needed"):
            bay.write(bundles["kinglet"])
        assert bay.phone.identify().version == "1.0.0"
        assert OLD in (tmp_path / "kinglet/flash.bin").read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "kinglet", "--mode", "bootloader"], "no such mode"),
        (["--model", "heron", "--mode", "agent"], "no such mode"),
        (["--model", "kinglet", "--locked"], "no bootloader"),
        (["--model", "kinglet", "--firmware", "/nowhere"], "/nowhere"),
        (["--model", "kinglet", "--trust", "/dev/null/key"], "Not a directory"),
        (["--model", "kinglet", "--serial", "a/b"], "letters and digits"),
        (["--model", "kinglet", "--fault", "explode"], "no fault is called"),
        (["--model", "kinglet", "--firmware", "/dev/null"], "an image of 0 bytes"),
    ],
)
def test_bad_words_for_an_agent_get_one_line_and_exit_code_2(words: list[str], says: str) -> None:
    command = [sys.executable, "-m", "station", "phone", *words]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert says in answer.stderr.splitlines()[-1]


def test_a_state_directory_keeps_the_phone_and_belongs_to_one_process(tmp_path: Path, key: LmsKey) -> None:
    with Bay(tmp_path, "kinglet", key) as bay:
        before = bay.owner()
        with pytest.raises(BadState, match="is running"):
            ServedAgent(AgentOptions("kinglet", tmp_path / "kinglet"))
    for model, serial, says in [("firecrest", None, "not a firecrest"), ("kinglet", "OTHER", "not OTHER")]:
        with pytest.raises(BadState, match=says):
            ServedAgent(AgentOptions(model, tmp_path / "kinglet", serial=serial))
    with Bay(tmp_path, "kinglet", key) as again:
        assert files_of(again.owner()) == files_of(before)


def test_everything_said_to_an_agent_can_be_recorded(tmp_path: Path, key: LmsKey) -> None:
    with Bay(tmp_path, "kinglet", key) as bay:
        bay.phone.close()
        phone = open_phone(bay.served.usbip.where, timeouts=QUICK, transcript=tmp_path / "said.jsonl")
        assert phone.identify().serialno == "AGENT0001"
        phone.close()
    lines = [json.loads(line) for line in (tmp_path / "said.jsonl").read_text().splitlines()]
    assert {"open", "write", "read"} <= {line["op"] for line in lines}


def test_station_phone_serves_an_agent_and_leaves_no_process_behind_when_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "station", "phone", "--model", "firecrest", "--mode", "agent"]
    command += ["--serial", "FIRE0001", "--state", str(tmp_path / "s")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline().removeprefix("ready "))
        assert (ready["model"], ready["serial"], ready["mtp_serial"]) == ("firecrest", "FIRE0001", "FIRE0001")
        assert (ready["mode"], ready["fastboot_tcp"]) == ("agent", None)
        phone = open_phone(ready["usbip"])
        assert phone.identify().serialno == "FIRE0001"
        pid = Customer(ready["control"]).status()["agent_pid"]
        phone.close()
        os.kill(pid, signal.SIGSTOP)  # so that it does not end by itself when its line does
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    deadline = time.monotonic() + 20
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False
