"""The assembled counter over its real adapters: the dock's own firmware, ESC/POS to a virtual printer, argon2 PINs."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ledger.cose
import ledger.keys
from hw.virtual.dock import VirtualDock
from hw.virtual.printer import ServedPrinter
from kiosk import settings
from kiosk.assembly import Station
from kiosk.assembly_counter import verify_answer
from kiosk.flow.clock import SystemClock
from kiosk.flow.counter import commands as c
from kiosk.flow.counter.desk import CounterDesk
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from recycling.processor_answer import AAD
from station.sample_shop import STAFF, furnish

TOML = """
state_dir = "state"
[dock]
where = "{dock}"
[printer]
where = "{printer}"
[register]
file = "{register}"
[shop]
first_float_fen = 300000
virtual_payments = "payee.db"
"""


def until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Await what another thread brings."""
    waiting = threading.Event()
    for _ in range(int(timeout_s * 100)):
        if true():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come")


class Rig:
    """One shop."""

    def __init__(self, folder: Path, dock: VirtualDock, printer: ServedPrinter) -> None:
        self.folder, self.dock, self.printer = folder, dock, printer
        register = folder / "register.csv"
        file = folder / "station.toml"
        text = TOML.format(dock=dock.ready["where"], printer=printer.where, register=register)
        file.write_text(text, "utf-8")
        self.settings = settings.load(file)
        self.station = Station(self.settings)
        clock = SystemClock()
        entries = Entries(self.station.database, clock)
        furnish(ReferenceBook(self.station.database, entries, clock), folder, clock.wall_ms()).rename(
            register
        )
        self.station.start()
        found = self.station.counter
        assert found is not None
        self.counter: CounterDesk = found
        until(lambda: self.counter.work.facts is not None and self.counter.work.facts.online)

    def hand(self, action: str, **argument: object) -> None:
        self.dock.act(action, argument)

    def step(self) -> str:
        drop = self.counter.view().drop
        return drop.step if drop else ""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with ExitStack() as stack:
        dock = stack.enter_context(VirtualDock(tmp_path / "dock", bins=4))
        printer = stack.enter_context(ServedPrinter(tmp_path / "paper"))
        made = Rig(tmp_path, dock, printer)
        stack.callback(made.station.stop)
        yield made


def weigh(rig: Rig, category: str, mass_g: int) -> str:
    counter = rig.counter
    assert counter.ask(c.DropBegin("zh")) == ""
    drop = counter.view().drop
    assert drop is not None
    assert counter.ask(c.DropCategory(drop.drop, category)) == ""
    assert counter.ask(c.DropHazard(drop.drop, "none")) == ""
    rig.hand("put", mass_g=mass_g)
    until(lambda: (shown := counter.view().drop) is not None and (shown.mass_g or 0) > mass_g - 5)
    until(lambda: (shown := counter.view().drop) is not None and shown.scale == "stable")
    return drop.drop


def test_a_charger_goes_through_the_real_flap_and_its_receipt_is_printed(rig: Rig) -> None:
    drop = weigh(rig, "charger", 90)
    assert rig.counter.ask(c.DropOpen(drop)) == ""
    until(lambda: (shown := rig.counter.view().drop) is not None and shown.door == "released")
    rig.hand("take")
    rig.hand("open_flap", bin=3)
    rig.hand("drop", bin=3)
    rig.hand("close_flap", bin=3)
    until(lambda: rig.step() == "receipt")
    shown = rig.counter.view()
    assert abs(shown.bins[2].mass_g - 90) <= 3
    until(lambda: (seen := rig.counter.view().drop) is not None and seen.receipt is not None
          and seen.receipt.printed == "printed")  # fmt: skip
    assert rig.counter.ask(c.DropDone(drop)) == ""


def test_a_flap_that_nobody_opens_locks_by_itself_and_gives_the_thing_back(rig: Rig) -> None:
    drop = weigh(rig, "charger", 90)
    assert rig.counter.ask(c.DropOpen(drop)) == ""
    until(lambda: (shown := rig.counter.view().drop) is not None and shown.door == "released")
    rig.dock.pass_time(31)
    until(lambda: rig.step() == "weigh")
    assert rig.counter.view().bins[2].items == 0


def test_a_swollen_battery_goes_into_the_real_drawer(rig: Rig) -> None:
    counter = rig.counter
    assert counter.ask(c.DropBegin("en")) == ""
    drop = counter.view().drop
    assert drop is not None
    assert counter.ask(c.DropCategory(drop.drop, "battery")) == ""
    assert counter.ask(c.DropHazard(drop.drop, "swollen")) == ""
    until(lambda: counter.work.facts is not None and counter.work.facts.drawer == "released")
    rig.hand("open_drawer")
    rig.hand("lay_in_drawer")
    rig.hand("close_drawer")
    until(lambda: rig.step() == "receipt")
    assert counter.view().items[0].place == "drawer"


def test_a_full_bin_is_locked_by_its_own_controller(rig: Rig) -> None:
    rig.hand("fill", bin=1, percent=95)
    until(lambda: rig.counter.view().bins[0].state == "locked")


def test_staff_log_in_and_a_phone_is_identified_and_checked(rig: Rig) -> None:
    counter = rig.counter
    staff = STAFF[0]
    assert counter.ask(c.StaffIn(staff.staff, "000000")) == "pin_wrong"
    assert counter.ask(c.StaffIn(staff.staff, staff.pin)) == ""
    assert counter.ask(c.TradeBegin("zh")) == ""
    until(lambda: bool(counter.view().trades))
    trade = counter.view().trades[0].trade
    model = counter.estimate_models()[0].model
    assert counter.ask(c.TradeIdentify(trade, "490154203237518", model=model)) == ""
    assert counter.ask(c.TradeCheck(trade)) == ""
    until(lambda: counter.view().trades[0].state == "cleared")
    assert counter.view().trades[0].provisional  # no line to headquarters here


def test_an_answer_is_believed_under_its_processors_key_only() -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    message = ledger.cose.sign1(b"payload", key, AAD)
    assert verify_answer(message, ledger.keys.raw_public(key.public_key()).hex()) == b"payload"
    assert verify_answer(message, ledger.keys.raw_public(other.public_key()).hex()) is None
    assert verify_answer(ledger.cose.sign1(b"payload", key, b"else"), "11" * 32) is None
    for hostile in (b"", b"\xd2", message[:-1], message + b"x"):
        assert verify_answer(hostile, ledger.keys.raw_public(key.public_key()).hex()) is None
    assert verify_answer(message, "not hex") is None


def test_headquarters_command_reaches_the_manifest_or_says_why_not(rig: Rig) -> None:
    ask = rig.station._on_manifest_answer
    assert ask("!!") == "a manifest's answer is base64url"
    assert ask(base64.urlsafe_b64encode(b"rubbish").decode().rstrip("=")) == "answer_forged"


def test_a_second_kiosk_over_the_same_folder_has_no_counter_and_says_so(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    with Station(rig.settings) as second:
        assert second.counter is None
    assert sum("no counter" in record.message for record in caplog.records) == 1
    assert rig.counter.ask(c.DropBegin("zh")) == "", "the first one works on"
    rig.station._rig.stop()  # type: ignore[union-attr]
    with Station(rig.settings) as third:
        assert third.counter is not None


def test_a_fall_that_was_seen_counts_although_the_controller_was_reset_before_the_flap_was_shut(
    rig: Rig,
) -> None:
    drop = weigh(rig, "charger", 90)
    assert rig.counter.ask(c.DropOpen(drop)) == ""
    rig.hand("take")
    rig.hand("open_flap", bin=3)
    rig.hand("drop", bin=3)
    until(lambda: any("fell" in seen for seen in rig.counter.work.seen.values()))
    rig.hand("fault", spec="reset")
    assert rig.dock.wait_for({"starts": 2}, 30.0)
    until(lambda: (facts := rig.counter.work.facts) is not None and facts.boots == 2)
    rig.hand("close_flap", bin=3)
    until(lambda: rig.step() == "receipt")
    assert rig.counter.view().bins[2].items == 1


def test_the_bays_have_power_also_after_the_controller_was_reset(rig: Rig) -> None:
    powered = {"bay1_power": True, "bay2_power": True}
    assert rig.dock.wait_for(powered, 30.0)
    rig.hand("fault", spec="reset")
    assert rig.dock.wait_for({"starts": 2, "bay1_power": False}, 30.0)
    assert rig.dock.wait_for(powered, 60.0)
