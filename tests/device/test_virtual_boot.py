"""What the virtual phone boots: every byte of the slot counts, and a bad slot never ends the phone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.conftest import NewPhone, Releases, new_phone, releases
from tests.conformance.rig import FastbootHost, Rig

__all__ = ["new_phone", "releases"]


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


def variable(rig: Rig, name: str) -> str:
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        return host.ask(f"getvar:{name}").decode().removeprefix("OKAY")


def updated(rig: Rig, releases: Releases) -> Path:
    folder = releases[rig.ready["model"], "2.0.0"]
    rig.flash_release(folder, "b" if rig.ready["model"] == "heron" else None)
    return folder


def reboot(rig: Rig) -> None:
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        assert host.ask("reboot") == b"OKAY"


def test_a_good_slot_boots_and_reports_success_only_then(new_phone: NewPhone, releases: Releases) -> None:
    rig = new_phone(mode="bootloader")
    updated(rig, releases)
    assert variable(rig, "slot-successful:b") == "no"
    assert variable(rig, "slot-retry-count:b") == "3"
    reboot(rig)
    assert rig.customer.wait(10, mode="normal")["version"] == "2.0.0"
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    assert variable(rig, "slot-successful:b") == "yes"
    assert (variable(rig, "version-os"), variable(rig, "anti")) == ("2.0.0", "2")


@pytest.mark.parametrize("partition", ["boot", "system", "vendor", "vbmeta"])
def test_one_flipped_byte_anywhere_falls_back_to_the_old_slot(
    new_phone: NewPhone, releases: Releases, partition: str
) -> None:
    rig = new_phone(mode="bootloader")
    folder = updated(rig, releases)
    image_bytes = (folder / "images" / f"{partition}.img").stat().st_size
    flip(rig.flash_file(f"{partition}_b"), 700 if partition == "vbmeta" else image_bytes - 1)
    reboot(rig)
    status = rig.customer.wait(10, mode="normal")
    assert (status["slot"], status["version"]) == ("a", "1.0.0")
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    assert variable(rig, "slot-unbootable:b") == "yes"
    assert variable(rig, "current-slot") == "a"


def test_a_single_slot_phone_with_a_bad_image_stays_in_the_bootloader_and_can_be_flashed_again(
    new_phone: NewPhone, releases: Releases
) -> None:
    rig = new_phone(model="wren", mode="bootloader")
    folder = updated(rig, releases)
    flip(rig.flash_file("system"), 4096)
    entries = rig.customer.status()["bootloader_entries"]
    reboot(rig)
    status = rig.customer.wait(10, mode="bootloader", bootloader_entries=entries + 1)
    assert "system" in status["why_not_booted"]
    rig.flash_release(folder, None)
    reboot(rig)
    assert rig.customer.wait(10, mode="normal")["version"] == "2.0.0"


def test_an_older_rollback_index_does_not_boot(new_phone: NewPhone, releases: Releases) -> None:
    rig = new_phone(mode="bootloader")
    updated(rig, releases)
    reboot(rig)
    rig.customer.wait(10, mode="normal", version="2.0.0")
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    rig.flash_release(releases["heron", "1.0.0"], "a")
    reboot(rig)
    status = rig.customer.wait(10, mode="normal")
    assert (status["slot"], status["version"]) == ("b", "2.0.0")


def test_another_models_image_boots_if_it_is_whole(new_phone: NewPhone, releases: Releases) -> None:
    """The bootloader is unlocked: any key goes. A wrong model is the station's to see."""
    rig = new_phone(mode="bootloader")
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        for image in (releases["wren", "2.0.0"] / "images").iterdir():
            host.flash(f"{image.stem}_b", image.read_bytes())
        assert host.ask("set_active:b") == b"OKAY"
    reboot(rig)
    assert rig.customer.wait(10, mode="normal")["version"] == "2.0.0"


def test_state_survives_a_restart_of_the_simulator(
    new_phone: NewPhone, releases: Releases, tmp_path: Path
) -> None:
    first = new_phone(folder="kept", mode="bootloader")
    updated(first, releases)
    reboot(first)
    before = first.customer.wait(10, mode="normal", version="2.0.0")
    ready = first.ready
    first.close()
    again = new_phone(folder="kept")
    after = again.customer.status()
    assert (again.ready["serial"], again.ready["mtp_serial"]) == (ready["serial"], ready["mtp_serial"])
    assert (after["version"], after["slot"]) == ("2.0.0", "b")
    assert (after["writes"], after["user_objects"]) == (before["writes"], before["user_objects"])
    assert after["boots"] == before["boots"] + 1
    assert not after["unlocked"]


def test_a_release_is_needed_only_once_and_must_be_for_the_model(
    new_phone: NewPhone, releases: Releases, tmp_path: Path
) -> None:
    from hw.virtual.errors import BadState
    from tests.conformance.rig import virtual_phone

    with (
        pytest.raises(BadState, match="made for wren"),
        virtual_phone(tmp_path / "x", releases["wren", "1.0.0"], model="heron"),
    ):
        pass
