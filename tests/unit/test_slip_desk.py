"""Paper that is owed: a slip that no printer can print keeps no other one waiting, and is not lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from kiosk.counter_ports import SlipLine
from kiosk.flow.counter import slip_desk
from kiosk.flow.counter.slip_parts import SlipLine as Line
from kiosk.flow.counter.work import Work
from tests.counter_fakes import Counter, Trouble, World

BAD = "no printer can"
UNPRINTABLE = Trouble("slip_unprintable")


def owe(work: Work, text: str) -> None:
    work.commit(slip_desk.owed(work, "offer", text.replace(" ", "-"), [Line("text", text)]))


def refuse_the_bad_one(world: World, error: Exception = UNPRINTABLE) -> list[str]:
    """What came out, line by line; ``BAD`` is refused before a byte is sent, as the adapter does."""
    printed: list[str] = []

    def to_paper(lines: Sequence[SlipLine]) -> None:
        if lines[0].text == BAD:
            raise error
        printed.append(lines[0].text)

    world.printer.print = to_paper  # type: ignore[method-assign]
    return printed


def test_a_slip_that_cannot_be_printed_is_set_aside_told_once_and_the_others_print(
    counter: Counter, world: World
) -> None:
    printed = refuse_the_bad_one(world)
    for text in ("first", BAD, "last"):
        owe(counter.work, text)
    for _ in range(3):
        counter.tick(6)
    assert printed == ["first", "last"]
    assert counter.entries(BAD.replace(" ", "-")) == ["print.intended", "print.failed"]
    assert counter.bodies("print.failed") == [{"what": "offer", "why": "slip_unprintable"}]
    shown = counter.view()
    assert shown.waiting_slips == 0
    assert [one.what for one in shown.troubles] == ["slip_unprintable"]


def test_a_slip_that_fails_for_no_known_reason_waits_behind_the_others(
    counter: Counter, world: World
) -> None:
    printed = refuse_the_bad_one(world, RuntimeError("a fault of ours"))
    for text in (BAD, "second", "third"):
        owe(counter.work, text)
        world.clock.pass_s(1)
    for _ in range(2):
        counter.tick(6)
    assert printed == ["second", "third"]
    assert counter.view().waiting_slips == 1


def test_a_slip_that_was_set_aside_is_tried_again_at_the_next_start(world: World) -> None:
    printed = refuse_the_bad_one(world)
    counter = Counter(world)
    owe(counter.work, BAD)
    counter.tick(6)
    counter.close()
    del world.printer.print  # another version of the program
    again = Counter(world)
    assert again.view().waiting_slips == 1
    again.tick(6)
    assert (printed, world.printer.texts().strip()) == ([], BAD)
    assert again.view().troubles == ()
    again.close()


def test_a_slip_that_still_cannot_be_printed_after_a_start_is_set_aside_again(world: World) -> None:
    refuse_the_bad_one(world)
    counter = Counter(world)
    owe(counter.work, BAD)
    counter.tick(6)
    counter.close()
    again = Counter(world)
    for _ in range(3):
        again.tick(6)
    assert again.entries().count("print.failed") == 2
    assert [one.what for one in again.view().troubles] == ["slip_unprintable"]
    again.close()


def test_a_printer_that_loses_every_slip_is_tried_less_and_less_often_and_staff_are_told(
    counter: Counter, world: World
) -> None:
    tries: list[int] = []

    def lose(_lines: Sequence[SlipLine]) -> None:
        tries.append(world.clock.mono_ms())
        raise Trouble("printer_lost")

    print_well, world.printer.print = world.printer.print, lose  # type: ignore[method-assign, assignment]
    owe(counter.work, "first")
    for _ in range(400):
        counter.tick(6)
    pauses_ms = [later - before for before, later in pairwise(tries)]
    assert pauses_ms == sorted(pauses_ms)
    assert 600_000 <= pauses_ms[-1] < 620_000
    assert [one.what for one in counter.view().troubles] == ["printer_lost"]
    world.printer.print = print_well  # type: ignore[method-assign]
    for _ in range(101):
        counter.tick(6)
    assert counter.view().waiting_slips == 0
    assert counter.view().troubles == ()
    assert counter.work.prints_lost == 0


def test_a_printer_that_was_opened_is_tried_at_once_again(counter: Counter, world: World) -> None:
    def lose(_lines: Sequence[SlipLine]) -> None:
        raise Trouble("printer_lost")

    print_well, world.printer.print = world.printer.print, lose  # type: ignore[method-assign, assignment]
    owe(counter.work, "first")
    for _ in range(400):
        counter.tick(6)
    world.printer.print = print_well  # type: ignore[method-assign]
    world.printer.at = "cover_open"
    owe(counter.work, "second")
    slip_desk.print_waiting(counter.work)
    world.printer.at = "ready"
    counter.tick(6)
    counter.tick(6)
    assert counter.view().waiting_slips == 0


def test_a_slip_that_fails_for_no_known_reason_fills_no_ledger(counter: Counter, world: World) -> None:
    printed = refuse_the_bad_one(world, RuntimeError("a fault of ours"))
    owe(counter.work, BAD)
    for _ in range(600):
        counter.tick(6)
    assert len(counter.entries(BAD.replace(" ", "-"))) < 40
    assert counter.view().troubles == (), "the printer itself is well"
    owe(counter.work, "second")
    slip_desk.print_waiting(counter.work)
    assert printed == ["second"]
