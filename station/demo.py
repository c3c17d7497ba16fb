"""``station demo``: the whole system on this machine, with a kiosk window or, headless, one visit of each kind,
three drop-offs and a whole trade-in.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kiosk.assembly
from hw.virtual.agent_process import interpreter
from hw.virtual.errors import VirtualPhoneError
from kiosk.flow.view import JobView
from station.children import die_with_parent
from station.customer import SimulatedCustomer
from station.demo_counter import CounterDemo, as_expected
from station.errors import NEEDS_STAFF, OK, OURS, USAGE, StationError
from station.hands import HandsPage
from station.mirrors import say
from station.sample_shop import STAFF
from station.shop import ShopClock, toml, until_open_ms
from station.system import AGENT_MODELS, MAX_PHONES, MODELS, PhoneChoice, System
from station.update import result

HELP = "Runs broker, headquarters, kiosk and virtual phones on this machine, all on loopback."
VISIT_S = 300.0
PLUG_S = 30.0
COUNTER_PARTS = 2


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument(
        "--headless", action="store_true", help="no window: one visit of each kind by itself, then the end"
    )
    parser.add_argument(
        "--phones", type=int, default=3, metavar="N", help="virtual phones, 1 to 8 (default %(default)s)"
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="keep everything there (default: a temporary folder)"
    )
    parser.add_argument(
        "--system-mib", type=int, default=64, metavar="MIB", help="size of a system's files (default 64)"
    )
    parser.add_argument(
        "--size", default="540x960", metavar="WxH", help="the kiosk window's size (default %(default)s)"
    )
    parser.add_argument(
        "--json", action="store_true", help="with --headless: one JSON object as the last line"
    )


def run(args: argparse.Namespace) -> int:
    """The demo; headless it ends with 0 only when every visit ended well and headquarters verified everything."""
    if not 1 <= args.phones <= MAX_PHONES:
        raise StationError(f"--phones is from 1 to {MAX_PHONES}", USAGE)
    if not 1 <= args.system_mib <= 448:
        raise StationError("--system-mib is from 1 to 448 (a phone's system partition holds 512 MiB)", USAGE)
    with _folder(args.state) as folder:
        models = _models()
        phones = tuple(PhoneChoice(models[number % len(models)]) for number in range(args.phones))
        with System(folder, phones, system_mib=args.system_mib, signed=True, counter=True) as system:
            say(f"demo: headquarters' page: {system.web}/")
            return _headless(system, args.json) if args.headless else _window(system, args.size)


def _models() -> tuple[str, ...]:
    """Of the phones on the counter, in turn."""
    try:
        interpreter()
    except VirtualPhoneError as exc:
        say(f"demo: {exc.detail}; the demo goes on without such phones")
        return MODELS
    return MODELS + AGENT_MODELS


@contextlib.contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        if given.exists() and not given.is_dir():
            raise StationError(f"--state {given} is not a folder", USAGE)
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="station-demo-") as folder:
        yield Path(folder)


# -- headless


def _headless(system: System, as_json: bool) -> int:
    """Every phone is updated; the first one comes again, and is up to date; drop-offs; the first is traded in."""
    for number in range(1, len(system.children) + 1):
        system.customer(number).unplug()
    clock = ShopClock()
    clock.pass_ms(until_open_ms(clock.wall_ms()))
    with kiosk.assembly.Station(system.settings, clock) as station:
        visits = []
        plan = [*range(1, len(system.children) + 1), 1]
        overall = Overall(len(plan) + COUNTER_PARTS)
        for number in plan:
            hands = {system.settings.bays[number - 1].where: system.customer(number)}
            _plug_in(system, station, number)
            visits.append(_visit(system, station, number, hands, overall))
            overall.next()
        counter = CounterDemo(system, station, clock, overall.show)
        drop_offs = counter.drop_offs()
        overall.next()
        trade_in = counter.trade_in(1)
        overall.next()
        head = station.book.head()
        audit = system.audit(head.index)
    result = {
        "visits": visits,
        "drop_offs": drop_offs,
        "trade_ins": [trade_in],
        "hq": {
            "url": system.web + "/",
            **{name: audit[name] for name in ("stations", "entries", "verified", "missing")},
        },
        "ledger": {"epoch": head.epoch, "index": head.index},
    }
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    else:
        _print(visits, audit)
        _print_counter(drop_offs, trade_in)
    whole = audit["missing"] == 0 and audit["entries"] == audit["verified"] == head.index
    expected = ["updated"] * len(system.children) + ["up_to_date"]
    if [visit["verdict"] for visit in visits] != expected or not as_expected(drop_offs, trade_in):
        return NEEDS_STAFF
    return OK if whole else OURS


def _print(visits: list[dict[str, Any]], audit: dict[str, Any]) -> None:
    for visit in visits:
        data = visit["user_data"]
        files = f"{data['identical']} of {data['before']} files identical, {data['hashed']} byte by byte"
        versions = " -> ".join(version for version in (visit["from"], visit["to"]) if version)
        print(
            f"{visit['model']:8} {versions:16} {visit['verdict']:12} {files if data['after'] is not None else ''}"
        )
    counts = ", ".join(f"{name} {audit[name]}" for name in ("entries", "verified", "missing"))
    print(f"headquarters: {counts}")


def _print_counter(drop_offs: list[dict[str, Any]], trade_in: dict[str, Any]) -> None:
    for drop in drop_offs:
        state = f", {drop['bin_state']}" if drop["bin_state"] else ""
        print(
            f"drop-off {drop['category']:10} {drop['hazard']:8} {drop['mass_g']:4} g  {drop['place']}{state}"
        )
    price = f"{trade_in['price_fen'] / 100:.2f}, {trade_in['to_pay_fen'] / 100:.2f} to pay"
    print(
        f"trade-in {trade_in['model']:10} grade {trade_in['grade']}  {price}; {trade_in['method']},"
        f" certificate {trade_in['certificate']}, seal {trade_in['seal']}; {trade_in['state']}"
    )
    print(
        f"manifest {trade_in['verdict']}: {trade_in['accepted']} accepted, {trade_in['refused']} came back"
        f" ({trade_in['days_passed_by_demo_clock']} days passed by the demo's clock)"
    )


class Overall:
    """One percent over all visits of the run; each new value is said once, and it only rises."""

    def __init__(self, visits: int) -> None:
        self._visits = visits
        self._done = 0
        self._shown = -1

    def show(self, percent: int) -> None:
        """``percent`` of the current visit."""
        whole = (100 * self._done + percent) // self._visits
        if whole > self._shown:
            self._shown = whole
            say(f"progress {whole}")

    def next(self) -> None:
        """The current visit is over."""
        self._done += 1
        self.show(0)


def _visit(
    system: System, station: kiosk.assembly.Station, number: int, hands: dict[str, Any], overall: Overall
) -> dict[str, Any]:
    """One visit of the phone in bay ``number``; its outcome as the contract's JSON."""
    last: dict[str, Any] = {}

    def on_screen(job: JobView) -> None:
        overall.show(job.percent)
        say(f"demo: bay {job.bay_number} {job.screen}")

    customer = SimulatedCustomer(station.desk, hands, on_screen=on_screen)

    def keep(job: JobView) -> None:
        visit = station.desk.visit(job.visit)
        if visit is not None:
            last.update(result(visit, station.book))

    customer.on_end = keep
    customer.visit("zh" if number % 2 else "en", VISIT_S)
    system.customer(number).unplug()
    return last


def _plug_in(system: System, station: kiosk.assembly.Station, number: int) -> None:
    """The phone goes into its own bay; a visit takes the free bay that has a phone in it."""
    system.customer(number).replug()
    deadline = time.monotonic() + PLUG_S
    while not station.desk.view().bays[number - 1].present:
        if time.monotonic() > deadline:
            raise StationError(f"bay {number} does not see its phone", OURS)
        threading.Event().wait(0.05)


# -- with a window


def _window(system: System, size: str) -> int:
    display = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if not display:
        say(
            "demo: no display here; the kiosk is drawn on a virtual one. For a run by itself: make demo HEADLESS=1"
        )
    for number in range(1, len(system.children) + 1):
        system.customer(number).unplug()
    config = system.folder / "kiosk.toml"
    config.write_text(_toml(system), "utf-8")
    customers = {str(number): system.customer(number) for number in range(1, len(system.children) + 1)}
    models = {str(number): str(child.ready["model"]) for number, child in enumerate(system.children, 1)}
    staff = [{"name": one.name, "staff": one.staff, "pin": one.pin} for one in STAFF]
    with HandsPage(customers, {"hq": system.web + "/"}, models, system.hands, staff) as page:
        say(f"demo: the phones on the counter: {page.url}")
        for one in STAFF:
            say(f"demo: staff {one.staff}, PIN {one.pin}: {one.name}, {one.role}")
        print(json.dumps({"hq": system.web + "/", "hands": page.url}), flush=True)
        if display:
            webbrowser.open(page.url)
        words = [
            sys.executable,
            "-m",
            "station",
            "kiosk",
            "--config",
            str(config),
            *(["--size", size] if size else []),
        ]
        if not display:
            if not shutil.which("xvfb-run"):
                raise StationError("no display and no Xvfb: use make demo HEADLESS=1, or install xvfb")
            words = ["xvfb-run", "-a", "-s", "-screen 0 1080x1920x24", *words]
        return subprocess.run(words, check=False, preexec_fn=die_with_parent).returncode


def _toml(system: System) -> str:
    """The kiosk's configuration file; JSON strings are TOML strings."""
    settings = system.settings
    assert settings.broker is not None
    lines = [
        f"state_dir = {json.dumps(str(settings.state_dir))}",
        f"station = {json.dumps(settings.station)}",
        f"releases_dir = {json.dumps(str(settings.releases))}",
        "[broker]",
        f"host = {json.dumps(settings.broker.host)}",
        f"port = {settings.broker.port}",
        f"hq_public_key = {json.dumps(str(settings.broker.hq_public_key))}",
    ]
    if settings.catalogue is not None:
        seeds = [
            {"url": seed.url, "region": seed.region or "elsewhere"} for seed in settings.catalogue.mirrors
        ]
        tables = [
            f"{{ url = {json.dumps(seed['url'])}, region = {json.dumps(seed['region'])} }}" for seed in seeds
        ]
        lines += [
            "[catalogue]",
            f"root = {json.dumps(str(settings.catalogue.root))}",
            f"region = {json.dumps(settings.catalogue.region)}",
            f"mirrors = [{', '.join(tables)}]",
        ]
    if settings.shop is not None:
        lines += toml(settings.shop)
    for bay in settings.bays:
        lines += ["[[bays]]", f"number = {bay.number}", f"where = {json.dumps(bay.where)}"]
    return "\n".join(lines) + "\n"
