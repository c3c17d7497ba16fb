"""``station printer``: a virtual receipt printer on loopback, until interrupted. Prints one line ``ready {json}``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from pathlib import Path

from hw.virtual import printer, serve
from station.errors import USAGE, StationError

HELP = (
    "Serve a virtual receipt printer on loopback until interrupted; its slips become images and text files."
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="where its slips fall (default: a temporary folder)"
    )
    parser.add_argument("--columns", type=int, choices=(32, 48), default=48, help="58 mm or 80 mm paper")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="SPEC", help=f"any of: {printer.SPECS}"
    )
    parser.add_argument("--port", type=int, default=0, metavar="N", help="on loopback (default: a free one)")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    if not 0 <= args.port <= 65535:
        raise StationError("--port takes 0 to 65535", USAGE)
    with contextlib.ExitStack() as stack:
        state = args.state or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual-printer-"))
        )
        made = printer.ServedPrinter(state, args.columns, tuple(args.fault), ("127.0.0.1", args.port))
        served = stack.enter_context(made)
        interruption = serve.Interruption()
        print("ready", json.dumps({**served.ready, "state": str(state)}), flush=True)
        interruption.wait()
    print("station: the virtual printer is switched off", file=sys.stderr)
    return 0
