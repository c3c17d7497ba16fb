"""Builds the signed catalogue by the settings: mirrors, trust, cache. Part of the composition root; fetches nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from firmware_agent.cache.objects import Cache
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.download.downloader import Downloader
from firmware_agent.mirrors.book import Mirror, MirrorBook
from firmware_agent.supply import Supply
from firmware_agent.trust.trust import Trust
from firmware_agent.watch import Note
from kiosk.errors import SettingsError
from kiosk.settings import CatalogueSettings, Settings


def signed_catalogue(
    settings: Settings, chosen: CatalogueSettings, on_note: Callable[[Note], None]
) -> SignedCatalogue:
    """The catalogue that the station's settings choose. Raises as :func:`kiosk.assembly.open_catalogue` does."""
    folder = settings.state_dir / "catalogue"
    seeds = [Mirror(seed.url, seed.region) for seed in chosen.mirrors]
    mirrors = MirrorBook(seeds, region=chosen.region, memory=folder / "mirrors.json", salt=settings.station)
    downloader = Downloader(mirrors, rate_bytes_s=lambda: _rate(chosen))
    try:
        root = chosen.root.read_bytes()
    except OSError as exc:
        raise SettingsError(f"catalogue.root: {chosen.root}: {exc.strerror}") from exc
    return SignedCatalogue(
        trust=Trust(folder / "trust", root, mirrors, downloader.http),
        supply=Supply(Cache(folder / "cache", chosen.cache_mib << 20), downloader),
        station=settings.station,
        on_note=on_note,
    )


def _rate(chosen: CatalogueSettings) -> float | None:
    now = datetime.now().astimezone()
    if chosen.rate_kib_s == 0 or chosen.night.holds(60 * now.hour + now.minute):
        return None
    return 1024.0 * chosen.rate_kib_s
