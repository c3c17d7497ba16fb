"""What is particular to each phone model, from ``quirks.cfg``. Data in, facts out; it talks to no phone."""

from __future__ import annotations

import configparser
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType

from hw.errors import HwError

_DEFAULT_GETVARS: Mapping[str, str] = MappingProxyType(
    {
        "version": "version-os",
        "variant": "variant",
        "battery": "battery-level",
        "rollback": "anti",
        "imei": "imei",
    }
)
_KEYS = frozenset({"power", "volume_up", "volume_down", "home"})
_EITHER = frozenset({"keys", "usb.agent"})
_USB_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}\Z")
_PROPERTY = re.compile(r"[0-9a-f]{4}\Z")
_PRODUCT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
_KNOWN = re.compile(
    r"name\.(zh|en)|mtp\.(manufacturer|model|setup)|keys|getvar\.\w+|usb\.(normal|bootloader|agent)\Z"
)


@dataclass(frozen=True, slots=True)
class Model:
    """One phone model. ``product`` is what its bootloader calls it."""

    product: str
    names: Mapping[str, str]  # zh, en
    mtp_manufacturer: str
    mtp_model: str
    keys: tuple[str, ...]  # held together to reach the bootloader; none for a phone with our update agent
    getvars: Mapping[str, str]
    usb_ids: Mapping[str, str]
    setup_property: int | None = None  # MTP device property: 1 while the set-up assistant shows, 0 afterwards

    def getvar(self, kind: str) -> str:
        """The variable that says ``kind`` (version, variant, battery, rollback, imei); "" = it does not say."""
        return self.getvars.get(kind, self.default_getvar(kind))

    @staticmethod
    def default_getvar(kind: str) -> str:
        """The usual name of a variable."""
        return _DEFAULT_GETVARS[kind]


def parse(text: str) -> dict[str, Model]:
    """Every model of a quirks file, by product. Raises HwError with the line that is wrong."""
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), default_section="\0")
    try:
        parser.read_string(text, "quirks.cfg")
        return {product: _model(product, parser[product]) for product in parser.sections()}
    except configparser.Error as exc:
        raise HwError(f"quirks.cfg: {exc}") from exc


def _model(product: str, section: configparser.SectionProxy) -> Model:
    strange = next((key for key in section if not _KNOWN.match(key)), None)
    missing = next(
        (
            key
            for key in ("name.zh", "name.en", "mtp.manufacturer", "mtp.model", "keys", "usb.agent")
            if not section.get(key) and not (key in _EITHER and any(section.get(other) for other in _EITHER))
        ),
        None,
    )
    keys = tuple(section.get("keys", "").split())
    if not _PRODUCT.match(product) or strange or missing or not _KEYS.issuperset(keys):
        raise HwError(f"quirks.cfg: [{product}] is not usable ({strange or missing or 'name or keys'})")
    if not all(_USB_ID.match(value) for key, value in section.items() if key.startswith("usb.")):
        raise HwError(f"quirks.cfg: [{product}] has a USB id that is none")
    setup = section.get("mtp.setup", "")
    if setup and not _PROPERTY.match(setup):
        raise HwError(f"quirks.cfg: [{product}] has a setup property that is none")
    getvars = {
        key.removeprefix("getvar."): value for key, value in section.items() if key.startswith("getvar.")
    }
    if not set(getvars) <= set(_DEFAULT_GETVARS):
        raise HwError(f"quirks.cfg: [{product}] names an unknown getvar")
    return Model(
        product=product,
        names=MappingProxyType({"zh": section["name.zh"], "en": section["name.en"]}),
        mtp_manufacturer=section["mtp.manufacturer"],
        mtp_model=section["mtp.model"],
        keys=keys,
        getvars=MappingProxyType(getvars),
        usb_ids=MappingProxyType(
            {k.removeprefix("usb."): v for k, v in section.items() if k.startswith("usb.")}
        ),
        setup_property=int(setup, 16) if setup else None,
    )


@functools.cache
def models() -> Mapping[str, Model]:
    """Every model this station knows, by product."""
    text = resources.files("hw").joinpath("quirks.cfg").read_text("utf-8")
    return MappingProxyType(parse(text))


def model_of(product: str) -> Model | None:
    """The model whose bootloader calls itself ``product``."""
    return models().get(product)


def model_by_agent(vendor_id: int, product_id: int) -> Model | None:
    """The model whose update agent shows itself under these USB ids."""
    ids = f"{vendor_id:04x}:{product_id:04x}"
    return next((model for model in models().values() if model.usb_ids.get("agent") == ids), None)


def model_by_mtp(manufacturer: str, mtp_model: str) -> Model | None:
    """The model that says these two things over MTP; both must match exactly."""
    return next(
        (
            model
            for model in models().values()
            if model.mtp_manufacturer == manufacturer and model.mtp_model == mtp_model
        ),
        None,
    )
