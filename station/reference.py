"""What the commands about staff, prices and processors share: the station's reference book, and who asks, by PIN.

A PIN is typed or read from a file, never given on the command line, where every process can see it.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from kiosk import assembly
from kiosk.flow.clock import SystemClock
from kiosk.pins import right
from kiosk.store.database import FILE
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from service.technician import Action, may, refusal
from station.errors import REFUSED, USAGE, StationError

MAX_PIN_FILE_BYTES = 256
DEFAULT_STATION = "station-1"

_WHY_NOT = {
    "staff_retired": "has retired",
    "certificate_expired": "has an expired certificate",
    "staff_level": "is not allowed to do this: it needs level 3 or a manager",
}


@dataclass(frozen=True, slots=True)
class Opened:
    """The station's reference book, and today in this machine's zone."""

    book: ReferenceBook
    now_ms: int

    @property
    def today(self) -> date:
        """A certificate that ends today still holds."""
        return datetime.fromtimestamp(self.now_ms / 1000, UTC).astimezone().date()


def place(parser: argparse.ArgumentParser) -> None:
    """Which station, and the answer's form."""
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="the station's folder")
    parser.add_argument(
        "--station", metavar="NAME", help=f"default: the folder's own, {DEFAULT_STATION} for a new one"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def asker(parser: argparse.ArgumentParser) -> None:
    """Who asks."""
    parser.add_argument("--by", default="", metavar="NUMBER", help="who asks for it, by staff number")
    parser.add_argument(
        "--by-pin-file", type=Path, metavar="F", help="that PIN's file; default: it is asked for"
    )


@contextlib.contextmanager
def opened(args: argparse.Namespace) -> Iterator[Opened]:
    """The reference book of ``--state``, closed at the end. Raises ``kiosk.errors.StoreError``."""
    there = (args.state / FILE).is_file()
    station = args.station or (assembly.station_of(args.state) if there else DEFAULT_STATION)
    database, _ = assembly.open_book(args.state, station)
    clock = SystemClock()
    try:
        yield Opened(ReferenceBook(database, Entries(database, clock), clock), clock.wall_ms())
    finally:
        database.close()


def asked_by(args: argparse.Namespace, opened_book: Opened, action: Action) -> str:
    """The actor of the entry. While nobody works here who may do it, whoever has the folder may, as "station":
    before the first manager is enrolled, and once the last one's certificate has run out.

    Raises :class:`StationError` where the PIN is wrong or the action is not allowed.
    """
    working = [one for one in opened_book.book.everyone() if may(one, action, opened_book.today)]
    if not args.by and not working:
        return "station"
    if not args.by:
        raise StationError("say who asks: --by NUMBER, a manager's or of level 3", USAGE)
    return f"staff:{signed_in(opened_book, args.by, args.by_pin_file, action)}"


def signed_in(opened_book: Opened, number: str, pin_file: Path | None, action: Action) -> str:
    """The number itself, once its PIN was right and the action is allowed."""
    pin = read_pin(f"PIN of {number}: ", pin_file)
    found = opened_book.book.staff(number)
    if not right(pin, found[1] if found else ""):
        raise StationError("staff number or PIN is wrong", REFUSED)
    assert found
    why_not = refusal(found[0], action, opened_book.today)
    if why_not:
        raise StationError(f"staff number {number} {_WHY_NOT[why_not]}", REFUSED)
    return number


def read_pin(prompt: str, file: Path | None) -> str:
    """From a file that nobody else can read, or typed without being shown."""
    if file is None:
        if not sys.stdin.isatty():
            raise StationError("nobody is there to type a PIN: use a file (--pin-file, --by-pin-file)", USAGE)
        return getpass.getpass(prompt)
    try:
        with file.open("rb") as opened_file:
            if stat.S_IMODE(file.stat().st_mode) & 0o077:
                raise StationError(f"{file}: others can read it; chmod 600 first", REFUSED)
            data = opened_file.read(MAX_PIN_FILE_BYTES + 1)
    except OSError as exc:
        raise StationError(f"{file}: {exc.strerror}", USAGE) from exc
    if len(data) > MAX_PIN_FILE_BYTES:
        raise StationError(f"{file}: too long for a PIN", USAGE)
    return data.decode("utf-8", "replace").strip()


def a_day(text: str) -> date:
    """An argument such as 2027-06-30."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"a day is such as 2027-06-30, not {text[:20]!r}") from exc


def read_file(path: Path, most_bytes: int) -> bytes:
    """A file of at most that size."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes + 1)
    except OSError as exc:
        raise StationError(f"{path}: {exc.strerror}", REFUSED) from exc
    if len(data) > most_bytes:
        raise StationError(f"{path}: larger than {most_bytes >> 10} KiB", REFUSED)
    return data
