"""The printer's answers are believed only where they can be, and nothing but a printer's trouble is raised."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from escpos.escpos import Escpos
from escpos.exceptions import DeviceNotFoundError
from escpos.printer import Usb
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import BadWhere
from hw.printer import EscPosPrinter, FilePrinter, PrinterTrouble, open_printer
from hw.printer_line import LibraryLine, find_endpoints, has_serial
from hw.proto import escpos
from hw.proto.escpos import Reading, document


@dataclass(frozen=True)
class Line:
    kind: str
    text: str = ""
    right: str = ""


# -- what the printer says


@given(st.binary(max_size=16))
def test_only_bytes_of_a_status_are_taken_for_one(answers: bytes) -> None:
    found = escpos.real_time(answers)
    assert found is None or (found & 0x93 == 0x12 and found in answers)
    assert not (found is not None and escpos.in_turn(bytes([found])))  # the two never look alike


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        (Reading(None), "off"), (Reading(0x12, 0x12, 0x12), "ready"), (Reading(0x12, 0x12, 0x1E), "paper_low"),
        (Reading(0x1A, 0x32, 0x72), "no_paper"), (Reading(0x12, 0x12, 0x72), "no_paper"),
        (Reading(0x1A, 0x16, 0x12), "cover_open"), (Reading(0x1A, 0x36, 0x72), "cover_open"),
        (Reading(0x1A, 0x12, 0x12), "off"), (Reading(0x12), "ready"),
    ],
)  # fmt: skip
def test_the_status_bytes_come_down_to_one_state(reading: Reading, state: str) -> None:
    assert reading.state == state


class FakeLine:
    """A line whose answers are scripted; ``fail`` raises at the n-th thing asked of it."""

    lasting = True

    def __init__(
        self, answers: Callable[[bytes], bytes], fail_at: int = -1, error: type[Exception] = OSError
    ) -> None:
        self._answers, self._fail_at, self._error = answers, fail_at, error
        self._asked = b""
        self.sent: list[bytes] = []
        self.count = 0
        self.opened = False

    def _step(self) -> None:
        self.count += 1
        if self.count == self._fail_at:
            raise self._error("gone")

    def open(self) -> None:
        self._step()
        self.opened = True

    def close(self) -> None:
        self.opened = False

    def send(self, data: bytes) -> None:
        self._step()
        self._asked = data
        self.sent.append(data)

    def answer(self) -> bytes:
        self._step()
        return self._answers(self._asked)


def healthy(asked: bytes) -> bytes:
    return b"\x00" if asked.endswith(escpos.ASK_IN_TURN) else b"\x12"


LAST_BEFORE_SLIP = 7  # opened, and three questions with their answers
SLIP = [Line("text", "你好"), Line("cut")]


@pytest.mark.parametrize("error", [OSError, TimeoutError, AssertionError, NotImplementedError, ValueError])
@pytest.mark.parametrize("fail_at", range(1, 16))
def test_whatever_breaks_wherever_is_a_printers_trouble(fail_at: int, error: type[Exception]) -> None:
    line = FakeLine(healthy, fail_at, error)
    printer = EscPosPrinter(line, 48)
    reason = ""
    try:
        printer.print(SLIP)
    except PrinterTrouble as trouble:
        reason = trouble.reason
    begun = any(b"\x1b@" in data for data in line.sent) or fail_at == LAST_BEFORE_SLIP + 1
    assert reason == ("" if fail_at > line.count else "printer_lost" if begun else "printer_off")
    assert line.opened == (not reason)  # a line that broke is opened anew
    assert printer.state() in {"ready", "off"}


class BrokenLibrary:
    """A printer of the library's, which raises the library's own error at one of its ways in."""

    def __init__(self, at: str) -> None:
        self._at = at

    def _step(self, name: str) -> None:
        if name == self._at:
            raise DeviceNotFoundError("gone")

    def open(self) -> None:
        self._step("open")

    def close(self) -> None:
        self._step("close")

    def _raw(self, data: bytes) -> None:
        self._step("send")

    def _read(self) -> bytes:
        self._step("answer")
        return b"\x12"


@pytest.mark.parametrize("at", ["made", "open", "send", "answer", "close"])
def test_the_librarys_own_errors_never_leave_its_edge(at: str) -> None:
    def made(_library: object) -> BrokenLibrary:
        broken = BrokenLibrary(at)
        broken._step("made")
        return broken

    printer = EscPosPrinter(LibraryLine(made, lasting=False), 48)
    assert printer.state() == ("ready" if at == "close" else "off")


def test_loading_the_library_leaves_no_folder_and_no_logging_behind(tmp_path: Path) -> None:
    """It is loaded with the first printer that is opened, not with the kiosk."""
    said = (
        "import logging, sys; from hw.printer import open_printer; printer = open_printer('tcp:127.0.0.1:1')\n"
        "assert 'escpos.printer' not in sys.modules\n"
        "assert printer.state() == 'off' and 'escpos.printer' in sys.modules and not logging.root.handlers"
    )
    subprocess.run([sys.executable, "-c", said], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []


def test_a_printer_that_says_nothing_is_off_and_gets_no_slip() -> None:
    """Its paper sensor would be believed to be full by the library: 2 when nothing answers."""
    line = FakeLine(lambda asked: b"")
    printer = EscPosPrinter(line, 48)
    assert printer.state() == "off"
    with pytest.raises(PrinterTrouble) as caught:
        printer.print(SLIP)
    assert caught.value.reason == "printer_off"
    assert all(data == escpos.ASK_ONLINE for data in line.sent)


class SilentLibrary(Escpos):  # type: ignore[misc]  # it ships no types
    """The library over a line that takes everything and says nothing."""

    def _raw(self, msg: bytes) -> None: ...

    def _read(self) -> bytes:
        return b""

    def close(self) -> None: ...


def test_the_library_alone_would_believe_a_silent_printer_to_have_paper() -> None:
    """Why nothing here looks at the paper before the printer has said that it is on line."""
    assert not SilentLibrary().is_online()
    assert SilentLibrary().paper_status() == 2


class FakeInterface(list[SimpleNamespace]):
    """Endpoints, as pyusb's interfaces are iterated."""

    def __init__(self, kind: int, *addresses: int) -> None:
        super().__init__(SimpleNamespace(bEndpointAddress=address) for address in addresses)
        self.bInterfaceClass = kind


def test_a_usb_printer_is_spoken_to_at_its_own_endpoints() -> None:
    library = Usb(0x04B8, 0x0202)
    library._device = [[FakeInterface(3, 0x81), FakeInterface(7, 0x03, 0x84)]]
    find_endpoints(library)
    assert (library.out_ep, library.in_ep) == (0x03, 0x84)
    library._device = [[FakeInterface(3, 0x81)]]
    with pytest.raises(OSError, match="no printer's interface"):
        find_endpoints(library)
    library._device = False  # it would close what it never opened


def test_a_neighbour_on_the_bus_that_cannot_be_read_does_not_hide_the_printer() -> None:
    class Neighbour:
        @property
        def serial_number(self) -> str:
            raise ValueError("The device has no langid")

    class Ours:
        serial_number = "A1"

    assert [has_serial(each, "A1") for each in (Neighbour(), Ours(), None)] == [False, True, False]


def test_a_printer_without_answers_in_turn_is_believed_and_not_waited_for_again() -> None:
    line = FakeLine(lambda asked: b"" if asked.endswith(escpos.ASK_IN_TURN) else b"\x12")
    printer = EscPosPrinter(line, 48, roll_s=0)
    printer.print(SLIP)
    printer.print(SLIP)
    assert [data.endswith(escpos.ASK_IN_TURN) for data in line.sent if data[:2] == b"\x1b@"] == [True, False]


def test_a_slip_is_not_done_while_the_printer_has_not_carried_it_out() -> None:
    out_of_paper = {escpos.ASK_ONLINE: b"\x1a", escpos.ASK_OFFLINE_CAUSE: b"\x32", escpos.ASK_PAPER: b"\x72"}
    sent: list[bytes] = []

    def answers(asked: bytes) -> bytes:
        sent.append(asked)
        stopped = any(each[:2] == b"\x1b@" for each in sent)
        return out_of_paper.get(asked, b"") if stopped else b"\x12"

    with pytest.raises(PrinterTrouble) as caught:
        EscPosPrinter(FakeLine(answers), 48).print(SLIP)
    assert caught.value.reason == "printer_no_paper"


@pytest.mark.parametrize("together", [True, False])
def test_a_slow_slip_whose_end_is_said_between_two_questions_is_not_waited_for_again(together: bool) -> None:
    sent: list[bytes] = []
    late: list[bytes] = []

    def answers(asked: bytes) -> bytes:
        if late:
            return late.pop()
        is_news = not sent or sent[-1] != asked
        sent.append(asked)
        ended = any(each.endswith(escpos.ASK_IN_TURN) for each in sent)
        if asked.endswith(escpos.ASK_IN_TURN):
            return b""
        if ended and asked == escpos.ASK_ONLINE and is_news and sent.count(asked) == 2:
            if together:
                return b"\x00\x12"
            late.append(b"\x12")
            return b"\x00"
        return b"\x12"

    line = FakeLine(answers)
    printer = EscPosPrinter(line, 48, roll_s=0)
    printer.print(SLIP)
    printer.print(SLIP)
    asked_in_turn = [data.endswith(escpos.ASK_IN_TURN) for data in line.sent if data[:2] == b"\x1b@"]
    assert asked_in_turn == [True, True], "it answers in turn, and is asked for it again"


def test_a_slip_that_is_none_is_our_own_error_before_a_byte_is_sent() -> None:
    for slip in ([Line("poster", "x")], [Line("text")] * 401):
        line = FakeLine(healthy)
        with pytest.raises(escpos.SlipError) as caught:
            EscPosPrinter(line, 48).print(slip)
        assert (caught.value.reason, line.sent) == ("slip_unprintable", [])


# -- where it is


@pytest.mark.parametrize(
    "where",
    [
        "", "tcp", "tcp:", "tcp:host", "tcp:host:0", "tcp:host:65536", "tcp:host:99999999", "tcp::9100", "usb:04b8",
        "usb:04b8:", "usb:zz:0202", "file:", "lpt:1", "tcp:h:9100,columns=40", "tcp:h:9100,", "file:x,y",
    ],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_with_the_forms(where: str) -> None:
    with pytest.raises(BadWhere, match="usb:VID:PID"):
        open_printer(where)


@pytest.mark.parametrize(
    "where", ["tcp:127.0.0.1:9100", "tcp:printer,columns=32", "usb:04b8:0202", "usb:04b8:0202:A:1"]
)
def test_a_place_is_not_opened_before_something_is_printed(where: str) -> None:
    if where.count(":") > 1:
        assert isinstance(open_printer(where), EscPosPrinter)


def test_a_file_takes_slips_one_after_another(tmp_path: Path) -> None:
    printer = open_printer(f"file:{tmp_path / 'paper'},columns=32")
    assert isinstance(printer, FilePrinter)
    assert printer.state() == "ready"
    printer.print(SLIP)
    printer.print(SLIP)
    assert (tmp_path / "paper").read_bytes() == document(SLIP, 32) * 2
    lost = open_printer(f"file:{tmp_path / 'none' / 'paper'}")
    assert lost.state() == "off"
    with pytest.raises(PrinterTrouble, match="No such file"):
        lost.print(SLIP)


def test_a_device_file_that_takes_nothing_does_not_hold_anybody_up(tmp_path: Path) -> None:
    """As /dev/usb/lp0 of a printer that is off line; a pipe behaves the same."""
    pipe = tmp_path / "lp0"
    os.mkfifo(pipe)
    printer = FilePrinter(pipe, 48, roll_s=0.1)
    assert printer.state() == "off"
    with pytest.raises(PrinterTrouble) as caught:
        printer.print([Line("text", "x")])
    assert caught.value.reason == "printer_off"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(PrinterTrouble) as caught:
            printer.print([Line("text", "x" * 1900)] * 60)  # more than a pipe holds
    finally:
        os.close(reader)
    assert caught.value.reason == "printer_lost"
