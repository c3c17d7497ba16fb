"""Certificates and manifests as PDF: whole, of one page a copy, and nothing in them is fetched or taken for markup."""

from __future__ import annotations

import re
import zlib

import pytest

from kiosk import certificate
from kiosk.flow.counter.paper_record import COPIES
from tests.slip_samples import erase_record, manifest_record


def pages(pdf: bytes) -> int:
    """Page objects, also those inside compressed object streams."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL)
    texts = [pdf]
    for stream in streams:
        try:
            texts.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return sum(len(re.findall(rb"/Type\s*/Page\b", text)) for text in texts)


@pytest.mark.parametrize("technique", ["fastboot_erase", "factory_reset"])
@pytest.mark.parametrize("outcome", ["certified", "warning", "failed"])
def test_a_certificate_is_one_page_whatever_came_out(technique: str, outcome: str) -> None:
    pdf = certificate.erase_certificate(erase_record(technique=technique, outcome=outcome))
    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) == 1


def test_a_manifest_has_a_page_for_each_of_its_four_copies() -> None:
    assert pages(certificate.manifest(manifest_record())) == len(COPIES)


def test_what_a_phone_says_of_itself_is_never_taken_for_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<img src="http://127.0.0.1:9/x"><style>@import url(file:///etc/passwd)</style>'
    shown: list[str] = []
    rendered = certificate._pdf

    def remember(body: str, title: str) -> bytes:
        shown.append(body)
        return rendered(body, title)

    monkeypatch.setattr(certificate, "_pdf", remember)
    certificate.erase_certificate(erase_record(model=hostile, serial="</td></table><h1>", brand="&amp;"))
    assert "<img" not in shown[0]
    assert "</td></table><h1>" not in shown[0]
    assert "&lt;img" in shown[0]


def test_the_renderer_fetches_nothing() -> None:
    with pytest.raises(ValueError, match="fetches nothing"):
        certificate._fetch_nothing("http://127.0.0.1:9/x")


def test_a_renderer_that_fails_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> object:
        raise RuntimeError("no\nfont")

    monkeypatch.setattr("weasyprint.HTML", fail)
    with pytest.raises(certificate.CertificateError) as caught:
        certificate.erase_certificate(erase_record())
    assert (caught.value.reason, caught.value.detail) == (
        "certificate_failed",
        "the PDF could not be made: no font",
    )
