"""What the service rules refuse."""

from __future__ import annotations


class ServiceError(Exception):
    """Base of the room; ``reason`` is a machine name with words, ``detail`` one line."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
