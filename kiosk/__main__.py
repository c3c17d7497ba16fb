"""Start here: one kiosk window over one station. It builds both, joins them, and does nothing else."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from kiosk import settings
from kiosk.assembly import Station
from kiosk.ui import toolkit
from kiosk.ui.signboard import Signboard
from kiosk.ui.theme import guess_dpi


def window_size(text: str) -> tuple[int, int]:
    """``1080x1920`` as a pair of pixels; for argparse."""
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, as in 1080x1920")
    if not (480 <= int(width) <= 7680 and 480 <= int(height) <= 7680):
        raise argparse.ArgumentTypeError(f"{text}: each side is from 480 to 7680 pixels")
    return int(width), int(height)


def panel_dpi(text: str) -> float:
    """Dots per inch; for argparse."""
    try:
        dpi = float(text)
    except ValueError:
        dpi = 0.0
    if not 30 <= dpi <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a panel's dpi, 30 to 600")
    return dpi


def arguments(parser: argparse.ArgumentParser) -> None:
    """The kiosk's own options."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="the station's settings (TOML)")
    parser.add_argument(
        "--size",
        type=window_size,
        metavar="WxH",
        help="a window of that many pixels, laid out as on the panel of its shape (default: the whole screen)",
    )
    parser.add_argument(
        "--dpi",
        type=panel_dpi,
        metavar="N",
        help="the panel's dots per inch (default: the settings', or by --size)",
    )


def run(args: argparse.Namespace) -> int:
    """Shows the kiosk until its window is closed."""
    chosen = settings.load(args.config)
    dpi = args.dpi or (guess_dpi(*args.size) if args.size else chosen.dpi)
    toolkit.prepare(*(args.size or (1080, 1920)), fullscreen=args.size is None)
    toolkit.require_window()
    from kiosk.ui.app import KioskApp

    signs = Signboard(chosen.hotline, chosen.hours)
    with Station(chosen) as station:
        app = KioskApp(
            station.desk,
            dpi=dpi,
            signboard=signs,
            language=chosen.language,
            panel_bottom_mm=chosen.panel_bottom_mm,
            counter=station.counter,
        )
        signal.signal(signal.SIGTERM, lambda *_: app.stop())  # visits stay open for the next start
        app.run()
    return 0


def main(argv: list[str] | None = None) -> int:
    """``python -m kiosk``."""
    parser = argparse.ArgumentParser(prog="python -m kiosk", description=__doc__)
    arguments(parser)
    return run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
