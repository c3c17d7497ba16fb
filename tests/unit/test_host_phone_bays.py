"""What a bay shows, from interface descriptors alone."""

from __future__ import annotations

import pytest

from hw import bays
from hw.facts import Mode

FASTBOOT, MTP, ADB = (0xFF, 0x42, 3), (6, 1, 1), (0xFF, 0x42, 1)
HID, HUB, STORAGE, MODEM = (3, 1, 1), (9, 0, 0), (8, 6, 80), (2, 2, 1)


@pytest.mark.parametrize(
    ("triples", "mode"),
    [
        ([MTP], "normal"),
        ([ADB, MTP], "normal"),
        ([MTP, ADB], "normal"),
        ([MTP, MODEM, (10, 0, 0)], "normal"),
        ([FASTBOOT], "bootloader"),
        ([(0, 0, 0), FASTBOOT], "bootloader"),
        ([(0xEF, 2, 1), FASTBOOT], "bootloader"),
        ([], "charging"),
        ([(0xFF, 0xFF, 0)], "charging"),
        ([ADB], "charging"),
        ([HID], "foreign"),
        ([MTP, HID], "foreign"),
        ([FASTBOOT, HID], "foreign"),
        ([HUB], "foreign"),
        ([MTP, HUB], "foreign"),
        ([STORAGE], "foreign"),
        ([MODEM], "foreign"),
        ([FASTBOOT, MTP], "foreign"),
    ],
)
def test_interfaces_make_the_mode_and_a_keyboard_or_hub_anywhere_makes_it_foreign(
    triples: list[tuple[int, int, int]], mode: Mode
) -> None:
    assert bays.classify(triples) == mode


@pytest.mark.parametrize(
    ("triples", "what"),
    [
        ([MTP], "MTP phone 1209:0001"),
        ([MTP, HID], "HID device 1209:0001"),
        ([HUB], "hub device 1209:0001"),
        ([STORAGE], "storage device 1209:0001"),
        ([(0x42, 0, 0)], "unknown device 1209:0001"),
        ([FASTBOOT, MTP], "still image device 1209:0001"),
    ],
)
def test_staff_are_told_what_it_is(triples: list[tuple[int, int, int]], what: str) -> None:
    assert bays.sighting("usb:1-1", 0x1209, 1, triples).what == what


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("usb:1-1.4", bays.UsbPlace("usb:1-1.4", 1, (1, 4))),
        ("usb:2-3", bays.UsbPlace("usb:2-3", 2, (3,))),
        (
            "usbip://127.0.0.1:3241/1-1",
            bays.UsbipPlace("usbip://127.0.0.1:3241/1-1", "127.0.0.1", 3241, "1-1"),
        ),
        ("usbip://lab-7/1-1.2", bays.UsbipPlace("usbip://lab-7/1-1.2", "lab-7", 3240, "1-1.2")),
        ("usbip://[::1]:5/1-1", bays.UsbipPlace("usbip://[::1]:5/1-1", "::1", 5, "1-1")),
        ("tcp:127.0.0.1:5554", bays.TcpPlace("tcp:127.0.0.1:5554", "127.0.0.1", 5554)),
    ],
)
def test_every_form_of_where_names_its_place(where: str, place: bays.Place) -> None:
    assert bays.parse_where(where) == place


def test_this_machines_ports_can_be_listed_without_opening_anything() -> None:
    assert all(seen.bay.startswith("usb:") for seen in bays.real_bays())
