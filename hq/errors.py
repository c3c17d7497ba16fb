"""What headquarters refuses or cannot do, each with one clear line in ``detail``."""

from __future__ import annotations


class HqError(Exception):
    """Base of every error of this room. ``detail`` is one line."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SettingsError(HqError):
    """A configuration that cannot be used."""


class RegistryError(HqError):
    """A station that is not known, or whose key is already another."""


class StoreError(HqError):
    """Headquarters' database cannot be read or written."""


class BrokerError(HqError):
    """The broker does not answer or refuses headquarters."""

    fault = "timeout"


class WebError(HqError):
    """The page cannot be served."""
