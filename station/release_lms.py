"""``station release sign-lms`` and ``keys --lms``: the hash-based key that devices with our agent trust."""

from __future__ import annotations

import argparse
import functools
import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from firmware_agent.durable import write_file
from firmware_agent.signing.key import DEFAULT, HEIGHTS, WINTERNITZ, LmsKey, make_key
from firmware_agent.signing.tree import Shape
from station.errors import USAGE, StationError
from station.release_keys import Actions, say

_FILE_BYTES_MOST = 64 * 1024 * 1024
_LINE_EVERY_S = 1.0


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """The action of its own, and the option of ``keys``, which must be there already."""
    _extend_keys(actions.choices["keys"])
    sign = actions.add_parser(
        "sign-lms",
        help="sign a file, e.g. an update order, with a hash-based key",
        description="Sign a file with an LMS key (RFC 8554). Each signature uses up one leaf of the key, and that is "
        "on the disk before the signature is made: no leaf ever signs twice. Never sign with a copy of the folder.",
    )
    sign.add_argument("--key", required=True, type=Path, metavar="DIR", help="what keys --lms has made")
    sign.add_argument("file", type=Path, metavar="FILE", help="what is to be signed, up to 64 MiB")
    sign.add_argument("--out", required=True, type=Path, metavar="SIG", help="must not exist")
    sign.add_argument("--json", action="store_true", help="one JSON object as the last line")
    sign.set_defaults(perform=_sign)


def _extend_keys(keys: argparse.ArgumentParser) -> None:
    group = keys.add_argument_group("for devices with our agent")
    group.add_argument(
        "--lms", type=Path, metavar="DIR", help="make an LMS key in a new folder, and nothing else"
    )
    group.add_argument(
        "--height",
        type=int,
        choices=HEIGHTS,
        help=f"5, 10 or 15: the key signs 32, 1,024 or 32,768 times ({DEFAULT.height})",
    )
    group.add_argument(
        "--winternitz",
        type=int,
        choices=WINTERNITZ,
        help=f"bits per chain: more makes signatures shorter and slower ({DEFAULT.winternitz})",
    )
    keys.set_defaults(perform=functools.partial(_keys, keys.get_default("perform")))


def _keys(otherwise: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    if args.lms is None:
        if args.height is not None or args.winternitz is not None:
            raise StationError("--height and --winternitz belong to --lms DIR", USAGE)
        return otherwise(args)
    if args.repository is not None or args.keys is not None or args.maker:
        raise StationError(
            "--lms DIR makes a key for devices; the repository's keys are made without it", USAGE
        )
    shape = Shape(args.height or DEFAULT.height, args.winternitz or DEFAULT.winternitz)
    key = make_key(args.lms, shape, _progress(), workers=os.cpu_count() or 1)
    answer: dict[str, object] = {
        "key": str(args.lms),
        "public_key": key.public_key.hex(),
        "signatures": shape.leaves,
        "signature_bytes": shape.signature_bytes,
    }
    line = f"{args.lms}: signs {shape.leaves} times; devices are given {key.public_key.hex()}"
    return say(args, line, answer)


def _progress() -> Callable[[int, int], None]:
    """One line a second at most, on stderr."""
    said = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _LINE_EVERY_S:
            said = time.monotonic()
            print(f"{done} of {total} leaves", file=sys.stderr)

    return show


def _sign(args: argparse.Namespace) -> int:
    """Everything that can be refused is, before a leaf is used up."""
    message = _read(args.file)
    if args.out.exists():
        raise StationError(f"{args.out} is there already", USAGE)
    if not os.access(args.out.parent, os.W_OK | os.X_OK):
        raise StationError(f"{args.out.parent}: no folder that can be written to", USAGE)
    key = LmsKey(args.key)
    signature = key.sign(message)
    write_file(args.out, signature)
    answer: dict[str, object] = {
        "signature": str(args.out),
        "signature_bytes": len(signature),
        "sha256": hashlib.sha256(message).hexdigest(),
        "public_key": key.public_key.hex(),
        "leaf": int.from_bytes(signature[4:8], "big"),
        "signatures_left": key.left,
    }
    return say(args, f"{args.out}: {len(signature)} bytes; the key signs {key.left} times more", answer)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        message = file.read(_FILE_BYTES_MOST + 1)
    if len(message) > _FILE_BYTES_MOST:
        raise StationError(f"{path} is larger than 64 MiB", USAGE)
    return message
