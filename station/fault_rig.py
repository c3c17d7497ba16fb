"""What a fault is injected into: real processes (broker, headquarters, phones, ``station update``) and a customer.

It counts what was lost; which fault, and what must follow, is said by the matrices (``faults_*.py``).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import kiosk.assembly
from hw.virtual.control import Customer
from hw.virtual.errors import VirtualPhoneError
from station.children import Child, die_with_parent, last_json
from station.errors import StationError
from station.sample_firmware import MIB, OLD, make_releases
from station.system import System

VISIT_S = 120.0
SYSTEM_MIB = 6
USER_BYTES = "6MiB"
NEVER_TOUCHED = ("userdata", "metadata", "persist", "frp", "modemst1", "modemst2")
_BLOCK_BYTES = 64 << 10
RATE_BYTES_PER_S = 12 * MIB  # a cable slow enough to be cut in the middle


@dataclass(slots=True)
class Visit:
    """How one run of ``station update`` ended. ``answer`` is None when it was killed."""

    code: int
    answer: dict[str, Any] | None
    said: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The contract's verdict, "killed", or "error" when it ended without one."""
        if self.answer is None:
            return "killed" if self.code < 0 else "error"
        return str(self.answer["verdict"])

    @property
    def reason(self) -> str:
        """Why, in one word; an error's last line where there was no answer."""
        return (
            str(self.answer["reason"]) if self.answer else (self.said[-1] if self.said else "it said nothing")
        )


@dataclass(slots=True)
class BenchPhone:
    """One virtual phone of a case, its customer, and what its owner had at the beginning."""

    child: Child
    state: Path
    words: tuple[str, ...]
    owned: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The bay it is in."""
        return str(self.child.ready["usbip"])

    @property
    def hands(self) -> Customer:
        """Its owner's hands."""
        return Customer(self.child.ready["control"])

    def user_files(self) -> dict[str, tuple[int, str]]:
        """Every file of the owner's, and the partitions that no update may touch: size and digest by name."""
        found = {}
        for path in sorted((self.state / "user").rglob("*")):
            if path.is_file():
                found[f"user/{path.relative_to(self.state / 'user')}"] = digest_of(path)
        for name in NEVER_TOUCHED:
            path = self.state / "flash" / f"{name}.img"
            if path.is_file():
                found[path.name] = digest_of(path)
        return found


def digest_of(path: Path) -> tuple[int, str]:
    """Its size, and of every block that is not all zeros: a partition is mostly holes, which take no reading."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        size_bytes = file.seek(0, os.SEEK_END)
        for at in _blocks_with_data(file.fileno(), size_bytes):
            block = os.pread(file.fileno(), _BLOCK_BYTES, at)
            if block.strip(b"\0"):
                digest.update(at.to_bytes(8, "big") + block)
    return size_bytes, digest.hexdigest()


def _blocks_with_data(file: int, size_bytes: int) -> Iterator[int]:
    at = 0
    while at < size_bytes:
        try:
            start = os.lseek(file, at, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno != errno.ENXIO:
                raise
            return  # nothing but a hole from here on
        end = os.lseek(file, start, os.SEEK_HOLE)
        at = max(at, start - start % _BLOCK_BYTES)
        while at < end:
            yield at
            at += _BLOCK_BYTES


@dataclass(slots=True)
class Rig:
    """``with Rig(folder).running() as rig``: one station whose broker and headquarters run through all cases."""

    folder: Path
    system: System = field(init=False)
    station: kiosk.assembly.Station = field(init=False)
    _phones: int = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[Rig]:
        """Start what all cases share; ends it all."""
        self.system = System(self.folder, (), station="faults-1", system_mib=SYSTEM_MIB)
        make_releases(self.folder / "releases", ("heron", "wren"), SYSTEM_MIB * MIB)
        with self.system:
            # A kiosk without bays: it reports what the updates' processes write into the shared ledger.
            settings = replace(self.system.settings, bays=())
            self._write_config()
            with kiosk.assembly.Station(settings) as station:
                self.station = station
                yield self

    def _write_config(self, name: str = "station.toml", **timeouts: float) -> Path:
        settings = self.system.settings
        path = self.folder / name
        lines = [
            f'state_dir = "{settings.state_dir}"',
            f'station = "{settings.station}"',
            f'releases_dir = "{self.folder / "releases"}"',
            "[timeouts]",
            *(f"{key} = {value}" for key, value in {"connect_s": 15.0, "keys_s": 30.0, **timeouts}.items()),
        ]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    @contextlib.contextmanager
    def phone(
        self, model: str, *words: str, usbip: str = "127.0.0.1:0", state: Path | None = None
    ) -> Iterator[BenchPhone]:
        """A virtual phone with the older firmware and its own owner's files."""
        self._phones += 1
        place = state or self.folder / f"phone-{self._phones}"
        firmware = self.folder / "releases" / model / OLD
        known = firmware.exists()
        made = (
            ("--firmware", str(firmware), "--user-data-size", USER_BYTES, "--state", str(place))
            if known
            else ()
        )
        places = ("--boot-delay", "0.1") if known else ()
        with Child(
            "phone",
            "--model",
            model,
            "--usbip",
            usbip,
            *made,
            *places,
            *words,
            log=self.folder / "phones.log",
        ) as child:
            yield BenchPhone(child, place, words)

    def update(
        self,
        phone: BenchPhone,
        *words: str,
        kill_at_percent: int | None = None,
        on_screen: Callable[[str], None] = lambda screen: None,
        **timeouts: float,
    ) -> Visit:
        """One ``station update`` on the phone's bay with its owner at hand; killed (-9) at a percent if asked."""
        config = self._write_config("case.toml", **timeouts)
        command = ("update", "--phone", phone.where, "--config", str(config), "--yes", "--json", *words)
        process = subprocess.Popen(
            [sys.executable, "-m", "station", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one prctl, which takes no lock
        )
        said: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line.rstrip())
            word, _, value = said[-1].partition(" ")
            if word == "progress" and kill_at_percent is not None and int(value) >= kill_at_percent:
                process.kill()
            elif word == "screen":
                on_screen(value)
                _act(phone, value)
        output, _ = process.communicate(timeout=VISIT_S)
        return Visit(process.returncode, last_json(output) if output.strip() else None, said)

    def settled(self) -> tuple[int, int, int]:
        """``(entries lost, entries twice, entries)`` once headquarters has had time to receive everything."""
        head = self.station.book.head()
        count = self.system.audit(head.index)
        database = self.folder / "hq" / "hq.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            (twice,) = connection.execute(
                "SELECT count(*) - count(DISTINCT station || '/' || epoch || '/' || idx) FROM entries"
            ).fetchone()
        return head.index - int(count["verified"]), int(twice), head.index


def _act(phone: BenchPhone, screen: str) -> None:
    """What the owner does when this screen comes. A phone that refuses the hand shows in the visit's end."""
    hands = phone.hands
    with contextlib.suppress(VirtualPhoneError):
        if screen in ("unlock", "unlock_again"):
            hands.unlock()
        elif screen in ("keys", "keys_again"):
            hands.hold_keys()
        elif screen == "await_phone":
            status = hands.status()
            if not status["plugged"]:
                hands.replug()
            if status["mode"] == "off":
                hands.hold_keys()


def still_alive(phone: BenchPhone, must_start: bool) -> str:
    """Empty when the phone starts (or, where that is not demanded, at least offers its bootloader); else why not."""
    try:
        phone.hands.fault("none")
        if not phone.hands.status()["plugged"]:
            phone.hands.replug()
        status = phone.hands.restart()
        if status["mode"] not in ("normal", "bootloader"):
            try:
                status = phone.hands.wait(15, mode="normal")
            except VirtualPhoneError:
                status = phone.hands.status()
    except (VirtualPhoneError, StationError) as exc:
        return f"the phone does not answer: {exc}"
    if status["mode"] == "normal" or (status["mode"] == "bootloader" and not must_start):
        return ""
    return f"after a restart the phone is {status['mode']}"
