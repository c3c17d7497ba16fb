"""The dock's real firmware in its process, with its plant, over TCP through the station's adapter: orders, faults."""

from __future__ import annotations

import contextlib
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw.dock import DockTrouble, SerialDock, open_dock
from hw.proto.dock import DockFacts
from hw.virtual import dock_process
from hw.virtual.dock import VirtualDock
from hw.virtual.dock_hands import DockHands
from hw.virtual.errors import BadState, NoAnswer, Refused
from station.children import Child, run
from tests.device.test_both_interpreters import micropython

PATIENCE_S = 60.0


def until(dock: SerialDock, is_so: Callable[[DockFacts], bool]) -> DockFacts:
    """Every change is looked at; one that never comes fails here."""
    change = dock.wait(-1, 0)
    while not is_so(facts := dock.facts()):
        before, change = change, dock.wait(change, PATIENCE_S)
        assert change != before, facts
    return facts


class Rig:
    def __init__(self, folder: Path, **options: float) -> None:
        self.virtual = VirtualDock(folder, 2, 2, watchdog_s=options.get("watchdog_s", 20.0))
        self.virtual.__enter__()
        self.dock = open_dock(self.virtual.ready["where"])
        self.hands = DockHands(self.virtual.ready["control"])
        until(self.dock, lambda facts: facts.online)

    def close(self) -> None:
        self.dock.close()
        self.virtual.stop()

    def said(self, reason: str, order: Callable[[], None]) -> DockTrouble:
        with pytest.raises(DockTrouble) as told:
            order()
        assert told.value.reason == reason
        return told.value


@pytest.fixture(params=["micropython", "cpython"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    if request.param == "cpython":
        monkeypatch.setattr(
            dock_process, "command", lambda: [sys.executable, "-m", "firmware_agent.dock.main"]
        )
    elif micropython() is None:
        pytest.skip("NOT RUN: there is no MicroPython here (its package has no wheel for this machine)")
    made = Rig(tmp_path / "dock")
    yield made
    made.close()


def test_a_thing_is_weighed_falls_into_its_bin_and_the_flap_locks_behind_it(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    hands.put(137)
    until(dock, lambda facts: facts.scale.stable and facts.scale.mass_g == 137)
    with pytest.raises(NoAnswer, match="locked"):
        hands.open_flap(2)
    dock.release_flap(2, "drop 1")
    assert dock.facts().bins[1].lock == "released"
    hands.open_flap(2)
    hands.drop(2)
    assert until(dock, lambda facts: facts.bins[1].falls == 1).bins[1].flap == "open"
    dock.lock_flap(2, "drop 1 lock")
    hands.close_flap(2)
    facts = until(dock, lambda facts: facts.bins[1].lock == "locked")
    assert facts.bins[1].flap == "closed"
    assert hands.status()["bin2_g"] == 137
    assert until(dock, lambda facts: facts.scale.stable).scale.mass_g == 0


def test_a_flap_that_nobody_opens_locks_after_half_a_minute(rig: Rig) -> None:
    rig.dock.release_flap(1, "a")
    rig.hands.pass_time(31)
    assert rig.hands.status()["bin1_lock"] == "locked"
    until(rig.dock, lambda facts: facts.bins[0].lock == "locked")


def test_the_same_intent_again_releases_nothing_again(rig: Rig) -> None:
    rig.dock.release_flap(1, "a")
    rig.dock.lock_flap(1, "b")
    rig.dock.release_flap(1, "a")
    assert rig.hands.status()["bin1_lock"] == "locked"


def test_a_reset_is_counted_leaves_locks_as_they_were_and_forgets_no_intent(rig: Rig) -> None:
    dock = rig.dock
    dock.release_door(2, "door")
    dock.power(1, True, "power")
    rig.hands.fault("reset")
    rig.hands.wait(PATIENCE_S, starts=2)
    facts = until(dock, lambda facts: facts.boots == 2)
    assert (facts.bins[1].door, facts.bins[0].door, facts.bays[0].power) == ("released", "locked", False)
    rig.said("dock_restarted", lambda: dock.release_door(2, "door"))
    dock.lock_door(2, "another")
    assert dock.facts().bins[1].door == "locked"


def test_a_controller_that_was_reset_counts_falls_from_none(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    dock.release_flap(2, "drop 1")
    hands.open_flap(2)
    hands.drop(2)
    hands.drop(2)
    until(dock, lambda facts: facts.bins[1].falls == 2)
    hands.fault("reset")
    hands.wait(PATIENCE_S, starts=2)
    assert until(dock, lambda facts: facts.boots == 2).bins[1].falls == 0
    hands.drop(2)
    until(dock, lambda facts: facts.bins[1].falls == 1)
    assert hands.status()["bin2_falls"] == 3  # what a person who counts would say


def test_a_bin_never_stands_open_on_both_its_sides(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    dock.release_flap(1, "a")
    refused = rig.said("dock_flap_open", lambda: dock.release_door(1, "b"))
    assert refused.values == {"bin": 1}
    hands.open_flap(1)
    dock.lock_flap(1, "c")  # once it is closed
    rig.said("dock_flap_open", lambda: dock.release_door(1, "d"))
    assert hands.status()["bin1_door_lock"] == "locked"
    hands.close_flap(1)
    until(dock, lambda facts: facts.bins[0].lock == "locked")
    dock.release_door(1, "e")
    rig.said("dock_door_open", lambda: dock.release_flap(1, "f"))
    assert hands.status()["bin1_lock"] == "locked"


def test_doors_drawer_lights_and_tare_do_what_their_names_say(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    dock.release_drawer("d1")
    hands.put(60)
    hands.act("open_drawer")
    hands.act("lay_in_drawer")
    assert until(dock, lambda facts: facts.drawer_full).drawer == "open"
    dock.lock_drawer("d2")
    hands.act("close_drawer")
    until(dock, lambda facts: facts.drawer == "locked")
    dock.light(2, "amber", "l1")
    rig.hands.wait(PATIENCE_S, bay2_light="amber")
    hands.fill(1, 90)
    until(dock, lambda facts: facts.bins[0].fill_percent == 90)
    dock.release_door(1, "e1")
    rig.said("dock_door_open", lambda: dock.release_flap(1, "e2"))
    hands.act("open_door", bin=1)
    hands.act("empty", bin=1)
    hands.act("close_door", bin=1)
    dock.lock_door(1, "e3")
    assert until(dock, lambda facts: facts.bins[0].fill_percent == 0).bins[0].door == "locked"
    hands.fault("drift:50")
    until(dock, lambda facts: facts.scale.mass_g == 50 and facts.scale.stable)
    dock.tare("t")
    until(dock, lambda facts: facts.scale.mass_g == 0 and facts.scale.stable)


def test_what_jams_drifts_or_is_silent_is_said_and_mended(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    hands.fault("jam-lock:1")
    assert rig.said("dock_jammed", lambda: dock.release_flap(1, "a")).values == {"bin": 1}
    assert dock.facts().bins[0].lock == "jammed"
    hands.fault("none")
    dock.lock_flap(1, "b")
    dock.release_flap(1, "c")
    hands.fault("jam-flap:1")
    hands.open_flap(1)
    hands.pass_time(6)
    until(dock, lambda facts: facts.bins[0].flap == "jammed")
    hands.fault("none")
    hands.close_flap(1)
    until(dock, lambda facts: facts.bins[0].flap == "closed")
    hands.fault("drift:9")
    hands.pass_time(12)
    until(dock, lambda facts: facts.scale.trouble == "drift")
    hands.fault("scale-silent")
    hands.pass_time(2)
    until(dock, lambda facts: facts.scale.trouble == "silent" and not facts.scale.stable)
    hands.fault("none")
    hands.put(9000)
    until(dock, lambda facts: facts.scale.trouble == "overload")


def test_a_hot_bay_the_emergency_stop_and_the_housing(rig: Rig) -> None:
    dock, hands = rig.dock, rig.hands
    dock.power(1, True, "p")
    hands.heat(1, 45)
    assert until(dock, lambda facts: facts.bays[0].hot).bays[0].power is False
    assert hands.status()["bay1_power"] is False
    assert rig.said("dock_hot", lambda: dock.power(1, True, "q")).values == {"bay": 1}
    hands.heat(1, 39)
    dock.power(1, True, "r")
    hands.fault("bay-silent:1")
    until(dock, lambda facts: facts.bays[0].hot)
    hands.stop()
    until(dock, lambda facts: facts.stopped)
    rig.said("dock_stopped", lambda: dock.release_flap(1, "s"))
    hands.stop(False)
    until(dock, lambda facts: not facts.stopped)
    hands.tamper()
    hands.tamper(False)
    dock.told_tampered(until(dock, lambda facts: facts.tampered).tampers)
    until(dock, lambda facts: not facts.tampered)  # it was told, so the controller lets go of it


def test_a_cut_line_is_offline_at_once_and_comes_back_by_itself(rig: Rig) -> None:
    rig.dock.release_flap(1, "a")
    rig.hands.fault("cut-line")
    until(rig.dock, lambda facts: not facts.online)
    rig.said("dock_offline", lambda: rig.dock.release_flap(2, "b"))
    rig.hands.pass_time(6)  # the station is silent: what is released and closed locks
    assert (rig.hands.status()["bin1_lock"], rig.hands.status()["bin2_lock"]) == ("locked", "locked")
    rig.hands.fault("none")
    assert until(rig.dock, lambda facts: facts.online).bins[0].lock == "locked"


def test_noise_either_way_is_silence_and_moves_nothing(rig: Rig) -> None:
    before = rig.hands.status()
    for _ in range(4):
        rig.hands.fault("garbage-in:20000")
    rig.dock.release_flap(1, "a")
    rig.dock.lock_flap(1, "b")
    rig.hands.fault("garbage")
    until(rig.dock, lambda facts: not facts.online)
    rig.hands.fault("none")
    until(rig.dock, lambda facts: facts.online)
    after = rig.hands.status()
    moving = ("now_ms", "turns", "connections", "connected")
    assert {k: v for k, v in before.items() if k not in moving} == {
        k: v for k, v in after.items() if k not in moving
    }


def test_a_firmware_that_hangs_is_reset_by_the_hardwares_watchdog(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "dock", watchdog_s=1.5)
    try:
        rig.dock.release_door(1, "a")
        rig.hands.fault("hang")
        rig.hands.wait(PATIENCE_S, starts=2)
        facts = until(rig.dock, lambda facts: facts.online and facts.boots == 2)
        assert facts.bins[0].door == "released"
    finally:
        rig.close()


def test_a_controller_killed_at_any_moment_starts_again_counts_it_and_opens_no_other_bin(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path / "dock")
    choose = random.Random(7)
    try:
        for turn in range(12):
            if choose.random() < 0.5:
                rig.virtual.act("fault", {"spec": "reset"})
            with contextlib.suppress(DockTrouble):
                rig.dock.release_flap(1, f"turn {turn}")
            rig.virtual.act("fault", {"spec": "reset"})
            rig.virtual.wait_for({"connected": True}, PATIENCE_S)
            until(rig.dock, lambda facts: facts.online)
            status = rig.hands.status()
            assert status["bin1_lock"] in ("locked", "released", "between")
            assert status["bin2_lock"] == "locked"
        starts = rig.hands.status()["starts"]
        until(rig.dock, lambda facts: facts.boots == starts)
    finally:
        rig.close()


def test_no_hand_can_do_what_a_hand_cannot(tmp_path: Path) -> None:
    with VirtualDock(tmp_path / "dock", 1, 0) as virtual:
        for action, argument in (
            ("fly", {}), ("put", {}), ("put", {"mass_g": -1}), ("drop", {"bin": 1}), ("open_flap", {"bin": 2}),
            ("open_door", {"bin": 1}), ("open_drawer", {}), ("heat", {"bay": 1, "c": 50}), ("pass", {"seconds": 0}),
            ("fault", {}), ("fault", {"spec": "rust"}), ("fault", {"spec": "garbage-in:x"}), ("empty", {"bin": 1}),
        ):  # fmt: skip
            with pytest.raises((Refused, BadState)):
                virtual.act(action, argument)
    for bins, bays in ((0, 1), (17, 1), (1, 17)):
        with pytest.raises(BadState):
            VirtualDock(tmp_path / "other", bins, bays)


def test_the_command_serves_a_dock_and_shows_and_orders_at_one(tmp_path: Path) -> None:
    with Child("dock", "--state", str(tmp_path / "dock"), "--bins", "2", "--fault", "drift:3") as child:
        where = child.ready["where"]
        done = run(["dock", "release", "2", "--where", where, "--json"], 60)
        assert done.returncode == 0, done.stderr
        assert [one["lock"] for one in json.loads(done.stdout)["bins"]] == ["locked", "released"]
        shown = run(["dock", "--where", where], 60)
        assert "bin 2    lock released" in shown.stdout
        refused = run(["dock", "release", "7", "--where", where], 60)
        assert (refused.returncode, refused.stderr) == (3, "station: the dock has no such bin or bay\n")
    gone = run(["dock", "show", "--where", "tcp:127.0.0.1:1"], 60)
    assert gone.returncode == 5
    assert run(["dock", "show", "--where", "nowhere"], 60).returncode == 2
    assert run(["dock", "release", "1"], 60).returncode == 2
