"""The camera over the counter: runs the command that takes one picture, and checks what came. Drives no camera itself.

Every shop's camera has a command of its own (libcamera-still, fswebcam, ffmpeg); it writes one JPEG to its output.
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import subprocess
import threading
import time
from typing import IO, Final

from PIL import Image, ImageOps, ImageStat

from hw.errors import BadWhere, HwError

TAKE_S: Final = 15.0
MAX_BYTES: Final = 24 << 20  # as the camera sends it
MAX_PIXELS: Final = 64_000_000
LONG_EDGE: Final = 1600
MAX_JPEG_BYTES: Final = 4 << 20
_DARK_MEAN: Final = 12.0  # of 255
_FLAT_DEVIATION: Final = 3.0  # a lens that is covered sees one colour
_QUALITIES: Final = (85, 70, 50)
_CHUNK_BYTES: Final = 1 << 16
_SAID_BYTES: Final = 400


class CameraTrouble(HwError):
    """No picture. ``reason``: camera_missing (no answer, no such command), camera_dark, camera_garbage."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class CommandCamera:
    """:class:`kiosk.counter_ports.Camera` by a command line, as the settings have it. No shell is involved."""

    def __init__(self, command: str, take_s: float = TAKE_S) -> None:
        try:
            self._command = shlex.split(command)
        except ValueError as exc:
            raise BadWhere(f"the camera's command cannot be read: {exc}") from exc
        if not self._command:
            raise BadWhere("the camera's command is empty")
        self._take_s = take_s

    def take(self) -> bytes:
        """One JPEG of at most 4 MiB and 1,600 dots along its longer edge, without the camera's own notes (EXIF).

        :raises CameraTrouble: there is none, it is dark, or it is no picture.
        """
        return checked(self._output())

    def _output(self) -> bytes:
        try:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as exc:
            raise CameraTrouble("camera_missing", f"{self._command[0]}: {exc.strerror}") from exc
        began = time.monotonic()
        timer = threading.Timer(self._take_s, _end, (process,))
        timer.daemon = True
        timer.start()
        try:
            picture, said = _read(process)
        finally:
            timer.cancel()
            _end(process)
        if len(picture) > MAX_BYTES:
            raise CameraTrouble("camera_garbage", f"the camera sent more than {MAX_BYTES} bytes")
        if process.returncode != 0:
            late = time.monotonic() - began >= self._take_s
            why = f"did not answer within {self._take_s:g} s" if late else f"failed: {said}"
            raise CameraTrouble("camera_missing", f"the camera's command {why}")
        return picture


def _read(process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
    """Its output up to one byte too many, and what it complained of; waits until it has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = bytearray()
    complaints = threading.Thread(target=_drain, args=(process.stderr, said), daemon=True)
    complaints.start()
    picture = bytearray()
    while len(picture) <= MAX_BYTES and (chunk := process.stdout.read(_CHUNK_BYTES)):
        picture += chunk
    if len(picture) > MAX_BYTES:
        _end(process)
    process.wait()
    complaints.join(1.0)
    process.stdout.close()
    return bytes(picture), " ".join(said.decode("utf-8", "replace").split())


def _drain(stream: IO[bytes], into: bytearray) -> None:
    with stream:
        while chunk := stream.read(_CHUNK_BYTES):
            into += chunk[: max(0, _SAID_BYTES - len(into))]


def _end(process: subprocess.Popen[bytes]) -> None:
    """The command and whatever it started; does nothing when it has been waited for."""
    if process.returncode is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def checked(picture: bytes) -> bytes:
    """``picture`` made small and written anew; what a camera may have hidden in it stays behind.

    :raises CameraTrouble: camera_garbage, camera_dark.
    """
    image = _decoded(picture)
    image.thumbnail((LONG_EDGE, LONG_EDGE))
    brightness = ImageStat.Stat(image.convert("L"))
    if brightness.mean[0] < _DARK_MEAN or brightness.stddev[0] < _FLAT_DEVIATION:
        raise CameraTrouble("camera_dark", "the picture is dark or of one colour")
    for quality in _QUALITIES:
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality)
        if len(written.getvalue()) <= MAX_JPEG_BYTES:
            return written.getvalue()
    raise CameraTrouble("camera_garbage", "the picture does not fit even when made small")


def _decoded(picture: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(picture), formats=("JPEG",)) as opened:
            dots = opened.width * opened.height
            if dots <= MAX_PIXELS:
                opened.draft("RGB", (LONG_EDGE, LONG_EDGE))
                return ImageOps.exif_transpose(opened.convert("RGB"))
    except Exception as exc:  # whatever a decoder makes of hostile bytes
        raise CameraTrouble("camera_garbage", f"what came is no picture: {type(exc).__name__}") from exc
    raise CameraTrouble("camera_garbage", f"a picture of {dots} dots, more than any camera here has")
