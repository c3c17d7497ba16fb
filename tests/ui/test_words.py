"""Nothing on a screen is without words in either language, and the words are typeset as their language is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kiosk.flow.phases import PHASES
from kiosk.flow.reasons import REASONS
from kiosk.flow.user_data import NOT_SEEN
from kiosk.ui import words
from kiosk.ui.errors import LocaleError

ROOM = Path(words.__file__).parent
BOOKS = words.load()


def sources() -> list[Path]:
    return [path for path in ROOM.rglob("*") if path.suffix in (".py", ".kv")]


def named_keys() -> set[str]:
    """Every word key written out in the screens."""
    pattern = re.compile(r"""say(?:\.either)?\(\s*f?['"]([a-z_0-9.{}]+)['"]""")
    keys = {key for path in sources() for key in pattern.findall(path.read_text("utf-8"))}
    return {key for key in keys if "{" not in key and "." in key}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_key_a_screen_names_has_words(language: str) -> None:
    assert len(named_keys()) > 80
    assert {key for key in named_keys() if not BOOKS[language].known(key)} == set()


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_reason_and_phase_of_the_flow_has_words(language: str) -> None:
    say = BOOKS[language]
    assert {reason for reason in REASONS if not say.known(f"reason.{reason}.what")} == set()
    assert {phase for phase in PHASES if not say.known(f"phase.{phase}")} == set()
    assert {kind for kind in NOT_SEEN if not say.known(f"unseen.{kind}")} == set()


def test_a_reason_newer_than_the_screens_gets_the_screens_own_sentence() -> None:
    assert BOOKS["en"].either("reason.moon_phase.what", "refused.what") == BOOKS["en"]("refused.what")


def test_a_string_missing_in_one_language_stops_the_kiosk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = words._read
    monkeypatch.setattr(
        words, "_read", lambda one: {k: v for k, v in real(one).items() if (one, k) != ("en", "plan.agree")}
    )
    with pytest.raises(LocaleError, match=r"locale en: plan\.agree is missing"):
        words.load()


def test_a_parameter_missing_in_one_language_stops_the_kiosk(monkeypatch: pytest.MonkeyPatch) -> None:
    real = words._read
    monkeypatch.setattr(
        words, "_read", lambda one: real(one) | ({"connect.title": "Plug in"} if one == "en" else {})
    )
    with pytest.raises(LocaleError, match="other parameters"):
        words.load()


def test_an_unknown_key_is_an_error_not_a_blank() -> None:
    with pytest.raises(LocaleError):
        BOOKS["zh"]("no.such.key")


def forms(entry: words.Entry) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def texts(language: str) -> list[str]:
    book = BOOKS[language]
    return [text for key in book.all_keys() for text in forms(book.entry(key))]


def test_chinese_is_set_with_chinese_punctuation() -> None:
    han = "\u4e00-\u9fff"
    wrong = [text for text in texts("zh") if re.search(f"[{han}][,;:?!]|[,;:?!][{han}]", text)]
    assert wrong == []


def test_english_holds_no_full_width_characters() -> None:
    wide = [text for text in texts("en") if re.search("[\u3000-\u303f\uff00-\uffef\u2018-\u201d]", text)]
    assert wide == []


def test_the_word_all_stands_only_where_everything_was_read() -> None:
    for language, pattern in (("zh", "全部|所有文件|一份不少"), ("en", r"\b[Aa]ll\b")):
        book = BOOKS[language]
        keys = {
            key
            for key in book.all_keys()
            if re.search(pattern, str(book.entry(key)))
            and key.startswith(("result.", "needs_staff.", "safe."))
        }
        assert keys == {"result.headline.all"}


def test_a_consent_names_the_exact_wording() -> None:
    zh, en = (BOOKS[one].fingerprint("plan.") for one in words.LANGUAGES)
    assert zh.startswith("plan-zh-")
    assert zh != en
    assert BOOKS["zh"].fingerprint("backup.") != zh


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        *((0, "0 KB"), (900, "1 KB"), (999_700, "1.0 MB"), (3_240_000, "3.2 MB")),
        *((9_980_000, "10 MB"), (640_000_000, "640 MB"), (999_900_000, "1.0 GB"), (1_340_000_000, "1.3 GB")),
    ],
)
def test_sizes_are_said_as_phones_are_sold(count: int, shown: str) -> None:
    assert BOOKS["zh"].size(count) == shown


def test_one_file_is_not_one_files() -> None:
    assert BOOKS["en"]("plan.keep_more", n=1).startswith("1 file counted")
    assert BOOKS["en"]("plan.keep_more", n=1204).startswith("1,204 files counted")
