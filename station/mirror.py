"""``station mirror``: a repository over HTTP on loopback, until interrupted. Prints one line ``ready {json}``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from hw.virtual.serve import Interruption
from station.errors import USAGE, StationError
from station.mirror_faults import SPECS
from station.mirror_server import MirrorServer

HELP = "Serve a repository's metadata and targets over HTTP until interrupted, with faults when asked."


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--root", type=Path, required=True, metavar="DIR", help="the folder with metadata/ and targets/"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="H", help="address to listen on (default %(default)s)"
    )
    parser.add_argument("--port", type=int, default=0, metavar="P", help="default: a free one")
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help=f"any of: {SPECS}")
    parser.add_argument("--json", action="store_true", help="one JSON object of counts as the last line")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    if not args.root.is_dir():
        raise StationError(f"{args.root}: not a folder", USAGE)
    if not 0 <= args.port <= 65535:
        raise StationError("--port takes 0 to 65535", USAGE)
    try:
        server = MirrorServer(args.root, args.fault, host=args.host, port=args.port)
    except OSError as exc:
        raise StationError(f"cannot listen on {args.host}:{args.port}: {exc.strerror}") from exc
    with server:
        interruption = Interruption()  # before anybody learns that there is something to interrupt
        print("ready", json.dumps({"url": server.url}), flush=True)
        interruption.wait()
        print(f"station: the mirror is gone; it answered {server.requests} requests", file=sys.stderr)
        if args.json:
            print(json.dumps({"url": server.url, "requests": server.requests, "bytes": server.sent_bytes}))
    return 0
