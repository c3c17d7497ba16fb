"""The command line's own promises: help everywhere, one line per error, exit codes as documented."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kiosk.settings import load
from station.__main__ import COMMANDS, main
from station.errors import NEEDS_STAFF, OURS, REFUSED, UNREACHABLE, USAGE, StationError, explain
from tests.stations import ReportingStation


class Fault(Exception):
    """As a room's error looks: a line, and whose fault it was."""

    def __init__(self, fault: str, detail: str) -> None:
        self.fault, self.detail = fault, detail


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([command, "--help"])
    assert done.value.code == 0
    shown = capsys.readouterr().out
    assert "usage: station " + command in shown
    assert importlib.import_module(f"station.{command}").HELP.split()[0] in shown


def test_no_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([])
    assert done.value.code == USAGE
    assert "usage: station" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StationError("no"), REFUSED),
        (StationError("no", NEEDS_STAFF), NEEDS_STAFF),
        (Fault("link", "the cable\ncame out"), UNREACHABLE),
        (Fault("phone", "the phone refused"), REFUSED),
        (Fault("ours", "our bug"), OURS),
        (FileNotFoundError(2, "No such file or directory", "gone.img"), OURS),
        (ZeroDivisionError("division by zero"), OURS),
    ],
)
def test_any_error_becomes_one_line_and_its_exit_code(error: Exception, code: int) -> None:
    line, got = explain(error)
    assert got == code
    assert "\n" not in line
    assert line


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = "import sys, station.__main__ as m; m._module = lambda n: type('M', (), {'run': lambda a: print('x' * 10**6), 'arguments': lambda p: None, 'HELP': ''})\nsys.exit(m.main(['phones']))"  # noqa: E501
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait(30)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ledger", "head", "--db", "nowhere", "--json"), REFUSED),
        (("phones", "--where", "nonsense", "--json"), USAGE),
        (("update", "--phone", "nonsense", "--json"), USAGE),
        (("flash", "--phone", "nonsense", "boot_a", "nowhere", "--json"), REFUSED),
    ],
)
def test_an_error_too_ends_with_one_json_object(
    words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == code
    shown = capsys.readouterr()
    (line,) = shown.out.splitlines()
    assert isinstance(json.loads(line), dict)
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [("--boot-delay", "nan"), ("--boot-delay", "-5"), ("--boot-delay", "1e300"), ("--state", __file__)],
)
def test_a_phone_that_cannot_be_is_a_usage_error(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["phone", "--model", "heron", *words]) == USAGE
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_output_that_nobody_can_take_is_said_in_one_line(tmp_path: Path) -> None:
    ReportingStation(tmp_path, "S01").close()
    words = ("ledger", "head", "--db", str(tmp_path / "S01.sqlite3"), "--json")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "station", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (OURS, "station: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_headquarters_that_still_waits_for_its_broker_stops_when_told(tmp_path: Path, number: int) -> None:
    words = ("hq", "--state", str(tmp_path), "--broker", "127.0.0.1:1", "--web", "127.0.0.1:0")
    process = subprocess.Popen(
        [sys.executable, "-m", "station", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline_s = time.monotonic() + 30
    while not (tmp_path / "hq.sqlite3-wal").exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    process.send_signal(number)
    assert process.communicate(timeout=30) == ("", "")
    assert process.returncode == 0


def test_a_rollback_index_beyond_its_field_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "boot").write_bytes(b"boot")
    for index in ("-1", str(2**64)):
        words = f"release build --model heron --variant cn --version 1.0 --rollback-index={index}"
        places = [
            "--key",
            f"{tmp_path}/k.pem",
            "--partition",
            f"boot={tmp_path}/boot",
            "--out",
            f"{tmp_path}/o",
        ]
        assert main([*words.split(), *places]) == USAGE
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_sample_settings_are_a_station_that_loads() -> None:
    sample = Path(__file__).resolve().parents[2] / "deploy/station.toml"
    settings = load(sample)
    assert [bay.number for bay in settings.bays] == [1, 2]
    assert settings.broker is not None
