"""What headquarters makes of the counter's entries: trade-ins, bins, drop-offs, manifests and flags."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from hq import commands, desk, queries, registry
from hq.counter import custody, papers, projection, trades, watch
from hq.counter import queries as counter
from hq.counter.told import Told as Said
from hq.errors import HqError
from hq.intake import Intake
from hq.settings import Address, Settings
from hq.store import Store, now_ms
from hq.web import app, guard
from hq.web.counter_pages import STEPS
from hq.web.live import Feed
from hq.web.words import Words
from ledger import keys
from mqtt import topics
from recycling import bins, goods, trade
from tests.stations import ReportingStation
from tests.unit.test_hq import bring, presence

ROOT = Path(__file__).resolve().parents[2]
TOPICS = topics.of("S01")
TRADE, TRADE2, DROP, DROP2, MANIFEST = (
    f"01JZZZZZZZZZZZZZZZZZZZZZ{name}" for name in ("T1", "T2", "D1", "D2", "M1")
)
BATTERY, CHARGER = "01JZZZZZZZZZZZZZZZZZZZZZ81", "01JZZZZZZZZZZZZZZZZZZZZZ82"
IMEI = "490154203237518"
Tell = Callable[..., object]


def placed(tell: Tell, subject: str, item: str, origin: str, to: str, **body: object) -> None:
    tell("item.placed", subject, "station", item=item, **{"from": origin, "to": to}, **body)


def a_trade(tell: Tell) -> None:
    """From the counter to the shelf, with a voucher."""
    staff = "staff:17"
    tell("trade.begun", TRADE, staff)
    tell("trade.identified", TRADE, staff, model="heron", imei_digest="ab" * 16, imei_end="7518", repeat=True)
    checks = {"register": "clean", "claim": "granted", "phone": "heron", "lock": "none"}
    tell("trade.cleared", TRADE, "station", **checks, provisional=False)
    answers = {"rules": "2026-11", "deductions": ["screen_crack", "battery_weak"], "photos": 4}
    tell("trade.inspected", TRADE, staff, grade="B", mass_g=182, answers_digest="cd" * 16, **answers)
    tell(
        "trade.quoted", TRADE, staff, price_fen=109_200, book="2026-11", override=False, new_price_fen=50_000
    )
    tell("trade.offered", TRADE, staff, price_fen=109_200)
    consents = ["price", "owner", "erasure", "cards_out", "accounts_off", "no_return"]
    accepted = {"price_fen": 109_200, "consents": consents, "id_kind": "id_card", "payout": "top_up"}
    tell("trade.accepted", TRADE, "customer", imei=IMEI, **accepted)
    tell(
        "erase.intended",
        TRADE,
        staff,
        method="fastboot_erase",
        attempt=1,
        partitions=["userdata", "metadata"],
    )
    tell("erase.interrupted", TRADE)
    tell("erase.looked", TRADE, mode="normal", files=0, wizard=True)
    certificate = {"certificate": "EC-2026-0001", "method": "fastboot_erase", "verification": "inspection"}
    tell("erase.certified", TRADE, "station", **certificate)
    tell("trade.sealed", TRADE, staff, seal="SEAL-000123")
    tell("settlement.intended", TRADE, key=TRADE, amount_fen=59_200, method="cash")
    tell("settlement.unknown", TRADE, key=TRADE)
    tell("settlement.reconciled", TRADE, key=TRADE, state="paid")
    tell("voucher.issued", TRADE, voucher="01JZZZZZZZZZZZZZZZZZZZZZV1", amount_fen=59_200)
    tell("trade.settled", TRADE, staff)
    tell("trade.held", TRADE, staff, shelf="A3", until_ms=1_790_000_000_000)
    placed(tell, TRADE, TRADE, "counter", "shelf:A3", trade=TRADE, category="phone", mass_g=182)


def some_drops(tell: Tell) -> None:
    """A charger into bin 3, and a swollen battery into the drawer."""
    tell("drop.begun", DROP, "customer")
    tell("drop.weighed", DROP, "station", item=CHARGER, category="charger", hazard="none", mass_g=85, un="")
    tell("drop.assigned", DROP, "station", item=CHARGER, bin=3)
    placed(tell, DROP, CHARGER, "scale", "entering:3", category="charger", mass_g=85)
    tell("drop.deposited", DROP, "station", item=CHARGER, bin=3, category="charger", mass_g=85, kept_g=70)
    placed(tell, DROP, CHARGER, "entering:3", "bin:3", category="charger", mass_g=85)
    state = {"from": "open", "to": "full", "why": "fill", "fill_percent": 91, "mass_g": 85}
    tell("bin.state", "", "station", bin=3, **state)
    tell("drop.begun", DROP2, "customer")
    battery = {"item": BATTERY, "category": "battery", "hazard": "swollen", "mass_g": 48, "un": "UN3480"}
    tell("drop.weighed", DROP2, "station", **battery)
    placed(tell, DROP2, BATTERY, "scale", "drawer", category="battery", mass_g=48)
    tell("call.requested", DROP2, "customer")
    tell("dock.trouble", "", "station", what="flap_jammed", place="bin:2")


def a_manifest(tell: Tell) -> None:
    """The charger and the phone go out; the processor refuses the phone."""
    manager = "staff:9"
    tell("manifest.drafted", MANIFEST, manager, processor="green-metal")
    tell("bin.emptied", MANIFEST, manager, bin=3, items=1, mass_g=85, manifest=MANIFEST, second="staff:17")
    placed(tell, MANIFEST, CHARGER, "bin:3", f"parcel:{MANIFEST}", category="charger", mass_g=85)
    tell("trade.released", TRADE, "station", register="clean", claim="granted")
    placed(tell, MANIFEST, TRADE, "shelf:A3", f"parcel:{MANIFEST}", trade=TRADE, category="phone", mass_g=182)
    sealed = {"items": 2, "mass_g": 267, "lithium_g": 182, "seals": ["P-1", "P-2"], "second": "staff:17"}
    tell("manifest.sealed", MANIFEST, manager, **sealed)
    tell("manifest.picked_up", MANIFEST, manager, carrier="Fast Freight", vehicle="粤B12345", by="road")
    for item, body in ((CHARGER, {}), (TRADE, {"trade": TRADE})):
        placed(tell, MANIFEST, item, f"parcel:{MANIFEST}", f"transit:{MANIFEST}", **body)
    tell("manifest.received", MANIFEST, "processor:green-metal", received_g=190)
    for item, body in ((CHARGER, {}), (TRADE, {"trade": TRADE})):
        placed(tell, MANIFEST, item, f"transit:{MANIFEST}", "processor:green-metal", **body)
    answered = {"verdict": "partial", "accepted": 1, "refused": 1, "received_g": 190}
    tell("manifest.answered", MANIFEST, "processor:green-metal", **answered)
    tell("manifest.discrepancy", MANIFEST, "station", sent_g=267, received_g=190)
    placed(tell, MANIFEST, TRADE, "processor:green-metal", "quarantine", trade=TRADE)
    tell("revision.proposed", MANIFEST, "staff:9", by="station", items=1)


def some_flags(tell: Tell) -> None:
    tell("trade.begun", TRADE2, "staff:17")
    tell("trade.identified", TRADE2, "staff:17", model="wren", imei_end="3809")
    tell("trade.review", TRADE2, "station", rules=["imei_differs", "invoice_future"])
    tell("fraud.flagged", TRADE2, "station", rule="imei_differs", detail="label and *#06#")
    tell("fraud.flagged", TRADE2, "station", rule="id_velocity", detail="3")
    tell("trade.stopped", TRADE2, "station", rule="blacklisted")
    for _ in range(3):
        tell("staff.refused", "", "station", staff="17")
    tell("staff.locked", "", "station", staff="17", wait_s=60)
    tell("price_book.adopted", "", "station", book="2026-11", approvers=["staff:9", "hq:li"])


class Told:
    """A store that takes in what one station tells."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "hq.sqlite3")
        self.station = ReportingStation(folder, "S01")
        registry.pin(self.store, "S01", self.station.key.public_key())

    def tell(self, kind: str, subject: str = "", actor: str = "station", **body: object) -> None:
        self.station.write(kind, subject, actor, **body)

    def arrive(self) -> None:
        """Everything that was written since."""
        with self.store.read() as connection:
            row = connection.execute("SELECT idx FROM watermarks").fetchone()
        after = 0 if row is None else row[0]
        while (batch := self.station.outbox.next_batch(TOPICS.ev, after)) is not None:
            bring(self.store, TOPICS.ev, batch.data)
            after = batch.last_index

    def all(self) -> None:
        for story in (a_trade, some_drops, a_manifest, some_flags):
            story(self.tell)
        self.arrive()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    made = Told(tmp_path)
    yield made
    made.station.close()


@pytest.fixture
def page(told: Told, tmp_path: Path) -> TestClient:
    intake = Intake(told.store, Address("127.0.0.1", 1), keys.load_or_create(tmp_path / "hq.pem"))
    made = app.build(told.store, intake, Settings(state=tmp_path), Feed())
    return TestClient(made, base_url="http://127.0.0.1", raise_server_exceptions=False)


def test_a_trade_is_summed_up_from_its_entries(told: Told) -> None:
    a_trade(told.tell)
    told.arrive()
    found = counter.trade(told.store, TRADE)
    assert found is not None
    assert (found.state, found.model, found.grade, found.price_fen) == ("held", "heron", "B", 109_200)
    assert (found.imei, found.imei_end, found.repeat, found.provisional) == (IMEI, "7518", 1, 0)
    assert (found.erasure, found.certificate, found.seal) == ("certified", "EC-2026-0001", "SEAL-000123")
    assert (found.settlement, found.paid_fen, found.voucher_fen) == ("paid", 59_200, 59_200)
    assert (found.place, found.entries, found.last_kind) == ("shelf:A3", 19, "item.placed")
    assert [move.place for move in counter.chain(told.store, "S01", trade=TRADE)] == ["counter", "shelf:A3"]


def test_the_list_of_visits_shows_updates_only(told: Told) -> None:
    told.tell("visit.begun", "V1", bay=1)
    told.tell("call.requested", "V1", "customer")
    told.all()
    assert [visit.visit for visit in queries.visits(told.store).visits] == ["V1"]
    assert sorted(call.visit for call in queries.calls(told.store)) == sorted([DROP2, "V1"])


def test_a_bin_shows_what_lies_in_it_and_is_empty_after_its_manifest(told: Told) -> None:
    some_drops(told.tell)
    told.arrive()
    (full,) = counter.bins(told.store)
    assert (full.bin, full.category, full.state, full.items, full.mass_g) == (3, "charger", "full", 1, 85)
    assert full.fill_percent == 91
    assert [(lot.kind, lot.items, lot.mass_g) for lot in counter.lots(told.store)] == [("drawer", 1, 48)]
    (day,) = counter.days(told.store, "Asia/Shanghai", now_ms())
    assert (day.drops, day.items, day.mass_g, day.kept_g, day.hazards) == (2, 1, 85, 70, 1)
    told.tell("manifest.drafted", MANIFEST, "staff:9", processor="green-metal")
    told.tell("bin.emptied", MANIFEST, "staff:9", bin=3, items=1, mass_g=85, manifest=MANIFEST)
    told.arrive()
    (empty,) = counter.bins(told.store)
    assert (empty.items, empty.mass_g, empty.fill_percent) == (0, 0, 0)
    (item,) = papers.items(told.store, "S01", MANIFEST)
    assert (item.item, item.place) == (CHARGER, f"parcel:{MANIFEST}")


def test_the_chain_names_the_processor_as_the_items_own_entry_does(told: Told) -> None:
    told.all()
    chain = [one.place for one in counter.chain(told.store, "S01", drop=DROP)]
    assert chain[-2:] == [f"transit:{MANIFEST}", "processor:green-metal"]


def test_the_days_of_drop_offs_end_at_midnight_of_the_pages_zone(told: Told) -> None:
    midnight_ms = 1_795_276_800_000  # 2026-11-22 00:00 in Shanghai
    with told.store.write() as connection:
        connection.executemany(
            "INSERT INTO drops (station, drop_id, begun_ms, last_ms, items, mass_g) VALUES ('S', ?, ?, 1, 1, 5)",
            [("A", midnight_ms - 1), ("B", midnight_ms), ("C", midnight_ms + 86_399_999)],
        )
    days = counter.days(told.store, "Asia/Shanghai", midnight_ms + 3_600_000)
    assert [(day.begins_ms - midnight_ms, day.drops) for day in days] == [(0, 2), (-86_400_000, 1)]


def test_the_chain_of_custody_of_a_refused_phone(told: Told) -> None:
    told.all()
    chain = counter.chain(told.store, "S01", trade=TRADE)
    assert [custody.kind_of(move.place) for move in chain] == [
        "counter",
        "shelf",
        "parcel",
        "transit",
        "processor",
        "quarantine",
    ]
    found = counter.trade(told.store, TRADE)
    assert found is not None
    assert (found.state, found.place) == ("quarantined", "quarantine")
    assert [custody.kind_of(move.place) for move in counter.chain(told.store, "S01", drop=DROP)] == [
        "scale",
        "entering",
        "bin",
        "parcel",
        "transit",
        "processor",
    ]


def test_a_manifest_compares_what_was_sent_with_what_came(told: Told) -> None:
    told.all()
    found = papers.manifest(told.store, MANIFEST)
    assert found is not None
    assert (found.state, found.verdict, found.accepted, found.refused) == ("partial", "partial", 1, 1)
    assert (found.sent_g, found.received_g, found.difference_g, found.tolerance_g) == (267, 190, -77, 50)
    assert found.off
    assert (found.carrier, found.way, found.seals, found.revision) == (
        "Fast Freight",
        "road",
        "P-1, P-2",
        "proposed",
    )
    assert {item.item for item in papers.items(told.store, "S01", MANIFEST)} == {CHARGER, TRADE}
    told.tell("manifest.processed", MANIFEST)
    told.arrive()
    places = {item.item: item.place for item in papers.items(told.store, "S01", MANIFEST)}
    assert places == {CHARGER: "gone", TRADE: "quarantine"}


@pytest.mark.parametrize(("received_g", "off"), [(950, False), (949, True), (1050, False), (1051, True)])
def test_the_difference_that_is_allowed(told: Told, received_g: int, off: bool) -> None:
    told.tell("manifest.sealed", MANIFEST, "staff:9", items=3, mass_g=1000)
    told.tell("manifest.received", MANIFEST, "staff:9", received_g=received_g)
    told.arrive()
    found = papers.manifest(told.store, MANIFEST)
    assert found is not None
    assert found.off is off


def test_a_flag_is_in_the_queue_once_and_one_person_signs_it(told: Told) -> None:
    some_flags(told.tell)
    told.arrive()
    found = {flag.rule: flag for flag in papers.flags(told.store)}
    assert {rule: flag.action for rule, flag in found.items()} == {
        "imei_differs": "review",
        "invoice_future": "review",
        "id_velocity": "hq",
        "blacklisted": "stop",
    }
    assert found["imei_differs"].detail == "label and *#06#"
    assert {flag.subject_kind for flag in found.values()} == {"trade"}
    with told.store.write() as connection:
        assert watch.looked(connection, found["blacklisted"].id, "王经理", 5)
        assert not watch.looked(connection, found["blacklisted"].id, "李经理", 6)
        assert not watch.looked(connection, 999, "李经理", 6)
    assert papers.flags(told.store)[-1].looked_by == "王经理"
    (login,) = papers.refusals(told.store, 0)
    assert (login.staff, login.times, login.locked) == ("17", 4, 1)
    (prices,) = counter.prices(told.store)
    assert (prices.book, prices.approvers) == ("2026-11", "staff:9, hq:li")


def test_a_voucher_that_is_redeemed_twice_is_flagged(told: Told) -> None:
    told.tell("voucher.issued", TRADE, voucher="V1", amount_fen=100)
    told.tell("voucher.redeemed", TRADE2, voucher="V1", amount_fen=100)
    told.tell("voucher.redeemed", DROP, voucher="V1", amount_fen=100)
    told.arrive()
    assert [(flag.rule, flag.subject) for flag in papers.flags(told.store)] == [("voucher_replay", DROP)]


def test_trouble_at_a_dock_is_shown_until_it_is_mended(told: Told) -> None:
    some_drops(told.tell)
    told.tell("dock.tampered", "")
    told.arrive()
    assert {trouble.what for trouble in counter.troubles(told.store)} == {"flap_jammed", "tampered"}
    told.tell("dock.mended", "", "station", what="flap_jammed", place="bin:2")
    told.arrive()
    assert [trouble.what for trouble in counter.troubles(told.store)] == ["tampered"]


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2**63),
    st.text(max_size=90),
    st.binary(max_size=9),
    st.lists(st.text(max_size=9), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
    st.sampled_from(["bin:1", "gone", "owner", "parcel:x", "shelf:", ":", TRADE, MANIFEST, IMEI]),
)
NAMES = (
    *(
        "item",
        "trade",
        "manifest",
        "from",
        "to",
        "bin",
        "mass_g",
        "kept_g",
        "category",
        "hazard",
        "items",
        "imei",
    ),
    *("price_fen", "rule", "rules", "staff", "book", "approvers", "what", "place", "voucher", "amount_fen"),
    *(
        "verdict",
        "seals",
        "until_ms",
        "shelf",
        "received_g",
        "state",
        "detail",
        "action",
        "provisional",
        "why",
    ),
)


def every_kind() -> list[str]:
    table = json.loads((ROOT / "hq/web/locale/en.json").read_text("utf-8"))
    return sorted(kind for kind in table["kind"] if kind.partition(".")[0] in projection.KINDS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(every_kind()),
            st.sampled_from(["", TRADE, DROP, MANIFEST]),
            st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_whatever_an_entry_says_it_is_kept_and_every_page_can_be_shown(
    told: Told, page: TestClient, entries: list[tuple[str, str, dict[str, object]]]
) -> None:
    for kind, subject, body in entries:
        told.tell(kind, subject, "station", **body)
    told.arrive()
    head = told.station.outbox.head()[1]
    with told.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] == head
    for path in (
        "/trades",
        f"/trades/{TRADE}",
        "/bins",
        f"/drops/{DROP}",
        "/manifests",
        f"/manifests/{MANIFEST}",
    ):
        assert page.get(path).status_code in {200, 404}, path
        assert page.get(f"/api{path}").status_code in {200, 404}, path
    assert page.get("/fraud").status_code == 200
    assert page.get("/api/fraud").status_code == 200


def test_the_processors_answer_becomes_one_command_to_its_station(told: Told, page: TestClient) -> None:
    told.all()
    bring(told.store, TOPICS.st, presence(told.station))
    page.get(f"/manifests/{MANIFEST}")
    form = {"token": page.cookies[guard.COOKIE_TOKEN], "station": "S01", "manifest": MANIFEST, "by": "王经理"}
    answer = b"\xd2" + bytes(range(256))

    def send(data: bytes, **changes: str) -> str:
        sent: Any = {"data": form | changes, "files": {"file": ("answer.cose", data)}}
        got = page.post("/manifests/answer", **sent, follow_redirects=False)
        return str(got.headers.get("location", got.status_code)).rpartition("=")[2]

    assert send(answer, token="x" * 32) == "403"
    assert send(answer, by=" ") == "noname"
    for wrong in (b"", b"not COSE", b"\xd2" + bytes(commands.MAX_ANSWER_BYTES)):
        assert send(wrong) == "bad"
    assert send(b"\xd2" + bytes(guard.UPLOADS["/manifests/answer"])) == "413"
    assert send(answer, manifest="nobody") == "bad"
    assert send(answer) == "done"
    assert send(answer) == "again"
    with told.store.read() as connection:
        (command,) = commands.due(connection)
    assert (command.action, command.requester, command.station) == ("manifest.answer", "王经理", "S01")
    assert command.arguments["manifest"] == MANIFEST
    assert "=" not in str(command.arguments["answer"])
    (handed,) = papers.handed(told.store, "S01", MANIFEST, now_ms())
    assert (handed.by, handed.state) == ("王经理", "waiting")
    assert "等站点核验" in page.get(f"/manifests/{MANIFEST}").text


def test_only_something_signed_is_handed_to_a_station(told: Told) -> None:
    told.all()
    with told.store.write() as connection, pytest.raises(HqError, match="signed answer"):
        commands.answer_manifest(connection, ("S01", MANIFEST), b"junk", "x", 60)


def test_a_flag_is_signed_on_its_page(told: Told, page: TestClient) -> None:
    some_flags(told.tell)
    told.arrive()
    number = papers.flags(told.store)[0].id
    page.get("/fraud")
    form = {"token": page.cookies[guard.COOKIE_TOKEN], "flag": str(number), "by": "王经理"}
    sent: Any = {"follow_redirects": False}
    assert page.post("/fraud/looked", data=form | {"token": ""}, **sent).status_code == 403
    for changes, said in (({"by": ""}, "noname"), ({}, "looked"), ({}, "gone")):
        got = page.post("/fraud/looked", data=form | changes, **sent)
        assert got.headers["location"] == f"/fraud?said={said}"
    assert "王经理 看过" in page.get("/fraud").text


def test_a_phone_is_found_by_its_imei(told: Told, page: TestClient) -> None:
    told.all()
    for wanted in (IMEI, "7518", "4901 5420 3237 518"):
        assert [
            row["trade"]
            for row in page.get("/api/trades", params={"imei": wanted.replace(" ", "")}).json()["trades"]
        ] == [TRADE]
        assert TRADE in page.get("/trades", params={"imei": wanted}).text
    for wrong in ("751", "abcd", "%", "4" * 16):
        assert TRADE not in page.get("/trades", params={"imei": wrong}).text
    found = page.get(f"/api/imei/{IMEI}").json()
    assert found["count"] == 20  # every entry of that trade-in
    assert page.get("/api/imei/123").status_code == 404


@pytest.mark.parametrize("language", ["zh", "en"])
def test_everything_the_counter_can_say_has_words(language: str) -> None:
    table = json.loads((ROOT / f"hq/web/locale/{language}.json").read_text("utf-8"))
    assert {state.value for state in trade.State} <= table["trade"].keys()
    assert set(trades.STATES.values()) | set(custody.TRADE_STATES.values()) <= table["trade"].keys()
    assert {state.value for state in bins.State} <= table["bin"].keys()
    assert {*custody.MANIFEST_STATES.values(), *STEPS, "partial", "refused"} <= table["manifest"].keys()
    assert {lodging.value for lodging in goods.Lodging} == table["place"].keys()
    assert {category.value for category in goods.Category} <= table["value"].keys()
    assert {hazard.value for hazard in goods.Hazard} <= table["value"].keys()
    assert set(watch.ACTIONS) == table["action"].keys()
    assert set(watch.USUAL) <= table["rule"].keys()
    assert set(trades.STATES) | set(custody.MANIFEST_STATES) <= table["kind"].keys()


def test_both_languages_have_the_same_words() -> None:
    tables = [json.loads((ROOT / f"hq/web/locale/{name}.json").read_text("utf-8")) for name in ("zh", "en")]
    assert tables[0].keys() == tables[1].keys()
    for section in tables[0]:
        assert tables[0][section].keys() == tables[1][section].keys(), section
        for key, chinese in tables[0][section].items():
            slots = [set(re.findall(r"\{(\w+)\}", text)) for text in (chinese, tables[1][section][key])]
            assert slots[0] == slots[1], (section, key)


def test_money_mass_and_places_are_written_for_people() -> None:
    words = Words("en")
    assert (words.yuan(109_205), words.yuan(-50)) == ("¥1,092.05", "-¥0.50")
    assert (words.mass(9_999), words.mass(12_345)) == ("9,999\N{NO-BREAK SPACE}g", "12.3\N{NO-BREAK SPACE}kg")
    assert [words.place(place) for place in ("shelf:A3", "bin:2", f"parcel:{MANIFEST}", "gone", "moon")] == [
        "Shelf A3",
        "Bin 2",
        "Parcel",
        "Processed",
        "moon",
    ]
    chips = dict(words.chips({"price_fen": 500, "mass_g": 20, "fill_percent": 91, "rules": ["odd_hours"]}))
    assert chips == {
        "price": "¥5.00",
        "mass": "20\N{NO-BREAK SPACE}g",
        "full": "91%",
        "rules": "Outside opening hours",
    }


def test_a_call_from_a_drop_off_is_no_visit(told: Told) -> None:
    some_drops(told.tell)
    told.arrive()
    assert queries.visits(told.store).visits == []
    found = counter.drop(told.store, DROP2)
    assert found is not None
    assert (found.hazard, found.last_kind) == ("swollen", "call.requested")


def test_an_entry_that_headquarters_fails_over_is_not_lost(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The projection is part of the transaction: what cannot be shown is not receipted either."""
    monkeypatch.setattr(projection, "apply", lambda *_: 1 / 0)
    told.tell("trade.begun", TRADE)
    batch = told.station.outbox.next_batch(TOPICS.ev)
    assert batch is not None
    with pytest.raises(ZeroDivisionError), told.store.write() as connection:
        desk.handle(connection, desk.Mail(TOPICS.ev, batch.data, False), desk.Outcomes())
    with told.store.read() as connection:
        assert connection.execute("SELECT count(*) FROM entries").fetchone()[0] == 0


def test_masses_beyond_all_measure_stop_no_page(told: Told, page: TestClient) -> None:
    """One station's figures are added to everybody's; a sum that overflows would take the page from all."""
    most = 2**63 - 1
    told.tell("manifest.drafted", MANIFEST, processor="p")
    for number in (1, 2):
        drop = f"01JZZZZZZZZZZZZZZZZZZZZZ4{number}"
        told.tell("drop.begun", drop)
        told.tell("drop.deposited", drop, item=f"D{number}", bin=3, mass_g=most, kept_g=most)
        placed(told.tell, "", f"B{number}", "scale", "bin:3", category="charger", mass_g=most)
        placed(told.tell, MANIFEST, f"M{number}", "counter", f"parcel:{MANIFEST}", mass_g=most)
        placed(told.tell, "", f"S{number}", "counter", "shelf:A1", mass_g=most)
    told.arrive()
    for path in ("/bins", "/manifests", f"/manifests/{MANIFEST}"):
        assert page.get(path).status_code == 200, path
        assert page.get(f"/api{path}").status_code == 200, path


def test_one_station_cannot_crowd_the_others_out_of_the_lists(told: Told) -> None:
    """Names, clocks and numbers of rows are the station's own choice."""

    def say(station: str, kind: str, subject: str = "", at_ms: int = 1, **body: object) -> None:
        projection.apply(connection, Said(station, subject, kind, "station", at_ms, body))

    def everything(station: str, number: int, at_ms: int) -> None:
        say(station, "bin.state", bin=number, to="full", at_ms=at_ms)
        say(station, "dock.trouble", what=f"w{number}", place="dock", at_ms=at_ms)
        say(station, "fraud.flagged", f"F{number}", rule="odd_hours", at_ms=at_ms)
        say(station, "manifest.drafted", f"M{number}", processor="p", at_ms=at_ms)
        say(station, "staff.refused", staff=f"{number}", at_ms=at_ms)
        say(station, "item.placed", item=f"I{number}", to=f"k{number}:x", mass_g=1, at_ms=at_ms)

    with told.store.write() as connection:
        everything("S01", 1, 1000)
        for number in range(600):
            for _ in range(2):
                everything("A", number, 2**50)
    lists: tuple[list[Any], ...] = (
        counter.bins(told.store),
        counter.troubles(told.store),
        papers.flags(told.store),
        papers.manifests(told.store),
        papers.refusals(told.store, 0),
        counter.lots(told.store),
    )
    for found in lists:
        assert "S01" in {row.station for row in found}, found[0]


COUNTER_SAYS = [
    (
        "bin.state",
        "why",
        ("full", "heavy", "hazard", "fall_not_seen", "flap_jammed", "flap_left_open", "lock_jammed"),
    ),
    ("call.requested", "screen", ("deposit", "drawer", "repeat", "stopped")),
    ("dock.trouble", "what", ("fall_not_seen", "flap_jammed", "flap_left_open", "scale_drift", "bay_hot")),
    ("drop.abandoned", "why", ("stepped_back", "next_person", "restarted")),
    ("erase.interrupted", "why", ("stopped", "restarted", "unplugged", "phone_silent")),
    ("erase.failed", "why", ("files_left", "not_reset", "wrong_phone", "phone_error")),
    ("print.intended", "what", ("drop_receipt", "offer", "trade_label", "seal_label", "settlement")),
    ("print.done", "what", ("certificate", "manifest", "shift")),
    ("print.waiting", "why", ("printer_off", "printer_no_paper", "printer_cover_open")),
    ("print.failed", "why", ("slip_unprintable",)),
    ("price_book.proposed", "book_digest", ("0123456789abcdef" * 2,)),
    ("revision.proposed", "by", ("ours", "theirs")),
    ("shift.opened", "carried_fen", (1,)),
    ("staff.renewed", "pin", (True,)),
    ("trade.accepted", "backup", ("done", "without")),
]


@pytest.mark.parametrize(("kind", "field", "values"), COUNTER_SAYS)
def test_what_the_counter_says_stands_on_no_page_in_a_machines_words(
    kind: str, field: str, values: tuple[object, ...]
) -> None:
    for language in ("zh", "en"):
        words = Words("zh" if language == "zh" else "en")
        table = json.loads((ROOT / f"hq/web/locale/{language}.json").read_text("utf-8"))
        room = kind.partition(".")[0]
        assert f"{room}.{field}" in table["field_of"] or field in table["field"], field
        for value in values:
            ((_, shown),) = words.chips({field: value}, kind)
            assert shown != value or language == "en", value
            assert "_" not in shown, (language, value)


def test_trouble_that_is_over_or_older_than_the_stations_start_is_not_shown(told: Told) -> None:
    told.tell("dock.trouble", DROP, "station", what="fall_not_seen", place="bin:2")
    told.tell("dock.trouble", "", "station", what="dock_offline", place="")
    told.arrive()
    assert len(counter.troubles(told.store)) == 2
    told.tell("bin.state", "", "station", bin=2, **{"from": "fault", "to": "open", "why": ""})
    told.arrive()
    assert [one.what for one in counter.troubles(told.store)] == ["dock_offline"]
    told.tell("station.started", "", "station", bays=1)  # what still troubles it, it says again
    told.arrive()
    assert counter.troubles(told.store) == []


def test_a_flag_that_stopped_a_trade_later_says_so(told: Told) -> None:
    told.tell("trade.begun", TRADE)
    told.tell("fraud.flagged", TRADE, "station", rule="claim_elsewhere", action="hq")
    told.tell("trade.stopped", TRADE, "station", rule="claim_elsewhere")
    told.tell("fraud.flagged", TRADE, "station", rule="claim_elsewhere", action="review")
    told.arrive()
    assert [(flag.rule, flag.action) for flag in papers.flags(told.store)] == [("claim_elsewhere", "stop")]


def test_a_broken_bin_says_what_broke_and_approvers_are_staff(told: Told, page: TestClient) -> None:
    told.tell("bin.state", "", "station", bin=1, **{"from": "open", "to": "fault", "why": "fall_not_seen"})
    told.tell("price_book.adopted", "", "station", book="2026-11", approvers=["4", "18"])
    told.arrive()
    assert "No fall was seen" in page.get("/bins?lang=en").text
    assert "staff 4, staff 18" in page.get("/trades?lang=en").text
