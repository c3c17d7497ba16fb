"""Erasing a virtual phone by its bootloader and by hand, with everything that may go wrong on the way."""

from __future__ import annotations

import dataclasses
import json
import os
import threading

import pytest

import hw.eraser
from hw.eraser import Look, UsbEraser
from hw.errors import Forbidden, HwError, LinkLost, PhoneRefused, PhoneTimeout, SwappedPhone
from hw.facts import Timeouts
from hw.proto import mtp_data
from hw.quirks import models
from hw.virtual.errors import NoAnswer
from hw.virtual.serve import ServedOther
from tests.conformance.conftest import NewPhone, new_phone, releases
from tests.conformance.rig import FastbootHost, Rig
from tests.device.erasing import Order, found_in_flash, order_of, traces

__all__ = ["new_phone", "releases"]

QUICK = Timeouts(command_s=3.0, transfer_s=3.0, flash_s=10.0, open_s=1.0, connect_s=1.0)
ERASER = UsbEraser(QUICK)
Steps = list[tuple[str, int]]


def erase(rig: Rig, order: Order | None = None) -> Steps:
    steps: Steps = []
    ERASER.erase(rig.ready["usbip"], order or order_of(rig), lambda *step: steps.append(step))
    return steps


def look(rig: Rig, timeout_s: float = 10.0) -> Look:
    return ERASER.look(rig.ready["usbip"], timeout_s)


# -- as it should be


def test_two_hundred_files_are_gone_from_flash_and_the_phone_is_a_new_phone(new_phone: NewPhone) -> None:
    rig = new_phone()
    for number in range(200 - rig.customer.status()["user_objects"]):
        (rig.state / "user/DCIM" / f"more-{number}.jpg").write_bytes(os.urandom(300))
    rig.customer.unlock()
    before = look(rig)
    assert (before.mode, before.files, before.wizard, before.imei) == ("normal", 200, False, "")
    marks = traces(rig)
    laid = found_in_flash(rig, marks)
    assert len(laid) >= 40
    rig.customer.hold_keys()
    held = look(rig)
    assert held == Look(
        "bootloader", "heron", rig.ready["serial"], rig.customer.status()["imei"], unlocked=True
    )
    steps = erase(rig)
    assert [name for name, _ in steps] == ["check", "userdata", "metadata", "restart", "done"]
    assert [percent for _, percent in steps] == sorted(percent for _, percent in steps)
    after = look(rig)
    assert after == Look("normal", "heron", files=0, wizard=True, mtp_serial=rig.ready["mtp_serial"])
    assert after.mtp_serial == before.mtp_serial
    assert found_in_flash(rig, marks) == set()
    status = rig.customer.status()
    assert (status["user_objects"], status["wizard"], status["version"]) == (0, True, "1.0.0")


def test_a_phone_is_known_again_by_its_usb_descriptor(
    new_phone: NewPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MTP's own number is made up by Android and kept in userdata: it goes with the owner's files."""
    rig = new_phone()
    read = mtp_data.device_info
    monkeypatch.setattr(
        mtp_data, "device_info", lambda raw: dataclasses.replace(read(raw), serial="new each time")
    )
    assert look(rig).mtp_serial == rig.ready["mtp_serial"]


def test_a_reset_makes_another_number_of_mtps_own_and_leaves_the_descriptors(
    new_phone: NewPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    read = mtp_data.device_info

    def noted(raw: bytes) -> mtp_data.DeviceInfo:
        info = read(raw)
        said.append(info.serial)
        return info

    monkeypatch.setattr(mtp_data, "device_info", noted)
    rig = new_phone()
    for _ in range(2):
        assert look(rig).mtp_serial == rig.ready["mtp_serial"]
        boots = rig.customer.status()["boots"]
        rig.customer.factory_reset("recovery")
        rig.customer.wait(10, mode="normal", boots={"at_least": boots + 1})
    assert look(rig).mtp_serial == rig.ready["mtp_serial"]
    assert len(set(said)) == 3


def test_an_erase_may_be_repeated(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    erase(rig)
    rig.customer.wait(10, mode="normal")
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    erase(rig)
    assert look(rig).wizard is True


def test_a_model_that_cannot_say_it_leaves_the_wizard_to_staff(new_phone: NewPhone) -> None:
    rig = new_phone(model="wren", mode="bootloader")
    assert look(rig) == Look("bootloader", "wren", rig.ready["serial"], unlocked=True)
    erase(rig)
    rig.customer.wait(10, mode="normal")
    after = look(rig, 0.1)
    assert (after.wizard, after.files) == (None, None), "it shows no storage before somebody allows it"
    allowing = threading.Timer(0.3, rig.customer.unlock)
    allowing.start()
    assert (look(rig, 30).wizard, look(rig, 30).files) == (None, 0), "the look waits for that"
    allowing.join()


def test_a_stop_ends_the_wait_for_file_transfer(new_phone: NewPhone) -> None:
    rig, stop = new_phone(model="wren"), threading.Event()
    ending = threading.Timer(0.3, stop.set)
    ending.start()
    assert ERASER.look(rig.ready["usbip"], 3600.0, stop).files is None
    ending.join()


@pytest.mark.parametrize(("kind", "mode"), [("charger", "charging"), ("hid", "foreign")])
def test_a_look_at_what_is_no_phone_or_tells_nothing_says_just_that(kind: str, mode: str) -> None:
    with ServedOther(kind) as other:
        assert ERASER.look(other.ready["usbip"], 0.1) == Look(mode)
        with pytest.raises(HwError):
            ERASER.erase(other.ready["usbip"], Order("heron", "HER1"), lambda *_: None)


def test_a_locked_phone_shows_neither_files_nor_imei(new_phone: NewPhone) -> None:
    seen = look(new_phone())
    assert (seen.mode, seen.product, seen.files, seen.wizard, seen.imei) == (
        "normal",
        "heron",
        None,
        False,
        "",
    )


# -- by hand: the phone's own reset


@pytest.mark.parametrize("by", ["settings", "recovery"])
def test_the_phones_own_reset_leaves_nothing_in_flash(new_phone: NewPhone, by: str) -> None:
    rig = new_phone(locked=True)
    rig.customer.unlock()
    marks = traces(rig)
    rig.customer.sign_in()
    rig.customer.factory_reset(by)
    rig.customer.wait(10, mode="normal")
    assert (look(rig).wizard, look(rig).files) == (True, 0)
    assert found_in_flash(rig, marks) == set()
    status = rig.customer.status()
    assert (status["account"], status["frp"]) == (False, by == "recovery")
    if by == "recovery":
        with pytest.raises(NoAnswer, match="account of its earlier owner"):
            rig.customer.set_up()
    else:
        assert rig.customer.set_up()["wizard"] is False


def test_a_reset_by_settings_needs_an_unlocked_screen(new_phone: NewPhone) -> None:
    rig = new_phone()
    with pytest.raises(NoAnswer, match="locked"):
        rig.customer.factory_reset("settings")
    assert rig.customer.status()["user_objects"] >= 48


def test_who_only_deletes_some_files_is_found_out(new_phone: NewPhone) -> None:
    rig = new_phone()
    rig.customer.unlock()
    every, marks = rig.customer.status()["user_objects"], traces(rig)
    laid = found_in_flash(rig, marks)
    rig.customer.delete_files(30)
    rig.customer.lock()
    rig.customer.unlock()
    assert (look(rig).wizard, look(rig).files) == (False, every - 30)
    assert found_in_flash(rig, marks) == laid, "what is deleted stays in flash"


def test_an_erase_by_fastboot_leaves_the_account_lock(new_phone: NewPhone) -> None:
    rig = new_phone()
    rig.customer.unlock()
    rig.customer.sign_in()
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    erase(rig)
    rig.customer.wait(10, mode="normal")
    assert rig.customer.status()["frp"] is True


# -- what is refused before anything is sent


@pytest.mark.parametrize("changes", [{"serial": "OTHER1"}, {"product": "wren"}])
def test_another_phone_than_the_orders_is_refused_before_anything(
    new_phone: NewPhone, changes: dict[str, str]
) -> None:
    rig = new_phone(mode="bootloader")
    writes = rig.customer.status()["writes"]
    with pytest.raises(SwappedPhone) as caught:
        erase(rig, order_of(rig, **changes))
    assert caught.value.written is False
    assert rig.customer.status()["writes"] == writes


def test_a_phone_with_a_locked_bootloader_refuses_and_keeps_everything(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", locked=True)
    with pytest.raises(PhoneRefused, match="factory reset") as caught:
        erase(rig)
    assert caught.value.written is False
    assert look(rig).unlocked is False
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        assert host.ask("erase:userdata") == b"FAILnot allowed in locked state"
    status = rig.customer.status()
    assert (status["writes"], status["user_objects"]) == (0, 52)


def test_a_phone_in_normal_mode_is_not_erased(new_phone: NewPhone) -> None:
    rig = new_phone()
    with pytest.raises(LinkLost, match="not a phone in bootloader mode"):
        erase(rig)
    assert rig.customer.status()["user_objects"] == 52


@pytest.mark.parametrize("partitions", [(), ("frp",), ("userdata", "system_a"), ("userdata\n",)])
def test_an_order_for_anything_else_is_refused(new_phone: NewPhone, partitions: tuple[str, ...]) -> None:
    rig = new_phone(mode="bootloader")
    with pytest.raises(Forbidden):
        erase(rig, Order("heron", rig.ready["serial"], partitions))
    assert rig.customer.status()["writes"] == 0


# -- what goes wrong on the way


def test_a_phone_that_refuses_says_so_and_its_owner_keeps_the_rest(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("erase:fail=userdata",))
    with pytest.raises(PhoneRefused, match="erase failure on userdata") as caught:
        erase(rig)
    assert caught.value.written is True
    assert rig.customer.status()["user_objects"] == 52


def test_a_phone_that_says_okay_and_does_nothing_is_found_out_by_the_second_look(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader", faults=("erase:lie=userdata",))
    ERASER.erase(rig.ready["usbip"], Order("heron", rig.ready["serial"], ("userdata",)), lambda *_: None)
    rig.customer.wait(10, mode="normal")
    rig.customer.unlock()
    assert (look(rig).wizard, look(rig).files) == (False, 52)


def test_the_cable_pulled_in_the_middle_is_a_lost_link_and_the_second_try_finishes(
    new_phone: NewPhone,
) -> None:
    rig = new_phone(mode="bootloader", faults=("erase:drop=userdata",))
    marks = traces(rig)
    with pytest.raises(LinkLost) as caught:
        erase(rig)
    assert caught.value.written is True
    rig.customer.wait(5, plugged=False)
    with pytest.raises(HwError):
        erase(rig)
    rig.customer.replug()
    erase(rig)
    assert (look(rig).wizard, look(rig).files) == (True, 0)
    assert found_in_flash(rig, marks) == set()


@pytest.mark.parametrize("fault", ["off=userdata", "die=userdata", "off=metadata", "die=metadata"])
def test_power_lost_at_any_erase_is_a_lost_link_and_the_second_try_finishes(
    new_phone: NewPhone, fault: str
) -> None:
    rig = new_phone(mode="bootloader", faults=(f"erase:{fault}",))
    marks = traces(rig)
    laid = found_in_flash(rig, marks)
    with pytest.raises(LinkLost) as caught:
        erase(rig)
    assert caught.value.written is True
    rig.customer.wait(5, mode="off")
    left = found_in_flash(rig, marks)
    if fault == "off=userdata":
        assert left == laid
    elif fault == "die=userdata":
        assert set() < left < laid, "half of it is still in flash, so a look alone must not end it"
    else:
        assert left == set()
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    erase(rig)
    assert (look(rig).wizard, look(rig).files) == (True, 0)
    assert found_in_flash(rig, marks) == set()


@pytest.mark.parametrize("fault", ["die=userdata", "off=metadata", "die=metadata"])
def test_a_phone_that_starts_after_half_an_erase_is_a_new_phone_all_the_same(
    new_phone: NewPhone, fault: str
) -> None:
    rig = new_phone(mode="bootloader", faults=(f"erase:{fault}",))
    with pytest.raises(LinkLost):
        erase(rig)
    rig.customer.wait(5, mode="off")
    rig.customer.restart()
    rig.customer.wait(10, mode="normal")
    assert (look(rig).wizard, look(rig).files) == (True, 0)


@pytest.mark.parametrize("code", [0xD0F7, 0x5001])
def test_a_wizard_is_only_what_the_models_own_property_says(
    new_phone: NewPhone, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """One that the phone does not offer, and one whose value is neither yes nor no (a charge of 80 %)."""
    rig = new_phone()
    rig.customer.unlock()
    chosen = dataclasses.replace(models()["heron"], setup_property=code)
    monkeypatch.setattr(hw.eraser, "model_by_mtp", lambda *_: chosen)
    found = look(rig)
    assert found.wizard is None
    assert found.files, "the phone said everything else"


def test_a_bay_with_nothing_in_it_is_a_timeout_and_a_stop_ends_the_wait(new_phone: NewPhone) -> None:
    rig = new_phone()
    rig.customer.unplug()
    with pytest.raises(PhoneTimeout):
        look(rig, 0.1)
    stop = threading.Event()
    stop.set()
    with pytest.raises(PhoneTimeout):
        ERASER.look(rig.ready["usbip"], 3600.0, stop)


def test_over_tcp_the_bootloader_is_erased_too(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    where = rig.ready["fastboot_tcp"]
    assert ERASER.look(where, 5).unlocked is True
    ERASER.erase(where, order_of(rig), lambda *_: None)
    rig.customer.wait(10, mode="normal", wizard=True, user_objects=0)


def test_a_phone_of_an_earlier_version_gets_its_file_system_and_keeps_its_files(new_phone: NewPhone) -> None:
    rig = new_phone()
    rig.close()
    plate = json.loads((rig.state / "phone.json").read_text())
    for name in ("laid_out", "wizard", "account", "frp", "imei"):
        del plate[name]
    (rig.state / "phone.json").write_text(json.dumps(plate))
    os.truncate(rig.flash_file("userdata"), 0)
    os.truncate(rig.flash_file("userdata"), 1 << 30)
    again = new_phone()
    status = again.customer.status()
    assert (status["user_objects"], status["wizard"], len(status["imei"])) == (52, False, 15)


def test_a_new_phone_is_still_new_after_its_simulator_was_switched_off(new_phone: NewPhone) -> None:
    rig = new_phone()
    rig.customer.unlock()
    rig.customer.sign_in()
    rig.customer.factory_reset("recovery")
    rig.customer.wait(10, mode="normal")
    before = rig.customer.status()
    rig.close()
    after = new_phone().customer.status()
    for name in ("wizard", "frp", "account", "user_objects", "imei"):
        assert after[name] == before[name], name
    assert (after["wizard"], after["frp"], after["user_objects"]) == (True, True, 0)
