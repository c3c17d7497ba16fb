"""Errors of the screens' room."""

from __future__ import annotations


class ScreenError(Exception):
    """Base of the room; ``detail`` is one line for the operator, ``exit_code`` what a command ends with."""

    exit_code = 1

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MissingFontError(ScreenError):
    """A font file the screens need is not installed, or lacks the face we need."""


class LocaleError(ScreenError):
    """A locale file is unreadable, or a string or its parameter is missing."""


class DisplayError(ScreenError):
    """No window could be opened."""
