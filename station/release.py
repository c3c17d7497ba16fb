"""``station release``: makes update releases, and the signed catalogue that offers them. Only ``build`` is here."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from firmware_agent.release import Heading, build
from station import release_agent, release_keys, release_lms, release_online, release_publish
from station.errors import USAGE, StationError

HELP = """Make update releases, and the signed catalogue that offers them.

In order: build a release; once, keys; delta and publish for every release; timestamp from cron. The offline keys
(root, targets, makers) are needed by keys, publish, rotate, renew and mirrors, and are best kept on a medium that is
not plugged in; the online keys (snapshot, timestamp, rollout) by timestamp, withdraw and stage as well. check warns of
what expires soon; renew signs it anew. Devices with our own agent trust a hash-based key instead: keys --lms makes
one, agent makes and signs the bundle that updates them, sign-lms signs any file. A mirror copies the repository's
files over HTTP as they are: targets/ first, metadata/timestamp.json last.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """One action each."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _build_arguments(actions)
    for module in (release_keys, release_publish, release_online, release_lms, release_agent):
        module.add(actions)


def run(args: argparse.Namespace) -> int:
    """Whatever the action is."""
    return int(args.perform(args))


def _build_arguments(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    make = actions.add_parser("build", help="make a release directory", description=build.__doc__)
    make.set_defaults(perform=_build)
    make.add_argument("--model", required=True, help="fastboot product, e.g. heron")
    make.add_argument("--variant", required=True, help="e.g. cn")
    make.add_argument("--version", required=True, help="dotted numbers, e.g. 2.0.0")
    make.add_argument(
        "--rollback-index", required=True, type=int, help="never lower than an earlier release's"
    )
    make.add_argument("--notes-zh", default="", help="what is new, in Chinese")
    make.add_argument("--notes-en", default="", help="what is new, in English")
    make.add_argument("--min-battery", type=int, default=30, metavar="PERCENT")
    make.add_argument(
        "--wipes-data", action="store_true", help="the update erases the owner's data: staff only"
    )
    make.add_argument(
        "--key",
        type=Path,
        help="RSA-2048 PEM that signs vbmeta; made when missing (a release of 'firmware' has none)",
    )
    make.add_argument(
        "--partition",
        required=True,
        action="append",
        metavar="NAME=FILE_OR_DIR",
        help="a folder becomes an ext4",
    )
    make.add_argument("--out", required=True, type=Path, help="the release directory; must not exist")
    make.add_argument("--json", action="store_true", help="one JSON object as the last line")


def _build(args: argparse.Namespace) -> int:
    """Prints each image with its size and hash."""
    if not 0 <= args.rollback_index < 2**64:
        raise StationError("--rollback-index is a whole number from 0 to 2^64 - 1", USAGE)
    heading = Heading(
        model=args.model,
        variant=args.variant,
        version=args.version,
        rollback_index=args.rollback_index,
        notes={"zh": args.notes_zh, "en": args.notes_en},
        min_battery_percent=args.min_battery,
        wipes_data=args.wipes_data,
    )
    release = build(heading, _partitions(args.partition), args.key, args.out)
    for part in release.partitions:
        print(f"{part.name:12} {part.size_bytes:>12} bytes  {part.sha256}", file=sys.stderr)
    print(f"{args.out}: {release.model} {release.version}, {release.size_bytes} bytes", file=sys.stderr)
    if args.json:
        images = {
            part.name: {"size_bytes": part.size_bytes, "sha256": part.sha256} for part in release.partitions
        }
        print(
            json.dumps(
                {
                    "release": str(args.out),
                    "model": release.model,
                    "version": release.version,
                    "images": images,
                }
            )
        )
    return 0


def _partitions(words: list[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, mark, source = word.partition("=")
        if not mark or not name or not source:
            raise StationError(f"--partition {word}: not NAME=FILE_OR_DIR", USAGE)
        if name in found:
            raise StationError(f"--partition {name} is given twice", USAGE)
        found[name] = Path(source)
    return found
