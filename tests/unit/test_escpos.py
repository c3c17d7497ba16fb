"""A slip's bytes fit the paper, lose nothing, and are understood by a strict printer."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.proto import escpos
from hw.proto.escpos import columns, document, paired, printable, wrapped
from hw.virtual import code128, escpos_stream
from hw.virtual.errors import Refused
from tests.slip_samples import all_slips

ANY_TEXT = st.text(max_size=120)
WIDTHS = st.sampled_from([32, 48])


@dataclass(frozen=True)
class Line:
    kind: str
    text: str = ""
    right: str = ""


@given(ANY_TEXT, st.sampled_from([16, 24, 32, 48]))
def test_no_line_is_wider_than_the_paper_and_no_character_is_lost(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(text).split())


@given(ANY_TEXT, ANY_TEXT, WIDTHS)
def test_a_pair_fits_whatever_stands_in_it(left: str, right: str, width: int) -> None:
    lines = paired(left, right, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(printable(left + right).split())


@given(st.integers(0, 10**9), WIDTHS)
def test_amounts_end_at_the_right_edge(fen: int, width: int) -> None:
    (line,) = paired("合计", f"¥{fen / 100:,.2f}", width)
    assert columns(line) == width
    assert "￥" in line
    assert "¥" not in line  # U+00A5 prints wrong in GBK


def test_no_closing_mark_begins_a_line() -> None:
    for width in range(8, 40):
        for line in wrapped("您好，谢谢您（把旧手机带来）。请看：好！", width):
            assert line[0] not in "，。）：！"


@given(
    st.lists(
        st.tuples(st.sampled_from(["heading", "text", "small", "pair"]), ANY_TEXT, ANY_TEXT), max_size=20
    ),
    WIDTHS,
)
def test_any_slip_is_understood_by_a_strict_printer(lines: list[tuple[str, str, str]], width: int) -> None:
    rest = document([Line(*line) for line in lines] + [Line("cut")], width)
    chinese, seen = False, 0
    while rest:
        command, length = escpos_stream.command(rest, chinese)
        chinese = chinese or command == escpos_stream.Set("chinese", 1)
        rest, seen = rest[length:], seen + 1
    assert seen


@pytest.mark.parametrize("width", [32, 48])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_slip_of_the_counter_can_be_put_on_paper(language: str, width: int) -> None:
    for slip in all_slips(language).values():
        assert document(slip, width)


@pytest.mark.parametrize("kind", ["qr", "barcode"])
@given(text=st.text(max_size=1500), width=WIDTHS)
def test_what_no_code_can_hold_stands_there_in_characters(kind: str, text: str, width: int) -> None:
    """A slip must not stay in the queue for ever because of what somebody scanned into it."""
    rest, chinese, shown, coded = document([Line(kind, text)], width), False, "", False
    while rest:
        command, length = escpos_stream.command(rest, chinese)
        chinese = chinese or command == escpos_stream.Set("chinese", 1)
        rest = rest[length:]
        coded = coded or isinstance(command, (escpos_stream.Raster, escpos_stream.Barcode))
        shown += command.text if isinstance(command, escpos_stream.Char) else ""
    assert coded or "".join(shown.split()) == "".join(printable(text).split())


def test_a_word_wider_than_the_paper_goes_on_in_the_next_line() -> None:
    assert wrapped("x" * 100, 48) == ["x" * 48, "x" * 48, "x" * 4]
    assert wrapped("，" * 30, 32) == ["，" * 16, "，" * 14]


ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@given(ASCII, WIDTHS)
def test_a_barcode_says_what_it_was_given(text: str, width: int) -> None:
    assert "".join(barcode_text(text, width).split()) == "".join(text.split())


def test_a_barcode_of_digits_fits_with_its_quiet_zones_however_many_there_are() -> None:
    for length in range(1, 41):
        digits = "4901542032375180" * 3
        for width in (32, 48):
            assert barcode_text(digits[:length], width) == digits[:length]


def barcode_text(text: str, width: int) -> str:
    """What stands on the paper under its bars, or its QR code."""
    rest = document([Line("barcode", text)], width)
    shown, chinese = "", False
    while rest:
        command, length = escpos_stream.command(rest, chinese)
        chinese = chinese or command == escpos_stream.Set("chinese", 1)
        rest = rest[length:]
        if isinstance(command, escpos_stream.Barcode):
            bars, shown = code128.modules(command.data)
            assert (len(bars) + 20) * 2 <= escpos.DOTS[width]
        elif isinstance(command, escpos_stream.Char):
            shown += command.text
    return shown


@given(st.binary(max_size=80), st.booleans())
def test_the_virtual_printer_refuses_or_takes_any_bytes(data: bytes, chinese: bool) -> None:
    while data:
        try:
            _, length = escpos_stream.command(data, chinese)
        except (Refused, escpos_stream.Incomplete):
            return
        assert length > 0
        data = data[length:]
