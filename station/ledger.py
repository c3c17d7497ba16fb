"""``station ledger``: look into an audit log offline, read-only, with nothing but its database file."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ledger import store, verify
from ledger.store import Stored
from station.errors import NEEDS_STAFF, OK, REFUSED, StationError

HELP = "Show or check a station's audit log, offline and read-only."
PAGE = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    """show, head, verify."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, line in (
        ("show", "every entry, one line each"),
        ("head", "where the log ends"),
        ("verify", "check every hash and the whole chain; exit 4 when something was altered"),
    ):
        action = actions.add_parser(name, help=line, description=line)
        action.add_argument("--db", type=Path, required=True, metavar="FILE", help="the station's database")
        action.add_argument("--json", action="store_true", help="one JSON object as the last line")
        if name == "show":
            action.add_argument("--visit", metavar="V", help="only this visit's entries")


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise StationError(f"{path}: no such file", REFUSED)
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error as exc:
        raise StationError(f"{path}: {exc}", REFUSED) from exc
    with closing(connection):
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.DatabaseError as exc:
            raise StationError(f"{path}: {exc}", REFUSED) from exc


def run(args: argparse.Namespace) -> int:
    """Dispatch to the action."""
    with _opened(args.db) as connection:
        if args.action == "show":
            return _show(connection, args)
        if args.action == "head":
            return _head(connection, args)
        return _verify(connection, args)


def _pages(connection: sqlite3.Connection, visit: str | None) -> Iterator[Stored]:
    after = 0
    while page := store.entries(connection, after, PAGE, visit):
        yield from page
        after = page[-1].entry.index


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _moment(wall_ms: int) -> str:
    try:
        return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError, OSError):
        return f"{wall_ms} ms"


def _show(connection: sqlite3.Connection, args: argparse.Namespace) -> int:
    rows: list[dict[str, object]] = []
    for stored in _pages(connection, args.visit):
        entry = stored.entry
        body = None if stored.body is None else _plain(stored.body)
        if not args.json:
            shown = "(deleted)" if body is None else json.dumps(body, ensure_ascii=False)
            print(
                f"{entry.index:6} {_moment(entry.wall_ms)} {entry.visit or '-':26}"
                f" {entry.actor:10} {entry.kind:22} {shown}"
            )
            continue
        rows.append(
            {
                "index": entry.index,
                "hash": stored.hash.hex(),
                "at": _moment(entry.wall_ms),
                "visit": entry.visit,
                "actor": entry.actor,
                "kind": entry.kind,
                "body": body,
            }
        )
    if args.json:
        head = store.head(connection)
        print(json.dumps({"epoch": head.epoch, "entries": rows}, ensure_ascii=False))
    return OK


def _head(connection: sqlite3.Connection, args: argparse.Namespace) -> int:
    head = store.head(connection)
    facts = {
        "station": store.station_of(connection),
        "epoch": head.epoch,
        "index": head.index,
        "hash": head.hash.hex(),
    }
    if args.json:
        print(json.dumps(facts))
    else:
        print("\n".join(f"{name:8} {value}" for name, value in facts.items()))
    return OK


def _verify(connection: sqlite3.Connection, args: argparse.Namespace) -> int:
    report = verify.check(connection)
    if args.json:
        facts = {
            "station": report.station,
            "epoch": report.epoch,
            "entries": report.entries,
            "verified": report.verified,
            "bodies_deleted": report.bodies_deleted,
            "head": report.head_hash.hex(),
            "fault": report.fault,
        }
        print(json.dumps(facts, ensure_ascii=False))
    elif report.fault:
        print(f"{report.verified} of {report.entries} entries hold; then: {report.fault}")
    else:
        deleted = f", {report.bodies_deleted} bodies deleted by retention" if report.bodies_deleted else ""
        print(f"all {report.entries} entries hold{deleted}; head {report.head_hash.hex()}")
    if report.fault:
        print(f"station: the log was altered: {report.fault}", file=sys.stderr)
        return NEEDS_STAFF
    return OK
