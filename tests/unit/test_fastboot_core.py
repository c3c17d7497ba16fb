"""The fastboot core: what may be sent, what may come back, and that nothing else passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.errors import Forbidden, LocalProtocolError, RemoteProtocolError
from hw.proto import fastboot
from hw.proto.fastboot import Fail, Granted, Host, Info, Okay, State

PROTECTED = ["userdata", "metadata", "persist", "persistent", "frp", "efs", "modemst1", "modemst2", "nvram"]
PROTECTED += ["nvdata", "misc", "partition", "gpt", "data", "fsg"]


@pytest.mark.parametrize("name", PROTECTED)
@pytest.mark.parametrize("shape", ["{}", "{}_a", "{}_b", "{}_a_b", "{}-a", "{}_c"])
def test_no_spelling_of_a_protected_partition_is_ever_flashed(name: str, shape: str) -> None:
    for spelled in (name, name.upper(), name.title()):
        with pytest.raises(Forbidden, match="owner's data"):
            Host().command("flash:" + shape.format(spelled))


@pytest.mark.parametrize(
    "command",
    [
        "erase:system_a",
        "erase:userdata",
        "format:userdata",
        "format:ext4:userdata",
        "flashing unlock",
        "flashing lock",
        "oem unlock",
        "oem hello",
        "update-super:super:wipe",
        "update-super:wipe",
        "-w",
        "wipe-super",
        "boot",
        "continue",
        "powerdown",
        "fetch:userdata",
        "resize-logical-partition:system_a:0",
        "snapshot-update:cancel",
        "reboot-recovery",
        "reboot:userdata",
        "set_active:_a",
        "set_active:ab",
        "set_active:",
        "getvar:",
        "getvar:all\nerase:userdata",
        "flash:",
        "flash:system_a\n",
        "flash: userdata",
        "flash:userdata ",
        "flash:system_a:userdata",
        "flash:0:userdata",
        "flash:../userdata",
        "flash:系统",
        "FLASH:system_a",
        "download:10",
        "download:0000000g",
        "download:00000010,userdata",
        "",
        "getvar:" + "x" * 60,
    ],
)
def test_whatever_is_not_on_the_allow_list_is_refused_before_it_is_sent(command: str) -> None:
    host = Host()
    with pytest.raises(Forbidden):
        host.command(command)
    assert host.state is State.IDLE


@pytest.mark.parametrize(
    "command",
    ["getvar:product", "getvar:has-slot:boot", "flash:system_b", "flash:vendor_boot_a", "flash:boot",
     "set_active:b", "reboot", "reboot-bootloader", "download:04000000"],
)  # fmt: skip
def test_what_an_update_needs_passes_unchanged(command: str) -> None:
    assert Host().command(command) == command.encode()


@given(st.text(max_size=80))
@settings(max_examples=200)
def test_no_text_at_all_smuggles_a_destructive_command_through(text: str) -> None:
    for command in (text, f"flash:{text}", f"getvar:{text}", f"set_active:{text}"):
        try:
            packet = Host().command(command)
        except Forbidden:
            continue
        assert len(packet) <= 64
        verb, _, argument = packet.decode().partition(":")
        assert verb in {"getvar", "flash", "set_active", "download", "reboot", "reboot-bootloader"}
        assert not packet.strip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.-")
        if verb == "flash":
            assert not argument.lower().startswith(
                ("userdata", "metadata", "persist", "frp", "efs", "modemst")
            )


def test_a_whole_flash_goes_through_its_states_in_order() -> None:
    host = Host()
    assert host.download(8192) == b"download:00002000"
    assert host.receive(b"INFOerasing nothing") == Info("erasing nothing")
    assert host.receive(b"DATA00002000") == Granted(8192)
    host.data_sent(4096)
    assert (host.state, host.left_bytes) == (State.SENDING, 4096)
    host.data_sent(4096)
    assert host.receive(b"TEXTreceived") == Info("received")
    assert host.receive(b"OKAY") == Okay("")
    host.command("flash:system_b")
    assert host.receive(b"INFOwriting") == Info("writing")
    assert host.receive(b"FAILwrite error") == Fail("write error")
    assert host.state is State.IDLE


def test_an_unknown_variable_of_an_old_bootloader_is_an_empty_okay() -> None:
    host = Host()
    host.command("getvar:nonsense")
    assert host.receive(b"") is None, "a ZLP says nothing"
    assert host.receive(b"OKAY") == Okay("")


@pytest.mark.parametrize("size", ["00001fff", "00002001", "ffffffff", "00000000"])
def test_a_phone_that_wants_another_size_than_asked_breaks_the_conversation(size: str) -> None:
    host = Host()
    host.download(8192)
    with pytest.raises(RemoteProtocolError, match="8192"):
        host.receive(f"DATA{size}".encode())
    assert host.state is State.BROKEN
    with pytest.raises(LocalProtocolError):
        host.command("getvar:product")


@pytest.mark.parametrize("packet", [b"DATA0000200", b"DATA+0000020", b"DATA", b"OKA", b"\xff" * 20, b"okay"])
def test_an_answer_that_is_not_fastboot_is_refused_with_one_line(packet: bytes) -> None:
    host = Host()
    host.download(8192)
    with pytest.raises(RemoteProtocolError) as caught:
        host.receive(packet)
    assert "\n" not in caught.value.detail


def test_an_answer_over_256_bytes_is_refused() -> None:
    host = Host()
    host.command("getvar:product")
    with pytest.raises(RemoteProtocolError, match="256"):
        host.receive(b"OKAY" + b"x" * 253)


def test_a_phone_that_never_stops_informing_is_cut_off() -> None:
    host = Host()
    host.command("getvar:all")
    for _ in range(fastboot.MAX_INFO_LINES):
        host.receive(b"INFOx")
    with pytest.raises(RemoteProtocolError, match="lines"):
        host.receive(b"INFOx")


def test_the_phone_cannot_speak_unasked() -> None:
    for packet in (b"OKAY", b"FAILno", b"INFOx", b"DATA00000000"):
        with pytest.raises(RemoteProtocolError):
            Host().receive(packet)


def test_a_second_command_before_the_answer_is_our_own_error() -> None:
    host = Host()
    host.command("getvar:product")
    with pytest.raises(LocalProtocolError):
        host.command("reboot")


def test_more_data_than_announced_is_our_own_error() -> None:
    host = Host()
    host.download(10)
    host.receive(b"DATA0000000a")
    with pytest.raises(LocalProtocolError):
        host.data_sent(11)


def test_control_characters_of_a_phone_never_reach_a_log_line() -> None:
    host = Host()
    host.command("getvar:product")
    assert host.receive(b"FAIL\x1b[2Jbad\nline\x00") == Fail("\ufffd[2Jbad\ufffdline\ufffd")


@given(
    st.lists(st.binary(max_size=300), max_size=8),
    st.sampled_from(["getvar:all", "reboot", "download:00000010"]),
)
@settings(max_examples=200)
def test_any_bytes_are_an_event_or_one_clear_refusal(packets: list[bytes], command: str) -> None:
    host = Host()
    host.command(command)
    for packet in packets:
        try:
            host.receive(packet)
        except RemoteProtocolError:
            assert host.state is State.BROKEN
            return


def test_every_state_that_waits_for_the_phone_takes_a_refusal() -> None:
    waiting = {state for state, _ in fastboot.TABLE}
    assert waiting == {State.AWAIT_REPLY, State.AWAIT_GRANT, State.AWAIT_DATA_REPLY}
    assert all((state, Fail) in fastboot.TABLE and (state, Info) in fastboot.TABLE for state in waiting)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x10000000", 268435456),
        ("268435456", 268435456),
        (" 0X20 ", 32),
        *((text, None) for text in ("", "0x", "12k", "-1", "１２", "9" * 40)),
    ],
)
def test_sizes_are_read_in_hex_and_in_decimal(text: str, value: int | None) -> None:
    assert fastboot.number(text) == value


@pytest.mark.parametrize(("text", "value"), [("0x400", 1024), ("400", 1024), ("", None), ("xyz", None)])
def test_partition_sizes_are_hex_with_or_without_prefix(text: str, value: int | None) -> None:
    assert fastboot.hex_number(text) == value
