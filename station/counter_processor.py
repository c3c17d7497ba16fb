"""The simulated processor: signs its word on a manifest, and hands it in over headquarters' own page. It sorts nothing.

Its keys are the sample shop's, known to everybody.
"""

from __future__ import annotations

import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection, Mapping
from http.cookiejar import CookieJar

from ledger import cose
from recycling import processor_answer
from recycling.manifest import LineAnswer
from recycling.processor_answer import Answer
from station.errors import UNREACHABLE, StationError
from station.sample_shop import PROCESSOR, processor_key

_TOKEN = re.compile(r'name="token" value="([^"]{20,64})"')
PAGE_BYTES = 1 << 20
TIMEOUT_S = 10.0


def received(manifest: str, mass_g: int, processor: str = PROCESSOR) -> bytes:
    """Signed: the parcels are there and weigh that much together."""
    return _signed(Answer(manifest, processor, "received", _now_ms(), received_g=mass_g))


def answered(
    manifest: str, sent_g: Mapping[str, int], refused: Collection[str] = (), processor: str = PROCESSOR
) -> bytes:
    """Signed: every item's mass as sent, and which of them are not taken."""
    items = tuple(LineAnswer(item, item not in refused, mass_g) for item, mass_g in sorted(sent_g.items()))
    return _signed(Answer(manifest, processor, "answered", _now_ms(), items))


def processed(manifest: str, processor: str = PROCESSOR) -> bytes:
    """Signed: what was taken is no more."""
    return _signed(Answer(manifest, processor, "processed", _now_ms()))


def hand_in(web: str, station: str, manifest: str, answer: bytes) -> None:
    """Upload it on the manifest's page, as headquarters' people do. :class:`StationError` where it is not taken."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    place = f"{web}/manifests/{urllib.parse.quote(manifest)}?station={urllib.parse.quote(station)}"
    try:
        with opener.open(place, timeout=TIMEOUT_S) as page:
            found = _TOKEN.search(page.read(PAGE_BYTES).decode("utf-8"))
        if found is None:
            raise StationError(f"headquarters' page of manifest {manifest} has no form for an answer")
        fields = {"token": found[1], "station": station, "manifest": manifest, "by": "Green Loop"}
        body, kind = _form(fields, answer)
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{web}/manifests/answer", body, {"Content-Type": kind}
        )
        with opener.open(request, timeout=TIMEOUT_S) as after:
            said = urllib.parse.parse_qs(urllib.parse.urlsplit(after.url).query).get("said", [""])[0]
    except (urllib.error.URLError, OSError) as exc:
        raise StationError(
            f"headquarters does not take the answer to {manifest}: {exc}", UNREACHABLE
        ) from exc
    if said not in ("done", "again"):
        raise StationError(f"headquarters refuses the answer to {manifest}: {said or 'it does not say why'}")


def _signed(answer: Answer) -> bytes:
    return cose.sign1(processor_answer.encode(answer), processor_key(answer.processor), processor_answer.AAD)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _form(fields: Mapping[str, str], answer: bytes) -> tuple[bytes, str]:
    """multipart/form-data (RFC 7578), and its content type."""
    mark = secrets.token_hex(16)
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = (
        f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="answer.cose"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return b"".join(
        [*parts, head.encode(), answer, f"\r\n--{mark}--\r\n".encode()]
    ), f"multipart/form-data; boundary={mark}"
