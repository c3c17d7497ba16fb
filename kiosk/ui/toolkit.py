"""Readies Kivy before its first import: no argument parsing, no console log, its own home, our window, our type."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from kiosk.ui import fonts
from kiosk.ui.errors import DisplayError

BODY_FONT = "Body"
ICON_FONT = "Icons"


def prepare(width_px: int, height_px: int, *, fullscreen: bool = False) -> None:
    """Configures the process for one kiosk window. Call once, before anything imports Kivy's window.

    :raises MissingFontError: a font package is not installed.
    """
    os.environ.setdefault("KIVY_HOME", str(fonts.cache_dir().parent / "kivy"))
    Path(os.environ["KIVY_HOME"]).mkdir(parents=True, exist_ok=True)
    os.environ["KIVY_NO_ARGS"] = "1"
    os.environ.setdefault("KIVY_WINDOW", "sdl2")  # the others end the process when there is no display
    os.environ["KIVY_LOG_MODE"] = "PYTHON"  # leave standard error alone: our own errors must be seen
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        # Else SDL, when the display does not answer, draws to nobody on its "offscreen" driver.
        os.environ.setdefault("SDL_VIDEODRIVER", "x11" if os.environ.get("DISPLAY") else "wayland")
    log = logging.getLogger("kivy")
    log.setLevel(logging.ERROR)  # its first start is no news
    from kivy.config import Config

    log.setLevel(logging.WARNING)
    Config.set("graphics", "width", str(width_px))
    Config.set("graphics", "height", str(height_px))
    Config.set("graphics", "resizable", "1")
    Config.set("graphics", "borderless", "1" if fullscreen else "0")
    Config.set("graphics", "fullscreen", "auto" if fullscreen else "0")
    Config.set(
        "graphics", "multisamples", "0"
    )  # shapes smooth their own edges: 3x the frame rate in software
    Config.set("graphics", "maxfps", "30")
    Config.set("input", "mouse", "mouse,disable_multitouch")
    Config.set("kivy", "exit_on_escape", "0")
    Config.set("kivy", "keyboard_mode", "")
    register_fonts()


def register_fonts() -> None:
    """Makes our type known to Kivy under BODY_FONT and ICON_FONT."""
    from kivy.core.text import LabelBase

    faces = fonts.faces()
    LabelBase.register(BODY_FONT, fn_regular=str(faces.regular), fn_bold=str(faces.bold))
    LabelBase.register(ICON_FONT, fn_regular=str(faces.icons))


def require_window() -> None:
    """Opens the window now, so that a missing display is said before any bay is served.

    :raises DisplayError: no display, or one that does not answer.
    """
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")):
        raise DisplayError("there is no display: start it in a session with DISPLAY set, or under xvfb-run")
    log = logging.getLogger("kivy")
    log.setLevel(logging.CRITICAL + 1)  # one line of ours instead of its traceback
    from kivy.core.window import Window

    log.setLevel(logging.WARNING)
    if Window is None:
        raise DisplayError("no window can be opened: is the display there, and does OpenGL work on it?")
