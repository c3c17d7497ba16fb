"""Words in the customer's language, from locale/LANGUAGE.json and locale/PART.LANGUAGE.json, each key in one of them.

Both languages hold the same keys, or loading fails.
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Mapping
from importlib import resources
from typing import Final

from kiosk.ui.errors import LocaleError

LANGUAGES: Final = ("zh", "en")
Plural = dict[str, str]
Entry = str | Plural


def _read(language: str) -> dict[str, Entry]:
    folder = resources.files("kiosk.ui").joinpath("locale")
    names = [one.name for one in folder.iterdir() if f".{one.name}".endswith(f".{language}.json")]
    entries: dict[str, Entry] = {}
    for name in sorted(names) or [f"{language}.json"]:
        try:
            raw = json.loads(folder.joinpath(name).read_text("utf-8"))
        except (OSError, ValueError) as exc:
            raise LocaleError(f"locale {name}: {exc}") from exc
        part = _flatten(raw, "", language)
        for key in sorted(part.keys() & entries.keys()):
            raise LocaleError(f"locale {name}: {key} has words in another file already")
        entries.update(part)
    return entries


def _flatten(raw: object, prefix: str, language: str) -> dict[str, Entry]:
    if not isinstance(raw, dict):
        raise LocaleError(f"locale {language}: {prefix or 'the file'} is not an object")
    entries: dict[str, Entry] = {}
    for name, value in raw.items():
        key = f"{prefix}{name}"
        if isinstance(value, str):
            entries[key] = value
        elif isinstance(value, dict) and set(value) == {"one", "other"}:
            entries[key] = {form: str(text) for form, text in value.items()}
        else:
            entries.update(_flatten(value, f"{key}.", language))
    return entries


def parameters(entry: Entry) -> frozenset[str]:
    """Names of the ``{fields}`` an entry needs."""
    texts = [entry] if isinstance(entry, str) else list(entry.values())
    return frozenset(name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name)


class Words:
    """One language. ``Words("zh")("connect.title", n=2)`` gives the sentence; an unknown key is our own bug."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._entries = _read(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """The text for ``key``. Whole numbers get thousands separators; ``n`` picks singular or plural."""
        try:
            entry = self._entries[key]
            text = entry if isinstance(entry, str) else entry["one" if values.get("n") == 1 else "other"]
            return text.format(**{name: self._show(value) for name, value in values.items()})
        except (KeyError, IndexError) as exc:
            raise LocaleError(f"locale {self.language}: {key} lacks {exc}") from exc

    @staticmethod
    def _show(value: object) -> object:
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value

    def known(self, key: str) -> bool:
        return key in self._entries

    def either(self, key: str, default: str, /, **values: object) -> str:
        """``key`` when it exists, else ``default``: for machine names that may be newer than this screen."""
        return self(key if key in self._entries else default, **values)

    def pick(self, texts: Mapping[str, str]) -> str:
        """The text of this language from data that carries several; any other rather than nothing."""
        return texts.get(self.language) or next(iter(texts.values()), "")

    def all_keys(self) -> frozenset[str]:
        """Every key there is."""
        return frozenset(self._entries)

    def entry(self, key: str) -> Entry:
        return self._entries[key]

    def fingerprint(self, prefix: str) -> str:
        """A name for the exact wording under ``prefix``, to be stored with a consent."""
        said = "\n".join(f"{k}={self._entries[k]}" for k in sorted(self._entries) if k.startswith(prefix))
        return f"{prefix.rstrip('.')}-{self.language}-{hashlib.sha256(said.encode()).hexdigest()[:12]}"

    def size(self, size_bytes: int) -> str:
        """Bytes for people, in decimal units as phones are sold: 3.2 MB, 640 MB, 1.3 GB."""
        if size_bytes >= 999_500_000:
            return f"{size_bytes / 1e9:.1f} GB"
        if 999_500 <= size_bytes < 9_950_000:
            return f"{size_bytes / 1e6:.1f} MB"
        if size_bytes >= 1_000_000:
            return f"{size_bytes / 1e6:.0f} MB"
        return f"{max(1, round(size_bytes / 1e3))} KB" if size_bytes else "0 KB"

    def span(self, seconds: int) -> str:
        """A length of time for people: seconds under a minute, then whole minutes (rounded up)."""
        if seconds < 60:
            return self("span.seconds", n=max(0, seconds))
        return self("span.minutes", n=-(-seconds // 60))


def load() -> dict[str, Words]:
    """Every language, checked against each other: same keys, same parameters.

    :raises LocaleError: naming the first key that differs.
    """
    books = {language: Words(language) for language in LANGUAGES}
    first, *others = books.values()
    for other in others:
        for key in sorted(first.all_keys() ^ other.all_keys()):
            lacking = other if key in first.all_keys() else first
            raise LocaleError(f"locale {lacking.language}: {key} is missing")
        for key in sorted(first.all_keys()):
            if parameters(first.entry(key)) != parameters(other.entry(key)):
                raise LocaleError(
                    f"locale {other.language}: {key} has other parameters than {first.language}"
                )
    return books
