"""One window for all screen tests: starts Xvfb itself when there is no display, keeps Kivy out of the home."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

PORTRAIT = (1080, 1920)
LANDSCAPE = (1920, 1080)
COUNTER = (1280, 800)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """An X display: the one there is, or our own on a free number."""
    if os.environ.get("DISPLAY"):
        yield os.environ["DISPLAY"]
        return
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb (Debian: xvfb) or a DISPLAY")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1920x1920x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        number = pipe.readline().strip()  # Xvfb writes it once it accepts connections
    os.environ["DISPLAY"] = f":{number}"
    yield os.environ["DISPLAY"]
    del os.environ["DISPLAY"]
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def hand(display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stagehand]:
    """The one app of this process; each test brings it to the moment it needs."""
    os.environ["KIVY_HOME"] = str(tmp_path_factory.mktemp("kivy"))
    from kiosk.ui import toolkit
    from kiosk.ui.theme import guess_dpi

    toolkit.prepare(*PORTRAIT)
    from kiosk.ui.stagehand import Stagehand

    stagehand = Stagehand(guess_dpi(*PORTRAIT))
    yield stagehand
    stagehand.close()


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    """No test inherits another's language, size or window."""
    if "hand" in request.fixturenames:
        request.getfixturevalue("hand").reset(PORTRAIT)
