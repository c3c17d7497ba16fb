"""``station phones``: what is plugged in. It looks and asks; it changes nothing on a phone."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from hw.bays import real_bays
from hw.errors import HwError
from hw.facts import Sighting
from hw.phone import TcpPhone, UsbPhone, open_phone
from hw.quirks import model_of
from station.errors import OK

HELP = "List what is plugged in: bay, mode, model, version, battery, lock state of the bootloader."

_COLUMNS = ("bay", "mode", "model", "version", "battery", "bootloader", "serial", "note")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="WHERE",
        help="look here (usbip://HOST:PORT/1-1, tcp:HOST:PORT, usb:1-1.4); may be repeated; "
        "without it every USB port of this machine",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """List; always 0: an empty bay is an answer."""
    wheres: list[str] = args.where or [seen.bay for seen in _own_ports()]
    phones = [_row(where) for where in wheres]
    if args.json:
        print(json.dumps({"phones": phones}, ensure_ascii=False))
    else:
        _table(phones)
    return OK


def _own_ports() -> Sequence[Sighting]:
    """Phones on this machine's ports; its own keyboard and the like are not listed."""
    try:
        return [seen for seen in real_bays() if seen.mode not in ("foreign", "charging")]
    except HwError as exc:
        print(f"station: {exc.detail}", file=sys.stderr)
        return []


def _row(where: str) -> dict[str, Any]:
    phone = open_phone(where)
    row: dict[str, Any] = dict.fromkeys(
        ("mode", "what", "model", "names", "version", "battery_percent", "unlocked", "serial", "error")
    )
    row["bay"] = where
    try:
        seen = phone.look()
        row["mode"] = seen.mode if seen else "empty"
        row["what"] = seen.what if seen else None
        if seen is not None:
            _ask(phone, seen, row)
    except HwError as exc:
        row["error"] = exc.detail
    finally:
        phone.close()
    return row


def _ask(phone: UsbPhone | TcpPhone, seen: Sighting, row: dict[str, Any]) -> None:
    if seen.mode == "normal":
        about = phone.recognise()
        row.update(
            model=about.product or about.mtp_model,
            battery_percent=about.battery_percent,
            serial=about.mtp_serial,
        )
        row["error"] = None if about.product else "a model this station does not know"
    elif seen.mode == "agent":
        about = phone.recognise()
        row.update(
            model=about.product or about.mtp_model,
            version=about.version,
            battery_percent=about.battery_percent,
            serial=about.mtp_serial,
        )
    elif seen.mode == "bootloader":
        who = phone.identify()
        row.update(
            model=who.product,
            version=who.version,
            battery_percent=who.battery_percent,
            unlocked=who.unlocked,
            serial=who.serialno,
        )
    model = model_of(row["model"]) if row["model"] else None
    row["names"] = dict(model.names) if model else None


def _table(phones: list[dict[str, Any]]) -> None:
    if not phones:
        print("nothing is plugged in")
        return
    rows = [_COLUMNS, *(_cells(phone) for phone in phones)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(phone: dict[str, Any]) -> tuple[str, ...]:
    battery = phone["battery_percent"]
    note = phone["error"] or ("" if phone["mode"] in ("normal", "bootloader", "agent") else phone["what"])
    return (
        phone["bay"],
        phone["mode"],
        phone["model"] or "",
        phone["version"] or "",
        "" if battery is None else f"{battery} %",
        {True: "unlocked", False: "locked", None: ""}[phone["unlocked"]],
        phone["serial"] or "",
        note or "",
    )
