"""What predicts colours of hints is exact, and knows what belongs together."""

import hashlib
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import yaml

from lightning_dlic.codec.hints.chunk import find_hints
from lightning_dlic.codec.hints.interpolation import FILE, interpolation, logarithm, power
from lightning_dlic.codec.hints.regions import arrange

# SHA-256 of weights and doubts for the picture of `halves`, which are exact.
GOLDEN = "e599502c1b9f65fa"


def halves() -> np.ndarray:
    """Dark to the left of a slanted edge, light to the right, with some waves."""
    y, x = np.mgrid[:120, :150]
    luma = np.where(x + y // 3 < 95, 60, 170) + ((x * 7 + y * 5) % 23 - 11)
    return luma.astype(np.uint8)


def test_logarithms_and_powers() -> None:
    x = np.arange(1, 5000)
    np.testing.assert_allclose(logarithm(x) / 64, np.log2(x), atol=0.11)
    np.testing.assert_array_equal(logarithm(1 << np.arange(50)), 64 * np.arange(50))
    np.testing.assert_array_equal(power(64 * np.arange(20)), 64 << np.arange(20))
    assert (np.diff(power(np.arange(1024))) > 0).all()


def test_the_coder_has_the_same_logarithm() -> None:
    from lightning_dlic.codec.hints.syntax import _logarithm

    x = np.unique(np.concatenate((np.arange(1, 300), 1 << np.arange(40), (1 << np.arange(1, 40)) - 1)))
    assert [_logarithm(number) for number in x] == logarithm(x).tolist()


@pytest.mark.parametrize("kind", ["grid", "segmentation"])
def test_neighbours_across_an_edge_count_less(kind: str) -> None:
    luma = halves()
    plain = arrange(luma, find_hints(kind).labels(luma, 120))
    regions = interpolation().apply(luma, plain)
    light = np.bincount(regions.labels.ravel(), luma.ravel()) / np.bincount(regions.labels.ravel())
    known = regions.neighbours >= 0
    assert (regions.weights[known] > 0).all()
    assert not regions.weights[~known].any()
    pure = np.abs(light - 115) > 45
    alike = (light[:, None] > 115) == (light[regions.neighbours] > 115)
    use = known & pure[:, None] & pure[regions.neighbours]
    shares = regions.weights / np.maximum(regions.weights.sum(1, keepdims=True), 1)
    mixed = (use & alike).any(1) & (use & ~alike).any(1)
    assert mixed.sum() > 5
    same, other = ((shares * (use & sort)).sum(1)[mixed].mean() for sort in (alike, ~alike))
    assert same > 4 * other


def test_far_predictions_are_doubted_more() -> None:
    luma = halves()
    regions = interpolation().apply(luma, arrange(luma, find_hints("segmentation").labels(luma, 300)))
    doubts = regions.doubted[0]
    assert doubts[3:15].mean() > doubts[-150:].mean() + 32


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["1", "2"])
def test_other_processes_find_the_same(threads: str) -> None:
    env = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    command = [sys.executable, __file__]
    assert subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.strip() == GOLDEN


def test_card_and_format_name_the_file_that_ships() -> None:
    folder = resources.files("lightning_dlic.codec.hints")
    digest = hashlib.sha256(folder.joinpath(FILE).read_bytes()).hexdigest()
    assert yaml.safe_load(folder.joinpath("interpolation.yaml").read_text())["sha256"] == digest
    assert digest in (Path(__file__).parents[2] / "docs" / "format" / "index.md").read_text()


def main() -> None:
    """Prints the hash."""
    luma = halves()
    regions = interpolation().apply(luma, arrange(luma, find_hints("segmentation").labels(luma, 200)))
    print(hashlib.sha256(regions.weights.tobytes() + regions.doubted[0].tobytes()).hexdigest()[:16])


if __name__ == "__main__":
    main()
