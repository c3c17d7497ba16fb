"""The command line's own promises: help everywhere, one line per error, exit codes as documented."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.settings import load
from station.__main__ import COMMANDS, main
from station.errors import NEEDS_STAFF, OURS, REFUSED, UNREACHABLE, USAGE, StationError, explain


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


def test_the_sample_settings_are_a_station_that_loads() -> None:
    sample = Path(__file__).resolve().parents[2] / "deploy/station.toml"
    settings = load(sample)
    assert [bay.number for bay in settings.bays] == [1, 2]
    assert settings.broker is not None
