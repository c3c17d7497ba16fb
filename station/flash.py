"""``station flash``: the staff tool that writes one partition, behind the guard of user data.

It makes no plan, switches no slot and restarts nothing.
"""

from __future__ import annotations

import argparse
import json
import stat
import sys
import time
from pathlib import Path
from typing import Any

from firmware_agent.errors import FirmwareError
from firmware_agent.plan import check_partition
from hw.errors import Forbidden, HwError
from hw.facts import Identity
from hw.flashing import FileImage
from hw.phone import TcpPhone, UsbPhone, open_phone
from station.errors import NEEDS_STAFF, OK, REFUSED, StationError, explain

HELP = "Write one partition of a phone in its bootloader. The owner's data is never written."


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("partition", metavar="PARTITION", help="full name, with its slot: system_b")
    parser.add_argument("file", metavar="FILE", type=Path, help="raw image, not sparse")
    parser.add_argument(
        "--phone", required=True, metavar="WHERE", help="usb:1-1.4, usbip://HOST:PORT/1-1 or tcp:HOST:PORT"
    )
    parser.add_argument(
        "--base",
        type=Path,
        metavar="FILE",
        help="what the partition is proven to hold now: only blocks that differ are sent",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Write; 0, or StationError with 3 (nothing written), 4 (something may have been), 5 (unreachable)."""
    began = time.monotonic()
    report: dict[str, Any] = {
        "verdict": "refused",
        "reason": "",
        "written": False,
        "where": args.phone,
        "partition": args.partition,
    }
    try:
        _flash(args, report)
    except (HwError, FirmwareError, StationError, OSError) as exc:
        detail, code = explain(exc)
        report["written"] = bool(getattr(exc, "written", False))
        if report["written"]:
            code = NEEDS_STAFF
        elif isinstance(exc, Forbidden):
            code = REFUSED
        report["verdict"] = {NEEDS_STAFF: "needs_staff", REFUSED: "refused"}.get(code, "failed")
        report["reason"] = detail
        state = f"{args.partition} may be half written" if report["written"] else "nothing was written"
        _finish(args, report, began)
        raise StationError(
            f"{detail} ({state}; the owner's data was not touched)", code, answered=True
        ) from exc
    report.update(verdict="flashed", written=True)
    _finish(args, report, began)
    return OK


def _finish(args: argparse.Namespace, report: dict[str, Any], began: float) -> None:
    report["seconds"] = round(time.monotonic() - began, 3)
    if args.json:
        print(json.dumps(report, ensure_ascii=False), flush=True)


def _flash(args: argparse.Namespace, report: dict[str, Any]) -> None:
    check_partition(args.partition)
    image = _image(args.file)
    base = _image(args.base) if args.base else None
    report["bytes_full"] = image.size_bytes
    phone = open_phone(args.phone)
    try:
        seen = phone.look()
        if seen is not None and seen.mode == "agent":
            raise Forbidden("a phone with an update agent is updated by 'station update', never by partition")
        who = phone.identify()
        report.update(model=who.product, serial=who.serialno)
        _check(who, args.partition, image.size_bytes)
        print(f"writing {args.partition} of {who.product} {who.serialno}", file=sys.stderr)
        report["bytes_sent"] = _write(phone, args.partition, image, who, base)
    finally:
        phone.close()
    print(f"{args.partition} written: {report['bytes_sent']} bytes sent", file=sys.stderr)


def _image(path: Path) -> FileImage:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StationError(f"{path} is not a file")
        image = FileImage(path)
    except OSError as exc:
        raise StationError(f"cannot read {path}: {exc.strerror or exc}") from exc
    if not image.size_bytes:
        raise StationError(f"{path} is empty")
    if bytes(next(image.chunks(4), b"")) == b"\x3a\xff\x26\xed":
        raise StationError(f"{path} is a sparse image: give the raw one")
    return image


def _check(who: Identity, partition: str, size_bytes: int) -> None:
    """What would make the phone fail, or somebody regret it."""
    if who.unlocked is False:
        raise StationError("the phone's bootloader is locked")
    if partition in who.slotted_partitions:
        raise StationError(f"{partition} has two slots: say {partition}_a or {partition}_b")
    if who.partition_sizes and partition not in who.partition_sizes:
        raise StationError(f"the phone has no partition {partition}")
    room = who.partition_sizes.get(partition)
    if room is not None and size_bytes > room:
        raise StationError(f"the image has {size_bytes} bytes, {partition} holds {room}")


def _write(
    phone: UsbPhone | TcpPhone, partition: str, image: FileImage, who: Identity, base: FileImage | None
) -> int:
    """The bytes sent. One line ``progress N`` per percent, on standard error."""
    shown = -1
    sent = 0

    def progress(done: int, total: int) -> None:
        nonlocal shown, sent
        sent = total
        percent = done * 100 // total
        if percent > shown:
            shown = percent
            print(f"progress {percent}", file=sys.stderr)

    phone.write(partition, image, who, progress, base)
    return sent
