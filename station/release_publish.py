"""``station release delta``, ``publish`` and ``check``: packages, the catalogue, and whether it is sound."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from firmware_agent.repository.check import check
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.publish import publish
from station.errors import OK, REFUSED, USAGE, StationError
from station.release_keys import Actions, folders, keyring, lives, read_lives, say


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """The three actions."""
    delta = actions.add_parser(
        "delta",
        help="make the packages that lead from one release to another",
        description="For every image of a release: the difference from the same image of an older one, and the whole, "
        "compressed. A package that is not smaller than the image itself is not kept.",
    )
    delta.add_argument("--from", dest="base", type=Path, metavar="RELEASE_DIR", help="the older release")
    delta.add_argument(
        "--to", dest="new", required=True, type=Path, metavar="RELEASE_DIR", help="the newer one"
    )
    delta.add_argument("--out", required=True, type=Path, metavar="DIR", help="for publish --packages DIR")
    delta.add_argument("--workers", type=int, default=2, metavar="N", help="processor cores to use (2)")
    delta.add_argument("--json", action="store_true", help="one JSON object as the last line")
    delta.set_defaults(perform=_delta)

    offer = actions.add_parser(
        "publish",
        help="put releases and packages into the repository, signed",
        description="Copy images and packages, put back files that were lost, write each model's index, sign it "
        "with the maker's key, and snapshot and timestamp anew. Refused: a version that is there with "
        "other bytes, a newer version with a lower rollback index, a damaged package, a model that no maker's "
        "delegation covers. Interrupted at any point it leaves a repository that verifies; run it again. With nothing "
        "new it signs the maker's metadata anew once half its life is over.",
    )
    folders(offer)
    offer.add_argument("releases", nargs="*", type=Path, metavar="RELEASE_DIR", help="what build has made")
    offer.add_argument("--packages", type=Path, metavar="DIR", help="what delta has made")
    lives(offer, "maker", "snapshot")
    offer.set_defaults(perform=_publish)

    verify = actions.add_parser(
        "check",
        help="verify a repository as a station would, and every byte in it",
        description="Verify all metadata from the root on, the length and hash of every file, and every package's own "
        "header and segments against the index. What expires soon is a warning. Exit code 3 when anything is wrong.",
    )
    verify.add_argument(
        "--repository", required=True, type=Path, metavar="DIR", help="or a mirror's copy of it"
    )
    verify.add_argument(
        "--root", type=Path, metavar="FILE", help="the root that stations have (default: the first)"
    )
    verify.add_argument("--json", action="store_true", help="one JSON object as the last line")
    verify.set_defaults(perform=_check)


def _delta(args: argparse.Namespace) -> int:
    # Imported when it is needed: it brings numpy and the compressors.
    from firmware_agent.repository.packages import Packed, make_packages

    if args.workers < 1:
        raise StationError("--workers is 1 or more", USAGE)

    def show(packed: Packed) -> None:
        share = 100 * packed.size_bytes / packed.image_bytes
        kept = "" if packed.kept else ", not kept: the image itself is no bigger"
        print(
            f"{packed.target:60} {packed.size_bytes:>12} of {packed.image_bytes} bytes ({share:.1f} %){kept}",
            file=sys.stderr,
        )

    packed = make_packages(args.base, args.new, args.out, workers=args.workers, on_package=show)
    kept = sum(one.kept for one in packed)
    answer: dict[str, object] = {
        "out": str(args.out),
        "packages": [dataclasses.asdict(one) for one in packed],
    }
    return say(args, f"{args.out}: {kept} packages", answer)


def _publish(args: argparse.Namespace) -> int:
    done = publish(Repository(args.repository), keyring(args), args.releases, args.packages, read_lives(args))
    answer: dict[str, object] = dataclasses.asdict(done)
    if not done.added:
        line = f"{args.repository}: everything is there already"
        line += f"; {len(done.repaired)} lost files put back" if done.repaired else ""
        line += f"; {', '.join(done.renewed)} signed anew" if done.renewed else ""
        return say(args, line, answer)
    line = (
        f"{args.repository}: {len(done.added)} files, {done.size_bytes} bytes, for {', '.join(done.models)}"
    )
    return say(args, line, answer)


def _check(args: argparse.Namespace) -> int:
    try:
        root = args.root.read_bytes() if args.root else None
    except OSError as exc:
        raise StationError(f"{args.root}: {exc.strerror}") from exc
    report = check(Repository(args.repository), root)
    for name, expires in report.expires.items():
        print(f"{name:12} version {report.versions[name]:<6} until {expires}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in report.errors:
        print(f"wrong: {error}", file=sys.stderr)
    verdict = "is sound" if not report.errors else f"is not sound: {len(report.errors)} things are wrong"
    print(f"{args.repository}: {report.files} files, {report.size_bytes} bytes; {verdict}", file=sys.stderr)
    if args.json:
        print(json.dumps(dataclasses.asdict(report), ensure_ascii=False))
    return REFUSED if report.errors else OK
