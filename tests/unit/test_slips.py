"""Every slip is complete in both languages, and claims nothing that was not looked at."""

from __future__ import annotations

import dataclasses
import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.flow.counter import slips
from kiosk.flow.counter.paper_record import COPIES, erase_limits, erase_rows, erase_title, yuan
from kiosk.flow.counter.slip_parts import Head
from kiosk.flow.counter.slip_words import LANGUAGES, WORDS, say
from kiosk.flow.counter.slips import Slip, erase_certificate_slip
from recycling.goods import Category, Hazard
from recycling.inspection import DEDUCTIONS
from tests.slip_samples import all_slips, erase_record

SLIPS = all_slips("zh")
HAN = re.compile(r"[\u4e00-\u9fff]")


def written(slip: Slip) -> str:
    return "\n".join(f"{line.kind}|{line.text}|{line.right}" for line in slip)


SHIFT_REASONS = ("change", "unbooked", "unknown")  # as kiosk.ui.staff.till_panels.REASONS


def test_both_languages_have_words_for_everything_with_the_same_fields() -> None:
    fields = string.Formatter().parse
    for key, (zh, en) in WORDS.items():
        assert zh.strip(), key
        assert en.strip(), key
        assert {name for _, name, _, _ in fields(zh)} - {None} == {name for _, name, _, _ in fields(en)} - {
            None
        }, key
        assert not HAN.search(en), key


def test_every_machine_name_of_the_domain_has_words_on_paper() -> None:
    keys = {f"category.{each.value}" for each in Category} | {f"hazard.{each.value}" for each in Hazard}
    keys |= {f"line.{name}" for name in DEDUCTIONS} | {f"manifest.copy.{copy}" for copy in COPIES}
    assert keys - {"hazard.none"} <= WORDS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_machine_name_stands_on_a_settlement_or_a_shift(language: str) -> None:
    head = Head("S", 0, "UTC")
    for method in ("cash", "transfer", "top_up", "nothing"):
        settled = slips.Settlement(head, "T", "Heron", 50_000, method, "", new_price_fen=50_000)
        assert method not in written(slips.settlement_slip(settled, say(language)))
    for reason in SHIFT_REASONS:
        shift = slips.ShiftRecord(head, "1007", 0, 0, 0, 0, 100, 0, "2001", reason)
        assert f"|{reason}" not in written(slips.shift_slip(shift, say(language)))


@pytest.mark.parametrize("name", SLIPS)
def test_every_slip_has_a_title_and_ends_with_one_cut(name: str) -> None:
    kinds = [line.kind for line in SLIPS[name]]
    assert kinds[0] == "heading"
    assert kinds[-1] == "cut"
    assert kinds.count("cut") == 1


@pytest.mark.parametrize("name", SLIPS)
def test_an_english_slip_is_english(name: str) -> None:
    """But for names, the mark of ADR that both languages carry, and the certificate, which is in both."""
    if name == "certificate":
        return
    foreign = re.compile("深圳华强北店|绿环再生资源|有限公司|深圳|粤|顺丰速运|供回收利用|少一张一元|环许")
    assert not HAN.search(foreign.sub("", written(all_slips("en")[name])))


def test_the_four_copies_differ_only_in_whom_they_are_for() -> None:
    slips = {copy: written(SLIPS[f"manifest-{copy}"]) for copy in COPIES}
    named = {copy: say("zh")(f"manifest.copy.{copy}") for copy in COPIES}
    assert all(named[copy] in text for copy, text in slips.items())
    assert len({text.replace(named[copy], "") for copy, text in slips.items()}) == 1


def test_amounts_stand_as_they_were_reckoned() -> None:
    offer = written(SLIPS["offer"])
    for line in ("pair|旧机价格|￥1,092.00", "pair|屏幕碎裂 (25 %)|-￥525.00", "pair|您还需支付|￥2,907.00"):
        assert line in offer
    assert "pair|代金券金额|￥550.00" in written(SLIPS["settlement"])
    assert "pair|差额|-￥1.00" in written(SLIPS["shift"])


@given(st.integers(-(10**12), 10**12))
def test_no_fen_is_lost_on_paper(fen: int) -> None:
    assert int(re.sub(r"[￥,.]", "", yuan(fen))) == fen
    assert "¥" not in yuan(fen)  # U+00A5 prints wrong in GBK


@given(
    st.sampled_from(["fastboot_erase", "factory_reset"]),
    st.sampled_from(["certified", "warning", "failed"]),
    st.sampled_from([True, False, None]),
    st.one_of(st.none(), st.integers(0, 500)),
)
def test_a_certificate_never_claims_more_than_was_looked_at(
    technique: str, outcome: str, wizard: bool | None, files: int | None
) -> None:
    record = erase_record(technique=technique, outcome=outcome, wizard=wizard, files_after=files)
    clean = outcome == "certified" and wizard is True and files == 0
    for language in LANGUAGES:
        words = say(language)
        assert (erase_title(record, words) == words("cert.title")) == clean
        rows = dict(erase_rows(record, words))
        assert (rows[words("cert.result")] == words("cert.result.certified")) == clean
        assert rows[words("cert.method")] == words(
            "cert.method.none" if outcome == "failed" else "cert.method.clear"
        )
        assert words("cert.limit.cards") in erase_limits(record, words)
        if outcome != "failed":
            assert {words("cert.limit.purge"), words("cert.limit.read_back")} <= set(
                erase_limits(record, words)
            )
        stated = " ".join(rows.values())
        assert "Purge" not in stated
        assert "Destroy" not in stated


def test_the_certificate_slip_says_the_same_in_both_languages() -> None:
    text = written(erase_certificate_slip(erase_record(), *(say(language) for language in LANGUAGES)))
    for language in LANGUAGES:
        assert say(language)("cert.title") in text
        assert say(language)("cert.limit.purge") in text
    assert text.count("490154203237518") == 2


@pytest.mark.parametrize("record", [kind for kind in vars(slips).values() if dataclasses.is_dataclass(kind)])
def test_no_slip_can_tell_whom_it_belongs_to(record: type) -> None:
    """What no slip is given, none can print: no name, id, phone number or signature of a customer."""
    names = {field.name for field in dataclasses.fields(record)}
    assert not {name for name in names if re.search("customer|owner|name|id_number|phone|signature", name)}


def record_changes() -> list[dict[str, Any]]:
    return [{"brand": ""}, {"imei": ""}, {"serial": ""}]


@pytest.mark.parametrize("changes", record_changes())
def test_what_is_not_known_is_left_out_rather_than_printed_empty(changes: dict[str, Any]) -> None:
    assert all(value for _, value in erase_rows(erase_record(**changes), say("en")))
