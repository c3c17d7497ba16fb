"""``station prices``: price books as spreadsheets. One person imports, another one approves; then it is in force."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from recycling.price_book import PriceBook
from recycling.price_book_csv import MAX_BYTES, digest, from_csv, to_csv
from service.technician import Action
from station import reference
from station.errors import OK, REFUSED, USAGE, StationError
from station.reference import Opened

HELP = "Import, approve, show and export the price books of trade-in."


def arguments(parser: argparse.ArgumentParser) -> None:
    """import, approve, export, show."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("import", "propose a price book from a CSV file; it is not in force yet"),
        ("approve", "the second approval, by somebody else than who imported it"),
        ("export", "one version as a CSV file"),
        ("show", "every version, and which one is in force"),
    ):
        action = actions.add_parser(name, help=line, description=line)
        reference.place(action)
        if name in ("import", "approve"):
            reference.asker(action)
        if name == "import":
            action.add_argument("file", type=Path, metavar="FILE")
        if name in ("approve", "export"):
            action.add_argument("version", metavar="VERSION")
        if name == "approve":
            action.add_argument(
                "--digest", default="", metavar="D", help="of what was reviewed, as export names it"
            )
        if name == "export":
            action.add_argument("--out", type=Path, required=True, metavar="FILE", help="must not exist")


def run(args: argparse.Namespace) -> int:
    """Whatever the action is."""
    performed = {"import": _import, "approve": _approve, "export": _export, "show": _show}[args.action]
    with reference.opened(args) as opened:
        performed(args, opened)
    return OK


def _by(args: argparse.Namespace, opened: Opened) -> str:
    if not args.by:
        raise StationError("a price book has two approvers: say who you are with --by NUMBER", USAGE)
    return reference.signed_in(opened, args.by, args.by_pin_file, Action.PRICES)


def _import(args: argparse.Namespace, opened: Opened) -> None:
    book = from_csv(reference.read_file(args.file, MAX_BYTES))
    by = _by(args, opened)
    opened.book.propose(book, by)
    text = f"proposed by {by}; in force once somebody else approves it: {_how(book.version)}"
    _say(args, book, "proposed", text)


def _approve(args: argparse.Namespace, opened: Opened) -> None:
    if not args.digest:
        raise StationError(f"name what you reviewed: {_how(args.version)}", USAGE)
    book = opened.book.adopt(args.version, args.digest.strip().lower(), _by(args, opened))
    _say(
        args, book, "adopted", f"approved by {' and '.join(book.approvers)}, from {_day(book.valid_from_ms)}"
    )


def _how(version: str) -> str:
    """What the proposal says is looked at first; it may be replaced until it is approved."""
    return (
        f"station prices export {version} --out FILE, look at it,"
        f" then station prices approve {version} --digest D with the digest it named"
    )


def _export(args: argparse.Namespace, opened: Opened) -> None:
    book = opened.book.version(args.version)
    if book is None:
        raise StationError(f"no price book {args.version!r} here: station prices show", REFUSED)
    try:
        with os.fdopen(os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as file:
            file.write(to_csv(book))
    except OSError as exc:
        raise StationError(f"{args.out}: {exc.strerror}", REFUSED) from exc
    _say(args, book, "exported", f"{args.out}, digest {digest(book)}")


def _show(args: argparse.Namespace, opened: Opened) -> None:
    current = opened.book.price_book(opened.now_ms)
    in_force = current.version if current else ""
    rows = opened.book.price_books()
    if args.json:
        books = [
            {
                "version": row.version,
                "state": row.state,
                "valid_from": _day(row.valid_from_ms),
                "approvers": [one for one in (row.proposer, row.approver) if one],
                "digest": row.digest,
            }
            for row in rows
        ]
        print(json.dumps({"in_force": in_force, "books": books}, ensure_ascii=False))
        return
    for row in rows:
        state = "in force" if row.version == in_force else row.state
        approvers = " and ".join(one for one in (row.proposer, row.approver) if one)
        print(f"{row.version:20} {state:10} from {_day(row.valid_from_ms)}  {row.digest}  by {approvers}")
    if not in_force:
        print("prices: no price book is in force: no trade-in is offered", file=sys.stderr)


def _say(args: argparse.Namespace, book: PriceBook, state: str, line: str) -> None:
    print(f"prices: {book.version}, {len(book.models)} models: {line}", file=sys.stderr)
    if args.json:
        facts = {
            "version": book.version,
            "state": state,
            "models": len(book.models),
            "digest": digest(book),
        }
        print(json.dumps(facts, ensure_ascii=False))


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="minutes").replace("+00:00", "Z")
