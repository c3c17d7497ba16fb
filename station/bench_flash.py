"""How fast a partition reaches the phone: ours against Google's fastboot, and against a bare socket.

Every run's bytes are compared with the file by hash; a run that wrote anything else is an error, not a figure.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from hw.flashing import FileImage
from hw.phone import open_phone
from kiosk.ports import Identity
from station.bench import Row, alternate, median
from station.children import Child
from station.errors import OURS, StationError

MIB = 1 << 20
PARTITION, SLOT_FILE = "system_b", "system_b"
PAYLOAD_BYTES = 4096  # a frame this large carries image bytes


class BenchImage(FileImage):
    """An image file whose hash is known, so that no run pays for it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path
        self.digest = FileImage(path).sha256


def rows(runs: int, mib: int) -> list[Row]:
    """All rows of ``station bench flash``; ``mib`` is the image's size."""
    if not shutil.which("fastboot"):
        raise StationError("Google's fastboot is not installed (Debian package fastboot)", OURS)
    with tempfile.TemporaryDirectory(prefix="station-bench-") as folder:
        image = _image(Path(folder) / "image", mib * MIB)
        return [
            *_against_fastboot(Path(folder), image, runs),
            *_against_socket(Path(folder), image, runs),
        ]


def _image(path: Path, size_bytes: int) -> BenchImage:
    path.write_bytes(os.urandom(size_bytes))
    return BenchImage(path)


def _phone(state: Path) -> Child:
    places = ("--fastboot-tcp", "127.0.0.1:0", "--usbip", "127.0.0.1:0")
    return Child("phone", "--model", "heron", "--mode", "bootloader", "--state", str(state), *places)


def _check(state: Path, image: BenchImage) -> None:
    """The slot holds the file's bytes; then it is spoilt, so that the next run cannot pass on this run's bytes."""
    slot = next(iter(state.rglob(f"{SLOT_FILE}*")), None)
    if slot is None:
        raise StationError(f"the phone's state holds no {SLOT_FILE}", OURS)
    with slot.open("r+b") as file:
        if hashlib.sha256(file.read(image.size_bytes)).hexdigest() != image.digest:
            raise StationError("the slot's bytes are not the file's: no figure", OURS)
        file.seek(0)
        file.write(bytes(4096))


def _identity(where: str) -> Identity:
    """Who the phone is; asked once, as in a visit. Every write asks product and serialno again by itself."""
    phone = open_phone(where)
    try:
        return phone.identify()
    finally:
        phone.close()


def _seconds_ours(where: str, image: BenchImage, who: Identity) -> float:
    """Connect, write, let go."""
    begun = time.perf_counter()
    phone = open_phone(where)
    try:
        phone.write(PARTITION, image, who, lambda done, total: None)
    finally:
        phone.close()
    return time.perf_counter() - begun


def _seconds_exchange(where: str, image: BenchImage, before: Callable[[], None] = lambda: None) -> float:
    """The write alone, on a phone that is open and identified; ``before`` is called as it begins."""
    phone = open_phone(where)
    try:
        who = phone.identify()
        before()
        begun = time.perf_counter()
        phone.write(PARTITION, image, who, lambda done, total: None)
        return time.perf_counter() - begun
    finally:
        phone.close()


def _against_fastboot(folder: Path, image: BenchImage, runs: int) -> list[Row]:
    state = folder / "phone-tcp"
    with _phone(state) as phone:
        where = phone.ready["fastboot_tcp"]
        who = _identity(where)

        def ours() -> float:
            seconds = _seconds_ours(where, image, who)
            _check(state, image)
            return seconds

        def theirs() -> float:
            begun = time.perf_counter()
            words = ["timeout", "120", "fastboot", "-s", where, "flash", PARTITION, str(image.path)]
            subprocess.run(words, check=True, capture_output=True)
            seconds = time.perf_counter() - begun
            _check(state, image)
            return seconds

        mine, peers = alternate(runs, ours, theirs)
    what = f"flash {image.size_bytes // MIB} MiB over TCP, connect to OKAY"
    return [Row(what, median(mine), "Google fastboot (whole process)", median(peers), "s", 1.05)]


class _Tap(threading.Thread):
    """A TCP relay that notes what passed: ``("out", bytes)`` to the phone, ``("in", length)`` back."""

    def __init__(self, target: tuple[str, int]) -> None:
        super().__init__(name="tap", daemon=True)
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sessions: list[list[tuple[str, bytes | int]]] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Accept until closed; each connection becomes one list in ``sessions``."""
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            notes: list[tuple[str, bytes | int]] = []
            self.sessions.append(notes)
            for source, sink, way in ((near, far, "out"), (far, near, "in")):
                threading.Thread(target=self._pump, args=(source, sink, way, notes), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, way: str, notes: list[tuple[str, bytes | int]]
    ) -> None:
        try:
            while data := source.recv(1 << 20):
                with self._lock:
                    notes.append((way, data if way == "out" else len(data)))
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self) -> None:
        """Stop accepting."""
        self._listener.close()


class _Replay:
    """A bare socket that exchanges what a tap noted, reading the image as it sends it, like any host."""

    def __init__(
        self, target: tuple[str, int], sessions: list[list[tuple[str, bytes | int]]], begin: int
    ) -> None:
        self._target = target
        *self._earlier, self._last = sessions
        self._begin = begin
        self._buffer = memoryview(bytearray(1 << 20))

    def seconds(self, image: Path) -> float:
        """Of the exchange from ``begin`` in the last session on; what was before it is not timed."""
        with image.open("rb", buffering=0) as file:
            for notes in self._earlier:
                with self._connect() as link:
                    self._exchange(link, notes, file)
            with self._connect() as link:
                self._exchange(link, self._last[: self._begin], file)
                begun = time.perf_counter()
                self._exchange(link, self._last[self._begin :], file)
                return time.perf_counter() - begun

    def _connect(self) -> socket.socket:
        link = socket.create_connection(self._target)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return link

    def _exchange(self, link: socket.socket, notes: list[tuple[str, bytes | int]], file: io.FileIO) -> None:
        for way, what in notes:
            if isinstance(what, int):
                left = what
                while left:
                    got = link.recv_into(self._buffer, min(left, len(self._buffer)))
                    if not got:
                        raise StationError(
                            f"the phone hung up {left} bytes early in the replay ({way})", OURS
                        )
                    left -= got
            else:
                if len(what) >= PAYLOAD_BYTES:
                    file.readinto(self._buffer[: len(what)])
                link.sendall(what)


def _against_socket(folder: Path, image: BenchImage, runs: int) -> list[Row]:
    state = folder / "phone-usbip"
    with _phone(state) as phone:
        where = phone.ready["usbip"]
        host, _, rest = where.removeprefix("usbip://").partition(":")
        port, _, busid = rest.partition("/")
        tap = _Tap((host, int(port)))
        tap.start()
        marks: list[int] = []
        tapped = f"usbip://127.0.0.1:{tap.port}/{busid}"
        _seconds_exchange(tapped, image, lambda: marks.append(len(tap.sessions[-1])))
        _check(state, image)
        tap.close()
        replay = _Replay((host, int(port)), tap.sessions, marks[0])

        def ours() -> float:
            seconds = _seconds_exchange(where, image)
            _check(state, image)
            return seconds

        def theirs() -> float:
            seconds = replay.seconds(image.path)
            _check(state, image)
            return seconds

        mine, peers = alternate(runs, ours, theirs)
    what = f"write {image.size_bytes // MIB} MiB over USB/IP through PyUSB"
    return [Row(what, median(mine), "bare socket, the same frames and file", median(peers), "s", 1.10)]
