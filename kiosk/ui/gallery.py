"""Renders every screen with sample views to PNG files: ``python -m kiosk.ui.gallery OUT_DIR``. Needs a display."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kiosk.ui import toolkit
from kiosk.ui.samples import every_sample
from kiosk.ui.theme import TEXT_SIZES_PERCENT, guess_dpi
from kiosk.ui.words import LANGUAGES


def size_of(text: str) -> tuple[int, int]:
    """``1080x1920`` as a pair."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def render(
    out_dir: Path, size: tuple[int, int], languages: list[str], percent: int, low: bool, only: str
) -> int:
    """Writes one PNG per sample and language; the number written."""
    from kivy.core.window import Window

    from kiosk.ui.stagehand import Stagehand

    hand = Stagehand(guess_dpi(*size), paints=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    count = 0
    for sample in every_sample():
        for language in languages:
            if only and only not in sample.name:
                continue
            hand.show(sample, language, percent, low)
            wanted = out_dir / f"{sample.name}.{language}.png"
            taken = Path(Window.screenshot(name=str(wanted)))
            taken.replace(wanted)
            count += 1
    hand.close()
    return count


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m kiosk.ui.gallery", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--size", type=size_of, default=(1080, 1920), help="WIDTHxHEIGHT in pixels")
    parser.add_argument("--lang", choices=LANGUAGES, action="append", help="default: both")
    parser.add_argument(
        "--text", type=int, choices=TEXT_SIZES_PERCENT, default=100, help="text size in percent"
    )
    parser.add_argument("--low", action="store_true", help="low-reach mode")
    parser.add_argument("--only", default="", help="only samples with this in their name")
    args = parser.parse_args(argv)
    toolkit.prepare(*args.size)
    count = render(args.out_dir, args.size, args.lang or list(LANGUAGES), args.text, args.low, args.only)
    print(f"{count} screens in {args.out_dir}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
