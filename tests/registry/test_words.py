"""Nearest words."""

import pytest

from dlic_registry import suggest

STAGES = ["compact", "srcnn", "srgan", "srresnet"]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("srgna", "srgan"),
        ("SRGAN", "srgan"),
        ("sr-gan", "srgan"),
        ("comp", "compact"),
        ("srr", "srresnet"),
        ("sr", None),
        ("", None),
        ("zebra", None),
    ],
)
def test_nearest_word(word: str, nearest: str | None) -> None:
    assert suggest(word, STAGES) == nearest


def test_candidate_keeps_its_spelling() -> None:
    assert suggest("max_step", ["Max-Steps", "min"]) == "Max-Steps"


def test_no_candidates_no_suggestion() -> None:
    assert suggest("word", iter(())) is None
