"""Transcripts: what was recorded of a real conversation replays exactly, and only exactly."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw import inventory
from hw.bootloader import Bootloader
from hw.errors import BadTranscript, HwError, LinkLost, LocalProtocolError, PhoneRefused, PhoneTimeout
from hw.facts import Timeouts
from hw.flashing import flash
from hw.link import recorder
from hw.link.recorder import PacketRecorder, Replay
from hw.link.tcp import TcpLink
from hw.media import MediaSession
from tests.transcripts import record


def replayed_update(replay: Replay, image: record.Pattern = record.LARGE) -> list[tuple[int, int]]:
    """The station's side of the recorded update, as :class:`hw.phone.UsbPhone` does it."""
    seen: list[tuple[int, int]] = []
    bootloader = Bootloader(replay, Timeouts())
    who = bootloader.identify()
    assert (who.product, who.serialno) == ("heron", record.SERIAL)
    assert who.max_download_bytes == record.MAX_DOWNLOAD_BYTES
    for partition, data in (("boot_b", record.SMALL), ("system_b", image)):
        bootloader.check(who)
        flash(bootloader, partition, data, lambda done, total: seen.append((done, total)))
    for slot in ("b", "a"):
        bootloader.check(who)
        bootloader.set_active(slot)
    bootloader.check(who)
    bootloader.reboot()
    return seen


def test_a_recorded_identify_and_flash_replays_to_its_last_line() -> None:
    replay = Replay.load(record.UPDATE)
    seen = replayed_update(replay)
    assert replay.finished
    assert seen[-1][0] == seen[-1][1] < record.LARGE.size_bytes, "the zeros did not travel"


def test_one_other_byte_in_the_image_leaves_the_recorded_path() -> None:
    other = record.Pattern(2, 200_000, 500_000)
    other.data = other.data[:-1] + bytes([other.data[-1] ^ 1])
    with pytest.raises(BadTranscript, match="differs"):
        replayed_update(Replay.load(record.UPDATE), other)


def test_a_recorded_inventory_replays_to_the_same_facts() -> None:
    replay = Replay.load(record.INVENTORY)
    session = MediaSession(replay, Timeouts())
    assert (session.info.manufacturer, session.info.model, session.battery_percent()) == (
        "Lumen",
        "Lumen Heron",
        80,
    )
    found = inventory.take(session, record.BUDGET_S, record.SEED, None, record.ignore, threading.Event())
    session.close()
    assert replay.finished
    assert len(found.objects) >= 40
    assert (found.unreadable, found.truncated) == (0, False)
    assert all(item.sha256 and item.modified for item in found.objects)
    names = " ".join(item.path for item in found.objects)
    assert "\N{CAT FACE}" in names or any(ord(char) > 0xFFFF for char in names), "a name outside the BMP"
    assert any(item.size_bytes == 0 and item.sha256 == hashlib.sha256().hexdigest() for item in found.objects)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_a_transcript_damaged_anywhere_is_refused_or_leads_to_a_refusal(data: st.DataObject) -> None:
    lines = record.UPDATE.read_text().splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    do = data.draw(st.sampled_from(["drop", "twice", "cut", "other"]))
    damaged = {
        "drop": lines[:at] + lines[at + 1 :],
        "twice": lines[: at + 1] + lines[at:],
        "cut": [*lines[:at], lines[at][: len(lines[at]) // 2], *lines[at + 1 :]],
        "other": [*lines[:at], '{"op":"read","z":"AAAA"}', *lines[at + 1 :]],
    }[do]
    try:
        replay = Replay(damaged)
        replayed_update(replay)
        # A lost or doubled INFO line is legal fastboot; anything else must have been noticed.
        assert "494e464f" in lines[at] or json.loads(lines[at]).get("z") or not replay.finished
    except (HwError, AssertionError):
        pass


def conversation(
    script: Callable[[socket.socket], None], path: Path
) -> tuple[PacketRecorder, threading.Thread]:
    near, far = socket.socketpair()

    def serve() -> None:
        with far:
            script(far)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return PacketRecorder(TcpLink(near), path), thread


def say(peer: socket.socket, text: bytes) -> None:
    peer.sendall(len(text).to_bytes(8, "big") + text)


def hear(peer: socket.socket) -> bytes:
    size = int.from_bytes(peer.recv(8, socket.MSG_WAITALL), "big")
    return peer.recv(size, socket.MSG_WAITALL)


def test_errors_are_recorded_and_come_again_in_the_replay(tmp_path: Path) -> None:
    def script(peer: socket.socket) -> None:
        hear(peer)
        say(peer, b"FAILno such thing")
        hear(peer)

    path = tmp_path / "t.jsonl"
    link, thread = conversation(script, path)
    bootloader = Bootloader(link, Timeouts(command_s=2.0))
    with pytest.raises(PhoneRefused):
        bootloader.set_active("b")
    with pytest.raises(LinkLost):
        bootloader.set_active("a")
    link.close()
    thread.join(5)

    again = Bootloader(Replay.load(path), Timeouts())
    with pytest.raises(PhoneRefused, match="no such thing"):
        again.set_active("b")
    with pytest.raises(LinkLost):
        again.set_active("a")


def test_a_transcript_never_grows_beyond_its_bound_and_the_link_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_TRANSCRIPT_BYTES", 2000)

    def script(peer: socket.socket) -> None:
        for _ in range(100):
            hear(peer)
            say(peer, b"OKAYvalue")

    path = tmp_path / "t.jsonl"
    link, thread = conversation(script, path)
    bootloader = Bootloader(link, Timeouts())
    assert [bootloader.variable("product") for _ in range(100)] == ["value"] * 100
    link.close()
    thread.join(5)
    assert path.stat().st_size <= 2000
    replay = Bootloader(Replay.load(path), Timeouts())
    with pytest.raises(BadTranscript):
        [replay.variable("product") for _ in range(100)]


def test_a_file_larger_than_a_transcript_may_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MAX_TRANSCRIPT_BYTES", 10)
    (tmp_path / "t.jsonl").write_text("x" * 11)
    with pytest.raises(BadTranscript, match="larger"):
        Replay.load(tmp_path / "t.jsonl")


def test_a_bomb_in_a_transcript_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MAX_TRANSFER_BYTES", 1000)
    packed = recorder._came(bytes(5000))
    replay = Replay([json.dumps({"op": "open"}), json.dumps({"op": "read", **packed})])
    with pytest.raises(BadTranscript, match="malformed"):
        replay.read(10, 1.0)


def test_an_image_error_of_ours_is_not_taken_for_the_phones(tmp_path: Path) -> None:
    def script(peer: socket.socket) -> None:
        hear(peer)
        say(peer, b"DATA00000064")
        peer.recv(100)

    link, thread = conversation(script, tmp_path / "t.jsonl")
    with pytest.raises(LocalProtocolError):
        Bootloader(link, Timeouts()).download(100, iter([b"short"]), lambda _: None)
    link.close()
    thread.join(5)
    assert '"error":"LocalProtocolError"' in (tmp_path / "t.jsonl").read_text()


def test_a_silence_in_a_transcript_is_a_silence_in_the_replay() -> None:
    lines = [
        {"op": "open"},
        {"op": "write", "hex": b"getvar:product".hex()},
        {"op": "read", "error": "PhoneTimeout", "detail": "quiet"},
    ]
    with pytest.raises(PhoneTimeout, match="quiet"):
        Bootloader(Replay(map(json.dumps, lines)), Timeouts()).variable("product")
