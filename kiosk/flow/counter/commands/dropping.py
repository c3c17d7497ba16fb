"""What anybody may ask: dropping something off."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.flow.counter.commands.command import Command


@dataclass(frozen=True, slots=True)
class DropBegin(Command):
    """A person stands at the bins. A drop-off that nobody finished is ended first."""

    language: str


@dataclass(frozen=True, slots=True)
class DropCategory(Command):
    """``category``: a :class:`recycling.goods.Category` value."""

    drop: str
    category: str


@dataclass(frozen=True, slots=True)
class DropHazard(Command):
    """``hazard``: a :class:`recycling.goods.Hazard` value."""

    drop: str
    hazard: str


@dataclass(frozen=True, slots=True)
class DropTaped(Command):
    """A loose battery's poles are taped, or not yet."""

    drop: str
    taped: bool


@dataclass(frozen=True, slots=True)
class DropOpen(Command):
    """Release the flap for what lies on the scale."""

    drop: str


@dataclass(frozen=True, slots=True)
class DropAnother(Command):
    """After the receipt: the same person brings another thing; its receipt adds up."""

    drop: str


@dataclass(frozen=True, slots=True)
class DropDone(Command):
    """The receipt was read, or the person steps back. What lies on the scale goes back to its owner."""

    drop: str
