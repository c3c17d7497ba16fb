"""Google's own ``fastboot erase`` against the virtual phone, locked and unlocked, over TCP."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import NewPhone
from tests.conformance.test_virtual_fastboot import fastboot, pytestmark
from tests.device.erasing import found_in_flash, traces

__all__ = ["pytestmark"]


def test_google_erases_userdata_and_metadata_and_the_phone_starts_as_a_new_one(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    marks = traces(rig)
    assert found_in_flash(rig, marks)
    fastboot(rig, "erase", "userdata", "erase", "metadata", "reboot")
    status = rig.customer.wait(20, mode="normal")
    assert (status["user_objects"], status["wizard"], status["version"]) == (0, True, "1.0.0")
    assert found_in_flash(rig, marks) == set()


def test_google_is_refused_by_a_locked_bootloader_and_nothing_is_lost(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", locked=True)
    laid = found_in_flash(rig, traces(rig))
    for partition in ("userdata", "metadata"):
        with pytest.raises(AssertionError, match="not allowed in locked state"):
            fastboot(rig, "erase", partition)
    status = rig.customer.status()
    assert (status["user_objects"], status["writes"]) == (52, 0)
    assert found_in_flash(rig, traces(rig)) == laid


def test_google_is_told_the_imei_by_a_phone_that_says_it(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    imei = rig.customer.status()["imei"]
    assert f"imei: {imei}" in fastboot(rig, "getvar", "imei")
    assert f"imei: {imei}" in fastboot(rig, "getvar", "all")
    assert "imei" not in fastboot(new_phone("old", model="wren", mode="bootloader"), "getvar", "all")
