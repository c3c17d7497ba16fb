"""``station staff``: who works here, with which certificate. A PIN is typed or comes from a file, never an argument."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from kiosk.pins import hash_pin
from service.technician import Action, Role, Technician, check_pin, days_left
from station import reference
from station.errors import OK, USAGE, StationError
from station.reference import Opened

HELP = "Enrol, renew, retire and list the members of staff of a station."


def arguments(parser: argparse.ArgumentParser) -> None:
    """add, renew, retire, list."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("add", "enrol somebody; the first manager of a station needs nobody's approval"),
        ("renew", "a certificate's new last day, and a new PIN if wanted"),
        ("retire", "for good: the number is not given again"),
        ("list", "everybody, by number"),
    ):
        action = actions.add_parser(name, help=line, description=line)
        reference.place(action)
        if name == "list":
            continue
        reference.asker(action)
        action.add_argument("--number", required=True, help="1 to 16 letters or digits")
        if name != "retire":
            action.add_argument("--until", required=True, type=reference.a_day, metavar="DAY")
            action.add_argument(
                "--pin-file", type=Path, metavar="F", help="the PIN; add asks for it where this is missing"
            )
        if name == "renew":
            action.add_argument("--new-pin", action="store_true", help="ask for a new PIN")
        if name == "add":
            action.add_argument("--name", required=True)
            action.add_argument("--role", choices=[one.value for one in Role], default=Role.TECHNICIAN.value)
            action.add_argument("--level", type=int, choices=(1, 2, 3), default=1)


def run(args: argparse.Namespace) -> int:
    """Whatever the action is."""
    performed = {"add": _add, "renew": _renew, "retire": _retire, "list": _list}[args.action]
    with reference.opened(args) as opened:
        performed(args, opened)
    return OK


def _add(args: argparse.Namespace, opened: Opened) -> None:
    actor = reference.asked_by(args, opened, Action.ENROL)
    if actor == "station" and args.role != Role.MANAGER.value:
        raise StationError("nobody manages this station yet: enrol a manager first", USAGE)
    technician = Technician(args.number, args.name, Role(args.role), args.level, args.until)
    opened.book.enrol(technician, hash_pin(_new_pin(args)), actor)
    _say(args, opened, technician, "enrolled")


def _renew(args: argparse.Namespace, opened: Opened) -> None:
    actor = reference.asked_by(args, opened, Action.ENROL)
    wanted = args.new_pin or args.pin_file is not None
    pin_hash = hash_pin(_new_pin(args)) if wanted else ""
    _say(args, opened, opened.book.renew(args.number, args.until, actor, pin_hash), "renewed")


def _retire(args: argparse.Namespace, opened: Opened) -> None:
    actor = reference.asked_by(args, opened, Action.ENROL)
    if actor == f"staff:{args.number}":
        raise StationError("nobody retires themselves: another manager does", USAGE)
    opened.book.retire(args.number, actor)
    found = opened.book.staff(args.number)
    assert found
    _say(args, opened, found[0], "retired")


def _list(args: argparse.Namespace, opened: Opened) -> None:
    everyone = opened.book.everyone()
    if args.json:
        print(json.dumps({"staff": [_facts(one, opened) for one in everyone]}, ensure_ascii=False))
        return
    for one in everyone:
        print(_line(one, opened))


def _new_pin(args: argparse.Namespace) -> str:
    pin = reference.read_pin(f"new PIN of {args.number}: ", args.pin_file)
    check_pin(pin, args.number)
    if args.pin_file is None and reference.read_pin("once more: ", None) != pin:
        raise StationError("the two PINs differ", USAGE)
    return pin


def _say(args: argparse.Namespace, opened: Opened, technician: Technician, what: str) -> None:
    print(f"staff: {what}: {_line(technician, opened)}", file=sys.stderr)
    if args.json:
        print(json.dumps({"staff": _facts(technician, opened)}, ensure_ascii=False))


def _line(one: Technician, opened: Opened) -> str:
    left = days_left(one, opened.today)
    state = "retired" if one.retired else "expired" if left < 0 else f"{left} days left"
    return f"{one.staff:8} {one.role.value:10} level {one.level}  until {one.certificate_until}  {state:16} {one.name}"


def _facts(one: Technician, opened: Opened) -> dict[str, object]:
    return {
        "staff": one.staff,
        "name": one.name,
        "role": one.role.value,
        "level": one.level,
        "certificate_until": one.certificate_until.isoformat(),
        "days_left": days_left(one, opened.today),
        "retired": one.retired,
    }
