# mypy: disallow-subclassing-any=False
"""The keyboard that a scanner pretends to be: hands its keys to the decoder while a page is up. Decodes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from kivy.app import App
from kivy.core.window import Window
from kivy.uix.widget import Widget

from kiosk.flow.counter.scan import Wedge

ENDS: Final = {13: "\r", 271: "\r", 9: "\t"}  # Kivy's key codes of Enter, the keypad's Enter and Tab


class ScanField:
    """Listens for ``page`` for as long as it is on the window; a newer page takes over."""

    def __init__(self, page: Widget, now_s: Callable[[], float] = time.monotonic) -> None:
        self._wedge = Wedge()
        self._now_s = now_s
        self._page = page
        page.fbind("parent", self._listen)

    def _listen(self, _page: Widget, parent: Widget | None) -> None:
        # Twice on one list would be every key twice.
        self._stop()
        if parent is not None:
            Window.fbind("on_textinput", self._on_textinput)
            Window.fbind("on_key_down", self._on_key_down)

    def _stop(self) -> None:
        Window.funbind("on_textinput", self._on_textinput)
        Window.funbind("on_key_down", self._on_key_down)

    def _on_textinput(self, _window: object, text: str) -> None:
        self._key(text)

    def _on_key_down(self, _window: object, key: int, *_: object) -> None:
        if key in ENDS:
            self._key(ENDS[key])

    def _key(self, char: str) -> None:
        if self._page.get_root_window() is None:
            self._stop()  # the whole screen was built anew (language, text size): the new page listens
            return
        scan = self._wedge.key(char, self._now_s())
        if scan is None:
            return
        app = App.get_running_app()
        if scan.reason:
            app.staff("scan_failed")
        else:
            app.staff("scanned", scan.kind, scan.text)
