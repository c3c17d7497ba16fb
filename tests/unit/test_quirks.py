"""Model data: the shipped file is usable, and a broken one is refused with the line that is wrong."""

from __future__ import annotations

import pytest

from hw import quirks
from hw.errors import HwError

GOOD = """
[crane]
name.zh = 流明 鹤
name.en = Lumen Crane
mtp.manufacturer = Lumen
mtp.model = Lumen Crane
keys = power volume_down
getvar.version = version-firmware
getvar.battery =
"""


def test_every_shipped_model_can_be_shown_recognised_and_guided() -> None:
    models = quirks.models()
    assert {"heron", "wren", "kinglet", "firecrest"} <= set(models)
    for product, model in models.items():
        assert model.product == product
        assert model.names["zh"]
        assert model.names["en"]
        assert bool(model.keys) != ("agent" in model.usb_ids)  # how an update begins
        assert quirks.model_by_mtp(model.mtp_manufacturer, model.mtp_model) is model
        assert quirks.model_of(product) is model


def test_a_model_is_recognised_by_both_words_or_not_at_all() -> None:
    assert quirks.model_by_mtp("Lumen", "Lumen Heron Pro") is None
    assert quirks.model_by_mtp("lumen", "Lumen Heron") is None
    assert quirks.model_of("heron2") is None


def test_an_update_agent_is_known_by_ids_that_only_one_model_has() -> None:
    kinglet = quirks.model_by_agent(0x1209, 0x0005)
    assert kinglet is not None
    assert kinglet.product == "kinglet"
    assert quirks.model_by_agent(0x1209, 0x0001) is None  # heron's, and no agent's
    assert quirks.model_by_agent(0x2E8A, 0x0005) is None
    ids = [model.usb_ids["agent"] for model in quirks.models().values() if "agent" in model.usb_ids]
    assert len(set(ids)) == len(ids)


def test_a_model_may_name_its_own_variables_or_have_none() -> None:
    crane = quirks.parse(GOOD)["crane"]
    assert (crane.getvar("version"), crane.getvar("battery"), crane.getvar("rollback")) == (
        "version-firmware", "", "anti",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keys = power", "keys = hammer"),
        ("name.zh = 流明 鹤", ""),
        ("getvar.version", "getvar.colour"),
        ("mtp.model", "mtp.modell"),
        ("[crane]", "[Crane 2]"),
        ("[crane]", "[crane]\n[crane]"),
        ("[crane]", ""),
        ("keys = power volume_down", "keys ="),
        ("keys = power volume_down", "keys = power\nusb.agent = 1209"),
        ("keys = power volume_down", "usb.agent ="),
        ("keys = power volume_down", "keys = power\nusb.agent = 1209:00AB"),
    ],
)
def test_a_mistake_in_the_data_is_refused_in_one_line(old: str, new: str) -> None:
    with pytest.raises(HwError, match=r"quirks\.cfg") as caught:
        quirks.parse(GOOD.replace(old, new))
    assert "\n" not in caught.value.detail
