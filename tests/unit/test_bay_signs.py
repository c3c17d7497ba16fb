"""What the bays' lights say of an erasing, that the bays have power, and that nothing fails because a lamp does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.work import Errand
from tests.counter_fakes import Counter, FakeDock, Trouble, World


@dataclass(frozen=True)
class Bay:
    number: int
    power: bool = False
    temperature_c: int = 22
    hot: bool = False
    light: str = "off"


class LitDock(FakeDock):
    """Two bays whose lamps and power are what was ordered, unless ``lamps_fail``."""

    lamps_fail = ""

    def bay(self, number: int, **values: object) -> None:
        self.set(
            bays=tuple(
                replace(one, **values) if isinstance(one, Bay) and one.number == number else one  # type: ignore[arg-type]
                for one in self.now.bays
            )
        )

    def of_bay(self, number: int) -> Bay:
        return next(one for one in self.now.bays if isinstance(one, Bay) and one.number == number)

    def power(self, bay: int, on: bool, intent: str) -> None:
        if self.of_bay(bay).hot and self.of_bay(bay).temperature_c >= 40:
            raise Trouble("dock_hot")
        super().power(bay, on, intent)
        self.bay(bay, power=on, hot=False)

    def light(self, bay: int, colour: str, intent: str) -> None:
        if self.lamps_fail:
            self.done.append(("light", bay, intent))
            raise Trouble(self.lamps_fail)
        super().light(bay, colour, intent)
        self.bay(bay, light=colour)


@pytest.fixture
def world(tmp_path: Path) -> World:
    found = World(tmp_path)
    found.dock = LitDock(found.point)
    found.dock.set(bays=(Bay(1), Bay(2)))
    return found


@pytest.fixture
def dock(world: World) -> LitDock:
    assert isinstance(world.dock, LitDock)
    return world.dock


@pytest.fixture
def erasing(staffed: Counter) -> list[Errand]:
    """The erasing's errand is held back; whoever takes it out carries it out."""
    held: list[Errand] = []
    staffed.work.errand = lambda errand: (
        held.append(errand) if errand.name == "erasing" else staffed.work.run_here(errand)
    )
    return held


def lights(dock: LitDock) -> list[str]:
    return [dock.of_bay(number).light for number in (1, 2)]


def test_a_bay_says_working_while_its_phone_is_erased_done_after_it_and_nothing_once_it_is_bagged(
    staffed: Counter, dock: LitDock, erasing: list[Errand]
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    staffed.look()
    assert lights(dock) == ["off", "off"]
    staffed.must(c.EraseStart(trade, "1"))
    staffed.look()
    assert lights(dock) == ["white", "off"]
    staffed.work.run_here(erasing.pop())
    staffed.look()
    assert lights(dock) == ["green", "off"]
    staffed.must(c.TradeSeal(trade, "SEAL-1"))
    staffed.look()
    assert lights(dock) == ["off", "off"]


@pytest.mark.parametrize("fault", ["lost", "refused"])
def test_a_bay_asks_for_attention_where_erasing_broke_off(
    staffed: Counter, world: World, dock: LitDock, fault: str
) -> None:
    trade = staffed.to_accepted()
    staffed.plug_in()
    world.eraser.fault = fault
    staffed.do(c.EraseStart(trade, "1"))
    staffed.look()
    assert lights(dock) == ["amber", "off"]
    staffed.must(c.EraseGiveUp(trade, "broken"))
    staffed.look()
    assert lights(dock) == ["off", "off"]


def test_what_a_lamp_does_not_do_holds_nothing_up_and_is_asked_for_again_later(
    staffed: Counter, world: World, dock: LitDock
) -> None:
    dock.lamps_fail = "dock_no_answer"
    trade = staffed.to_sealed()
    for _ in range(20):
        staffed.look()
    assert staffed.trade(trade).state == "sealed"
    assert staffed.view().said is None
    assert staffed.view().troubles == ()
    trade = staffed.to_accepted(imei="356938035643809")
    staffed.plug_in("356938035643809")
    staffed.must(c.EraseStart(trade, "1"))
    before = len(dock.done)
    for _ in range(20):
        staffed.look()
    assert len(dock.done) - before <= 1
    dock.lamps_fail = ""
    world.clock.pass_s(6)
    staffed.look()
    assert lights(dock) == ["green", "off"]


def test_every_bay_gets_its_power_also_after_the_controller_was_restarted(
    counter: Counter, dock: LitDock
) -> None:
    for _ in range(3):
        counter.look()
        assert [dock.of_bay(number).power for number in (1, 2)] == [True, True]
        dock.restart()
        for number in (1, 2):
            dock.bay(number, power=False, light="off")
        counter.tick(6)
    assert sum(act == "power" for act, _, _ in dock.done) == 6


def test_no_bay_gets_power_while_the_emergency_stop_is_pressed(counter: Counter, dock: LitDock) -> None:
    counter.look()
    for number in (1, 2):
        dock.bay(number, power=False)
    dock.set(stopped=True)
    for _ in range(3):
        counter.tick(6)
        counter.look()
    assert sum(act == "power" for act, _, _ in dock.done) == 2
    dock.set(stopped=False)
    counter.look()
    assert dock.of_bay(1).power


def test_a_bay_that_is_too_hot_is_told_shows_it_and_comes_back_once_it_is_cool(
    counter: Counter, dock: LitDock
) -> None:
    counter.look()
    dock.bay(2, power=False, hot=True, temperature_c=46)
    for _ in range(10):
        counter.tick(6)
        counter.look()
    assert [(one.what, one.place) for one in counter.view().troubles] == [("bay_hot", "bay:2")]
    assert (lights(dock), dock.of_bay(2).power) == (["off", "amber"], False)
    dock.bay(2, temperature_c=39)
    counter.tick(31)
    counter.look()
    counter.look()
    assert (dock.of_bay(2).power, lights(dock)) == (True, ["off", "off"])
    assert counter.view().troubles == ()


def test_one_order_at_a_time_goes_to_a_bay(counter: Counter, dock: LitDock) -> None:
    held: list[Errand] = []
    counter.work.errand = held.append
    dock.bay(1, power=False, light="red")
    for _ in range(5):
        counter.tick(60)
        counter.look()
    assert [errand.subject for errand in held if errand.subject.startswith("bay")] == ["bay:1"]
