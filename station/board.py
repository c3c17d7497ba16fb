"""``station board``: exactly the files a board needs to run the update agent. Builds and flashes nothing."""

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
    "Copy the files a board needs to run the update agent; docs/board-bringup.md says what to do with them."
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ("__init__.py", "wire.py", "order.py", "device/*.py", "device/board/__init__.py")
BOARDS = ("rp2", "unix")
_NAME = re.compile(r"[!-~]{1,32}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="a folder that is empty or not there"
    )
    parser.add_argument("--board", choices=BOARDS, default="rp2", help="default: %(default)s")
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
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Prints every file."""
    facts = _facts(args) if args.board == "rp2" else None
    if args.to.exists() and (not args.to.is_dir() or any(args.to.iterdir())):
        raise StationError(f"{args.to}: there is something already", USAGE)
    written = copy(args.board, args.to)
    if facts is not None:
        source = f'"""What this board is; frozen beside the agent."""\n\nFACTS = {facts!r}\n'
        (args.to / "board_facts.py").write_text(source, "utf-8")
        written.append("board_facts.py")
    for name in written:
        print(name, file=sys.stderr if args.json else sys.stdout)
    if args.json:
        print(json.dumps({"board": args.board, "to": str(args.to), "files": written}))
    return 0


def copy(board: str, folder: Path) -> list[str]:
    """Copy the agent and what belongs to ``board`` into ``folder``; the names, relative to it.

    StationError where they are not here: an installation without its sources has no deploy/.
    """
    agent = ROOT / "firmware_agent"
    found = [path for pattern in SHARED for path in sorted(agent.glob(pattern))]
    pairs = [(path, path.relative_to(ROOT)) for path in [*found, agent / f"device/board/{board}.py"]]
    stubs = ROOT / "deploy/board" / board
    if board == "rp2" and not stubs.is_dir():
        raise StationError(f"{stubs}: not here; run this from a checkout of the project")
    pairs += [(path, path.relative_to(stubs)) for path in sorted(stubs.glob("*.py"))]
    for path, name in pairs:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    return [str(name) for _, name in pairs]


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
