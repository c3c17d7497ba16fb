"""fastboot over TCP on a real socket: framing, silence, hang-ups and liars."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from hw.bootloader import Bootloader
from hw.errors import HwError, LinkLost, LocalProtocolError, PhoneRefused, PhoneTimeout, RemoteProtocolError
from hw.facts import Timeouts
from hw.link.tcp import TcpLink

Script = Callable[[socket.socket], None]


@contextlib.contextmanager
def server(script: Script) -> Iterator[tuple[str, int]]:
    """One connection, served by ``script`` on a thread of its own; its own errors fail the test."""
    failures: list[BaseException] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                peer, _ = listener.accept()
                with peer:
                    script(peer)
            except BaseException as exc:
                failures.append(exc)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
    assert not thread.is_alive()
    assert not failures, failures


def take(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        step = peer.recv(count - len(data))
        if not step:
            return data
        data += step
    return data


def message(peer: socket.socket) -> bytes:
    return take(peer, int.from_bytes(take(peer, 8), "big"))


def say(peer: socket.socket, text: bytes) -> None:
    peer.sendall(len(text).to_bytes(8, "big") + text)


def hello(peer: socket.socket) -> None:
    assert take(peer, 4) == b"FB01"
    peer.sendall(b"FB01")


def test_a_download_arrives_whole_and_progress_never_runs_ahead() -> None:
    data = bytes(range(256)) * 4096
    got = bytearray()

    def script(peer: socket.socket) -> None:
        hello(peer)
        assert message(peer) == b"download:%08x" % len(data)
        say(peer, b"DATA%08x" % len(data))
        while len(got) < len(data):
            got.extend(message(peer))
        say(peer, b"OKAY")

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        seen: list[int] = []
        Bootloader(link, Timeouts()).download(
            len(data), (data[at : at + 100_000] for at in range(0, len(data), 100_000)), seen.append
        )
        link.close()
    assert bytes(got) == data
    assert seen == sorted(seen)
    assert seen[-1] <= len(data)


@pytest.mark.parametrize("answer", [b"HTTP", b"FB00", b"FBxx", b"\0\0\0\0"])
def test_something_else_on_the_port_is_told_from_a_phone(answer: bytes) -> None:
    def script(peer: socket.socket) -> None:
        take(peer, 4)
        peer.sendall(answer)

    with server(script) as address, pytest.raises(RemoteProtocolError, match="fastboot over TCP"):
        TcpLink.connect(*address, 2.0)


def test_a_newer_protocol_version_is_spoken_down_to_ours() -> None:
    def script(peer: socket.socket) -> None:
        take(peer, 4)
        peer.sendall(b"FB02")

    with server(script) as address:
        TcpLink.connect(*address, 2.0).close()


def test_an_answer_announced_too_long_is_refused_before_it_is_read() -> None:
    def script(peer: socket.socket) -> None:
        hello(peer)
        message(peer)
        peer.sendall((1 << 40).to_bytes(8, "big"))

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(RemoteProtocolError, match="256"):
            Bootloader(link, Timeouts()).variable("product")
        link.close()


def test_a_silent_phone_is_a_timeout_and_the_connection_is_dead_after_it() -> None:
    def script(peer: socket.socket) -> None:
        hello(peer)
        message(peer)
        assert take(peer, 1) == b"", "the host hangs up"

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(PhoneTimeout):
            Bootloader(link, Timeouts(command_s=0.1)).variable("product")
        assert not link.alive
        with pytest.raises(LinkLost):
            link.write(b"x", 1.0)


def test_a_hang_up_in_the_data_phase_is_a_lost_link() -> None:
    def script(peer: socket.socket) -> None:
        hello(peer)
        message(peer)
        say(peer, b"DATA00800000")
        take(peer, 100_000)

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(LinkLost):
            Bootloader(link, Timeouts()).download(8 << 20, iter([bytes(1 << 20)] * 8), lambda _: None)
        link.close()


def test_a_phone_that_stops_taking_data_is_a_timeout_not_a_hang() -> None:
    done = threading.Event()

    def script(peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hello(peer)
        message(peer)
        say(peer, b"DATA04000000")
        done.wait(10)

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(PhoneTimeout):
            Bootloader(link, Timeouts(transfer_s=0.2)).download(
                64 << 20, iter([bytes(1 << 20)] * 64), lambda _: None
            )
        done.set()
        link.close()


@pytest.mark.parametrize("pieces", [[b"x" * 90], [b"x" * 60, b"x" * 60], []])
def test_an_image_that_changed_its_size_never_becomes_a_short_or_long_download(pieces: list[bytes]) -> None:
    commands: list[bytes] = []

    def script(peer: socket.socket) -> None:
        hello(peer)
        commands.append(message(peer))
        say(peer, b"DATA00000064")
        while take(peer, 1):
            pass

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(LocalProtocolError, match="size changed"):
            Bootloader(link, Timeouts()).download(100, iter(pieces), lambda _: None)
        link.close()
    assert commands == [b"download:00000064"]


def test_a_refusal_carries_the_phones_own_words() -> None:
    def script(peer: socket.socket) -> None:
        hello(peer)
        message(peer)
        say(peer, b"FAILdevice is locked")

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        with pytest.raises(PhoneRefused, match="device is locked"):
            Bootloader(link, Timeouts()).flash("system_b")
        link.close()


def test_a_phone_that_hangs_up_on_reboot_has_rebooted() -> None:
    def script(peer: socket.socket) -> None:
        hello(peer)
        assert message(peer) == b"reboot"

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        Bootloader(link, Timeouts()).reboot()
        link.close()


def test_partitions_are_asked_one_by_one_where_the_phone_knows_no_list() -> None:
    known = {
        b"getvar:product": b"OKAYold",
        b"getvar:serialno": b"OKAY123",
        b"getvar:has-slot:boot": b"OKAYyes",
        b"getvar:partition-size:boot_a": b"OKAY4000000",
        b"getvar:max-download-size": b"OKAY 536870912",
        b"getvar:unlocked": b"OKAYmaybe",
        b"getvar:battery-level": b"OKAY250",
        b"getvar:current-slot": b"OKAY_a",
    }

    def script(peer: socket.socket) -> None:
        hello(peer)
        while command := message(peer):
            say(peer, known.get(command, b"FAILunknown" if command == b"getvar:all" else b"OKAY"))

    with server(script) as address:
        link = TcpLink.connect(*address, 2.0)
        who = Bootloader(link, Timeouts()).identify()
        link.close()
    assert who.slotted_partitions == {"boot"}
    assert who.partition_sizes == {"boot_a": 0x4000000}
    assert who.max_download_bytes == 536870912
    assert (who.unlocked, who.battery_percent, who.current_slot, who.version) == (None, None, "a", None)


def test_nobody_listening_is_a_lost_link_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with pytest.raises(HwError) as caught:
        TcpLink.connect(*address, 1.0)
    assert caught.value.fault == "link"
