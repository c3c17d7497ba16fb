"""What the wire to headquarters refuses or fails with, each with one clear line in ``detail``."""

from __future__ import annotations


class MqttError(Exception):
    """Base of every error of this room. ``detail`` is one line."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MessageError(MqttError):
    """Bytes from the broker that are not what the format says; nothing was believed."""


class TopicError(MqttError):
    """A name that may not stand in a topic, or a topic that is not one of ours."""


class LinkError(MqttError):
    """The broker does not answer, refused us or hung up; the reporter tries again by itself."""
