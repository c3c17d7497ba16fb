"""``station phone`` as a real process: its ready line, its signals, its death, its refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hw.virtual.control import Customer
from tests.conformance.conftest import Releases, releases
from tests.conformance.rig import FastbootHost

__all__ = ["releases"]

READY_KEYS = {
    "model", "serial", "mtp_serial", "mode", "usbip", "fastboot_tcp", "control", "state", "pid",
}  # fmt: skip


class Process:
    """``station phone`` with these words, ready."""

    def __init__(self, *words: str) -> None:
        command = [sys.executable, "-m", "station", "phone", "--user-data-size", "1MiB", *words]
        self.popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        if not line.startswith("ready "):
            raise AssertionError(self.popen.communicate()[1])
        self.ready: dict[str, Any] = json.loads(line.removeprefix("ready "))
        self.customer = Customer(self.ready["control"])

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.communicate()

    def tcp(self) -> tuple[str, int]:
        _, host, port = self.ready["fastboot_tcp"].split(":")
        return host, int(port)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_ready_line_says_where_and_a_signal_ends_it_leaving_nothing(number: signal.Signals) -> None:
    with Process("--model", "heron") as phone:
        assert phone.ready.keys() == READY_KEYS
        assert phone.ready["usbip"].startswith("usbip://127.0.0.1:")
        assert phone.ready["usbip"].endswith("/1-1")
        assert phone.ready["fastboot_tcp"] is None
        assert phone.ready["pid"] == phone.popen.pid
        status = phone.customer.status()
        assert (status["mode"], status["version"], status["user_objects"]) == ("normal", "1.0.0", 52)
        phone.popen.send_signal(number)
        out, _ = phone.popen.communicate(timeout=20)
        assert (phone.popen.returncode, out) == (0, "")
        assert not Path(phone.ready["state"]).exists()


def test_kill_9_in_the_middle_of_a_flash_leaves_a_phone_that_boots_the_old_slot(
    tmp_path: Path, releases: Releases
) -> None:
    words = ("--model", "heron", "--state", str(tmp_path / "s"), "--fastboot-tcp", "127.0.0.1:0",
             "--firmware", str(releases["heron", "1.0.0"]))  # fmt: skip
    with Process(*words, "--mode", "bootloader") as phone:
        serial = phone.ready["serial"]
        with FastbootHost(phone.tcp()) as host:
            host.flash("boot_b", b"half of an update" * 1000)
            phone.popen.send_signal(signal.SIGKILL)
            phone.popen.communicate(timeout=20)
    with Process(*words) as phone:
        assert phone.ready["serial"] == serial
        status = phone.customer.status()
        assert (status["mode"], status["slot"], status["user_objects"]) == ("normal", "a", 52)
    assert (tmp_path / "s/flash/boot_b.img").read_bytes().startswith(b"half of an update")


@pytest.mark.parametrize(("kind", "mode"), [("charger", "charging"), ("hid", "foreign")])
def test_other_devices_can_only_be_plugged(kind: str, mode: str) -> None:
    with Process("--model", kind) as device:
        assert device.ready.keys() == READY_KEYS
        assert device.ready["mode"] == mode
        device.customer.unplug()
        assert device.customer.wait(5, plugged=False)["plugged"] is False
        device.customer.replug()
        with pytest.raises(Exception, match="no phone"):
            device.customer.hold_keys()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "pixel"], "no virtual phone is called 'pixel'"),
        (["--model", "heron", "--fault", "explode"], "no fault is called 'explode'"),
        (["--model", "heron", "--battery", "101"], "0 to 100"),
        (["--model", "heron", "--serial", "a/b"], "letters and digits"),
        (["--model", "heron", "--usbip", "nowhere"], "not HOST:PORT"),
        (["--model", "heron", "--max-download", "0"], "above zero"),
        (["--model", "heron", "--firmware", "/nowhere"], "/nowhere/manifest.json"),
    ],
)
def test_bad_words_get_one_line_and_exit_code_2(words: list[str], says: str) -> None:
    command = [sys.executable, "-m", "station", "phone", *words]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2, answer
    assert says in answer.stderr.splitlines()[-1]
    assert "Traceback" not in answer.stderr
    assert not answer.stdout


def test_a_state_directory_belongs_to_one_process(tmp_path: Path) -> None:
    words = ["--model", "wren", "--state", str(tmp_path / "s")]
    with Process(*words):
        command = [sys.executable, "-m", "station", "phone", *words]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 2
        assert "is running" in answer.stderr
    with Process(*words) as again:
        assert again.ready["model"] == "wren"
    os.truncate(tmp_path / "s" / "phone.json", 10)
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 2
    assert "nameplate" in answer.stderr
