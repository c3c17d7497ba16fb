"""Hands-on seconds of every flow at the screen. What the machine takes is measured; what a person takes is modelled.

Real touches through a real window, over the dock's own firmware, phones over USB/IP, printer and headquarters. Nobody
was timed: the person's part is :mod:`station.touch_model`'s. The screen is laid out but not painted, for in software
that takes most of the time; pages are walked once, in order, by somebody who makes no mistake.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hw.virtual.control import Customer
from station.bench import Row
from station.errors import UNREACHABLE, StationError
from station.mirrors import say
from station.sample_shop import FIRST, MANAGER, PROCESSOR
from station.system import PhoneChoice
from station.touch_model import Done, parts, responses_ms, touches
from station.touch_shop import TouchShop, touch_shop
from station.touch_trade import Brought

SIZE_PX: Final = (1080, 1920)
LANGUAGE: Final = "zh"
USER_DATA: Final = ("--user-data-size", "4MiB")
PHONES: Final = (PhoneChoice("heron", USER_DATA), PhoneChoice("heron", (*USER_DATA, "--locked")))
NEW_PHONE_YUAN: Final = 3999
PEER: Final = "target"


@dataclass(frozen=True, slots=True)
class Target:
    """What a flow may take, hands-on. ``staff``: people who know their pages and wait while a customer reads."""

    seconds: float | None
    touches: int | None
    staff: bool = False


TARGETS: Final[dict[str, Target]] = {
    "update": Target(60, 7),
    "drop-off of a charger": Target(40, 5),
    "drop-off of a battery": Target(40, 6),
    "drop-off of a damaged battery": Target(40, 6),
    "drop-off of a charger, in English": Target(40, 5),
    "estimate": Target(75, 9),
    "log-in": Target(None, None, staff=True),
    "trade-in with top-up": Target(360, 40, staff=True),
    "trade-in of a locked phone": Target(360, None, staff=True),
    "drawer into quarantine": Target(None, None, staff=True),
    "manifest": Target(90, 12, staff=True),
}
Walked = dict[str, list[Done]]


def rows(_runs: int, _mib: int) -> list[Row]:
    """Every flow once; three rows each, and how soon the screen answers."""
    walked = walk()
    found = [row for name, record in walked.items() for row in _rows_of(name, record)]
    answers = [one for record in walked.values() for one in responses_ms(record)]
    return [
        *found,
        Row(
            f"answer to a touch, median of {len(answers)}",
            round(statistics.median(answers)),
            None,
            None,
            "ms",
        ),
        Row("answer to a touch, worst", round(max(answers)), None, None, "ms"),
    ]


def _rows_of(name: str, record: list[Done]) -> list[Row]:
    target = TARGETS[name]
    read, known = parts(record), parts(record, practised=True)
    bound = target.seconds
    goal = 1.0 if bound else None
    # The keystroke-level model has no reading: of a customer's flow it is the hands and the decisions. What reading
    # every word of every page would add is shown beside it, for nobody knows how much of it people read.
    hands = known.total if target.staff else read.total - read.reading
    what = "hands-on, the customer reads" if target.staff else "hands-on"
    people = [
        Row(f"{name}: {what}", hands, PEER if bound else None, bound, "s", goal),
        Row(f"{name}: with every word read", read.total, None, None, "s"),
    ]
    count = touches(record)
    most = None if target.touches is None else float(target.touches)
    return [
        *(dataclasses.replace(row, ours=round(row.ours, 1)) for row in people),
        Row(f"{name}: of it the machine, measured", round(read.machine, 1), None, None, "s"),
        Row(f"{name}: touches", count, PEER if most else None, most, "", 1.0 if most else None),
    ]


def walk(pictures: Path | None = None, language: str = LANGUAGE) -> Walked:
    """Every flow by touch, one after the other in one shop; what was done in each. ``pictures``: as the driver's."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="station-bench-")))
        stack.enter_context(_display())
        os.environ["KIVY_HOME"] = str(folder / "kivy")
        from kiosk.ui import toolkit
        from kiosk.ui.theme import guess_dpi

        toolkit.prepare(*SIZE_PX)
        toolkit.require_window()
        from kiosk.ui.stagehand import Stagehand

        hand = Stagehand(guess_dpi(*SIZE_PX))
        stack.callback(hand.close)
        hand.reset(SIZE_PX)
        shop = stack.enter_context(touch_shop(folder / "shop", hand, PHONES, pictures))
        return {**_customers(shop, language), **_staff(shop, language)}


def _customers(shop: TouchShop, language: str) -> Walked:
    finger, found = shop.finger, {}
    visitor, english = shop.visitor(language), shop.visitor("en")
    visitor.arrive()
    finger.part()
    say("hands: update")
    visitor.update(shop.system.customer(1))
    found["update"] = finger.part()
    shop.leave()
    visitor.arrive()
    for name, category, hazard in (
        ("drop-off of a charger", "charger", "none"),
        ("drop-off of a battery", "battery", "none"),
        ("drop-off of a damaged battery", "battery", "damaged"),
    ):
        say(f"hands: {name}")
        finger.part()
        visitor.drop_off(category, hazard)
        found[name] = finger.part()
    say("hands: estimate")
    visitor.estimate("Lumen", "heron")
    found["estimate"] = finger.part()
    shop.leave()
    english.arrive()
    finger.part()
    english.drop_off("charger")
    found["drop-off of a charger, in English"] = finger.part()
    shop.leave()
    return found


def _staff(shop: TouchShop, language: str) -> Walked:
    finger, found = shop.finger, {}
    for number, name in ((1, "trade-in with top-up"), (2, "trade-in of a locked phone")):
        say(f"hands: {name}")
        phone = shop.system.customer(number)
        imei = _plugged(phone)
        trade = shop.trade(phone, FIRST, MANAGER)
        trade.enter(language)
        found["log-in"] = finger.part()
        seal, shelf, locked = f"SEAL-730004{number}", f"A{number}", number == 2
        trade.whole(Brought(imei, "heron", NEW_PHONE_YUAN, seal, shelf, locked))
        found[name] = finger.part()
        phone.unplug()
        shop.leave()
    say("hands: manifest")
    shop.trade(phone, MANAGER, FIRST).enter(language)
    stock = shop.stock(FIRST)
    (battery,) = (one.item for one in finger.view.items if one.place == "drawer")
    finger.part()
    stock.pack_drawer(battery, "Q-7300042")
    found["drawer into quarantine"] = finger.part()
    stock.draft(PROCESSOR)
    stock.add(battery)
    stock.seal("PS-510001")
    found["manifest"] = finger.part()
    return found


def _plugged(phone: Customer) -> str:
    imei = str(phone.replug()["imei"])
    phone.wait(60, mode="normal")
    return imei


@contextlib.contextmanager
def _display() -> Iterator[None]:
    """The display that is there, or one of our own."""
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        yield
        return
    if shutil.which("Xvfb") is None:
        raise StationError("bench hands needs a display, or Xvfb (Debian: xvfb)", UNREACHABLE)
    reader, writer = os.pipe()
    words = ("Xvfb", "-displayfd", str(writer), "-screen", "0", "1920x1920x24", "-nolisten", "tcp")
    with subprocess.Popen(
        words, pass_fds=[writer], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()  # written once it takes connections; nothing when it died
        try:
            os.environ["DISPLAY"] = f":{number}"
            yield
        finally:
            del os.environ["DISPLAY"]
            server.terminate()
