"""The main job as a new user runs it: one command, real processes, real images, and the contract's JSON."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from station.children import last_json
from station.counter_staff import ID_NUMBER
from station.system import System


def station(*words: str, timeout_s: float = 240.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "station", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, str]:
    """One headless demo with 64 MiB systems: its JSON, its folder, what it said."""
    folder = tmp_path_factory.mktemp("demo")
    run = station("demo", "--headless", "--json", "--state", str(folder))
    assert run.returncode == 0, run.stderr
    return last_json(run.stdout), folder, run.stderr


def test_the_demo_updates_every_phone_and_proves_every_file(demo: tuple[dict[str, Any], Path, str]) -> None:
    result, folder, _ = demo
    assert [visit["verdict"] for visit in result["visits"]] == [
        *["updated"] * (len(result["visits"]) - 1),
        "up_to_date",
    ]
    assert [visit["model"] for visit in result["visits"][:2]] == ["heron", "wren"]
    for visit in result["visits"][:2]:
        data = visit["user_data"]
        assert data["before"] == data["after"] == data["identical"] == data["hashed"] >= 40
        assert data["changed"] == data["missing"] == data["unreadable"] == 0
        assert set(data["not_seen"]) == {"apps", "messages", "call_log", "settings"}
        assert (visit["from"], visit["to"]) == ("1.0.0", "2.0.0")
        assert visit["bytes_sent"] == visit["bytes_full"] >= 64 << 20
    images = [path.stat().st_size for path in (folder / "releases").rglob("system.img")]
    assert len(images) == 4
    assert min(images) >= 64 << 20


def test_the_demo_updates_a_phone_with_our_agent_and_proves_every_file(
    demo: tuple[dict[str, Any], Path, str],
) -> None:
    visits = [visit for visit in demo[0]["visits"] if visit["model"] == "kinglet"]
    if not visits:
        pytest.skip("MicroPython's unix port is not here: the demo went on without such a phone")
    (visit,) = visits
    data = visit["user_data"]
    assert (visit["from"], visit["to"]) == ("1.0.0", "2.0.0")
    assert data["before"] == data["after"] == data["identical"] == data["hashed"] >= 10


def test_the_demo_trades_a_phone_in_from_draft_to_processed(demo: tuple[dict[str, Any], Path, str]) -> None:
    result, folder, said = demo
    (trade,) = result["trade_ins"]
    assert (trade["model"], trade["grade"], trade["state"]) == ("heron", "A", "processed")
    assert (trade["price_fen"] + trade["to_pay_fen"], trade["approved_by"]) == (399_900, "4")
    assert (trade["method"], trade["settlement"]) == ("fastboot_erase", "paid")
    assert (trade["verdict"], trade["accepted"], trade["refused"]) == ("partial", 3, 1)
    assert trade["came_back"] == ["quarantine:returned"]
    assert trade["hq"]["certificate"] == trade["certificate"]
    assert trade["hq"]["seal"] == trade["seal"]
    kinds = [place.partition(":")[0] for place in trade["hq"]["places"]]
    assert kinds == ["counter", "shelf", "bin", "parcel", "transit", "processor", "gone"]
    assert trade["taps"] <= 40
    assert "30 days pass by the demo's own clock" in said
    certificate = folder / "station" / "certificates" / f"{trade['certificate']}.pdf"
    assert certificate.read_bytes().startswith(b"%PDF-")
    assert not any(path.is_file() for path in (folder / "phone-1" / "user").rglob("*"))


def test_the_demo_prints_labels_certificate_and_four_copies(demo: tuple[dict[str, Any], Path, str]) -> None:
    result, folder, _ = demo
    (trade,) = result["trade_ins"]
    pages = [page.read_text("utf-8") for page in sorted((folder / "paper").glob("slip-*.txt"))]
    assert len(pages) == trade["slips"]
    assert sum(trade["certificate"] in page for page in pages) == 1
    assert sum(trade["manifest"] in page for page in pages) == 4
    assert sum(trade["seal"] in page for page in pages) >= 1
    assert all(sum(drop["drop"] in page for page in pages) == 1 for drop in result["drop_offs"])


def test_the_demo_drops_things_off_and_headquarters_knows_where_they_are(
    demo: tuple[dict[str, Any], Path, str],
) -> None:
    battery, charger, last = demo[0]["drop_offs"]
    assert (battery["hazard"], battery["place"]) == ("damaged", "drawer")
    assert (charger["place"], charger["mass_g"], charger["bin_state"]) == ("bin:3", 118, "open")
    assert (last["place"], last["bin_state"]) == ("bin:4", "locked")
    assert [one["hq"]["place"] for one in (battery, charger, last)] == ["drawer", "bin:3", "bin:4"]
    assert all(one["taps"] <= 5 for one in (battery, charger, last))


def test_no_id_number_of_a_customer_stands_anywhere_in_the_clear(
    demo: tuple[dict[str, Any], Path, str],
) -> None:
    number = ID_NUMBER.encode()
    for path in demo[1].rglob("*"):
        if path.is_file() and path.stat().st_size < 8 << 20:
            assert number not in path.read_bytes(), path.name


def test_the_written_slot_holds_the_release_bytes(demo: tuple[dict[str, Any], Path, str]) -> None:
    _, folder, _ = demo
    for partition in ("boot", "system", "vendor", "vbmeta"):
        image = (folder / f"releases/heron/2.0.0/images/{partition}.img").read_bytes()
        with (folder / f"phone-1/flash/{partition}_b.img").open("rb") as slot:
            assert slot.read(len(image)) == image


def test_headquarters_holds_and_verified_every_entry(demo: tuple[dict[str, Any], Path, str]) -> None:
    result, _, _ = demo
    hq, head = result["hq"], result["ledger"]["index"]
    assert (hq["stations"], hq["entries"], hq["verified"], hq["missing"]) == (1, head, head, 0)


def test_progress_is_readable_by_script_and_only_goes_up(demo: tuple[dict[str, Any], Path, str]) -> None:
    _, _, said = demo
    percents = [int(line.split()[1]) for line in said.splitlines() if line.startswith("progress ")]
    assert percents == sorted(set(percents))
    assert percents[-1] == 100


def test_the_ledger_names_no_file_of_the_owner(demo: tuple[dict[str, Any], Path, str]) -> None:
    _, folder, _ = demo
    names = {path.name.encode() for path in (folder / "phone-2/user").rglob("*") if path.is_file()}
    names |= {path.stem.encode() for path in (folder / "phone-2/user").rglob("*") if len(path.stem) > 6}
    assert len(names) > 20
    for store in ("station", "hq"):
        for path in (folder / store).iterdir():
            if path.is_file():
                content = path.read_bytes()
                assert not [name for name in names if name in content], path.name


def test_one_altered_byte_in_a_stored_batch_is_found(demo: tuple[dict[str, Any], Path, str]) -> None:
    """Headquarters' answer comes from the stored bytes, not from what it once believed."""
    result, folder, _ = demo
    with sqlite3.connect(folder / "hq" / "hq.sqlite3") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        row, data = connection.execute("SELECT id, data FROM batches ORDER BY id LIMIT 1 OFFSET 3").fetchone()
        spoilt = bytearray(data)
        spoilt[len(spoilt) // 2] ^= 1
        connection.execute("UPDATE batches SET data = ? WHERE id = ?", (bytes(spoilt), row))
    with System(folder, (), system_mib=1) as system:
        count = system.ask_hq("/api/audit")
    assert count["entries"] == result["hq"]["entries"]
    assert count["verified"] < count["entries"]


def test_bad_options_are_one_line_and_a_usage_error() -> None:
    for words in (
        ("demo", "--phones", "0"),
        ("demo", "--system-mib", "9999"),
        ("faults", "nonsense"),
        ("bench", "x"),
    ):
        run = station(*words)
        assert run.returncode == 2, words
        assert run.stderr.count("\n") == 1, run.stderr
        assert run.stdout == ""


def test_the_page_of_the_phones_does_only_what_hands_do(tmp_path: Path) -> None:
    """Another site's form cannot move a phone, and nothing but the listed acts is reachable."""
    from station.hands import HandsPage
    from station.system import PhoneChoice

    with System(tmp_path, (PhoneChoice("wren", ("--boot-delay", "0.1")),), system_mib=1) as system:
        hands = system.customer(1)
        with HandsPage({"1": hands}, {"hq": system.web}, {"1": "wren"}) as page:

            def post(path: str, **headers: str) -> int:
                request = urllib.request.Request(page.url + path, method="POST", headers=headers)
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        return int(answer.status)
                except urllib.error.HTTPError as exc:
                    return exc.code

            hands.wait(10, mode="normal")
            assert post("phones/1/unlock") == 403
            assert hands.status()["unlocked"] is False
            assert post("phones/1/unlock", **{"x-hands": "1"}) == 200
            assert hands.status()["unlocked"] is True
            assert post("phones/1/fault", **{"x-hands": "1"}) == 404
            assert post("phones/9/unlock", **{"x-hands": "1"}) == 404
            with urllib.request.urlopen(page.url + "phones", timeout=10) as answer:
                assert json.load(answer)["phones"]["1"]["plugged"] is True


def test_the_page_moves_the_hands_at_dock_and_printer(tmp_path: Path) -> None:
    """Only the acts that hands have; and the page shows what the devices say of themselves."""
    from station.hands import HandsPage

    with contextlib.ExitStack() as stack:
        system = stack.enter_context(System(tmp_path, (), system_mib=1, counter=True))
        staff = [{"name": "x", "pin": "1"}]
        page = stack.enter_context(HandsPage({}, {"hq": system.web}, {}, system.hands, staff))

        def post(path: str, **headers: str) -> int:
            request = urllib.request.Request(page.url + path, method="POST", headers=headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as exc:
                return exc.code

        mine = {"x-hands": "1"}
        assert post("counter/put_charger/0") == 403
        assert post("counter/put_charger/0", **mine) == 200
        assert system.hands.dock.status()["load_g"] == 118
        assert post("counter/open_flap/3", **mine) == 409  # it is locked
        assert post("counter/open_flap/99999", **mine) == 404
        assert post("counter/reset/0", **mine) == 404
        assert post("counter/paper_out/0", **mine) == 200
        with urllib.request.urlopen(page.url + "phones", timeout=10) as answer:
            shown = json.load(answer)
        assert shown["counter"]["printer"]["faults"] == ["no-paper"]
        assert shown["counter"]["dock"]["load_g"] == 118
        assert shown["counter"]["bins"] == {
            "1": "phone",
            "2": "battery",
            "3": "charger",
            "4": "accessory",
        }
        assert shown["staff"] == [{"name": "x", "pin": "1"}]
