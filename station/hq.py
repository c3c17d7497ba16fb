"""``station hq``: headquarters on this machine, its intake and its page."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path

from hq.service import Headquarters, Ready
from hq.settings import Address, Settings, load
from station.errors import USAGE, StationError

HELP = "Take in what stations report over MQTT, prove it, and show it on a page. Loopback only for now."


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments; each overrides the configuration file."""
    parser.add_argument("--config", type=Path, metavar="F", help="settings in TOML")
    parser.add_argument("--state", type=Path, metavar="DIR", help="database and keys (default: hq-state)")
    parser.add_argument("--broker", metavar="H:P", help="MQTT broker (default: 127.0.0.1:1883)")
    parser.add_argument("--web", metavar="H:P", help="address of the page; port 0 takes a free one")
    parser.add_argument(
        "--pin",
        action="append",
        default=[],
        metavar="STATION=PUBKEYFILE",
        help="register a station with its public key (PEM); may be repeated",
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The file's settings with the command line's on top."""
    settings = load(args.config)
    if args.state is not None:
        settings = replace(settings, state=args.state)
    if args.broker is not None:
        settings = replace(settings, broker=Address.parse(args.broker))
    if args.web is not None:
        settings = replace(settings, web=Address.parse(args.web))
    pins = dict(settings.pins)
    for text in args.pin:
        station, equals, file = text.partition("=")
        if not equals or not station or not file:
            raise StationError(f"--pin needs STATION=PUBKEYFILE, not {text!r}", USAGE)
        pins[station] = Path(file)
    return replace(settings, pins=pins)


def _announce(ready: Ready) -> None:
    if not ready.broker_connected:
        print(f"station: no broker at {ready.broker} yet; trying on", file=sys.stderr)
    facts = {"web": ready.web, "broker": ready.broker, "public_key": str(ready.public_key)}
    print(f"ready {json.dumps(facts)}", flush=True)


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    # Until the page is up nothing else would end us in good order; then the server takes both signals over.
    # SIGINT too: a shell starts what it puts into the background with that signal ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        Headquarters(settings_of(args)).run(_announce)
    return 0
