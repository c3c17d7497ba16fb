"""A virtual camera: ``python -m hw.virtual.camera`` writes one JPEG of a phone on a counter to its output.

Every picture differs a little, as real ones do; ``--same N`` repeats one, ``--fault`` spoils it.
"""

from __future__ import annotations

import argparse
import io
import random
import signal
import sys
from collections.abc import Sequence
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

FAULTS: Final = ("dark", "covered", "garbage", "silent", "failing")
_SIZE: Final = (1920, 1440)


def picture(seed: int, side: str = "front", cracked: bool = False) -> Image.Image:
    """A phone under the counter's lamp, 1,920 x 1,440 dots; the same for the same ``seed``."""
    chance = random.Random(f"{seed} {side}")  # noqa: S311 - a drawing, no secret
    image = Image.new("RGB", _SIZE, (178, 172, 160))
    draw = ImageDraw.Draw(image)
    for _ in range(400):  # the counter's grain
        x, y = chance.randrange(_SIZE[0]), chance.randrange(_SIZE[1])
        draw.line((x, y, x + chance.randrange(40, 160), y), fill=(168, 162, 150))
    left, top = 660 + chance.randrange(-40, 40), 150 + chance.randrange(-30, 30)
    width, height = (600, 1140) if side != "edge" else (120, 1140)
    draw.rounded_rectangle((left, top, left + width, top + height), 70, (28, 30, 34), (90, 92, 96), 6)
    if side == "front":
        draw.rounded_rectangle((left + 26, top + 26, left + width - 26, top + height - 26), 50, (52, 74, 110))
        draw.ellipse((left + width // 2 - 12, top + 44, left + width // 2 + 12, top + 68), (8, 8, 10))
    elif side == "back":
        for row in range(3):
            draw.ellipse((left + 50, top + 60 + row * 130, left + 150, top + 160 + row * 130), (10, 10, 12))
    if cracked or side == "damage":
        x, y = left + width * 2 // 3, top + height // 3
        for _ in range(14):
            end_x = min(max(x + chance.randrange(-300, 300), left + 8), left + width - 8)
            end_y = min(max(y + chance.randrange(-420, 420), top + 8), top + height - 8)
            draw.line((x, y, end_x, end_y), fill=(225, 228, 232), width=3)
    return image.filter(ImageFilter.GaussianBlur(1.2))


def jpeg(image: Image.Image) -> bytes:
    """As a camera would send it."""
    written = io.BytesIO()
    image.save(written, "JPEG", quality=90)
    return written.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    """One picture, or the fault asked for."""
    parser = argparse.ArgumentParser(prog="python -m hw.virtual.camera", description="A virtual camera.")
    parser.add_argument("--same", type=int, metavar="N", help="always the same picture")
    parser.add_argument("--side", choices=("front", "back", "edge", "damage"), default="front")
    parser.add_argument("--cracked", action="store_true")
    parser.add_argument("--fault", choices=FAULTS)
    args = parser.parse_args(argv)
    if args.fault == "failing":
        print("no camera at /dev/video0", file=sys.stderr)
        return 1
    if args.fault == "silent":
        while True:
            signal.pause()
    sys.stdout.buffer.write(_bytes(args))
    return 0


def _bytes(args: argparse.Namespace) -> bytes:
    if args.fault == "garbage":
        return b"\xff\xd8\xff\xe0" + random.Random(args.same).randbytes(40_000)  # noqa: S311
    if args.fault == "dark":
        return jpeg(Image.effect_noise(_SIZE, 6).point(lambda value: value // 20))
    if args.fault == "covered":
        return jpeg(Image.new("RGB", _SIZE, (120, 60, 50)))
    seed = random.SystemRandom().randrange(2**32) if args.same is None else args.same
    return jpeg(picture(seed, args.side, args.cracked))


if __name__ == "__main__":
    sys.exit(main())
