"""The phone adapter against a virtual phone over USB/IP and TCP: a visit's steps, and what goes wrong."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.errors import (
    BadWhere,
    BayBusy,
    CannotSee,
    Forbidden,
    ForeignDevice,
    HwError,
    LinkLost,
    PhoneRefused,
    PhoneTimeout,
    SwappedPhone,
)
from hw.facts import Identity, Timeouts
from hw.flashing import FileImage
from hw.media import MediaSession
from hw.phone import UsbPhone, open_phone
from hw.virtual import serve
from tests.conformance.conftest import NewPhone, new_phone, releases
from tests.conformance.rig import Rig

__all__ = ["new_phone", "releases"]

QUICK = Timeouts(command_s=2.0, transfer_s=2.0, flash_s=10.0, open_s=1.0, connect_s=1.0)
STOP = threading.Event()


class Bytes:
    """An image in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size_bytes = len(data)
        self.sha256 = hashlib.sha256(data).hexdigest()

    def chunks(self, size_bytes: int) -> Iterator[memoryview]:
        view = memoryview(self.data)
        for at in range(0, len(view), size_bytes):
            yield view[at : at + size_bytes]


def image(size_bytes: int, seed: int = 1) -> Bytes:
    return Bytes(random.Random(seed).randbytes(size_bytes))


def ignore(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


@pytest.fixture
def bay() -> Iterator[dict[str, UsbPhone]]:
    """Phones opened by a test, closed after it."""
    opened: dict[str, UsbPhone] = {}
    yield opened
    for phone in opened.values():
        phone.close()


def usb(rig: Rig, opened: dict[str, UsbPhone], timeouts: Timeouts = QUICK) -> UsbPhone:
    phone = open_phone(rig.ready["usbip"], timeouts=timeouts)
    assert isinstance(phone, UsbPhone)
    opened[phone.bay] = phone
    return phone


def flashed(rig: Rig, partition: str, size: int) -> bytes:
    return rig.flash_file(partition).read_bytes()[:size]


def test_a_whole_visit_from_recognition_to_the_second_inventory(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    seen = phone.look()
    assert seen is not None
    assert (seen.mode, seen.vendor_id, seen.product_id) == ("normal", 0x1209, 1)
    about = phone.recognise()
    assert (about.product, about.mtp_serial) == ("heron", rig.ready["mtp_serial"])
    assert about.mtp_serial != rig.ready["serial"]
    assert not phone.wait_unlocked(0.05, STOP), "locked: no storage"
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    before = phone.inventory(60, 1, None, ignore, STOP)
    files = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (rig.state / "user").rglob("*")
        if path.is_file()
    }
    assert len(before.objects) >= 40
    assert {item.sha256 for item in before.objects} == files
    assert (before.unreadable, before.truncated) == (0, False)

    rig.customer.hold_keys()
    ready = phone.wait_for(["bootloader"], 10, STOP)
    assert ready is not None
    assert ready.product_id == 2
    who = phone.identify()
    assert (who.product, who.serialno, who.version, who.current_slot) == (
        "heron",
        rig.ready["serial"],
        "1.0.0",
        "a",
    )
    assert (who.unlocked, who.slot_successful, who.rollback_index) == (True, True, 1)
    assert who.slotted_partitions == {"boot", "system", "vendor", "vbmeta"}
    data = image(5 << 20)
    phone.write("system_b", data, who, ignore)
    assert flashed(rig, "system_b", data.size_bytes) == data.data
    phone.set_active("b", who)
    phone.set_active("a", who)
    phone.reboot(who)
    assert phone.wait_for(["normal"], 10, STOP) is not None
    assert not phone.wait_unlocked(0.05, STOP), "locked again after the restart"
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    again = phone.inventory(0, 1, frozenset(item.path for item in before.objects), ignore, STOP)
    assert again.objects == before.objects


def test_progress_only_rises_and_the_last_byte_waits_for_the_flash(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", faults=("fail-flash:system",))
    phone = usb(rig, bay)
    who = phone.identify()
    seen: list[tuple[int, int]] = []
    data = image(5 << 20)
    with pytest.raises(PhoneRefused) as caught:
        phone.write("system_b", data, who, lambda done, total: seen.append((done, total)))
    assert caught.value.written, "a flash command had been sent"
    assert seen
    assert max(done for done, _ in seen) == data.size_bytes - 1
    seen.clear()
    phone.write("boot_b", data, who, lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (data.size_bytes, data.size_bytes)
    assert len(seen) > 4


def test_an_image_larger_than_the_download_buffer_is_split_and_arrives_whole(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", max_download_bytes=1 << 20)
    phone = usb(rig, bay)
    data = Bytes(image(3_000_000).data + bytes(2 << 20) + image(1_193_000, 2).data)
    rig.flash_file("system_b").write_bytes(b"\xee" * (16 << 20))
    totals: set[int] = set()
    phone.write("system_b", data, phone.identify(), lambda _, total: totals.add(total))
    assert flashed(rig, "system_b", data.size_bytes) == data.data
    assert len(totals) == 1
    assert totals.pop() < data.size_bytes - (1 << 20), "zeros do not travel"


def test_with_a_proven_base_only_the_difference_travels(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader")
    phone = usb(rig, bay)
    who = phone.identify()
    old = image(6 << 20)
    phone.write("system_b", old, who, ignore)
    changed = bytearray(old.data)
    changed[100_000:101_000] = bytes(1000)
    changed[4 << 20 : (4 << 20) + 8192] = bytes(8192)
    new = Bytes(bytes(changed))
    totals: set[int] = set()
    phone.write("system_b", new, who, lambda _, total: totals.add(total), old)
    assert flashed(rig, "system_b", new.size_bytes) == new.data
    assert max(totals) < 20_000


@pytest.mark.parametrize("partition", ["userdata", "UserData_a", "persist", "modemst1", "frp", "metadata"])
def test_the_wire_itself_refuses_to_write_user_data(
    new_phone: NewPhone, bay: dict[str, UsbPhone], partition: str
) -> None:
    rig = new_phone(mode="bootloader")
    phone = usb(rig, bay)
    who = phone.identify()
    before = rig.customer.status()["writes"]
    with pytest.raises(Forbidden):
        phone.write(partition, image(4096), who, ignore)
    assert rig.customer.status()["writes"] == before


def test_every_write_switch_and_restart_asks_first_who_is_there(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader")
    phone = usb(rig, bay)
    who = phone.identify()
    other_serial = Identity(product=who.product, serialno="SOMEBODYELSES")
    other_model = Identity(product="wren", serialno=who.serialno)
    for other in (other_serial, other_model):
        with pytest.raises(SwappedPhone):
            phone.write("system_b", image(4096), other, ignore)
        with pytest.raises(SwappedPhone):
            phone.set_active("b", other)
        with pytest.raises(SwappedPhone):
            phone.reboot(other)
    status = rig.customer.status()
    assert (status["writes"], status["mode"]) == (0, "bootloader")
    assert phone.identify().current_slot == "a"


def test_a_cut_in_the_data_is_a_lost_link_and_after_replugging_the_same_phone_goes_on(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", faults=("drop-after:3000000",))
    phone = usb(rig, bay)
    who = phone.identify()
    data = image(8 << 20)
    seen: list[int] = []
    with pytest.raises(LinkLost) as caught:
        phone.write("system_b", data, who, lambda done, _: seen.append(done))
    assert not caught.value.written, "it never came to the flash command"
    assert max(seen) <= 3_000_000, "only what the phone took is progress"
    assert phone.look() is None
    with pytest.raises(LinkLost):
        phone.identify()
    rig.customer.replug()
    assert phone.wait_for(["bootloader"], 10, STOP) is not None
    phone.write("system_b", data, who, ignore)
    assert flashed(rig, "system_b", data.size_bytes) == data.data


def test_a_phone_that_goes_silent_is_a_timeout_not_a_hang(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", faults=("stall:30",))
    phone = usb(rig, bay, Timeouts(command_s=1.0, transfer_s=0.3, flash_s=1.0, open_s=0.5))
    who = phone.identify()
    began = time.monotonic()
    with pytest.raises(HwError) as caught:
        phone.write("system_b", image(32 << 20), who, ignore)
    assert caught.value.fault in ("timeout", "link")
    assert time.monotonic() - began < 10


def test_after_a_timeout_the_next_step_begins_a_new_conversation(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", faults=("stall:1",))
    phone = usb(rig, bay, Timeouts(command_s=5.0, transfer_s=0.2, flash_s=5.0, open_s=5.0))
    who = phone.identify()
    with pytest.raises(HwError):
        phone.write("system_b", image(32 << 20), who, ignore)
    data = image(1 << 20)
    phone.write("system_b", data, who, ignore)
    assert flashed(rig, "system_b", data.size_bytes) == data.data
    assert rig.customer.status()["usb_sessions"] == 2


def test_closing_from_another_thread_ends_a_write_in_progress(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(mode="bootloader", faults=("slow:4000000",))
    phone = usb(rig, bay)
    who = phone.identify()
    moving = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            phone.write("system_b", image(32 << 20), who, lambda done, _: moving.set() if done else None)
        except HwError as exc:
            failures.append(exc)

    worker = threading.Thread(target=write)
    worker.start()
    assert moving.wait(10)
    phone.close()
    worker.join(10)
    assert not worker.is_alive()
    assert [type(failure) for failure in failures] == [LinkLost]


@pytest.mark.parametrize("mode", ["normal", "bootloader"])
def test_garbage_on_every_protocol_is_one_clear_refusal(
    new_phone: NewPhone, bay: dict[str, UsbPhone], mode: str
) -> None:
    rig = new_phone(mode=mode, faults=("garbage",))
    phone = usb(rig, bay, Timeouts(command_s=0.5, transfer_s=0.5, flash_s=0.5, open_s=0.2))
    with pytest.raises(HwError) as caught:
        phone.recognise() if mode == "normal" else phone.identify()
    assert caught.value.fault in ("phone", "timeout", "link")
    assert caught.value.detail
    assert "\n" not in caught.value.detail


def test_a_locked_bootloader_says_so_and_refuses_in_its_own_words(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    phone = usb(new_phone(mode="bootloader", locked=True), bay)
    who = phone.identify()
    assert who.unlocked is False
    with pytest.raises(PhoneRefused):
        phone.write("system_b", image(4096), who, ignore)


@pytest.mark.parametrize(("kind", "mode"), [("hid", "foreign"), ("charger", "charging")])
def test_what_is_no_phone_to_serve_is_seen_and_not_spoken_to(kind: str, mode: str) -> None:
    with serve.ServedOther(kind) as other:
        phone = open_phone(other.ready["usbip"], timeouts=QUICK)
        seen = phone.look()
        assert seen is not None
        assert seen.mode == mode
        with pytest.raises(ForeignDevice if kind == "hid" else LinkLost):
            phone.recognise()
        with pytest.raises(HwError):
            phone.identify()
        phone.close()


def test_a_step_for_the_other_mode_is_refused_at_once(new_phone: NewPhone, bay: dict[str, UsbPhone]) -> None:
    phone = usb(new_phone(), bay, Timeouts(open_s=60))
    with pytest.raises(LinkLost, match="not a phone in bootloader mode"):
        phone.identify()


def test_two_programs_never_hold_one_phone(new_phone: NewPhone, bay: dict[str, UsbPhone]) -> None:
    rig = new_phone()
    first = usb(rig, bay)
    first.recognise()
    second = open_phone(rig.ready["usbip"], timeouts=QUICK)
    with pytest.raises(BayBusy):
        second.recognise()
    first.close()
    assert second.recognise().product == "heron"
    second.close()


def test_an_inventory_survives_an_unplug_and_a_new_session(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    whole = phone.inventory(60, 3, None, ignore, STOP)
    cut = threading.Event()

    def unplug(_done: int, _total: int) -> None:
        if not cut.is_set():
            cut.set()
            rig.customer.unplug()

    with pytest.raises(LinkLost):
        phone.inventory(60, 3, None, unplug, STOP)
    rig.customer.replug()
    assert phone.wait_for(["normal"], 10, STOP) is not None
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    assert phone.inventory(60, 3, None, ignore, STOP).objects == whole.objects


def test_a_stop_ends_reading_in_the_middle_of_an_object_and_the_session_goes_on(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone(user_bytes=12 << 20)
    phone = usb(rig, bay)
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    big = max(phone.inventory(0, 1, None, ignore, STOP).objects, key=lambda item: item.size_bytes)
    assert big.size_bytes > 600_000
    stop = threading.Event()
    part = phone.inventory(0, 1, frozenset({big.path}), lambda *_: stop.set(), stop)
    assert not any(item.sha256 for item in part.objects)
    assert (part.unreadable, part.truncated) == (0, False)
    whole = phone.inventory(0, 1, frozenset({big.path}), ignore, STOP)
    assert [item.path for item in whole.objects if item.sha256] == [big.path]
    assert rig.customer.status()["usb_sessions"] == 1


def test_without_a_budget_nothing_is_read_and_the_sample_depends_only_on_the_seed(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    rig.customer.unlock()
    assert phone.wait_unlocked(10, STOP)
    assert not any(item.sha256 for item in phone.inventory(0, 1, None, ignore, STOP).objects)


def test_waiting_follows_the_phone_through_its_modes_and_an_empty_bay(
    new_phone: NewPhone, bay: dict[str, UsbPhone]
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    phone.recognise()
    rig.customer.unplug()
    assert phone.wait_for((), 10, STOP) is None
    assert phone.look() is None
    assert phone.wait_for(["normal"], 0.1, STOP) is None, "time is up"
    stopped = threading.Event()
    stopped.set()
    assert phone.wait_for(["normal"], 60, stopped) is None
    rig.customer.replug()
    assert phone.wait_for(["bootloader", "normal"], 10, STOP) is not None


def test_a_phone_this_station_holds_is_there_even_where_its_bus_no_longer_lists_it(
    new_phone: NewPhone, bay: dict[str, UsbPhone], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    phone.recognise()
    monkeypatch.setattr("hw.bays.devlist", lambda *_: [])
    seen = phone.look()
    assert seen is not None
    assert seen.mode == "normal"
    phone.close()
    assert phone.look() is None


def test_waiting_for_the_unlock_outlives_the_phone_appearing_anew(
    new_phone: NewPhone, bay: dict[str, UsbPhone], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = new_phone()
    phone = usb(rig, bay)
    listening = threading.Event()
    listen = MediaSession.wait_event

    def wait_event(self: MediaSession, timeout_s: float) -> int | None:
        listening.set()
        return listen(self, timeout_s)

    monkeypatch.setattr(MediaSession, "wait_event", wait_event)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.append(phone.wait_unlocked(20, STOP)))
    waiter.start()
    assert listening.wait(10)
    rig.customer.unplug()
    rig.customer.replug()
    rig.customer.wait(10, usb_sessions=2)
    rig.customer.unlock()
    waiter.join(20)
    assert answers == [True]


def test_over_tcp_the_bootloader_is_all_there_is(new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    phone = open_phone(rig.ready["fastboot_tcp"], timeouts=QUICK)
    seen = phone.look()
    assert seen is not None
    assert seen.mode == "bootloader"
    who = phone.identify()
    data = image(5 << 20)
    phone.write("vendor_b", data, who, ignore)
    assert flashed(rig, "vendor_b", data.size_bytes) == data.data
    for ask in (phone.recognise, lambda: phone.wait_unlocked(1, STOP)):
        with pytest.raises(CannotSee):
            ask()
    with pytest.raises(CannotSee):
        phone.inventory(1, 1, None, ignore, STOP)
    phone.reboot(who)
    rig.customer.wait(10, mode="normal")
    assert phone.look() is None
    phone.close()


def test_an_image_file_is_sent_as_it_is(
    new_phone: NewPhone, bay: dict[str, UsbPhone], tmp_path: Path
) -> None:
    rig = new_phone(mode="bootloader", max_download_bytes=1 << 20)
    file = tmp_path / "system.img"
    data = image((3 << 20) + 4096)
    file.write_bytes(data.data)
    phone = usb(rig, bay)
    picture = FileImage(file)
    assert picture.sha256 == data.sha256
    phone.write("system_b", picture, phone.identify(), ignore)
    assert flashed(rig, "system_b", data.size_bytes) == data.data


@pytest.mark.parametrize(
    "where",
    [
        "",
        "usb:",
        "usb:1",
        "usb:1-",
        "usb:1-1.",
        "usb:1-1.4\n",
        "usbip://",
        "usbip://host/",
        "usbip://h:0/1-1",
        "usbip://h:1/1 1",
        "usbip://h:99999/1-1",
        "usbip://h:1/" + "x" * 40,
        "tcp:",
        "tcp:host",
        "tcp:host:x",
        "tcp:host:70000",
        "udp:h:1",
        "http://h:1/",
    ],
)
def test_a_where_that_is_none_is_refused_with_the_forms_that_are(where: str) -> None:
    with pytest.raises(BadWhere) as caught:
        open_phone(where)
    assert caught.value.exit_code == 2


def test_a_bus_that_does_not_answer_is_an_empty_bay_and_a_lost_link() -> None:
    phone = open_phone("usbip://127.0.0.1:1/1-1", timeouts=Timeouts(open_s=0.1, connect_s=0.5))
    assert phone.look() is None
    with pytest.raises((LinkLost, PhoneTimeout)):
        phone.recognise()
    phone.close()
