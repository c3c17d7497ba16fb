"""The cheapest way to an image."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import routes
from firmware_agent.index import NOTHING, Index, Package
from firmware_agent.manifest import Part, Release

SIZE = 1000


def sha(name: str) -> str:
    return name.encode().hex().rjust(64, "0")


def image(name: str, size_bytes: int = SIZE) -> Part:
    return Part("system", "images/system.img", size_bytes, sha(name))


def package(base: str, result: str, size_bytes: int) -> Package:
    return Package(
        target=f"heron/{result}/packages/system.{base or 'full'}",
        size_bytes=size_bytes,
        sha256=sha(f"{base}>{result}"),
        partition="system",
        base_version=base,
        base_sha256=sha(base) if base else NOTHING,
        base_size_bytes=SIZE if base else 0,
        result_sha256=sha(result),
        result_size_bytes=SIZE,
    )


def index(*packages: Package, versions: tuple[str, ...] = ("3", "2", "1")) -> Index:
    releases = tuple(Release("heron", "cn", name, 1, 30, False, {}, (image(name),)) for name in versions)
    return Index("heron", releases, packages)


def way(
    index: Index, wanted: str, here: tuple[str, ...] = (), whole_only: bool = False
) -> tuple[list[str], int]:
    held = {sha(name) for name in here}
    route = routes.find(
        image(wanted), routes.steps_of(index), lambda sha256, _size: sha256 in held, whole_only=whole_only
    )
    assert route is not None
    return [step.target for step in route.steps], route.fetch_bytes


def test_an_image_that_is_here_costs_nothing() -> None:
    assert way(index(package("", "3", 300)), "3", here=("3",)) == ([], 0)


def test_without_a_base_the_smallest_whole_file_is_taken() -> None:
    assert way(index(), "3") == (["heron/3/images/system.img"], 1000)
    assert way(index(package("", "3", 300)), "3") == (["heron/3/packages/system.full"], 300)


def test_a_difference_is_taken_only_from_a_base_that_is_here_and_only_when_cheaper() -> None:
    both = (package("", "3", 300), package("2", "3", 20))
    assert way(index(*both), "3", here=("2",)) == (["heron/3/packages/system.2"], 20)
    assert way(index(*both), "3", here=("1",))[1] == 300
    assert way(index(package("", "3", 300), package("2", "3", 400)), "3", here=("2",))[1] == 300


def test_differences_are_chained_when_that_is_cheaper() -> None:
    chain = index(package("", "3", 300), package("1", "2", 20), package("2", "3", 30), package("1", "3", 70))
    assert way(chain, "3", here=("1",)) == (["heron/2/packages/system.1", "heron/3/packages/system.2"], 50)


def test_whole_only_leaves_differences_out() -> None:
    both = index(package("", "3", 300), package("2", "3", 20))
    assert way(both, "3", here=("2",), whole_only=True)[1] == 300


def test_a_circle_of_differences_ends() -> None:
    circle = index(package("1", "2", 1), package("2", "1", 1), package("2", "3", 1))
    assert way(circle, "3", here=("1",))[1] == 2


def test_an_image_that_nothing_leads_to_has_no_route() -> None:
    nowhere = routes.find(image("9"), routes.steps_of(index()), lambda _sha, _size: False)
    assert nowhere is None


def test_a_longer_chain_than_allowed_is_not_taken() -> None:
    versions = tuple(str(number) for number in range(routes.MAX_STEPS + 2))
    chain = index(*(package(old, new, 1) for old, new in itertools.pairwise(versions)), versions=versions)
    assert way(chain, versions[-1], here=("0",))[1] == SIZE


NAMES = st.sampled_from("abcd")  # as many as a route may have steps


@given(
    st.lists(st.tuples(NAMES | st.just(""), NAMES, st.integers(1, 1200)), max_size=14),
    st.sets(NAMES, max_size=3),
    NAMES,
)
def test_no_route_is_cheaper_than_the_one_found(
    edges: list[tuple[str, str, int]], here: set[str], wanted: str
) -> None:
    catalogue = index(*(package(*edge) for edge in edges), versions=tuple("abcd"))

    def cheapest(name: str, seen: frozenset[str], left: int) -> int:
        """By trying everything."""
        if name in here:
            return 0
        costs = [SIZE if left else 10**9]
        for base, result, size_bytes in edges:
            if result == name and base not in seen and left:
                before = cheapest(base, seen | {base}, left - 1) if base else 0
                costs.append(size_bytes + before)
        return min(costs)

    assert way(catalogue, wanted, here=tuple(here))[1] == cheapest(
        wanted, frozenset({wanted}), routes.MAX_STEPS
    )
