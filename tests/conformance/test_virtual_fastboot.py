"""The virtual phone's bootloader against Google's own ``fastboot`` (Debian's package), over TCP."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.conftest import NewPhone, Releases
from tests.conformance.rig import Rig

FASTBOOT = shutil.which("fastboot")
pytestmark = [
    pytest.mark.tool("fastboot"),
    pytest.mark.skipif(FASTBOOT is None, reason="Debian's fastboot is not installed"),
]


def fastboot(rig: Rig, *words: str) -> str:
    """Run Google's fastboot; what it printed. It waits for ever on a failed connection, hence the limit."""
    answer = subprocess.run(
        [str(FASTBOOT), "-s", rig.ready["fastboot_tcp"], *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout + answer.stderr


@pytest.fixture
def rig(new_phone: NewPhone) -> Rig:
    return new_phone(mode="bootloader")


def test_getvar_all_names_the_phone(rig: Rig) -> None:
    said = fastboot(rig, "getvar", "all")
    for line in (
        "product: heron",
        f"serialno: {rig.ready['serial']}",
        "current-slot: a",
        "has-slot:boot: yes",
        "version-os: 1.0.0",
        "anti: 1",
        "max-download-size: 0x10000000",
        "unlocked: yes",
    ):
        assert line in said


def test_a_flash_of_64_mib_puts_the_files_bytes_into_the_slot(rig: Rig, tmp_path: Path) -> None:
    image = tmp_path / "boot.img"
    image.write_bytes(random.Random(1).randbytes(64 << 20))
    fastboot(rig, "flash", "boot_b", str(image))
    assert rig.flash_file("boot_b").read_bytes() == image.read_bytes()


def test_an_image_beyond_max_download_arrives_as_sparse_pieces(new_phone: NewPhone, tmp_path: Path) -> None:
    rig = new_phone(mode="bootloader", max_download_bytes=4 << 20)
    noise = random.Random(2)
    image = tmp_path / "boot.img"
    # With holes and runs, so that all kinds of chunk are met; whole blocks, as this fastboot needs them.
    image.write_bytes(
        noise.randbytes(9 << 20) + bytes(3 << 20) + b"\xaa\xbb\xcc\xdd" * (1 << 18) + noise.randbytes(8192)
    )
    said = fastboot(rig, "flash", "boot_b", str(image))
    assert "sparse" in said
    content = image.read_bytes()
    with rig.flash_file("boot_b").open("rb") as flash:
        assert flash.read(len(content)) == content


def test_a_release_flashed_by_google_boots(rig: Rig, releases: Releases) -> None:
    for file in sorted((releases["heron", "2.0.0"] / "images").iterdir()):
        fastboot(rig, "flash", f"{file.stem}_b", str(file))
    fastboot(rig, "set_active", "b")
    assert "current-slot: b" in fastboot(rig, "getvar", "current-slot")
    fastboot(rig, "reboot")
    status = rig.customer.wait(20, mode="normal")
    assert (status["slot"], status["version"], status["boots"]) == ("b", "2.0.0", 1)


def test_reboot_bootloader_comes_back_to_the_bootloader(rig: Rig) -> None:
    entries = rig.customer.status()["bootloader_entries"]
    fastboot(rig, "reboot", "bootloader")
    rig.customer.wait(10, mode="bootloader", bootloader_entries=entries + 1)
    assert "product: heron" in fastboot(rig, "getvar", "product")


def test_google_is_told_why_a_flash_fails(rig: Rig, tmp_path: Path) -> None:
    image = tmp_path / "vbmeta.img"
    image.write_bytes(bytes(2 << 20))
    with pytest.raises(AssertionError, match="larger than the partition"):
        fastboot(rig, "flash", "vbmeta_b", str(image))
    with pytest.raises(AssertionError, match="no such partition"):
        fastboot(rig, "flash", "radio", str(image))
