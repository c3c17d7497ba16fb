"""Slips over TCP, by the real python-escpos, onto the virtual printer's paper; and all that can go wrong with paper."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from hw.printer import EscPosPrinter, PrinterTrouble, open_printer
from hw.virtual.errors import NoAnswer
from hw.virtual.printer import PrinterHands, ServedPrinter
from tests.slip_samples import all_slips

SLIP = all_slips("zh")["drop"]


@contextlib.contextmanager
def served(folder: Path, columns: int = 48) -> Iterator[tuple[EscPosPrinter, PrinterHands]]:
    with ServedPrinter(folder, columns) as printer:
        opened = open_printer(printer.where)
        assert isinstance(opened, EscPosPrinter)
        yield opened, PrinterHands(str(printer.ready["control"]))


def trouble(printer: EscPosPrinter) -> str:
    with pytest.raises(PrinterTrouble) as caught:
        printer.print(SLIP)
    assert caught.value.detail
    return caught.value.reason


@pytest.mark.parametrize("columns", [48, 32])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_slip_comes_out_whole_with_nothing_cut_off(tmp_path: Path, language: str, columns: int) -> None:
    slips = all_slips(language)
    with served(tmp_path, columns) as (printer, hands):
        for name, slip in slips.items():
            printer.print(slip)
            status = hands.status()
            text = "".join(status["text"].split())
            for line in slip:
                if line.kind in {"heading", "text", "small", "pair"}:
                    for part in (line.text, line.right):
                        assert "".join(part.split()).replace("¥", "￥") in text, f"{name}: {part}"
        status = hands.status()
    assert (status["slips"], status["wraps"], status["complaints"]) == (len(slips), 0, [])
    dots = {48: 576, 32: 384}[columns]
    for image in sorted(tmp_path.glob("*.png")):
        with Image.open(image) as paper:
            left, _, right, _ = ImageOps.invert(paper.convert("L")).getbbox() or (0, 0, 0, 0)
            assert left >= 16  # the margins stay white
            assert right <= 16 + dots
    assert len(list(tmp_path.glob("*.txt"))) == len(slips)


def test_amounts_stand_one_below_the_other_at_the_right_edge(tmp_path: Path) -> None:
    with served(tmp_path) as (printer, hands):
        printer.print(all_slips("zh")["offer"])
        rows = [row for row in hands.status()["text"].splitlines() if "￥" in row]
    assert len(rows) == 7
    assert {sum(1 if char <= "~" else 2 for char in row) for row in rows} == {48}


def test_the_virtual_paper_counts_what_does_not_fit(tmp_path: Path) -> None:
    """Or the tests above would see nothing."""
    with ServedPrinter(tmp_path) as printer:
        host, _, port = printer.where.removeprefix("tcp:").rpartition(":")
        with socket.create_connection((host, int(port)), 5) as sock:
            sock.sendall(b"x" * 49 + b"\n\x1dVB\x00\x1dr\x01")
            assert sock.recv(1) == b"\x00"
        status = printer.printer.status()
    assert (status["wraps"], status["text"].split()) == (1, ["x" * 48, "x"])


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        ("no-paper", "no_paper", "printer_no_paper"),
        ("cover-open", "cover_open", "printer_cover_open"),
        ("off", "off", "printer_off"),
        ("silent", "off", "printer_off"),
    ],
)
def test_each_fault_is_told_before_a_byte_of_the_slip_is_sent_and_mended_by_hand(
    tmp_path: Path, fault: str, state: str, reason: str
) -> None:
    with served(tmp_path) as (printer, hands):
        hands.fault(fault)
        assert printer.state() == state
        assert trouble(printer) == reason
        hands.mend()
        assert printer.state() == "ready"
        printer.print(SLIP)
        assert hands.status()["slips"] == 1


def test_paper_that_is_nearly_used_up_still_prints(tmp_path: Path) -> None:
    with served(tmp_path) as (printer, hands):
        hands.fault("paper-low")
        assert printer.state() == "paper_low"
        printer.print(SLIP)
        assert hands.status()["slips"] == 1


@pytest.mark.parametrize("sent_bytes", [9, 50, 300, 2000, 6000])
def test_a_printer_that_dies_in_the_middle_of_a_slip_is_lost_and_not_believed(
    tmp_path: Path, sent_bytes: int
) -> None:
    with served(tmp_path) as (printer, hands):
        hands.fault(f"die-after:{sent_bytes}")
        assert trouble(printer) == "printer_lost"
        assert printer.state() == "off"
        hands.mend()
        printer.print(SLIP)
        assert hands.wait(10, slips=1)["complaints"] == []


def test_paper_that_runs_out_in_the_middle_is_told_and_the_rest_comes_when_it_is_mended(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as (printer, hands):
        hands.fault("paper-out-after:300")
        assert trouble(printer) == "printer_no_paper"
        assert hands.status()["slips"] == 0
        assert hands.mend()["slips"] == 1  # it kept what it was sent, as real ones do


def test_a_printer_that_is_not_there_is_off(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        printer = open_printer(f"tcp:127.0.0.1:{free.getsockname()[1]}")
        assert isinstance(printer, EscPosPrinter)
        assert printer.state() == "off"
        assert trouble(printer) == "printer_off"


def test_two_threads_print_one_slip_after_the_other(tmp_path: Path) -> None:
    with served(tmp_path) as (printer, hands):
        threads = [threading.Thread(target=printer.print, args=(SLIP,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        status = hands.status()
    assert (status["slips"], status["complaints"]) == (4, [])
    assert len({file.read_text("utf-8") for file in tmp_path.glob("*.txt")}) == 1


def test_a_stream_that_is_no_slip_is_complained_of_and_does_not_stop_the_printer(tmp_path: Path) -> None:
    with ServedPrinter(tmp_path) as printer:
        hands = PrinterHands(str(printer.ready["control"]))
        address = printer.where.removeprefix("tcp:").split(":")
        with socket.create_connection((address[0], int(address[1])), 5) as host:
            host.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert host.recv(16) == b""
        assert len(hands.wait(5, waiting_bytes=0)["complaints"]) == 1
        open_printer(printer.where).print(SLIP)
        with pytest.raises(NoAnswer, match="no printer's fault"):
            hands.fault("paper-jam")


def test_the_command_serves_a_printer_until_it_is_interrupted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "station", "printer", "--state", str(tmp_path), "--fault", "paper-low"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            word, _, ready = process.stdout.readline().partition(" ")
            assert word == "ready"
            printer = open_printer(json.loads(ready)["where"])
            assert printer.state() == "paper_low"
            printer.print(SLIP)
        finally:
            process.terminate()
        assert process.wait(30) == 0
    assert (tmp_path / "slip-0001.png").is_file()
    assert "回收回执" in (tmp_path / "slip-0001.txt").read_text("utf-8")
