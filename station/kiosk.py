"""``station kiosk``: the touch kiosk. The kiosk's own entry point does the work; this only makes it a command."""

from __future__ import annotations

import argparse

import kiosk.__main__

HELP = "The touch kiosk: shows the screens and serves the bays until its window is closed."


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    kiosk.__main__.arguments(parser)


def run(args: argparse.Namespace) -> int:
    """0 once the window was closed."""
    return kiosk.__main__.run(args)
