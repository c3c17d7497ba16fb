"""``station board``: exactly the files a board needs to run the update agent or a dock. It builds nothing."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

from firmware_agent.signing.tree import is_public_key
from station.errors import USAGE, StationError

HELP = (
    "Copy the files a board needs to run the update agent, or with --for dock the dock's controller; "
    "docs/board-bringup.md and docs/dock.md say what to do with them."
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ("__init__.py", "wire.py", "order.py", "device/*.py", "device/board/__init__.py")
FLASH = ("__init__.py", "wire.py", "device/__init__.py", "device/errors.py", "device/flash.py")
DOCK = (*FLASH, "dock_wire.py", "dock/*.py", "dock/board/__init__.py")
BOARDS = ("rp2", "unix")
PICO = ("device/board/__init__.py", "device/board/pico.py")
"""What its rp2 board takes along, whatever it is for."""
PURPOSES = ("agent", "dock")
MAX_DOCK_BINS, MAX_DOCK_BAYS = 6, 8
"""What a Pico has pins and registers for."""
_NAME = re.compile(r"[!-~]{1,32}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="a folder that is empty or not there"
    )
    parser.add_argument("--board", choices=BOARDS, default="rp2", help="default: %(default)s")
    parser.add_argument(
        "--for",
        dest="purpose",
        choices=PURPOSES,
        default="agent",
        help="what it is to run (default %(default)s)",
    )
    parser.add_argument(
        "--model", default="", help="what the board says it is; rp2 only, as all that follows"
    )
    parser.add_argument("--variant", default="cn", help="default: %(default)s")
    parser.add_argument(
        "--public-key", default="", metavar="HEX", help="as 'station release keys --lms' prints it"
    )
    parser.add_argument("--usb", default="1209:0005", metavar="VID:PID", help="default: %(default)s")
    parser.add_argument(
        "--image-kib", type=int, default=384, metavar="N", help="a slot (default %(default)s)"
    )
    parser.add_argument(
        "--staging-kib", type=int, default=256, metavar="N", help="a patch (default %(default)s)"
    )
    parser.add_argument("--min-battery", type=int, default=30, metavar="PERCENT", help="default: %(default)s")
    parser.add_argument("--battery", action="store_true", help="a lithium cell feeds VSYS")
    parser.add_argument("--bins", type=int, default=4, metavar="N", help="a dock's (default %(default)s)")
    parser.add_argument("--bays", type=int, default=2, metavar="N", help="a dock's (default %(default)s)")
    parser.add_argument("--scale-zero", type=int, default=84000, metavar="TICKS", help="of the empty scale")
    parser.add_argument(
        "--scale-per-kg", type=int, default=420000, metavar="TICKS", help="for a kilogram more"
    )
    parser.add_argument("--scale-max", type=int, default=8000, metavar="G", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Prints every file."""
    facts = None
    if args.board == "rp2":
        facts = _dock_facts(args) if args.purpose == "dock" else _facts(args)
    if args.to.exists() and (not args.to.is_dir() or any(args.to.iterdir())):
        raise StationError(f"{args.to}: there is something already", USAGE)
    written = copy(args.board, args.to, args.purpose)
    if facts is not None:
        source = f'"""What this board is; frozen beside what it runs."""\n\nFACTS = {facts!r}\n'
        (args.to / "board_facts.py").write_text(source, "utf-8")
        written.append("board_facts.py")
    for name in written:
        print(name, file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps({"board": args.board, "to": str(args.to), "files": written}))
    return 0


def copy(board: str, folder: Path, purpose: str = "agent") -> list[str]:
    """Copy the agent or the dock's firmware and what belongs to ``board`` into ``folder``; the names, relative to it.

    StationError where they are not here: an installation without its sources has no deploy/.
    """
    agent = ROOT / "firmware_agent"
    found = [path for pattern in _patterns(board, purpose) for path in sorted(agent.glob(pattern))]
    pairs = [(path, path.relative_to(ROOT)) for path in dict.fromkeys(found)]
    stubs = ROOT / "deploy/board" / ("dock" if (board, purpose) == ("rp2", "dock") else board)
    if board == "rp2" and not stubs.is_dir():
        raise StationError(f"{stubs}: not here; run this from a checkout of the project")
    pairs += [(path, path.relative_to(stubs)) for path in sorted(stubs.glob("*.py"))]
    for path, name in pairs:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    return [str(name) for _, name in pairs]


def _patterns(board: str, purpose: str) -> tuple[str, ...]:
    """The dock's unix board keeps its memory in the agent's flash file, and so takes the agent along."""
    shared = PICO if board == "rp2" else ()
    if purpose == "agent":
        return *SHARED, *shared, f"device/board/{board}.py"
    agents = (*SHARED, "device/board/unix.py") if board == "unix" else shared
    return *DOCK, f"dock/board/{board}.py", *agents


def _dock_facts(args: argparse.Namespace) -> dict[str, object]:
    usb = re.fullmatch(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", args.usb)
    if not usb:
        raise StationError("--usb takes VID:PID, four hexadecimal digits each", USAGE)
    if not 1 <= args.bins <= MAX_DOCK_BINS or not 0 <= args.bays <= MAX_DOCK_BAYS:
        raise StationError(
            f"a dock on a Pico has 1 to {MAX_DOCK_BINS} bins and at most {MAX_DOCK_BAYS} bays", USAGE
        )
    if not args.scale_per_kg or not 0 < args.scale_max <= 50000:
        raise StationError("--scale-per-kg takes ticks other than 0, --scale-max grams up to 50000", USAGE)
    return {
        "bins": args.bins,
        "bays": args.bays,
        "scale_zero_ticks": args.scale_zero,
        "scale_ticks_per_kg": args.scale_per_kg,
        "scale_max_g": args.scale_max,
        "usb_vendor": int(usb[1], 16),
        "usb_product": int(usb[2], 16),
    }


def _facts(args: argparse.Namespace) -> dict[str, object]:
    for name in ("model", "variant"):
        if not _NAME.fullmatch(getattr(args, name)):
            raise StationError(f"--{name} takes 1 to 32 letters without spaces", USAGE)
    try:
        key = bytes.fromhex(args.public_key)
    except ValueError:
        key = b""
    if not is_public_key(key):
        raise StationError("--public-key takes what 'station release keys --lms' prints", USAGE)
    usb = re.fullmatch(r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})", args.usb)
    if not usb:
        raise StationError("--usb takes VID:PID, four hexadecimal digits each", USAGE)
    if (
        not 0 <= args.min_battery <= 100
        or not 8 <= args.image_kib <= 16384
        or not 32 <= args.staging_kib <= 16384
    ):
        raise StationError(
            "--min-battery takes 0 to 100, --image-kib and --staging-kib what a flash has", USAGE
        )
    return {
        "model": args.model,
        "variant": args.variant,
        "public_key": key.hex(),
        "usb_vendor": int(usb[1], 16),
        "usb_product": int(usb[2], 16),
        "image_bytes": args.image_kib * 1024,
        "staging_bytes": args.staging_kib * 1024,
        "min_battery_percent": args.min_battery,
        "has_battery": bool(args.battery),
    }
