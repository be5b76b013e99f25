"""The order of stages behind the base codec: said by their kinds, or an error that names who leaves it open."""

import pytest

from dlic_registry import DlicError, local, register
from lightning_dlic.kinds.base import Kind, Slot
from lightning_dlic.kinds.order import in_order


@pytest.fixture
def kinds(monkeypatch):
    """Registers kinds by their slots, for this test."""
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))

    def register_all(**slots):
        for name, slot in slots.items():
            register("kind", name)(type(name, (Kind,), {"slot": slot, "__doc__": "Made for a test."}))

    return register_all


def test_a_kind_of_another_package_finds_its_place(kinds):
    kinds(restoration=Slot(before=("sr",)), grain=Slot(after=("colorization", "sr", "reconstruction")))
    order = ["restoration", "sr", "colorization", "grain"]
    assert in_order(reversed(order)) == order
    # What stands in the place of others comes where they would.
    assert in_order(["grain", "reconstruction", "restoration"]) == ["restoration", "reconstruction", "grain"]


@pytest.mark.parametrize(
    ("slots", "names", "message"),
    [
        (
            {"one": Slot(before=("sr",)), "two": Slot(before=("sr",))},
            "one two sr",
            r"'one' and 'two' leave their order",
        ),
        (
            {"one": Slot(before=("two",)), "two": Slot(before=("one",))},
            "one two",
            r"each want to come before the other",
        ),
        ({}, "sr reconstruction", r"'reconstruction' stands in the place of 'sr'"),
        ({}, "prediction sr", r"'prediction' have no place"),
        ({}, "sr colouring", r"unknown kind 'colouring'"),
    ],
)
def test_what_is_left_open_is_an_error_that_names_both(kinds, slots, names, message):
    kinds(**slots)
    with pytest.raises(DlicError, match=message):
        in_order(names.split())
