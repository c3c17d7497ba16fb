"""The receipt printer, over USB, network or a device file, by way of python-escpos. Decides nothing to be printed.

Only the lines' bytes come from :mod:`hw.proto.escpos`; the library itself is met in :mod:`hw.printer_line` alone.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from hw.errors import BadWhere, HwError
from hw.printer_line import CHUNK_BYTES, STATUS_S, TROUBLES, LibraryLine, usb
from hw.proto import escpos
from hw.proto.escpos import SlipLine

FORMS: Final = "usb:VID:PID[:SERIAL], tcp:HOST:PORT or file:PATH, each with ,columns=32 for 58 mm paper"
_ROLL_S: Final = 45.0  # the longest slip at the slowest head


class PrinterTrouble(HwError):
    """The slip is not (wholly) on paper. ``reason``: printer_off, printer_no_paper, printer_cover_open, printer_lost.

    "printer_lost": it fell silent in the middle, so a part may be on paper already.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Line(Protocol):
    """Bytes to a printer and its answers. Errors are any of ``TROUBLES``."""

    lasting: bool  # kept open between slips

    def open(self) -> None: ...
    def close(self) -> None: ...
    def send(self, data: bytes) -> None: ...

    def answer(self) -> bytes:
        """What came within the status time; b"" when nothing did."""
        ...


class EscPosPrinter:
    """:class:`kiosk.counter_ports.Printer` over any line. Thread-safe; one slip at a time."""

    def __init__(self, line: Line, width: int, roll_s: float = _ROLL_S) -> None:
        self._line, self._width, self._roll_s = line, width, roll_s
        self._lock = threading.Lock()
        self._answers_in_turn = True  # until a printer has shown that it does not
        self._has_answered = False  # in turn, to the slip that is being printed

    def state(self) -> str:
        """One of "ready", "paper_low", "no_paper", "cover_open", "off". Never raises."""
        with self._lock:
            try:
                with self._opened():
                    return self._reading().state
            except PrinterTrouble:
                return "off"

    def print(self, lines: Sequence[SlipLine]) -> None:
        """Returns once the printer says that it has carried everything out.

        :raises PrinterTrouble: it is not, or not wholly, on paper.
        """
        data = escpos.document(lines, self._width)
        with self._lock, self._opened():
            self._demand_ready("nothing was printed")
            try:
                self._has_answered = False
                self._line.send(data + (escpos.ASK_IN_TURN if self._answers_in_turn else b""))
                self._await_end()
            except TROUBLES as exc:
                raise PrinterTrouble("printer_lost", f"the printer fell silent in the middle: {exc}") from exc

    def close(self) -> None:
        """Let go of the line."""
        with self._lock:
            self._line.close()

    def _await_end(self) -> None:
        """Until the answer in turn; a printer that has none is believed once it stays ready."""
        deadline = time.monotonic() + self._roll_s
        while self._answers_in_turn:
            if self._has_answered or escpos.in_turn(self._line.answer()):
                break
            self._demand_ready("the slip stopped in the middle", "printer_lost")
            self._answers_in_turn = self._has_answered or time.monotonic() < deadline
        self._demand_ready("the slip stopped in the middle", "printer_lost")

    def _demand_ready(self, outcome: str, silent: str = "printer_off") -> None:
        try:
            state = self._reading().state
        except PrinterTrouble as exc:
            raise PrinterTrouble(silent, f"{exc.detail}; {outcome}") from exc
        if state == "off":
            raise PrinterTrouble(silent, f"the printer does not answer; {outcome}")
        if state in ("no_paper", "cover_open"):
            raise PrinterTrouble(f"printer_{state}", f"the printer says {state}; {outcome}")

    def _reading(self) -> escpos.Reading:
        try:
            online = self._asked(escpos.ASK_ONLINE)
            if online is None:
                return escpos.Reading(None)  # nothing else it said could be believed
            return escpos.Reading(
                online, self._asked(escpos.ASK_OFFLINE_CAUSE), self._asked(escpos.ASK_PAPER)
            )
        except TROUBLES as exc:
            self._line.close()
            raise PrinterTrouble("printer_off", f"the printer's line broke: {exc}") from exc

    def _asked(self, question: bytes) -> int | None:
        self._line.send(question)
        answers = self._line.answer()
        if escpos.in_turn(answers):
            # The slip has ended while it was being asked: that answer does not come again.
            self._has_answered = True
            if escpos.real_time(answers) is None:
                answers = self._line.answer()
        return escpos.real_time(answers)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[None]:
        try:
            self._line.open()
        except TROUBLES as exc:
            self._line.close()
            raise PrinterTrouble("printer_off", f"no printer there: {exc}") from exc
        try:
            yield
        except PrinterTrouble:
            self._line.close()
            raise
        finally:
            if not self._line.lasting:
                self._line.close()


class FilePrinter:
    """A device file of the printer's driver, or any file: it can be written, but never says anything."""

    def __init__(self, path: Path, width: int, roll_s: float = _ROLL_S) -> None:
        self._path, self._width, self._roll_s = path, width, roll_s

    def state(self) -> str:
        """Ready when it can be written to, else off."""
        try:
            os.close(self._opened())
        except OSError:
            return "off"
        return "ready"

    def print(self, lines: Sequence[SlipLine]) -> None:
        """Append the slip.

        :raises PrinterTrouble: it could not be written, or not within the time that the longest slip takes.
        """
        data = escpos.document(lines, self._width)
        try:
            file = self._opened()
        except OSError as exc:
            raise PrinterTrouble("printer_off", f"{self._path}: {exc.strerror}") from exc
        try:
            self._write(file, data)
        except OSError as exc:
            raise PrinterTrouble("printer_lost", f"{self._path}: {exc.strerror or exc}") from exc
        finally:
            os.close(file)

    def _opened(self) -> int:
        """A driver whose printer is off line would block for ever in ``open`` and in ``write``."""
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o644)

    def _write(self, file: int, data: bytes) -> None:
        deadline, left = time.monotonic() + self._roll_s, memoryview(data)
        while left:
            _, free, _ = select.select([], [file], [], max(0.0, deadline - time.monotonic()))
            if not free:
                raise TimeoutError("it takes no more")
            left = left[os.write(file, left[:CHUNK_BYTES]) :]

    def close(self) -> None:
        """Nothing is held."""


def open_printer(where: str) -> EscPosPrinter | FilePrinter:
    """The printer at ``where`` (:data:`FORMS`). Nothing is opened yet: a printer may be switched on later.

    :raises BadWhere: ``where`` names no printer.
    """
    place, comma, option = where.partition(",")
    width = {"": 48, "columns=48": 48, "columns=32": 32}.get(option)
    kind, _, rest = place.partition(":")
    if width is None or (comma and not option) or not rest:
        raise BadWhere(f"{where!r} names no printer: {FORMS}")
    if kind == "file":
        return FilePrinter(Path(rest), width)
    if kind == "tcp":
        host, _, port = rest.rpartition(":")
        if host and port.isdecimal() and 0 < int(port[:6]) <= 65535:
            number = int(port)
            return EscPosPrinter(
                LibraryLine(lambda library: library.Network(host, number, STATUS_S), lasting=False), width
            )
    if kind == "usb":
        with contextlib.suppress(ValueError):
            return EscPosPrinter(LibraryLine(usb(*rest.split(":", 2)), lasting=True), width)
    raise BadWhere(f"{where!r} names no printer: {FORMS}")
