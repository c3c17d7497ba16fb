"""Models that have our update agent, as data from ``models.cfg``: their flash, and what they are on a cable."""

from __future__ import annotations

import configparser
from dataclasses import dataclass
from functools import cache
from importlib import resources

from hw.virtual.errors import BadState
from hw.virtual.models import size_bytes, usb_ids


@dataclass(frozen=True, slots=True)
class AgentModel:
    """One model. Sizes in bytes; ``layout`` is how it is updated: ``slots`` or ``in_place``."""

    name: str
    manufacturer: str
    product: str
    variant: str
    usb: tuple[int, int]
    layout: str
    block_bytes: int
    page_bytes: int
    group_blocks: int
    image_bytes: int
    staging_bytes: int
    user_bytes: int
    min_battery_percent: int


def _model(name: str, section: configparser.SectionProxy) -> AgentModel:
    return AgentModel(
        name=name,
        manufacturer=section["manufacturer"],
        product=section["product"],
        variant=section["variant"],
        usb=usb_ids(section["agent_usb"]),
        layout=section["layout"],
        block_bytes=size_bytes(section["block"]),
        page_bytes=size_bytes(section["page"]),
        group_blocks=int(section["group_blocks"]),
        image_bytes=size_bytes(section["image"]),
        staging_bytes=size_bytes(section["staging"]),
        user_bytes=size_bytes(section["user"]),
        min_battery_percent=int(section["min_battery"]),
    )


@cache
def agent_models() -> dict[str, AgentModel]:
    """Every one of them by name."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(resources.files("hw.virtual").joinpath("models.cfg").read_text("utf-8"))
    return {name: _model(name, parser[name]) for name in parser.sections() if "agent_usb" in parser[name]}


def agent_model(name: str) -> AgentModel:
    """The model called ``name``; :class:`BadState` names the ones there are."""
    known = agent_models()
    if name not in known:
        raise BadState(
            f"no phone with an update agent is called {name!r}; there are: {', '.join(sorted(known))}"
        )
    return known[name]
