"""``station processors``: who may take what is in the bins. The list comes from headquarters as a CSV file."""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from datetime import date
from pathlib import Path

from recycling.errors import Refused
from recycling.goods import Category
from recycling.processor import Processor, checked
from service.technician import Action
from station import reference
from station.errors import OK, REFUSED, StationError
from station.reference import Opened

HELP = "Import and list the processors that goods may be handed to."
COLUMNS = (
    "processor",
    "name",
    "name_zh",
    "name_en",
    "licence",
    "licence_until",
    "categories",
    "public_key",
    "address",
)
MAX_BYTES = 256 << 10
MAX_ROWS = 500


def arguments(parser: argparse.ArgumentParser) -> None:
    """import, list."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    take = actions.add_parser(
        "import",
        help="list the processors of a CSV file",
        description=f"The file's first row is {','.join(COLUMNS)}; categories are separated by spaces. What is"
        " listed already and not in the file stays as it is: a licence ends on its day.",
    )
    reference.place(take)
    reference.asker(take)
    take.add_argument("file", type=Path, metavar="FILE")
    shown = actions.add_parser("list", help="every listed processor, and whether its licence holds today")
    reference.place(shown)


def run(args: argparse.Namespace) -> int:
    """Whatever the action is."""
    with reference.opened(args) as opened:
        (_import if args.action == "import" else _list)(args, opened)
    return OK


def from_csv(data: bytes) -> tuple[Processor, ...]:
    """The file's processors, each checked. :class:`StationError` names the line."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise StationError(f"line {line}: not UTF-8; save the sheet as CSV UTF-8") from exc
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: dict[str, Processor] = {}
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if reader.line_num == 1:
                if tuple(cells[: len(COLUMNS)]) != COLUMNS:
                    raise StationError(f"line 1: the columns are {','.join(COLUMNS)}")
            elif any(cells):
                one = _processor(cells, reader.line_num)
                if one.processor in found or len(found) == MAX_ROWS:
                    raise StationError(f"line {reader.line_num}: {one.processor} stands twice, or too many")
                found[one.processor] = one
    except csv.Error as exc:
        raise StationError(f"line {reader.line_num}: {exc}") from exc
    return tuple(found.values())


def to_csv(processors: tuple[Processor, ...]) -> bytes:
    """The same file."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(COLUMNS)
    for one in processors:
        names = (one.name, one.names["zh"], one.names["en"])
        categories = " ".join(category.value for category in one.categories)
        licence = (one.licence, one.licence_until.isoformat())
        write((one.processor, *names, *licence, categories, one.public_key, one.address))
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")


def _processor(cells: list[str], line: int) -> Processor:
    if len(cells) < len(COLUMNS) or any(cells[len(COLUMNS) :]):
        raise StationError(f"line {line}: a row has {len(COLUMNS)} cells")
    key, name, name_zh, name_en, licence, until, categories, public_key, address = cells[: len(COLUMNS)]
    try:
        kinds = tuple(Category(one) for one in categories.split())
        last_day = date.fromisoformat(until)
    except ValueError as exc:
        raise StationError(f"line {line}: {exc}") from exc
    names = {"zh": name_zh, "en": name_en}
    one = Processor(key, name, names, licence, last_day, kinds, public_key.lower(), address)
    try:
        return checked(one)
    except Refused as exc:
        raise StationError(f"line {line}: {exc.detail}") from exc


def _import(args: argparse.Namespace, opened: Opened) -> None:
    processors = from_csv(reference.read_file(args.file, MAX_BYTES))
    if not processors:
        raise StationError(f"{args.file}: no processor in it", REFUSED)
    actor = reference.asked_by(args, opened, Action.ENROL)
    changed = [one.processor for one in processors if opened.book.list_processor(one, actor)]
    print(f"processors: {len(processors)} in the file, {len(changed)} new or changed", file=sys.stderr)
    if args.json:
        print(json.dumps({"processors": len(processors), "changed": changed}, ensure_ascii=False))


def _list(args: argparse.Namespace, opened: Opened) -> None:
    listed = opened.book.processors()
    if args.json:
        print(json.dumps({"processors": [_facts(one, opened.today) for one in listed]}, ensure_ascii=False))
        return
    for one in listed:
        good = "good" if _good(one, opened.today) else "EXPIRED"
        kinds = ",".join(category.value for category in one.categories)
        print(
            f"{one.processor:20} {good:8} until {one.licence_until}  {kinds:40} {one.names['zh']} {one.names['en']}"
        )


def _good(one: Processor, today: date) -> bool:
    return today <= one.licence_until


def _facts(one: Processor, today: date) -> dict[str, object]:
    return {
        "processor": one.processor,
        "names": dict(one.names),
        "licence": one.licence,
        "licence_until": one.licence_until.isoformat(),
        "good": _good(one, today),
        "categories": [category.value for category in one.categories],
    }
