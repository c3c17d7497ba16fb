"""``station update``: one whole visit without a screen. The person at the phone is asked on standard error.

A visit that was cut off (power, kill -9) goes on with the same command: the database knows where it stood.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import queue
import secrets
import signal
import threading
from pathlib import Path
from types import FrameType

from ulid import ULID

from kiosk import assembly, settings
from kiosk.flow.events import Cancel
from kiosk.flow.moves import VERDICTS
from kiosk.flow.runner import Runner
from kiosk.flow.user_data import NOT_SEEN
from kiosk.flow.view import JobView
from kiosk.flow.visit import Options, Visit
from kiosk.settings import Settings
from kiosk.store.book import Book
from kiosk.store.database import FILE
from station.attendant import Attendant, say
from station.errors import NEEDS_STAFF, OK, OURS, REFUSED, UNREACHABLE, USAGE, StationError

HELP = "One whole update visit without a screen: recognise, count files, flash, count again, confirm."
_UNREACHABLE = frozenset({"no_phone", "unplugged", "phone_silent", "no_catalogue", "download_failed"})


class _Stop:
    """A signal asked for the end."""


Views = queue.SimpleQueue[JobView | _Stop | None]
"""What the visit shows, in order; None once it is closed."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """As in the contract; everything a station's settings say can be overridden."""
    parser.add_argument(
        "--phone", required=True, metavar="WHERE", help="usb:1-1.4, usbip://H:P/1-1 or tcp:H:P"
    )
    parser.add_argument("--release", default="", metavar="VERSION", help="default: the newest for this phone")
    parser.add_argument(
        "--releases",
        type=Path,
        metavar="DIR",
        help="unsigned releases of a workshop, instead of the catalogue",
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="the station's database; default: settings")
    parser.add_argument("--config", type=Path, metavar="F", help="the station's settings (TOML)")
    parser.add_argument("--full", action="store_true", help="download whole images, not differences")
    parser.add_argument("--yes", action="store_true", help="consent is given; no backup is claimed")
    parser.add_argument(
        "--no-inventory", action="store_true", help="do not look at the owner's files (fastboot only)"
    )
    parser.add_argument("--hash-budget", type=float, metavar="S", help="seconds to read files in full")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """The whole visit; prompts and progress go to standard error."""
    if args.phone.startswith(("tcp:", "udp:")) and not args.no_inventory:
        unseen = f"{args.phone}: the owner's files cannot be seen this way"
        raise StationError(f"{unseen}; --no-inventory goes on without, and says so")
    if args.hash_budget is not None and not 0 <= args.hash_budget <= 86400:
        raise StationError("--hash-budget is in seconds, from 0 to 86400", USAGE)
    chosen = _settings(args)
    phone = assembly.open_phone(args.phone)
    with contextlib.ExitStack() as held:
        database, book = assembly.open_book(chosen.state_dir, chosen.station)
        held.callback(database.close)
        book.lease(args.phone)
        visit = next((one for one in book.open_visits() if one.bay == args.phone), None)
        catalogue = assembly.open_catalogue(chosen, assembly.note_taker(book))
        held.callback(catalogue.close)
        views: Views = queue.SimpleQueue()
        runner = Runner(
            visit or _new_visit(args, chosen),
            phone,
            assembly.tools(book, catalogue, chosen),
            resume=bool(visit),
            on_change=views.put,
        )
        threading.Thread(target=_tell_closed, args=(runner, views), daemon=True).start()
        _attend(runner, views, args.yes)
        return _report(runner, book, args.json)


def _tell_closed(runner: Runner, views: Views) -> None:
    runner.closed.wait()
    views.put(None)


def _settings(args: argparse.Namespace) -> Settings:
    chosen = settings.load(args.config)
    if args.state is not None:
        chosen = dataclasses.replace(chosen, state_dir=args.state)
    if args.releases is not None:
        chosen = dataclasses.replace(chosen, releases_dir=args.releases, catalogue=None)
    if args.hash_budget is not None:
        chosen = dataclasses.replace(chosen, hash_budget_s=args.hash_budget)
    if args.config is None and (station := _station_of(chosen.state_dir)):
        chosen = dataclasses.replace(chosen, station=station)
    return chosen


def _station_of(state_dir: Path) -> str:
    """Whose ledger is there already; "" when there is none."""
    if not (state_dir / FILE).exists():
        return ""
    return assembly.station_of(state_dir)


def _new_visit(args: argparse.Namespace, chosen: Settings) -> Visit:
    number = next((bay.number for bay in chosen.bays if bay.where == args.phone), 1)
    options = Options(
        hash_budget_s=chosen.hash_budget_s,
        inventory=not args.no_inventory,
        release=args.release,
        seed=secrets.randbits(48),
        full=args.full,
    )
    return Visit(str(ULID()), args.phone, number, "en", options)


# -- attending a visit


def _attend(runner: Runner, views: Views, yes: bool) -> None:
    attendant = Attendant(runner, yes)

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        # Only this: a handler may have interrupted a print, and SimpleQueue.put is safe to re-enter.
        views.put(_Stop())

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    asked_to_stop = False
    try:
        runner.start()
        while (view := views.get()) is not None:
            if isinstance(view, _Stop):
                if asked_to_stop or not runner.view.can_cancel:
                    say("stopping: the same command goes on with this visit")
                    break
                asked_to_stop = True
                say("stopping: nothing has been written, the phone is let go")
                runner.post(Cancel())
                continue
            attendant.see(view)
            if view.finished:
                break
        runner.stop()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# -- the answer


def _report(runner: Runner, book: Book, as_json: bool) -> int:
    visit = runner.visit
    answer = result(visit, book)
    if runner.failure:
        answer |= {"verdict": "needs_staff" if visit.written else "refused", "reason": "our_error"}
        answer["detail"] = runner.failure
    elif not visit.finished:
        answer |= {"verdict": "needs_staff" if visit.written else "refused", "reason": "interrupted"}
    say(_closing_line(visit, answer))
    if as_json:
        print(json.dumps(answer, ensure_ascii=False), flush=True)
    return _exit_code(answer, bool(runner.failure))


def result(visit: Visit, book: Book) -> dict[str, object]:
    """The contract's JSON of a visit."""
    head = book.head()
    plan, facts = visit.plan, visit.facts
    data = dataclasses.asdict(visit.user_data)
    data["not_seen"] = [*NOT_SEEN] if visit.options.inventory else ["files", *NOT_SEEN]
    return {
        "verdict": VERDICTS.get(visit.state, "needs_staff"),
        "reason": visit.reason,
        "detail": visit.detail,
        "visit": visit.visit,
        "bay": visit.bay,
        "model": visit.product,
        "serial": facts.serialno if facts else "",
        "from": (plan.version_from if plan else facts.version or "") if facts else "",
        "to": plan.version_to if plan else "",
        "method": visit.fetch.method,
        "fetch": {
            "bytes": visit.fetch.fetch_bytes,
            "full_bytes": visit.fetch.full_bytes,
            "base_version": visit.fetch.base_version,
            "why": visit.fetch.why,
            "mirrors": list(visit.fetch.mirrors),
        },
        "bytes_sent": visit.bytes_sent,
        "bytes_full": plan.size_bytes if plan else 0,
        "written": visit.written,
        "resumed": visit.resumed,
        "user_data": data,
        "backup": {"choice": visit.backup},
        "seconds": {**visit.seconds, "total": round(sum(visit.seconds.values()), 3)},
        "ledger": {"epoch": head.epoch, "index": head.index},
    }


def _closing_line(visit: Visit, answer: dict[str, object]) -> str:
    verdict, reason = str(answer["verdict"]), str(answer["reason"])
    if verdict == "updated":
        data = visit.user_data
        files = (
            f"{data.identical} of {data.before} files identical, {data.hashed} read in full before and after"
        )
        return f"updated to {visit.version_confirmed}; " + (
            files if visit.options.inventory else "files not seen"
        )
    touched = "something was written to the phone" if visit.written else "nothing was written to the phone"
    why = f"{reason}: {answer['detail']}" if answer["detail"] else reason
    return f"{verdict} ({why}); {touched}" if reason else f"{verdict}; {touched}"


def _exit_code(answer: dict[str, object], our_failure: bool) -> int:
    if answer["verdict"] in ("updated", "up_to_date"):
        return OK
    if answer["verdict"] == "needs_staff":
        return NEEDS_STAFF
    if our_failure or answer["reason"] == "our_error":
        return OURS
    return UNREACHABLE if answer["reason"] in _UNREACHABLE else REFUSED
