"""``station release keys``, ``rotate`` and ``renew``: who may sign what, and until when. It publishes no release."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from firmware_agent.repository.edition import MIN_TIMESTAMP_HOURS, Lives
from firmware_agent.repository.extend import extend
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import Offline, Setup, add_makers, make_repository
from firmware_agent.repository.rotate import rotate
from station.errors import USAGE, StationError

Actions = argparse._SubParsersAction  # the type that argparse has no public name for
ROLES = ("root", "targets", "maker", "rollout", "snapshot")


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """The three actions."""
    keys = actions.add_parser(
        "keys",
        help="make the keys and the empty, signed repository; or add makers to one",
        description="Make Ed25519 keys (one 0600 file each) and version 1 of the repository: root and targets with "
        "their thresholds, snapshot, timestamp, one delegation per maker, and the rollout role. On a repository that "
        "is there already: add makers, or models to a maker. Stations are given metadata/1.root.json.",
    )
    folders(keys, required=False)
    keys.add_argument(
        "--maker",
        action="append",
        default=[],
        metavar="NAME=MODEL,MODEL",
        help="a maker and the models it may sign for; may be repeated",
    )
    for role in ("root", "targets"):
        keys.add_argument(
            f"--{role}-keys", type=int, metavar="N", help=f"how many {role} keys ({Offline().keys})"
        )
        keys.add_argument(
            f"--{role}-threshold",
            type=int,
            metavar="N",
            help=f"how many of them must sign ({Offline().threshold})",
        )
    lives(keys, *ROLES)
    keys.set_defaults(perform=_keys)

    change = actions.add_parser(
        "rotate",
        help="replace a role's key: the new one is trusted, the old one revoked",
        description="Make a new key for a role and revoke an old one. A new root is signed by the old and the new "
        "threshold, so stations that were away follow every step.",
    )
    folders(change)
    change.add_argument(
        "--role", required=True, help="root, targets, snapshot, timestamp, rollout or maker:NAME"
    )
    change.add_argument(
        "--revoke",
        default="",
        metavar="KEYID",
        help="which key, by the beginning of its id; without: the oldest",
    )
    lives(change, *ROLES)
    change.set_defaults(perform=_rotate)
    _add_renew(actions)


def _add_renew(actions: Actions[argparse.ArgumentParser]) -> None:
    longer = actions.add_parser(
        "renew",
        help="sign an offline role anew before it expires: same keys, same content",
        description="Sign root, targets or a maker's metadata anew with the keys that it has, so that it does not "
        "expire; check warns 30 days before. publish does it for the maker by itself once half its life is over.",
    )
    folders(longer)
    longer.add_argument("--role", required=True, help="root, targets or maker:NAME")
    lives(longer, "root", "targets", "maker", "snapshot")
    longer.set_defaults(perform=_renew)


def folders(parser: argparse.ArgumentParser, *, online_only: bool = False, required: bool = True) -> None:
    """Where the repository and the keys are; ``--json``. Not ``required``: the action asks for them itself."""
    parser.add_argument(
        "--repository", required=required, type=Path, metavar="DIR", help="the folder that mirrors copy"
    )
    parser.add_argument(
        "--keys",
        required=required and not online_only,
        type=Path,
        metavar="DIR",
        help="the offline keys: root, targets, makers",
    )
    parser.add_argument(
        "--online-keys",
        type=Path,
        metavar="DIR",
        help="the online keys: snapshot, timestamp, rollout (default: online in the folder of --keys)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def lives(parser: argparse.ArgumentParser, *roles: str) -> None:
    """How long what is signed is good for: of these roles, and of the timestamp."""
    for role in roles:
        days = getattr(Lives(), f"{role}_days")
        parser.add_argument(
            f"--{role}-expires-days",
            type=int,
            metavar="DAYS",
            help=f"{role} is good for ({days})",
        )
    hours = Lives().timestamp_hours
    parser.add_argument(
        "--timestamp-hours",
        type=int,
        default=hours,
        metavar="HOURS",
        help=f"how long a station may work without a line: {MIN_TIMESTAMP_HOURS} or more ({hours})",
    )


def read_lives(args: argparse.Namespace) -> Lives:
    """What :func:`lives` asked for, and the usual for the rest."""
    asked = {f"{role}_days": getattr(args, f"{role}_expires_days", None) for role in ROLES}
    return Lives(
        timestamp_hours=args.timestamp_hours,
        **{name: days for name, days in asked.items() if days is not None},
    )


def key_folders(args: argparse.Namespace) -> tuple[Path, Path]:
    """Offline and online. For actions that need the online keys only, either option will do."""
    if args.keys is None and args.online_keys is None:
        raise StationError("--online-keys DIR says where the keys are", USAGE)
    online = args.online_keys or args.keys / "online"
    return args.keys or online, online


def keyring(args: argparse.Namespace) -> Keyring:
    """Every key that is plugged in."""
    return Keyring(*dict.fromkeys(key_folders(args)))


def say(args: argparse.Namespace, line: str, answer: dict[str, object]) -> int:
    """One line for people, and the object for scripts."""
    print(line, file=sys.stderr)
    if args.json:
        print(json.dumps(answer, ensure_ascii=False))
    return 0


def _keys(args: argparse.Namespace) -> int:
    if args.repository is None or args.keys is None:
        raise StationError(
            "--repository DIR and --keys DIR say where; --lms DIR makes a key for devices", USAGE
        )
    makers = _makers(args.maker)
    repository = Repository(args.repository)
    offline, online = key_folders(args)
    answer: dict[str, object] = {"repository": str(args.repository), "makers": makers}
    if repository.exists():
        if not makers:
            raise StationError(f"{args.repository} is a repository already; --maker adds one to it", USAGE)
        _check_made(args)
        add_makers(repository, Keyring(offline, online), offline, makers, read_lives(args))
        return say(args, f"{args.repository}: {', '.join(makers)} added", answer)
    setup = Setup(
        makers,
        _offline(args.root_keys, args.root_threshold),
        _offline(args.targets_keys, args.targets_threshold),
        read_lives(args),
    )
    make_repository(repository, offline, online, setup)
    root = repository.metadata / "1.root.json"
    answer |= {"root": str(root), "root_sha256": hashlib.sha256(root.read_bytes()).hexdigest()}
    return say(args, f"{args.repository}: made; stations are given {root}", answer)


def _offline(keys: int | None, threshold: int | None) -> Offline:
    usual = Offline()
    return Offline(usual.keys if keys is None else keys, usual.threshold if threshold is None else threshold)


def _check_made(args: argparse.Namespace) -> None:
    """What only a new repository can be given; adding a maker signs targets anew, so their life may be."""
    for name in ("root_keys", "root_threshold", "root_expires_days", "targets_keys", "targets_threshold"):
        if getattr(args, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise StationError(f"{option} is for a new repository; {args.repository} is one already", USAGE)


def _makers(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word in words:
        name, mark, models = word.partition("=")
        if not mark or not name or not models:
            raise StationError(f"--maker {word}: not NAME=MODEL,MODEL", USAGE)
        found.setdefault(name, []).extend(model.strip() for model in models.split(","))
    return found


def _rotate(args: argparse.Namespace) -> int:
    offline, online = key_folders(args)
    done = rotate(Repository(args.repository), offline, online, args.role, args.revoke, read_lives(args))
    answer: dict[str, object] = {
        "role": done.role,
        "new": done.new,
        "revoked": done.revoked,
        "root": done.root,
    }
    return say(args, f"{done.role}: {done.new[:16]} signs now, {done.revoked[:16]} is revoked", answer)


def _renew(args: argparse.Namespace) -> int:
    expires = extend(Repository(args.repository), keyring(args), args.role, read_lives(args)).isoformat()
    return say(args, f"{args.role}: good until {expires}", {"role": args.role, "expires": expires})
