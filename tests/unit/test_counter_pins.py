"""Wrong PINs: they are counted over a power cut, in little room, and whoever is logged in takes the screen back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import staffing
from kiosk.store.tables import PIN_TRIES
from service.technician import Role
from tests.counter_fakes import LIN, SECOND, WU, Counter, Killed, World

HOUR_S = 3600
WRONG = "111111"


def rows(counter: Counter) -> list[str]:
    with counter.database.reading() as connection:
        return [row.number for row in connection.execute(sa.select(PIN_TRIES.c.number))]


def restarted(counter: Counter) -> Counter:
    """The power went; nobody said goodbye."""
    counter.close()
    return Counter(counter.world)


# -- over a restart


def test_a_power_cut_gives_nobody_another_set_of_guesses(counter: Counter, world: World) -> None:
    for _ in range(3):
        assert counter.do(c.StaffIn(LIN[0], WRONG)) == "pin_wrong"
        counter = restarted(counter)
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    world.clock.pass_s(31)
    counter.must(c.StaffIn(*LIN))
    counter.close()


def test_guesses_over_many_numbers_count_at_the_keypad_over_a_power_cut(counter: Counter) -> None:
    for number in range(5):
        assert counter.do(c.StaffIn(f"{number}", WRONG)) == "pin_wrong"
    counter = restarted(counter)
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    assert counter.view().login_wait_s > 0
    counter.close()


def test_a_wrong_pin_is_said_only_once_it_is_written(counter: Counter, world: World) -> None:
    for _ in range(2):
        assert counter.do(c.StaffIn(LIN[0], WRONG)) == "pin_wrong"
    world.kill_on = "after commit"
    with pytest.raises(Killed):
        counter.do(c.StaffIn(LIN[0], WRONG))
    counter = restarted(counter)
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    assert counter.entries().count("staff.refused") == 3
    counter.close()


def test_a_right_pin_ends_the_count_for_good(counter: Counter) -> None:
    for _round in range(2):
        for _ in range(2):
            assert counter.do(c.StaffIn(LIN[0], WRONG)) == "pin_wrong"
        counter.must(c.StaffIn(*LIN))
        assert rows(counter) == []
    counter = restarted(counter)
    assert counter.do(c.StaffIn(LIN[0], WRONG)) == "pin_wrong"
    counter.must(c.StaffIn(*LIN))
    counter.close()


def test_a_clock_that_lost_its_time_with_the_power_gives_no_guesses(counter: Counter, world: World) -> None:
    now_ms = world.clock.wall_ms()
    for _ in range(3):
        assert counter.do(c.StaffIn(LIN[0], WRONG)) == "pin_wrong"
    world.clock.wall = 0
    counter = restarted(counter)
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    world.clock.wall = now_ms + 1000  # the network's time came
    assert counter.do(c.StaffIn(*LIN)) == "pin_wait"
    world.clock.pass_s(HOUR_S)
    counter.must(c.StaffIn(*LIN))
    counter.close()


# -- in little room


def test_numbers_that_nobody_has_fill_no_disk(counter: Counter, world: World) -> None:
    for _ in range(2):
        assert counter.do(c.StaffIn(WU[0], WRONG)) == "pin_wrong"
    for number in range(200):
        world.clock.pass_s(HOUR_S)
        assert counter.do(c.StaffIn(f"x{number}" + "y" * 40, WRONG)) == "pin_wrong"
    kept = rows(counter)
    assert len(kept) == staffing.MAX_NUMBERS + 1
    assert "" in kept, "the keypad's own count is never dropped"
    assert set(kept) == counter.work.desk.failures.keys()
    assert {f"x{number}"[:16] for number in range(200 - staffing.MAX_NUMBERS, 200)} == {
        one.rstrip("y") for one in kept if one
    }
    assert max(len(times) for times in counter.work.desk.failures.values()) <= staffing.MAX_TIMES


def test_wrong_pins_of_numbers_that_nobody_has_push_out_no_count_of_a_colleagues(
    counter: Counter, world: World
) -> None:
    """A right PIN of one's own ends the keypad's wait, so numbers are not slow to come by for who has one."""
    for _ in range(3):
        assert counter.do(c.StaffIn(WU[0], WRONG)) == "pin_wrong"
    for number in range(staffing.MAX_NUMBERS + 5):
        world.clock.pass_s(0.1)
        counter.must(c.StaffIn(*LIN))
        assert counter.do(c.StaffIn(f"x{number}", WRONG)) == "pin_wrong"
    assert counter.do(c.StaffIn(WU[0], WRONG)) == "pin_wait"
    assert len(rows(counter)) == staffing.MAX_NUMBERS + 1


# -- the screen comes back


def test_the_screen_comes_back_by_the_pin_of_whoever_is_logged_in(staffed: Counter) -> None:
    assert staffed.do(c.StaffHere(WU[1])) == "pin_wrong", "a colleague's PIN is not theirs"
    assert staffed.entries()[-1] == "staff.refused"
    staffed.must(c.StaffHere(LIN[1]))
    assert staffed.entries()[-1] == "staff.back"
    assert staffed.bodies("staff.back") == [{"staff": LIN[0]}]
    assert rows(staffed) == []


def test_a_customer_who_guesses_at_the_screen_waits_like_at_the_log_in(
    staffed: Counter, world: World
) -> None:
    for _ in range(3):
        assert staffed.do(c.StaffHere(WRONG)) == "pin_wrong"
    assert staffed.do(c.StaffHere(LIN[1])) == "pin_wait"
    shown = staffed.view()
    assert shown.staff is not None
    assert (shown.staff.pin_wait_s, shown.login_wait_s) == (30, 0), "it is their number that waits"
    assert staffed.do(c.StaffIn(*LIN)) == "pin_wait"
    assert "staff.locked" in staffed.entries()
    staffed.must(c.StaffIn(*WU))  # somebody else may log in
    world.clock.pass_s(31)
    assert staffed.do(c.StaffHere(LIN[1])) == "pin_wrong"
    staffed.must(c.StaffHere(WU[1]))


def test_nobody_takes_a_screen_back_who_is_not_logged_in(counter: Counter) -> None:
    assert counter.do(c.StaffHere(LIN[1])) == "no_staff"
    assert "staff.refused" not in counter.entries()


def _retired(world: World) -> None:
    found, pin = world.reference.people[LIN[0]]
    world.reference.people[LIN[0]] = (replace(found, retired=True), pin)


def _promoted(world: World) -> None:
    found, pin = world.reference.people[LIN[0]]
    world.reference.people[LIN[0]] = (replace(found, role=Role.MANAGER), pin)


@pytest.mark.parametrize(
    ("became", "reason", "role"), [(_retired, "staff_retired", ""), (_promoted, "", "manager")]
)
def test_who_comes_back_is_who_the_list_says_now(
    staffed: Counter, world: World, became: Callable[[World], None], reason: str, role: str
) -> None:
    became(world)
    assert staffed.do(c.StaffHere(LIN[1])) == reason
    shown = staffed.view().staff
    assert shown is not None
    assert not role or shown.role == role


def test_who_has_retired_does_not_come_in_although_the_pin_is_right(counter: Counter, world: World) -> None:
    _retired(world)
    assert counter.do(c.StaffIn(*LIN)) == "staff_retired"
    assert counter.view().staff is None


def test_a_pin_is_in_no_entry(staffed: Counter) -> None:
    staffed.do(c.StaffHere("864201"))
    staffed.must(c.StaffHere(LIN[1]))
    staffed.put_in(100)
    every = str([staffed.bodies(kind) for kind in set(staffed.entries())])
    assert not [pin for pin in ("864201", LIN[1], SECOND.pin) if pin in every]
    assert LIN[1] not in repr(c.StaffHere(LIN[1]))
