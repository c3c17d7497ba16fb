"""``station release agent``: the signed bundle that brings the devices of one model, by our agent, to a new version."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

from firmware_agent.agent_patch import make
from firmware_agent.bundle import MAX_BUNDLE_BYTES, MAX_ENTRIES, MAX_SIGNATURE_BYTES
from firmware_agent.durable import write_file
from firmware_agent.order import MAX_IMAGE_BYTES
from firmware_agent.signing.key import LmsKey
from station.errors import USAGE, StationError
from station.release_keys import Actions, say

MODES = ("slots", "in_place")


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """The action ``agent``."""
    agent = actions.add_parser(
        "agent",
        help="make the bundle that devices with our agent are updated with",
        description="Make a difference to the new image from each base, and the whole image for any other base; prove "
        "each with the device's own decoder (in place: with the power cut in every group of blocks), sign its order "
        "with an LMS key, and write one file. As the partition 'firmware' of a release it can be published.",
    )
    arguments(agent)
    agent.set_defaults(perform=run)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Everything :func:`run` needs."""
    parser.add_argument("--model", required=True, help="what the device calls itself, e.g. kinglet")
    parser.add_argument("--version", required=True, help="of the new image, e.g. 2.0.0")
    parser.add_argument(
        "--rollback", required=True, type=int, metavar="N", help="never lower than an earlier version's"
    )
    parser.add_argument("--new", required=True, type=Path, metavar="IMAGE")
    parser.add_argument(
        "--base",
        action="append",
        default=[],
        metavar="OLD[@VERSION]",
        help="an image that devices may have now; may be repeated",
    )
    parser.add_argument(
        "--mode", required=True, choices=MODES, help="two slots, or one image changed in place"
    )
    parser.add_argument("--block", type=int, default=4096, metavar="BYTES", help="in place: the erase block")
    parser.add_argument(
        "--group", type=int, default=7, metavar="BLOCKS", help="in place: the journal's group"
    )
    parser.add_argument(
        "--window", type=int, default=15, metavar="LOG2", help="the decoder's window on the device, 9 to 15"
    )
    parser.add_argument("--key", required=True, type=Path, metavar="LMSDIR", help="what keys --lms has made")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.agu", help="must not exist")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """One line for each patch as it is proven; then what was written."""
    _check(args)
    target = make.Target(args.model, args.version, args.rollback, _read(args.new), args.window)
    key = LmsKey(args.key)
    if key.left <= len(args.base):
        raise StationError(
            f"{args.key}: {key.left} signatures are left, {len(args.base) + 1} are needed", USAGE
        )
    patches: list[make.Patch] = []
    rows: list[dict[str, object]] = []
    for word in args.base:
        path, version = _base(word)
        base = _read(path)
        patch = _delta(args, target, base)
        patches.append(patch)
        rows.append(_row(patch, version or path.name))
    patches.append(make.whole(target))
    rows.append(_row(patches[-1], ""))
    size = sum(len(patch.payload) for patch in patches)
    if size + len(patches) * MAX_SIGNATURE_BYTES > MAX_BUNDLE_BYTES:
        raise StationError(f"{size} bytes of patches: a bundle has at most {MAX_BUNDLE_BYTES}", USAGE)
    written = make.bundle_of(patches, key.sign)
    write_file(args.out, written)
    answer: dict[str, object] = {
        "bundle": str(args.out),
        "size_bytes": len(written),
        "sha256": hashlib.sha256(written).hexdigest(),
        "model": args.model,
        "version": args.version,
        "patches": rows,
        "signatures_left": key.left,
    }
    return say(args, f"{args.out}: {len(patches)} orders, {len(written)} bytes", answer)


def _delta(args: argparse.Namespace, target: make.Target, base: bytes) -> make.Patch:
    if args.mode == "slots":
        return make.slot_delta(target, base)
    return make.in_place_delta(target, base, make.Flash(args.block, args.group))


def _row(patch: make.Patch, base: str) -> dict[str, object]:
    order = patch.order
    share = 100 * order.patch_size / order.image_size
    origin = f"from {base}" if base else "from any"
    print(
        f"{origin:24} {order.patch_size:>10} bytes  {share:5.1f} %  {patch.layout}; proven", file=sys.stderr
    )
    return {
        "base": base,
        "base_sha256": order.base_sha256.hex() if base else "",
        "method": patch.layout,
        "patch_bytes": order.patch_size,
        "image_bytes": order.image_size,
    }


def _check(args: argparse.Namespace) -> None:
    if not 0 <= args.rollback < 1 << 32:
        raise StationError("--rollback is a whole number from 0 to 2^32 - 1", USAGE)
    if args.block & (args.block - 1) or not 256 <= args.block <= 65536:
        raise StationError("--block is a power of two from 256 to 65536", USAGE)
    if not 1 <= args.group <= 255:
        raise StationError("--group is 1 to 255 blocks", USAGE)
    if not 9 <= args.window <= 15:
        raise StationError("--window is 9 to 15", USAGE)
    if len(args.base) >= MAX_ENTRIES:
        raise StationError(f"--base: at most {MAX_ENTRIES - 1}, and the whole image", USAGE)
    if args.out.exists():
        raise StationError(f"{args.out}: is there already", USAGE)
    if not os.access(args.out.parent, os.W_OK | os.X_OK) or not args.out.parent.is_dir():
        raise StationError(f"{args.out.parent}: no folder that can be written to", USAGE)


def _base(word: str) -> tuple[Path, str]:
    path, mark, version = word.rpartition("@")
    if not mark or Path(word).exists():
        return Path(word), ""
    return Path(path), version


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_IMAGE_BYTES:
        raise StationError(f"{path}: more than {MAX_IMAGE_BYTES} bytes, no device has that", USAGE)
    return path.read_bytes()
