"""``station dock``: a virtual dock until interrupted, or (with --where) one look at a dock, or one order for it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import secrets
import sys
import tempfile
import time
from pathlib import Path

from hw.dock import SerialDock, open_dock
from hw.virtual import serve
from hw.virtual.dock import VirtualDock
from hw.virtual.dock_world import SPECS
from station.errors import UNREACHABLE, USAGE, StationError

HELP = (
    "Serve a virtual dock on loopback until interrupted; with --where, look at a dock or give it one order."
)
ACTIONS = (
    "show",
    "watch",
    "release",
    "lock",
    "release-door",
    "lock-door",
    "release-drawer",
    "lock-drawer",
    "tare",
)
_CONNECT_S = 5.0
_WATCH_S = 3600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="with --where: what to do (default show)")
    parser.add_argument("number", nargs="?", type=int, default=0, help="with --where: the bin")
    parser.add_argument("--where", metavar="W", help="serial:/dev/NAME or tcp:HOST:PORT")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--state", type=Path, metavar="DIR", help="its flash (default: a temporary one)")
    parser.add_argument("--bins", type=int, default=4, metavar="N", help="default: %(default)s")
    parser.add_argument("--bays", type=int, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--listen", type=_address, default=("127.0.0.1", 0), metavar="H:P", help="127.0.0.1:0"
    )
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help=f"any of: {SPECS}")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, or do one thing."""
    if args.where is None:
        if args.action is not None:
            raise StationError(f"{args.action} needs --where", USAGE)
        return _serve(args)
    if args.fault or args.state:
        raise StationError("--fault and --state are for a virtual dock, not for the one at --where", USAGE)
    with contextlib.closing(open_dock(args.where)) as dock:
        return _one_thing(dock, args)


def _serve(args: argparse.Namespace) -> int:
    if args.state is not None and args.state.exists() and not args.state.is_dir():
        raise StationError(f"{args.state}: not a folder", USAGE)
    with contextlib.ExitStack() as stack:
        state = args.state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual-dock-")))
        dock = stack.enter_context(VirtualDock(state.absolute(), args.bins, args.bays, args.listen))
        for spec in args.fault:
            dock.act("fault", {"spec": spec})
        interruption = serve.Interruption()
        print("ready", json.dumps(dock.ready), flush=True)
        interruption.wait()
        print("station: the virtual dock is switched off", file=sys.stderr)
        return 0


def _one_thing(dock: SerialDock, args: argparse.Namespace) -> int:
    _connected(dock)
    intent = f"staff tool {secrets.token_hex(16)}"
    orders = {
        "release": lambda: dock.release_flap(args.number, intent),
        "lock": lambda: dock.lock_flap(args.number, intent),
        "release-door": lambda: dock.release_door(args.number, intent),
        "lock-door": lambda: dock.lock_door(args.number, intent),
        "release-drawer": lambda: dock.release_drawer(intent),
        "lock-drawer": lambda: dock.lock_drawer(intent),
        "tare": lambda: dock.tare(intent),
    }
    if args.action in orders:
        orders[args.action]()
    _show(dock, args.json)
    if args.action == "watch":
        change = 0
        while True:
            change = dock.wait(change, _WATCH_S)
            _show(dock, args.json)
    return 0


def _connected(dock: SerialDock) -> None:
    deadline = time.monotonic() + _CONNECT_S
    change = 0
    while not dock.facts().online:
        if time.monotonic() > deadline:
            raise StationError(f"the dock does not answer: {dock.why_offline}", UNREACHABLE)
        change = dock.wait(change, 0.5)


def _show(dock: SerialDock, as_json: bool) -> None:
    facts = dock.facts()
    if as_json:
        print(json.dumps(dataclasses.asdict(facts)), flush=True)
        return
    line = f"{'online' if facts.online else 'OFFLINE'}, start {facts.boots} of the controller"
    words = [word for word, is_so in (("TAMPERED", facts.tampered), ("STOPPED", facts.stopped)) if is_so]
    print(", ".join([line, *words]))
    scale = facts.scale
    print(f"scale    {scale.mass_g} g {'at rest' if scale.stable else 'moving'} {scale.trouble}".rstrip())
    for one in facts.bins:
        place = f"bin {one.number:<4} lock {one.lock}, flap {one.flap}, door {one.door}"
        print(f"{place}, {one.fill_percent} % full, {one.falls} falls")
    print(f"drawer   {facts.drawer}{', something lies in it' if facts.drawer_full else ''}")
    for bay in facts.bays:
        print(
            f"bay {bay.number:<4} {'on' if bay.power else 'off'}, {bay.temperature_c} C{', HOT' if bay.hot else ''}"
        )
    sys.stdout.flush()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)
