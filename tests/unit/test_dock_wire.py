"""The dock's payloads against bytes nobody thought of, and against their document."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import dock_wire as dw
from firmware_agent.wire import WireError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/dock.md"

bins = st.builds(
    lambda *values: values,
    st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2),
    st.integers(0, 100), st.integers(0, 65535),
)  # fmt: skip
bays = st.tuples(st.integers(0, 3), st.integers(-127, 127), st.integers(0, 4))
u32 = st.integers(0, 2**32 - 1)


@st.composite
def reports(draw: st.DrawFn) -> dw.Report:
    report = dw.Report()
    report.sequence, report.uptime_ms, report.boots, report.tampers = (draw(u32) for _ in range(4))
    report.flags = draw(st.integers(0, 31))
    report.drawer_lock, report.drawer, report.scale = draw(st.tuples(*[st.integers(0, 2)] * 3))
    report.drawer_full, report.is_stable = draw(st.booleans()), draw(st.booleans())
    report.mass_g = draw(st.integers(-dw.MAX_MASS_G, dw.MAX_MASS_G))
    for values in draw(st.lists(bins, max_size=dw.MAX_BINS)):
        one = dw.Bin()
        one.lock, one.flap, one.door_lock, one.door, one.fill_percent, one.falls = values
        report.bins.append(one)
    for values in draw(st.lists(bays, max_size=dw.MAX_BAYS)):
        bay = dw.Bay()
        bay.bits, bay.temperature_c, bay.light = values
        report.bays.append(bay)
    return report


def plain(report: dw.Report) -> dict[str, object]:
    return vars(report) | {"bins": [vars(b) for b in report.bins], "bays": [vars(b) for b in report.bays]}


@given(reports(), st.binary(max_size=8))
def test_a_report_comes_back_as_it_was_also_where_a_later_version_appends(
    report: dw.Report, more: bytes
) -> None:
    raw = dw.pack_report(report)
    assert len(raw) <= dw.MAX_PAYLOAD_BYTES
    assert plain(dw.unpack_report(raw + more)) == plain(report)


@given(reports(), st.data())
def test_a_report_that_is_cut_or_bent_is_read_or_refused_and_nothing_else(
    report: dw.Report, data: st.DataObject
) -> None:
    raw = bytearray(dw.pack_report(report))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        got = dw.unpack_report(bytes(raw))
    except WireError:
        return
    assert all(one.lock <= 2 and one.fill_percent <= 100 for one in got.bins)
    assert abs(got.mass_g) <= dw.MAX_MASS_G


UNPACKERS: list[Callable[[bytes], object]] = [
    dw.unpack_greet, dw.unpack_about, dw.unpack_order, dw.unpack_done, dw.unpack_pulse, dw.unpack_report,
    dw.unpack_refused,
]  # fmt: skip


@pytest.mark.parametrize("unpack", UNPACKERS)
@given(raw=st.binary(max_size=120))
def test_any_bytes_are_a_payload_or_a_wire_error(unpack: Callable[[bytes], object], raw: bytes) -> None:
    try:
        unpack(raw)
    except WireError:
        pass


@given(st.binary(min_size=16, max_size=16), st.integers(0, 255), st.integers(0, 255), st.integers(0, 255))
def test_an_order_and_its_end_come_back(intent: bytes, act: int, number: int, value: int) -> None:
    assert dw.unpack_order(dw.pack_order(intent, act, number, value)) == (intent, act, number, value)
    assert dw.unpack_done(dw.pack_done(intent, act % dw.OUTCOMES, True)) == (intent, act % dw.OUTCOMES, True)


def test_the_document_has_every_number_of_the_source() -> None:
    text = DOCUMENT.read_text("utf-8")
    for group in (
        "GREET ORDER PULSE ABOUT DONE REPORT REFUSED",
        "RELEASE_FLAP LOCK_FLAP RELEASE_DOOR LOCK_DOOR",
    ):
        for name in group.split():
            number = getattr(dw, name)
            shown = f"0x{number:02X}" if group.startswith("GREET") else str(number)
            assert re.search(rf"`{name}` \| {shown} ", text), name
    rest = "RELEASE_DRAWER LOCK_DRAWER TARE POWER LIGHT OK LATER STOPPED JAMMED DOOR_OPEN HOT NO_PLACE"
    for name in [*rest.split(), "TARE_RANGE", "MEMORY", "REPLACED", "UNKNOWN_ACT", "FORGOTTEN"]:
        assert re.search(rf"`{name}` \| {getattr(dw, name)} ", text), name
