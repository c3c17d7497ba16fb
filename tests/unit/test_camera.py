"""A picture from a camera's command is bounded, checked and made small; what goes wrong has one reason."""

from __future__ import annotations

import io
import os
import shlex
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import hw.camera
from hw.camera import CameraTrouble, CommandCamera, checked
from hw.errors import BadWhere
from hw.virtual import camera as virtual

PICTURE = virtual.jpeg(virtual.picture(7).resize((960, 720)))


def command(code: str) -> CommandCamera:
    """A camera whose command is this Python."""
    return CommandCamera(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", take_s=20)


def refusal(camera: CommandCamera) -> CameraTrouble:
    with pytest.raises(CameraTrouble) as caught:
        camera.take()
    return caught.value


def test_a_picture_of_the_virtual_camera_comes_small_and_without_notes() -> None:
    taken = CommandCamera(f"{shlex.quote(sys.executable)} -m hw.virtual.camera --same 3 --side back").take()
    with Image.open(io.BytesIO(taken)) as image:
        assert (image.format, max(image.size)) == ("JPEG", 1600)
        assert not image.getexif()


def test_a_picture_taken_lying_is_set_upright() -> None:
    lying, written = Image.open(io.BytesIO(PICTURE)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    lying.save(written, "JPEG", exif=exif)
    with Image.open(io.BytesIO(checked(written.getvalue()))) as upright:
        assert upright.size == (720, 960)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("dark", "camera_dark"),
        ("covered", "camera_dark"),
        ("garbage", "camera_garbage"),
        ("failing", "camera_missing"),
    ],
)
def test_each_fault_of_a_camera_has_its_reason(fault: str, reason: str) -> None:
    camera = CommandCamera(f"{shlex.quote(sys.executable)} -m hw.virtual.camera --same 1 --fault {fault}")
    trouble = refusal(camera)
    assert trouble.reason == reason
    assert "\n" not in trouble.detail


def test_a_camera_that_never_answers_is_ended_with_whatever_it_started(tmp_path: Path) -> None:
    fifo = tmp_path / "child"
    code = f"import os, subprocess; os.mkfifo({str(fifo)!r}); subprocess.run(['cat', {str(fifo)!r}])"
    camera = CommandCamera(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}", take_s=1)
    trouble = refusal(camera)
    assert trouble.reason == "camera_missing"
    assert "did not answer" in trouble.detail
    with pytest.raises(OSError, match="No such device"):  # nobody is left who would read
        os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)


class NeverTimer:
    """A timer whose time never comes."""

    def __init__(self, *_: object) -> None:
        self.daemon = False

    def start(self) -> None: ...

    def cancel(self) -> None: ...


def test_a_camera_that_sends_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hw.camera, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(threading, "Timer", NeverTimer)  # it is the amount that ends it, not the time
    assert refusal(command("import os\nwhile True: os.write(1, bytes(65536))")).reason == "camera_garbage"


def test_a_camera_that_complains_without_end_is_not_waited_for_in_vain() -> None:
    trouble = refusal(
        command("import os\nfor _ in range(200): os.write(2, b'x' * 65536)\nraise SystemExit(1)")
    )
    assert trouble.reason == "camera_missing"
    assert len(trouble.detail) < 300


def test_a_picture_of_monstrous_size_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hw.camera, "MAX_PIXELS", 1000)
    with pytest.raises(CameraTrouble, match="dots"):
        checked(PICTURE)


def test_no_such_command_is_a_missing_camera_and_no_command_at_all_a_wrong_setting() -> None:
    assert refusal(CommandCamera("/nonexistent/camera --now")).reason == "camera_missing"
    for setting in ("", "   ", "camera 'unclosed"):
        with pytest.raises(BadWhere):
            CommandCamera(setting)


def _taken(picture: bytes) -> None:
    try:
        small = checked(picture)
    except CameraTrouble:
        return  # with a reason; anything else would come through
    with Image.open(io.BytesIO(small)) as image:
        assert max(image.size) <= 1600


@given(st.binary(max_size=400))
def test_no_bytes_break_it(picture: bytes) -> None:
    _taken(picture)


@given(st.integers(0, len(PICTURE) - 1), st.binary(min_size=1, max_size=8))
def test_no_damage_to_a_picture_breaks_it(at: int, damage: bytes) -> None:
    _taken(PICTURE[:at] + damage + PICTURE[at + len(damage) :])
