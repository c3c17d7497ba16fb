"""``station phones`` and ``station flash`` as staff and scripts use them: output, exit codes, one line."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from hw.virtual import serve
from station.__main__ import main
from tests.conformance.conftest import NewPhone, new_phone, releases

__all__ = ["new_phone", "releases"]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "system.img"
    path.write_bytes(random.Random(4).randbytes(2_000_000))
    return path


def last_line(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, object], str]:
    out, err = capsys.readouterr()
    found = json.loads(out.splitlines()[-1])
    assert isinstance(found, dict)
    return found, err


def test_what_is_plugged_in_is_listed_with_what_it_says(
    new_phone: NewPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    heron = new_phone("one")
    wren = new_phone("two", model="wren", mode="bootloader", locked=True, battery_percent=55)
    wheres = [heron.ready["usbip"], wren.ready["usbip"], "usbip://127.0.0.1:1/1-1"]
    with serve.ServedOther("hid") as keyboard:
        wheres.append(keyboard.ready["usbip"])
        words = [word for where in wheres for word in ("--where", where)]
        assert main(["phones", *words, "--json"]) == 0
        found, _ = last_line(capsys)
        phones = found["phones"]
        assert isinstance(phones, list)
        assert [(phone["mode"], phone["model"], phone["version"]) for phone in phones] == [
            ("normal", "heron", None),
            ("bootloader", "wren", "1.0.0"),
            ("empty", None, None),
            ("foreign", None, None),
        ]
        assert (phones[1]["unlocked"], phones[1]["battery_percent"], phones[1]["serial"]) == (
            False, 55, wren.ready["serial"],
        )  # fmt: skip
        assert phones[0]["names"]["zh"] == "流明 鹭"
        assert main(["phones", *words]) == 0
        table = capsys.readouterr().out.splitlines()
    assert len(table) == 5
    assert "locked" in table[2]
    assert "55 %" in table[2]
    assert "HID device" in table[4]


def test_a_partition_is_written_and_the_report_says_how(
    new_phone: NewPhone, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = new_phone(mode="bootloader")
    assert main(["flash", "--phone", rig.ready["usbip"], "system_b", str(picture), "--json"]) == 0
    found, err = last_line(capsys)
    assert (found["verdict"], found["written"], found["bytes_sent"]) == ("flashed", True, 2_000_000)
    assert (found["model"], found["serial"]) == ("heron", rig.ready["serial"])
    assert "progress 100" in err
    assert rig.flash_file("system_b").read_bytes()[:2_000_000] == picture.read_bytes()


def test_with_a_base_only_the_difference_is_sent(
    new_phone: NewPhone, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = new_phone(mode="bootloader")
    where = rig.ready["fastboot_tcp"]
    assert main(["flash", "--phone", where, "system_b", str(picture)]) == 0
    new = tmp_path / "new.img"
    data = bytearray(picture.read_bytes())
    data[500_000] ^= 1
    new.write_bytes(data)
    capsys.readouterr()
    assert main(["flash", "--phone", where, "system_b", str(new), "--base", str(picture), "--json"]) == 0
    found, _ = last_line(capsys)
    assert (found["bytes_full"], found["bytes_sent"]) == (2_000_000, 28 + 3 * 12 + 4096)
    assert rig.flash_file("system_b").read_bytes()[:2_000_000] == data


@pytest.mark.parametrize(
    "partition", ["userdata", "USERDATA", "persist_a", "modemst1", "frp", "nvram", "../x", ""]
)
def test_what_holds_the_owners_data_is_refused_before_the_phone_is_even_opened(
    picture: Path, partition: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["flash", "--phone", "usbip://127.0.0.1:1/1-1", partition, str(picture), "--json"]) == 3
    found, err = last_line(capsys)
    assert (found["verdict"], found["written"]) == ("refused", False)
    assert len(err.splitlines()) == 1
    assert "nothing was written" in err


@pytest.mark.parametrize(
    ("options", "partition", "said"),
    [
        ({"locked": True}, "system_b", "locked"),
        ({}, "system", "two slots"),
        ({}, "recovery", "no partition recovery"),
        ({}, "vbmeta_b", "holds"),
    ],
)
def test_what_the_phone_would_refuse_is_refused_first_in_one_line(
    new_phone: NewPhone,
    picture: Path,
    options: dict[str, object],
    partition: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rig = new_phone(mode="bootloader", **options)
    assert main(["flash", "--phone", rig.ready["usbip"], partition, str(picture)]) == 3
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert said in err
    assert rig.customer.status()["writes"] == 0


def test_a_failure_after_the_flash_command_needs_staff(
    new_phone: NewPhone, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = new_phone(mode="bootloader", faults=("fail-flash:system",))
    assert main(["flash", "--phone", rig.ready["usbip"], "system_b", str(picture), "--json"]) == 4
    found, err = last_line(capsys)
    assert (found["verdict"], found["written"]) == ("needs_staff", True)
    assert "half written" in err.splitlines()[-1]


def test_a_cut_before_the_flash_command_has_written_nothing(
    new_phone: NewPhone, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = new_phone(mode="bootloader", faults=("drop-after:100000",))
    assert main(["flash", "--phone", rig.ready["usbip"], "system_b", str(picture), "--json"]) == 5
    found, _ = last_line(capsys)
    assert (found["verdict"], found["written"]) == ("failed", False)
    assert rig.customer.status()["writes"] == 0


@pytest.mark.parametrize(
    ("where", "code"), [("usbip://127.0.0.1:1/1-1", 5), ("tcp:127.0.0.1:1", 5), ("udp:h:1", 2)]
)
def test_a_phone_that_is_not_there_has_its_own_exit_code(
    picture: Path, where: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["flash", "--phone", where, "system_b", str(picture)]) == code
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"\x3a\xff\x26\xed" + bytes(100)])
def test_a_file_that_is_no_raw_image_is_refused(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.img").write_bytes(content)
    assert main(["flash", "--phone", "tcp:127.0.0.1:1", "system_b", str(tmp_path / "x.img")]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_file_that_is_not_there_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["flash", "--phone", "tcp:127.0.0.1:1", "system_b", str(tmp_path / "none.img")]) == 3
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert "none.img" in err
