"""Used lithium batteries: each limit at its last good value and one beyond; and what a drop-off is said to keep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling import impact
from recycling.errors import Refused
from recycling.goods import Category, Hazard
from recycling.lithium import (
    DAMAGED_MARK,
    MARK,
    Piece,
    check_load,
    check_package,
    check_piece,
    lithium_g,
    marks,
    packing,
    un_number,
)

BATTERY, PHONE, CHARGER = Category.BATTERY, Category.PHONE, Category.CHARGER


def battery(mass_g: int, hazard: Hazard = Hazard.NONE, energy_mwh: int | None = None) -> Piece:
    return Piece(BATTERY, hazard, mass_g, energy_mwh)


def refused(check: object, *args: object) -> str:
    assert callable(check)
    with pytest.raises(Refused) as caught:
        check(*args)
    return caught.value.reason


@pytest.mark.parametrize(
    ("category", "hazard", "metal", "number", "provision"),
    [
        (BATTERY, Hazard.NONE, False, "UN3480", "SP636 P909"),
        (PHONE, Hazard.NONE, False, "UN3481", "SP670 P909"),
        (BATTERY, Hazard.NONE, True, "UN3090", "SP636 P909"),
        (PHONE, Hazard.NONE, True, "UN3091", "SP670 P909"),
        (BATTERY, Hazard.DAMAGED, False, "UN3480", "SP376 P908"),
        (PHONE, Hazard.SWOLLEN, False, "UN3481", "SP376 P908"),
        (PHONE, Hazard.HOT, False, "UN3481", "SP376 P911"),
        (CHARGER, Hazard.NONE, False, "", ""),
        (Category.ACCESSORY, Hazard.NONE, False, "", ""),
        (Category.ACCESSORY, Hazard.SWOLLEN, False, "UN3481", "SP376 P908"),
    ],
)
def test_un_numbers_and_packing(
    category: Category, hazard: Hazard, metal: bool, number: str, provision: str
) -> None:
    assert un_number(category, hazard, metal=metal) == number
    assert packing(category, hazard) == provision


def test_a_loose_battery_has_500_g_and_100_wh_at_most() -> None:
    check_piece(battery(500, energy_mwh=100_000))
    assert refused(check_piece, battery(501)) == "lithium_piece_mass"
    assert refused(check_piece, battery(10, energy_mwh=100_001)) == "lithium_piece_energy"
    check_piece(Piece(PHONE, Hazard.NONE, 501))


def test_a_package_has_30_kg_at_most() -> None:
    sixty = [battery(500)] * 60
    check_package(sixty)
    assert refused(check_package, [*sixty, battery(1)]) == "package_mass"
    assert refused(check_package, [battery(501)]) == "lithium_piece_mass"


def test_a_damaged_one_travels_alone() -> None:
    check_package([battery(50, Hazard.SWOLLEN)])
    assert refused(check_package, [battery(50, Hazard.SWOLLEN), battery(50)]) == "damaged_not_alone"


def test_a_vehicle_has_333_kg_at_most_of_what_has_a_battery() -> None:
    full = [battery(500)] * 666
    check_load(full, "road")
    check_load([*full, Piece(CHARGER, Hazard.NONE, 90_000)], "road")
    assert refused(check_load, [*full, Piece(PHONE, Hazard.NONE, 1)], "road") == "vehicle_mass"


def test_a_battery_never_goes_by_air() -> None:
    check_load([Piece(CHARGER, Hazard.NONE, 90)], "air")
    assert refused(check_load, [battery(1)], "air") == "lithium_never_by_air"
    assert refused(check_load, [Piece(PHONE, Hazard.NONE, 180)], "air") == "lithium_never_by_air"
    assert refused(check_load, [], "drone") == "carrier_by"


def test_the_mark_says_for_recycling_or_damaged() -> None:
    assert marks([battery(5)]) == (MARK,)
    assert marks([battery(5, Hazard.DAMAGED)]) == (DAMAGED_MARK,)
    assert marks([Piece(CHARGER, Hazard.NONE, 5)]) == ()
    assert "FOR RECYCLING" in MARK


@given(st.lists(st.tuples(st.sampled_from(Category), st.integers(1, 400_000))))
def test_no_load_beyond_the_limit_passes(pieces: list[tuple[Category, int]]) -> None:
    load = [Piece(category, Hazard.NONE, mass_g) for category, mass_g in pieces]
    passes = True
    try:
        check_load(load, "road")
    except Refused:
        passes = False
    assert passes is (lithium_g(load) <= 333_000)


# -- impact


@pytest.mark.parametrize(
    ("category", "mass_g", "kept_g", "source"),
    [(PHONE, 182, 136, impact.WEEE), (BATTERY, 45, 29, impact.BATTERIES), (CHARGER, 1, 0, impact.WEEE)],
)
def test_what_is_kept_out_of_landfill_is_floored_and_has_its_source(
    category: Category, mass_g: int, kept_g: int, source: str
) -> None:
    assert impact.kept(category, mass_g) == impact.Impact(mass_g, kept_g, source)


def test_several_things_add_up_and_name_both_sources() -> None:
    things = [impact.kept(PHONE, 182), impact.kept(BATTERY, 45)]
    assert impact.total(things) == impact.Impact(227, 165, impact.MIXED)
    assert impact.total(things[:1]).source == impact.WEEE
    assert impact.total([]).kept_g == 0


@given(st.sampled_from(Category), st.integers(0, 10**6))
def test_never_more_is_kept_than_was_brought(category: Category, mass_g: int) -> None:
    assert 0 <= impact.kept(category, mass_g).kept_g <= mass_g
