"""What every machine of the domain promises; each machine's own test asks for it."""

from __future__ import annotations

from recycling.machine import Machine


def assert_whole(machine: Machine) -> None:
    """Every pair has its answer in exactly one set, every state is reached, every rule stays within its states."""
    assert machine.unforeseen() == []
    assert machine.reachable() == set(machine.states)
    for key, found in machine.table.items():
        assert found.to, key
        assert found.to <= set(machine.states), key
    assert not machine.ignored & machine.refused
