"""What the domain refuses. ``reason`` is a machine name that the screens have words for."""

from __future__ import annotations

from collections.abc import Mapping


class RecyclingError(Exception):
    """Base of the room; ``detail`` is one line for logs."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(detail or reason)
        self.reason = reason
        self.detail = " ".join((detail or reason).split())


class Refused(RecyclingError):
    """A rule says no; nothing was changed. ``values`` go into the words."""

    def __init__(self, reason: str, detail: str = "", values: Mapping[str, str | int] | None = None) -> None:
        super().__init__(reason, detail)
        self.values = dict(values or {})


class MalformedError(RecyclingError):
    """Bytes from outside (a price book, an answer, a code) that are not what they should be."""

    def __init__(self, detail: str) -> None:
        super().__init__("malformed", detail)
