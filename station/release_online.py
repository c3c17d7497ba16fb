"""``station release timestamp``, ``withdraw``, ``stage`` and ``mirrors``: what changes between two releases."""

from __future__ import annotations

import argparse

from firmware_agent.mirrors.book import Mirror
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.online import change_mirrors, renew, stage, withdraw
from firmware_agent.rollout import Rollout
from station.errors import USAGE, StationError
from station.release_keys import Actions, folders, keyring, lives, read_lives, say


def add(actions: Actions[argparse.ArgumentParser]) -> None:
    """The four actions."""
    fresh = actions.add_parser(
        "timestamp",
        help="sign the timestamp anew: once a day, from cron",
        description="Sign snapshot and timestamp anew, and the rollout role once half its life is over. Stations "
        "refuse a catalogue whose timestamp has expired, so run it well within --timestamp-hours.",
    )
    folders(fresh, online_only=True)
    lives(fresh, "rollout", "snapshot")
    fresh.set_defaults(perform=_timestamp)

    back = actions.add_parser(
        "withdraw",
        help="offer a version to nobody any more",
        description="Withdraw a bad release. Its images stay, for they may be the base of a difference.",
    )
    part = actions.add_parser(
        "stage",
        help="offer a version to a share of the stations only",
        description="Offer a version to a share of the stations, chosen by the hash of their names. 100 offers it to "
        "all. It can only hold back what the maker has signed.",
    )
    for action in (back, part):
        folders(action, online_only=True)
        action.add_argument("--model", required=True, help="e.g. heron")
        action.add_argument("--version", required=True, help="as published, e.g. 2.0.0")
        lives(action, "rollout", "snapshot")
    part.add_argument("--percent", required=True, type=int, help="0 to 100")
    back.set_defaults(perform=_withdraw)
    part.set_defaults(perform=_stage)

    listed = actions.add_parser(
        "mirrors",
        help="the signed list of mirrors",
        description="Add mirrors to the signed list, or remove some. Signed by the targets keys.",
    )
    folders(listed)
    listed.add_argument(
        "--add", action="append", default=[], metavar="URL[=REGION]", help="e.g. http://m1.example=cn-east"
    )
    listed.add_argument("--remove", action="append", default=[], metavar="URL")
    lives(listed, "targets", "snapshot")
    listed.set_defaults(perform=_mirrors)


def _timestamp(args: argparse.Namespace) -> int:
    version = renew(Repository(args.repository), keyring(args), read_lives(args))
    return say(args, f"{args.repository}: timestamp {version}", {"timestamp": version})


def _withdraw(args: argparse.Namespace) -> int:
    repository, keys = Repository(args.repository), keyring(args)
    rollout = withdraw(repository, keys, args.model, args.version, read_lives(args))
    return say(args, f"{args.model} {args.version} is withdrawn", _answer(rollout))


def _stage(args: argparse.Namespace) -> int:
    if not 0 <= args.percent <= 100:
        raise StationError("--percent is 0 to 100", USAGE)
    repository, keys = Repository(args.repository), keyring(args)
    rollout = stage(repository, keys, args.model, args.version, args.percent, read_lives(args))
    return say(
        args, f"{args.model} {args.version} goes to {args.percent} % of the stations", _answer(rollout)
    )


def _answer(rollout: Rollout) -> dict[str, object]:
    return {
        "model": rollout.model,
        "withdrawn": sorted(rollout.withdrawn),
        "percent": dict(rollout.percent),
    }


def _mirrors(args: argparse.Namespace) -> int:
    if not args.add and not args.remove:
        raise StationError("--add URL=REGION or --remove URL", USAGE)
    found = []
    for word in args.add:
        url, _, region = word.partition("=")
        found.append(Mirror(url, region))
    gone = [Mirror(url).url for url in args.remove]
    listed = change_mirrors(Repository(args.repository), keyring(args), found, gone, read_lives(args))
    answer: dict[str, object] = {"mirrors": [{"url": one.url, "region": one.region} for one in listed]}
    return say(args, f"{args.repository}: {len(listed)} mirrors", answer)
