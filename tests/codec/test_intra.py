"""The base codec `intra`: exact with and without networks, whatever the bytes."""

import hashlib
import itertools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interpreted import viewed
from numba import njit
from safetensors.numpy import load_file

from dlic_registry import DlicError
from lightning_dlic.codec import BitstreamError, Planes
from lightning_dlic.codec.intra import entry, tables
from lightning_dlic.codec.intra.arithmetic import code_bit, code_flat, finish, fresh_models, reader, writer
from lightning_dlic.codec.intra.codec import SHIPPED, IntraCodec, digest, zoo_predictors
from lightning_dlic.codec.intra.encoder import BIT_WEIGHT
from lightning_dlic.codec.intra.modes import code_mode
from lightning_dlic.codec.intra.net import flatten, predictions, sizes
from lightning_dlic.codec.intra.predictor import LEAK, IntegerPredictor
from lightning_dlic.codec.intra.syntax import DONE, new_plane
from lightning_dlic.codec.intra.tables import MAX_BRANCHES, NET
from lightning_dlic.imaging.numpy.blocks import GREY, REACH, VIEWS
from lightning_dlic.zoo.files import locate

# What compiles the codec, once, takes most of a minute of a core.
pytestmark = pytest.mark.slow
MakePlanes = Callable[[int, int, bool], Planes]
TABLES = "92ae89e432e7f8b44da0feeb689552d001004800b21a9741aecd2f06a3cce162"


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


@njit
def code_all(coder, models, values, widths):  # type: ignore[no-untyped-def]
    out = np.zeros_like(values)
    for index in range(values.size):
        if widths[index]:
            out[index] = code_flat(coder, widths[index], values[index])
        else:
            out[index] = code_bit(coder, models[index], values[index])
    return out


@njit
def close(coder, spare):  # type: ignore[no-untyped-def]
    return finish(coder, spare)


@njit
def run_net(nets, plane, place, size, view, room, out):  # type: ignore[no-untyped-def]
    (x, y), (width, height) = place, size
    predictions(nets, plane, x, y, width, height, view, len(out), room, out)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2**12 - 1), st.integers(0, 9)), max_size=300))
def test_arithmetic_coder_gives_back_what_it_took(symbols: list[tuple[int, int, int]]) -> None:
    widths = np.array([width for width, _, _ in symbols], np.int64)
    values = np.array([value & ((1 << max(width, 1)) - 1) for width, value, _ in symbols], np.int64)
    models = np.array([model for _, _, model in symbols], np.int64)
    coder = writer(2000, fresh_models(1))
    code_all(coder, models, values, widths)
    data = coder.data[: close(coder, 16)].tobytes()
    back = code_all(reader(data, 16, fresh_models(1)), models, values, widths)
    assert back.tolist() == values.tolist()
    assert len(data) <= (widths.sum() + 1.2 * (widths == 0).sum()) / 8 + 12


def test_a_skewed_source_costs_little_more_than_its_entropy() -> None:
    values = (np.random.default_rng(0).random(4000) < 0.03).astype(np.int64)
    coder = writer(2000, fresh_models(1))
    code_all(coder, np.zeros(4000, np.int64), values, np.zeros(4000, np.int64))
    entropy = -(0.03 * np.log2(0.03) + 0.97 * np.log2(0.97)) * 4000 / 8
    assert close(coder, 16) < 1.15 * entropy


def test_tables_are_the_same_on_every_platform() -> None:
    parts = (tables.MATRIX, tables.STEP, tables.TAPS, tables.ANGLE, tables.INVERSE, tables.SCAN, tables.NEAR)
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(part, "<i4").tobytes() for part in parts))
    assert digest.hexdigest() == TABLES


def test_transforms_are_orthonormal() -> None:
    for kind in range(2):
        for bits in range(2, 6):
            matrix = tables.MATRIX[kind, bits, : 1 << bits, : 1 << bits] / 2.0**tables.MATRIX_BITS
            assert np.abs(matrix @ matrix.T - np.eye(1 << bits)).max() < 2e-3


@pytest.mark.parametrize("m", [4, 8, 16])
def test_compiled_network_has_the_bits_of_its_definition(m: int) -> None:
    random = np.random.default_rng(m)
    predictor = IntegerPredictor.random(m, seed=m, branches=3, differences=2)
    plane = new_plane(48, 48)
    plane.pixels[:] = random.integers(0, 256, (48, 48))
    for y, x in ((16, 16), (0, 0), (0, 16), (32, 0), (32, 32)):
        plane.maps[DONE] = random.integers(0, 2, (12, 12))
        known = np.kron(plane.maps[DONE], np.ones((4, 4), bool)).astype(bool)
        out = np.zeros((5, 32, 32), np.int32)
        for view, (w, h) in itertools.product(range(VIEWS), ((m, m), (m, m // 2), (m // 4, m))):
            run_net(flatten([predictor]), plane, (x, y), (w, h), view, np.zeros((2, 4096), np.int32), out)
            expected = viewed(predictor, plane.pixels.astype(np.uint8), known, y, x, view)
            assert (out[:, :h, :w] == expected[:, :h, :w]).all()


def test_a_layer_may_be_wider_than_those_behind_it() -> None:
    random, arrays = np.random.default_rng(0), {}
    for name, outputs, inputs in (("hidden.0", 4090, 80), ("hidden.1", 4, 4090), ("output", 16, 84)):
        arrays[f"{name}.weight8"] = random.integers(-20, 21, (outputs, inputs), np.int8)
        arrays[f"{name}.bias32"] = random.integers(-2000, 2001, outputs, np.int32)
        arrays[f"{name}.shift"] = np.full(outputs, 9, np.uint8)
    predictor, plane, out = IntegerPredictor(arrays), new_plane(32, 32), np.zeros((1, 32, 32), np.int32)
    plane.pixels[:] = random.integers(0, 256, (32, 32))
    plane.maps[DONE] = 1
    run_net(flatten([predictor]), plane, (8, 8), (4, 4), 0, np.zeros((2, 4096), np.int32), out)
    everything = np.ones((32, 32), bool)
    assert (out[:, :4, :4] == viewed(predictor, plane.pixels.astype(np.uint8), everything, 8, 8, 0)).all()


def test_kept_machine_code_is_dropped_with_its_sources() -> None:
    folder = Path(entry.__file__).parent
    names = ["arithmetic", "jit", "leaf", "modes", "net", "predict", "syntax", "tables", "transform", "tree", "trellis"]
    sources = b"".join((folder / f"{name}.py").read_bytes() for name in names)
    sources += repr((GREY, LEAK, REACH, VIEWS)).encode()  # what the compiled files take from others
    assert hashlib.sha256(sources).hexdigest()[:16] == entry.COMPILED, "write this into codec/intra/entry.py"


@njit
def run_modes(coder, plane, nets, modes):  # type: ignore[no-untyped-def]
    out = np.zeros_like(modes)
    for index in range(modes.size):
        out[index] = code_mode(coder, plane, 8, 8, 8, 8, nets, modes[index])
    return out


@pytest.mark.parametrize("branches", [1, 2, 3, 7, 8, 12, 16])
def test_every_mode_can_be_named(branches: int) -> None:
    nets = sizes([IntegerPredictor.random(8, branches=branches), IntegerPredictor.random(4, branches=16)])
    known = [*range(NET), *(NET + MAX_BRANCHES * view + branch for view in range(VIEWS) for branch in range(branches))]
    modes = np.random.default_rng(0).permutation(known).astype(np.int64)
    coder = writer(2000, fresh_models(1))
    run_modes(coder, new_plane(32, 32), nets, modes)
    data = coder.data[: close(coder, 16)].tobytes()
    back = run_modes(reader(data, 16, fresh_models(1)), new_plane(32, 32), nets, np.zeros_like(modes))
    assert back.tolist() == modes.tolist()


def test_with_random_networks_and_without(make_planes: MakePlanes) -> None:
    planes = make_planes(40, 52, True)
    mixed = IntegerPredictor.random(8, seed=1, branches=3, differences=2)
    nets = [mixed, IntegerPredictor.random(4, seed=2, branches=16)]
    for codec in (IntraCodec([]), IntraCodec(nets)):
        payload = codec.encode(planes, 40, 3)
        decoded = codec.decode(payload, 40, 52, True)
        assert [a.shape for a in decoded.each()] == [a.shape for a in planes.each()]
        assert min(psnr(a, b) for a, b in zip(decoded.each(), planes.each(), strict=True)) > 35


def test_other_weights_are_refused_by_name(make_planes: MakePlanes) -> None:
    planes = make_planes(16, 16, False)
    first, second = IntegerPredictor.random(8, seed=1), IntegerPredictor.random(8, seed=2)
    payload = IntraCodec([first]).encode(planes, 20, 1)
    assert IntraCodec([first]).decode(payload, 16, 16, False).size == (16, 16)
    for others in ([], [second]):
        with pytest.raises(BitstreamError, match=digest([first])[:2].hex()):
            IntraCodec(others).decode(payload, 16, 16, False)


def test_the_networks_that_ship_need_no_name() -> None:
    assert digest(zoo_predictors()).startswith(SHIPPED)
    assert len(SHIPPED) == 8
    planes = Planes(np.full((16, 16), 90, np.uint8))
    own = IntraCodec().encode(planes, 20, 1)
    assert own[0] == 20 | 64 | 128
    assert IntraCodec().decode(own, 16, 16, False).size == (16, 16)
    assert IntraCodec(zoo_predictors()[:2]).encode(planes, 20, 1)[1:3] == digest(zoo_predictors()[:2])[:2]
    for other in ([], zoo_predictors()[:2]):
        with pytest.raises(BitstreamError, match=SHIPPED.hex()):
            IntraCodec(other).decode(own, 16, 16, False)
    with pytest.raises(BitstreamError, match="reserved"):
        IntraCodec().decode(bytes([20 | 128]) + own[1:], 16, 16, False)


def test_fewer_networks_than_are_here_are_found_by_their_fingerprint(make_planes: MakePlanes) -> None:
    planes = make_planes(24, 24, False)
    nets = [IntegerPredictor.random(m, seed=m) for m in (4, 8, 16)]
    payload = IntraCodec(nets[1:2]).encode(planes, 20, 1)
    crcs = {IntraCodec(known).decode(payload, 24, 24, False).crc32() for known in (nets, nets[1:2])}
    assert len(crcs) == 1


def test_predictors_of_one_size_are_a_mistake() -> None:
    with pytest.raises(DlicError, match="at most one predictor"):
        IntraCodec([IntegerPredictor.random(8), IntegerPredictor.random(8, seed=1)])


def cost(codec: IntraCodec, planes: Planes, quality: int, effort: int) -> float:
    """Squared error and weighted bits, what the encoder's search minimises."""
    payload = codec.encode(planes, quality, effort)
    errors = codec.decode(payload, *planes.size, False).y.astype(float) - planes.y
    return float((errors**2).sum() + BIT_WEIGHT * (int(tables.STEP[quality]) / 8) ** 2 * 8 * len(payload))


def test_effort_lowers_what_error_and_bytes_cost(make_planes: MakePlanes) -> None:
    planes, codec = make_planes(64, 96, False), IntraCodec([])
    assert cost(codec, planes, 26, 9) < cost(codec, planes, 26, 1)


def test_the_networks_that_ship_pay_on_a_photograph_and_more_of_them_pay_more() -> None:
    from skimage import data

    planes = Planes(np.ascontiguousarray(data.astronaut()[:384:4, 64:448:4, 1]))
    arrays = load_file(locate("zoo:pnns_4"))
    fewer = {name: array[: 16 if name.startswith("output.") else None] for name, array in arrays.items()}
    used = [], [IntegerPredictor(fewer)], [IntegerPredictor(arrays)], zoo_predictors()
    costs = [cost(IntraCodec(networks), planes, 32, 9) for networks in used]
    assert costs == sorted(costs, reverse=True)


RANDOM = [IntegerPredictor.random(m, seed=m, branches=5, differences=2) for m in (4, 8, 16)]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=120), st.integers(1, 70), st.integers(1, 70), st.booleans())
def test_any_bytes_end_in_a_picture_or_one_error(body: bytes, height: int, width: int, color: bool) -> None:
    with suppress(BitstreamError):
        assert IntraCodec([]).decode(bytes([len(body) & 63]) + body, height, width, color).size == (height, width)
    with suppress(BitstreamError):
        head = bytes([len(body) & 63 | 64]) + digest(RANDOM)[:2]
        assert IntraCodec(RANDOM).decode(head + body, height, width, color).size == (height, width)


def test_a_short_payload_does_not_keep_a_large_picture_busy() -> None:
    codec = IntraCodec([])
    with pytest.raises(BitstreamError, match="ends before"):
        codec.decode(bytes([63]) + b"\xa7" * 40, 2000, 2000, False)
