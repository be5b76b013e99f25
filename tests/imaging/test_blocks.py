"""Causal contexts: the same from both twins, nothing of the future in them."""

import numpy as np
import pytest
import torch

from lightning_dlic.imaging import blocks
from lightning_dlic.imaging.numpy import blocks as blocks_np


@pytest.fixture(scope="module")
def planes():
    return torch.randint(0, 256, (3, 1, 40, 56), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("m", [4, 8, 16])
def test_a_context_is_what_the_format_says(m):
    rows, columns = blocks_np.layout(m)
    assert len(rows) == 5 * m * m
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    assert len(set(places)) == len(places)
    assert places[0] == (-m, -m)
    assert places[3 * m] == (1 - m, -m)
    assert places[3 * m * m] == (0, -m)
    assert places[-1] == (2 * m - 1, -1)
    assert all(row < 0 or column < 0 for row, column in places)


@pytest.mark.parametrize("m", [4, 8])
def test_both_twins_cut_alike(planes, m):
    corners = blocks.grid(40, 56, m)
    where = torch.cat([torch.full((len(corners), 1), 2), corners], dim=1)
    context = blocks.cut(planes, where, m).numpy()
    plane, known = planes[2, 0].numpy(), np.ones((40, 56), bool)
    twin, available = blocks_np.cut_contexts(plane, known, *corners.numpy().T, m)
    np.testing.assert_array_equal(context, twin)
    assert available.all()
    made = blocks.cut_blocks(planes, where, m)
    y, x = corners[-1].tolist()
    assert torch.equal(made[-1, 0], planes[2, 0, y : y + m, x : x + m])


@pytest.mark.parametrize("m", [4, 16])
def test_views_of_contexts_are_contexts_of_views(m):
    plane = torch.randint(0, 256, (1, 1, 3 * m, 3 * m), dtype=torch.uint8)
    where = torch.tensor([[0, m, m]])
    context = blocks.cut(plane, where, m)
    mask = torch.randint(0, 2, plane.shape, dtype=torch.uint8)
    inputs = torch.stack([context, blocks.cut(mask, where, m)], 1)
    views = [plane, plane.mT, 255 - plane, 255 - plane.mT]
    for view, picture in enumerate(views):
        inside = blocks.seen(inputs, m, view)
        assert torch.equal(inside[:, 0], blocks.cut(picture.contiguous(), where, m))
        assert torch.equal(inside[:, 1], blocks.cut((mask.mT if view & 1 else mask).contiguous(), where, m))
        block = picture[:, :, m : 2 * m, m : 2 * m] / 255
        assert torch.allclose(blocks.seen_back(block, view), plane[:, :, m : 2 * m, m : 2 * m] / 255)


def test_both_twins_take_the_same_mean():
    rng = np.random.default_rng(0)
    context = rng.integers(0, 256, (300, 80), np.uint8)
    available = (rng.random((300, 80)) < rng.random((300, 1))).astype(np.uint8)
    available[0] = 0
    context[1], context[1, 0], available[1] = 0, 255, 1  # a sample beyond the reach
    expected, means = blocks_np.center(context, available)
    assert means[0] == 128
    assert expected[1, 0] == 127
    centered, mean = blocks.center(torch.from_numpy(np.stack([context, available], axis=1)))
    np.testing.assert_array_equal(centered.numpy(), expected)
    np.testing.assert_array_equal(mean[:, 0].numpy(), means)


def test_masks_are_those_a_codec_meets():
    m = 8
    masks = blocks.draw_masks(400, m, torch.device("cpu")).numpy()
    above, left = masks[:, : 3 * m * m].reshape(-1, m, 3 * m), masks[:, 3 * m * m :].reshape(-1, 2 * m, m)
    assert (above == above[:, :1]).all()
    assert (left == left[:, :, :1]).all()
    # What is missing is missing to the end, from a multiple of 4 on.
    right = above[:, 0, 2 * m :].sum(axis=1)
    assert set(right.tolist()) == {0, 4, 8}
    assert (np.diff(above[:, 0, m:].astype(int), axis=1) <= 0).all()
    assert (np.diff(left[:, :, 0].astype(int), axis=1) <= 0).all()
    whole = masks.all(axis=1).mean()
    assert 0.05 < whole < 0.5


def test_blocks_return_into_their_surroundings(planes):
    m, where = 8, torch.tensor([[1, 8, 16]])
    context = blocks.cut(planes, where, m)
    x = torch.stack([context, torch.ones_like(context)], dim=1)
    picture = blocks.surroundings(x, blocks.cut_blocks(planes, where, m) / 255.0)
    expected = planes[1, 0, 0:24, 8:32].float()
    mean = blocks.center(x)[1]
    expected[16:, 8:] = mean  # beyond the context and the block
    expected[8:16, 16:] = mean
    far = (expected - mean).abs() > blocks_np.REACH
    assert torch.allclose((picture[0, 0] * 255)[~far], expected[~far], atol=1e-3)


def test_pictures_without_room_are_refused(planes):
    with pytest.raises(ValueError, match="no block of 16x16"):
        blocks.draw_corners(planes.shape, 16, 5, planes.device)
    assert len(blocks.grid(40, 56, 16)) == 0
