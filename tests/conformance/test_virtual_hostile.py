"""A hostile or broken host cannot hurt the virtual phone: it refuses, hangs up, and serves the next one."""

from __future__ import annotations

import contextlib
import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.virtual import mtp_dataset
from hw.virtual.mtp_device import MtpRefused
from hw.virtual.mtp_function import _command
from tests.conformance.conftest import NewPhone
from tests.conformance.rig import FastbootHost, Rig

ENDLESS = [HealthCheck.function_scoped_fixture]


@pytest.fixture
def rig(new_phone: NewPhone) -> Rig:
    return new_phone(mode="bootloader")


def still_answers(rig: Rig) -> bool:
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        return host.ask("getvar:product") == b"OKAYheron"


def shout(address: tuple[str, int], noise: bytes) -> None:
    """Send ``noise``, then read until the phone hangs up; it may do so with our noise unread."""
    with contextlib.suppress(OSError), socket.create_connection(address, 10) as sock:
        sock.sendall(noise)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


@settings(max_examples=80, deadline=None, suppress_health_check=ENDLESS)
@given(command=st.one_of(st.binary(min_size=1, max_size=80), st.text(max_size=64).map(str.encode)))
def test_any_command_gets_an_answer_or_a_hang_up(rig: Rig, command: bytes) -> None:
    if command.startswith((b"reboot", b"continue", b"download")) or not command:
        return
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        host.send(command)
        assert host.answer()[:4] in (b"OKAY", b"FAIL")


@pytest.mark.parametrize(
    "argument", ["", "0", "00000000", "0000000g", "ffffffff", "10000001", "+0000001", "000000001", " 0000001"]
)
def test_an_impossible_download_is_refused_before_any_data(rig: Rig, argument: str) -> None:
    with FastbootHost(rig.address("fastboot_tcp")) as host:
        assert host.ask(f"download:{argument}").startswith(b"FAIL")
        assert host.ask("flash:boot_b") == b"FAILnothing was downloaded"


@pytest.mark.parametrize(
    "hello", [b"", b"GET / HTTP/1.1\r\n\r\n", b"FB0", b"FBxx", b"FB01" + b"\xff" * 8, b"FB01" + b"\0" * 7]
)
def test_a_broken_carrier_is_hung_up_on(rig: Rig, hello: bytes) -> None:
    shout(rig.address("fastboot_tcp"), hello)
    assert still_answers(rig)


@settings(max_examples=60, deadline=None, suppress_health_check=ENDLESS)
@given(st.binary(max_size=200))
def test_noise_on_the_usb_ip_port_is_hung_up_on(rig: Rig, noise: bytes) -> None:
    shout(rig.address("usbip"), noise)


@settings(max_examples=60, deadline=None, suppress_health_check=ENDLESS)
@given(st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 7), max_size=5), st.binary(max_size=100))
def test_noise_after_an_import_is_survived(rig: Rig, heads: list[tuple[int, ...]], tail: bytes) -> None:
    commands = b"".join(struct.pack(">IIIIIII", *head) + bytes(20) for head in heads)
    shout(rig.address("usbip"), struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1") + commands + tail)
    assert still_answers(rig)


@settings(max_examples=60, deadline=None, suppress_health_check=ENDLESS)
@given(st.one_of(st.binary(max_size=100), st.text(max_size=60).map(str.encode)))
def test_noise_on_the_control_address_is_answered_with_an_error(rig: Rig, noise: bytes) -> None:
    line = noise.replace(b"\n", b"") + b"\n"
    answer = rig.phone.control.answer(line)
    assert answer["ok"] is False


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_noise_is_no_mtp_command(noise: bytes) -> None:
    try:
        code, _, parameters = _command(noise)
    except MtpRefused:
        return
    assert mtp_dataset.CONTAINER.unpack_from(noise)[0] == len(noise)
    assert 0 <= code <= 0xFFFF
    assert len(parameters) <= 5


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_mtp_strings_count_code_units(text: str) -> None:
    raw = mtp_dataset.string(text)
    if not text:
        assert raw == b"\0"
        return
    assert raw[0] == (len(raw) - 1) // 2 <= 255
    assert raw[-2:] == b"\0\0"
    assert text.encode("utf-16-le", "surrogatepass").startswith(raw[1:-2])
