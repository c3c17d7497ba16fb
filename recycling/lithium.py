"""Carriage of used lithium batteries: UN numbers and the limits of a package and a vehicle. It packs nothing.

Source: ADR 2025, 2.2.9.1.7 and 3.3.1, special provisions 376, 377, 636 and 670; 4.1.4.1, packing instructions P908,
P909 and P911. Waste batteries never go by air (ICAO TI, special provision A183).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recycling.errors import Refused
from recycling.goods import Category, Hazard

MARK = "LITHIUM BATTERIES FOR RECYCLING"
DAMAGED_MARK = "DAMAGED/DEFECTIVE LITHIUM-ION BATTERIES"
MAX_PIECE_G = 500
MAX_PIECE_MWH = 100_000
MAX_PACKAGE_G = 30_000
MAX_VEHICLE_G = 333_000
BY = ("road", "sea", "rail", "air")

ION_LOOSE, ION_IN_DEVICE = "UN3480", "UN3481"
METAL_LOOSE, METAL_IN_DEVICE = "UN3090", "UN3091"


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing in a package. ``energy_mwh`` None: not printed on it; phones' batteries lie far below the limit."""

    category: Category
    hazard: Hazard
    mass_g: int
    energy_mwh: int | None = None


def un_number(category: Category, hazard: Hazard = Hazard.NONE, *, metal: bool = False) -> str:
    """The UN number, "" for goods without a battery. Damage changes the packing, not the number.

    An accessory whose battery is known to be dangerous holds one.
    """
    if category is Category.BATTERY:
        return METAL_LOOSE if metal else ION_LOOSE
    if category is Category.PHONE or hazard is not Hazard.NONE:
        return METAL_IN_DEVICE if metal else ION_IN_DEVICE
    return ""


def packing(category: Category, hazard: Hazard) -> str:
    """Special provision and packing instruction for the papers, "" for goods without a battery."""
    if not un_number(category, hazard):
        return ""
    if hazard is Hazard.HOT:
        return "SP376 P911"  # liable to disassemble rapidly or burn
    if hazard is not Hazard.NONE:
        return "SP376 P908"
    return "SP636 P909" if category is Category.BATTERY else "SP670 P909"


def marks(pieces: Iterable[Piece]) -> tuple[str, ...]:
    """What has to stand on the package."""
    with_battery = [one for one in pieces if un_number(one.category, one.hazard)]
    if any(one.hazard is not Hazard.NONE for one in with_battery):
        return (DAMAGED_MARK,)
    return (MARK,) if with_battery else ()


def check_piece(piece: Piece) -> None:
    """:class:`Refused` "lithium_piece_mass" (``most_g``), "lithium_piece_energy" (``most_wh``).

    The 500 g are a loose battery's; batteries inside phones are under SP670, which has no such limit.
    """
    if piece.category is Category.BATTERY and piece.mass_g > MAX_PIECE_G:
        detail = f"a loose battery of {piece.mass_g} g is above {MAX_PIECE_G} g"
        raise Refused("lithium_piece_mass", detail, {"mass_g": piece.mass_g, "most_g": MAX_PIECE_G})
    if piece.energy_mwh is not None and piece.energy_mwh > MAX_PIECE_MWH:
        most = MAX_PIECE_MWH // 1000
        raise Refused("lithium_piece_energy", f"a battery is above {most} Wh", {"most_wh": most})


def check_package(pieces: Iterable[Piece]) -> None:
    """Every piece, and "package_mass" (``mass_g``, ``most_g``), "damaged_not_alone"."""
    inside = tuple(pieces)
    for piece in inside:
        check_piece(piece)
    total_g = sum(piece.mass_g for piece in inside)
    if total_g > MAX_PACKAGE_G:
        detail = f"a package of {total_g} g is above {MAX_PACKAGE_G} g"
        raise Refused("package_mass", detail, {"mass_g": total_g, "most_g": MAX_PACKAGE_G})
    if len(inside) > 1 and any(piece.hazard is not Hazard.NONE for piece in inside):
        raise Refused("damaged_not_alone", "a damaged battery travels alone in its package")


def lithium_g(pieces: Iterable[Piece]) -> int:
    """What counts towards a vehicle: batteries, and phones whole, since the mass of what is inside is not known."""
    return sum(piece.mass_g for piece in pieces if un_number(piece.category, piece.hazard))


def check_load(pieces: Iterable[Piece], by: str) -> None:
    """All packages of one vehicle: "carrier_by" (``by``), "lithium_never_by_air", "vehicle_mass" (``mass_g``,
    ``most_g``).
    """
    if by not in BY:
        raise Refused("carrier_by", f"goods go by {', '.join(BY)}", {"by": by[:20]})
    total_g = lithium_g(pieces)
    if total_g and by == "air":
        raise Refused("lithium_never_by_air", "used lithium batteries never go by air")
    if total_g > MAX_VEHICLE_G:
        detail = f"{total_g} g of lithium are above {MAX_VEHICLE_G} g for a vehicle"
        raise Refused("vehicle_mass", detail, {"mass_g": total_g, "most_g": MAX_VEHICLE_G})
