"""What ``station update`` says on standard error while it downloads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.flow.events import Consent
from kiosk.flow.present import Shown, job_view
from kiosk.flow.view import FetchView, Screen
from kiosk.flow.visit import State
from station.attendant import Attendant
from tests.unit import test_flow_machine as machine

VIEW = job_view(machine.at(State.PLAN), machine.Known(), Shown())
DELTA = FetchView("delta", "base_here", "1.0.0", 4_000_000, 40_000_000)


class Posted:
    """A runner that remembers what was posted."""

    def __init__(self) -> None:
        self.events: list[object] = []

    def post(self, event: object) -> None:
        self.events.append(event)


@pytest.mark.parametrize(
    ("fetch", "words"),
    [
        (
            DELTA,
            "to download: 4000000 bytes, the difference from 1.0.0 (instead of 40000000 bytes of images)",
        ),
        (replace(DELTA, method="full", why="no_base"), "the whole of 40000000 bytes of images (no_base)"),
        (FetchView("cached", "images_here"), "everything is here, nothing to download"),
    ],
)
def test_the_plan_says_what_is_downloaded_and_why(
    fetch: FetchView, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    runner = Posted()
    Attendant(runner, yes=True).see(replace(VIEW, fetch=fetch))  # type: ignore[arg-type]
    assert words in capsys.readouterr().err
    assert [type(event) for event in runner.events] == [Consent]


def test_a_download_is_told_step_by_step_and_not_byte_by_byte(capsys: pytest.CaptureFixture[str]) -> None:
    attendant = Attendant(Posted(), yes=True)  # type: ignore[arg-type]
    fetching = replace(VIEW, screen=Screen.FETCHING)
    for done in range(0, 4_000_001, 10_000):
        attendant.see(replace(fetching, fetch=replace(DELTA, done_bytes=done)))
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("downloaded")]
    assert len(told) == 21
    assert told[0] == "downloaded 0 of 4000000 bytes"
    assert told[-1] == "downloaded 4000000 of 4000000 bytes"
