"""Certificates of sanitization and manifests as PDF (weasyprint), in both languages. States nothing of its own.

What it says comes from :mod:`kiosk.flow.counter.paper_record`. Nothing outside the text given is ever fetched.
"""

from __future__ import annotations

import html
import io
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final, NoReturn

import segno
import weasyprint

from kiosk.flow.counter.paper_record import (
    COPIES,
    EraseRecord,
    ManifestRecord,
    Row,
    erase_limits,
    erase_rows,
    erase_title,
    grams,
    manifest_rows,
    named,
)
from kiosk.flow.counter.slip_words import LANGUAGES, say

logging.getLogger("weasyprint").setLevel(logging.ERROR)
logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells every step of a subset

_STYLE: Final = """
@page { size: A4; margin: 13mm 15mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
body { font-family: "Noto Sans CJK SC", sans-serif; font-size: 9pt; line-height: 1.3; color: #111 }
h1 { font-size: 17pt; margin: 0 0 1mm } h2 { font-size: 10pt; margin: 3mm 0 1mm } ul { margin: 0; padding-left: 5mm }
.limits td { border: 0; width: 50%; padding: 0 4mm 0 0 }
p { margin: 0 0 1.5mm } .mark { display: flow-root; border: 1.5pt solid #111; padding: 1mm 2mm; font-weight: bold }
table { border-collapse: collapse; width: 100%; margin-top: 3mm }
td, th { border: 0.5pt solid #888; padding: 0.6mm 2mm; text-align: left; vertical-align: top; overflow-wrap: anywhere }
td.label { width: 33%; font-weight: bold } td.number { text-align: right }
.qr { float: right; width: 30mm; margin-left: 6mm } .qr svg { width: 30mm; height: 30mm }
.qr p { font-size: 7.5pt } .copy { break-before: page } .copy:first-child { break-before: auto }
.sign td { height: 14mm }
"""
_RENDERING = threading.Lock()  # Pango's font map is not made for two threads


class CertificateError(Exception):
    """It could not be made into a PDF. ``reason``: "certificate_failed"."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = "certificate_failed", " ".join(detail.split())[:240]


def erase_certificate(record: EraseRecord) -> bytes:
    """The certificate as a PDF of one page, Chinese and English side by side.

    :raises CertificateError: the renderer failed.
    """
    both = [say(language) for language in LANGUAGES]
    paired = zip(*(erase_rows(record, words) for words in both), strict=True)
    titles = " / ".join(erase_title(record, words) for words in both)
    standard = " / ".join(words("cert.standard") for words in both)
    limits = "".join(
        f"<td><h2>{_safe(words('cert.limits'))}</h2><ul>"
        + "".join(f"<li>{_safe(limit)}</li>" for limit in erase_limits(record, words))
        + "</ul></td>"
        for words in both
    )
    scan = " / ".join(words("cert.scan") for words in both)
    body = (
        f"{_qr(record.entry, scan)}<h1>{_safe(titles)}</h1><p>{_safe(standard)}</p>"
        f'{_bilingual(paired)}<table class="limits"><tr>{limits}</tr></table>'
        f"{_signatures([words('sign.here') for words in both])}"
    )
    return _pdf(body, titles)


def manifest(record: ManifestRecord) -> bytes:
    """The manifest's four copies as a PDF, a page or more each.

    :raises CertificateError: the renderer failed.
    """
    body = "".join(f'<section class="copy">{_manifest_copy(record, copy)}</section>' for copy in COPIES)
    return _pdf(body, f"{say('zh')('manifest.title')} {record.manifest}")


def _manifest_copy(record: ManifestRecord, copy: str) -> str:
    both = [say(language) for language in LANGUAGES]
    title = " / ".join(words("manifest.title") for words in both)
    which = " / ".join(words(f"manifest.copy.{copy}") for words in both)
    paired = zip(*(manifest_rows(record, words) for words in both), strict=True)
    heads = ("manifest.category", "manifest.un", "manifest.items", "manifest.mass")
    header = "".join(f"<th>{_safe(' / '.join(words(key) for words in both))}</th>" for key in heads)
    goods = "".join(
        f"<tr><td>{_safe(' / '.join(named(words, 'category', line.category) for words in both))}</td>"
        f'<td>{_safe(line.un)}</td><td class="number">{line.items}</td>'
        f'<td class="number">{_safe(grams(line.mass_g, both[1]))}</td></tr>'
        for line in record.lines
    )
    lithium = " / ".join(words("label.lithium") for words in both)
    mark = f'<p class="mark">FOR RECYCLING 供回收利用 · {_safe(lithium)}</p>' if record.lithium_g else ""
    signers = [
        " / ".join(words(f"manifest.{who}") for words in both) for who in ("handed", "took", "received")
    ]
    scan = " / ".join(words("foot.check") for words in both)
    return (
        f"{_qr(record.code, scan)}<h1>{_safe(title)}</h1><p>{_safe(which)}</p>{mark}{_bilingual(paired)}"
        f"<table><tr>{header}</tr>{goods}</table>{_signatures(signers)}"
    )


def _bilingual(paired: Iterable[tuple[Row, ...]]) -> str:
    """One row a field: the labels of both languages, and the value once where both say the same."""
    rows = []
    for (label_zh, value_zh), (label_en, value_en) in paired:
        value = _safe(value_zh) if value_zh == value_en else f"{_safe(value_zh)}<br>{_safe(value_en)}"
        label = label_zh if label_zh == label_en else f"{label_zh} / {label_en}"
        rows.append(f'<tr><td class="label">{_safe(label)}</td><td>{value}</td></tr>')
    return f"<table>{''.join(rows)}</table>"


def _signatures(names: list[str]) -> str:
    cells = "".join(f"<td>{_safe(name)}</td>" for name in names)
    return f'<table class="sign"><tr>{cells}</tr></table>'


def _qr(text: str, caption: str) -> str:
    drawn = io.BytesIO()
    segno.make(text, error="m", micro=False).save(drawn, kind="svg", xmldecl=False, border=2, omitsize=True)
    return f'<div class="qr">{drawn.getvalue().decode()}<p>{_safe(caption)}</p></div>'


def _safe(text: str) -> str:
    return html.escape(text)


def _fetch_nothing(url: str, *_: object, **__: object) -> NoReturn:
    raise ValueError(f"a certificate fetches nothing, not even {url[:80]}")


def _pdf(body: str, title: str) -> bytes:
    page = (
        f'<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>{_safe(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    make: Callable[..., Any] = weasyprint.HTML
    try:
        with _RENDERING:
            return bytes(make(string=page, url_fetcher=_fetch_nothing).write_pdf())
    except Exception as exc:  # weasyprint documents no base class; whatever it is, the slip remains
        raise CertificateError(f"the PDF could not be made: {exc}") from exc
