"""Hints: what is written is read, in no more bytes than asked for, and damage ends in one error."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlic_registry import register
from lightning_dlic.codec import BitstreamError, CodecError
from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import Coloring, Head, Hints, Targets, prepared
from lightning_dlic.codec.hints.chunk import decode_hints, describe_hints, find_hints, prefix, sending
from lightning_dlic.codec.hints.encoder import Found, search, worth
from lightning_dlic.codec.hints.oracle import Oracle
from lightning_dlic.codec.hints.paint import paint
from lightning_dlic.codec.hints.regions import arrange, guide, reduction
from lightning_dlic.codec.hints.spread import Spread
from lightning_dlic.pipeline.source import Source

KINDS = ("grid", "segmentation")


@pytest.fixture(scope="module")
def source(photograph: np.ndarray) -> Source:
    return Source(photograph)


@pytest.fixture(scope="module")
def aim(source: Source) -> Aim:
    return Aim.of(source.luma, np.stack(source.planes[1:]).astype(np.float32) - 128)


@pytest.fixture(scope="module", params=[False, True], ids=["filter", "network"])
def chunk(aim: Aim, request: pytest.FixtureRequest) -> bytes:
    hints = find_hints("segmentation")
    found = search(hints, aim, 120, effort=1, net=request.param)
    assert found is not None
    return prefix(hints) + found.body


def within(kind: str, aim: Aim, budget: int, net: bool = False) -> Found:
    found = search(find_hints(kind), aim, budget, effort=1, net=net)
    assert found is not None
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("budget", "net"), [(10, False), (137, False), (601, False), (10, True), (152, True)])
def test_decoder_finds_what_the_encoder_meant_in_no_more_bytes(
    kind: str, budget: int, net: bool, aim: Aim, source: Source
) -> None:
    found = within(kind, aim, budget, net)
    body = prefix(find_hints(kind)) + found.body
    assert len(body) <= budget
    assert len(body) > 0.85 * budget - 4
    decoded = decode_hints(body, source.luma)
    assert decoded.head == found.coloring.head
    assert decoded.head.net == net
    np.testing.assert_array_equal(decoded.labels, found.coloring.labels)
    np.testing.assert_array_equal(decoded.sent, found.coloring.sent)
    np.testing.assert_array_equal(decoded.colors, found.coloring.colors)


@pytest.mark.parametrize("kind", KINDS)
def test_more_bytes_come_nearer_to_the_colors(kind: str, aim: Aim) -> None:
    grey = float(np.mean(aim.chroma**2))
    errors = [within(kind, aim, budget).error for budget in (20, 80, 250, 600)]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < grey / 4


@pytest.mark.parametrize("kind", KINDS)
def test_learned_predictions_come_nearer_for_the_same_bytes(kind: str, aim: Aim) -> None:
    assert within(kind, aim, 150, net=True).error < within(kind, aim, 150).error


def test_regions_that_send_nothing_have_the_color_predicted(aim: Aim) -> None:
    made = within("grid", aim, 60).coloring
    assert 0.1 < made.sent.mean() < 0.9
    regions = arrange(aim.luma, find_hints("grid").labels(aim.luma, made.head.count))
    for rank in np.flatnonzero(~made.sent)[1:20]:
        near = regions.neighbours[rank][regions.neighbours[rank] >= 0]
        lowest, highest = made.colors[near].min(0), made.colors[near].max(0)
        assert (lowest <= made.colors[rank]).all()
        assert (made.colors[rank] <= highest).all()


def test_superpixels_beat_a_grid(aim: Aim) -> None:
    assert within("segmentation", aim, 137).error < within("grid", aim, 137).error


def test_smoothing_along_edges_beats_flat_regions(aim: Aim) -> None:
    made = within("segmentation", aim, 137).coloring
    spread = Spread(aim.luma, len(made.colors))
    flat, smooth = (
        np.mean([(w - g) ** 2 for w, g in zip(aim.chroma, maps, strict=True)])
        for maps in (made.planes(), [spread(plane) for plane in made.planes()])
    )
    assert smooth < flat


def test_a_network_is_searched_with_as_it_decodes(aim: Aim) -> None:
    found = search(find_hints("grid"), aim, 100, 1, render=lambda made: np.stack(made.planes()))
    assert found is not None
    assert found.coloring.head.net
    blue, red = aim.chroma - np.stack(found.coloring.planes())
    whole = np.stack([1.402 * red, -0.344136 * blue - 0.714136 * red, 1.772 * blue])
    assert found.error == pytest.approx(float(np.mean(whole**2)), rel=1e-3)


def test_colors_are_corrected_for_what_the_decoder_will_make_of_them(aim: Aim) -> None:
    off = np.array([6, -4], np.float32)[:, None, None]

    def render(made: Coloring) -> np.ndarray:
        return np.stack(made.planes())

    plain = search(find_hints("grid"), aim, 300, 1, render)
    found = search(find_hints("grid"), aim, 300, 1, render, final=lambda made: render(made) + off)
    assert plain is not None
    assert found is not None
    left = [aim.chroma - render(one.coloring) - off for one in (plain, found)]
    assert np.mean(left[1] ** 2) < 0.75 * np.mean(left[0] ** 2)
    assert np.abs(left[1].mean((1, 2))).max() < 1.5


def test_more_effort_does_not_lose(aim: Aim) -> None:
    for kind in KINDS:
        errors = [found.error for effort in (1, 5, 9) if (found := search(find_hints(kind), aim, 100, effort))]
        assert len(errors) == 3
        assert errors == sorted(errors, reverse=True)
        assert errors[1] < errors[0]


def test_regions_that_others_are_predicted_from_count_more(aim: Aim) -> None:
    regions = arrange(aim.luma, find_hints("grid").labels(aim.luma, 200))
    counts = worth(np.ones(regions.count, np.int64), regions)
    assert counts.mean() == pytest.approx(1)
    assert counts[:10].mean() > 8 * counts[-100:].mean()
    # Each hands all that it is worth on to those before it: the first has all of it.
    assert counts[0] / counts[-1] == pytest.approx(regions.count)


def test_networks_are_told_step_side_and_what_was_sent(aim: Aim) -> None:
    made = within("grid", aim, 60, net=True).coloring
    height, width = aim.luma.shape
    planes = paint(made, (2 * height, 2 * width))
    assert planes.shape == (6, 2 * height, 2 * width)
    np.testing.assert_allclose(planes[:2, ::2, 1::2] * 255, np.stack(made.planes()), atol=1e-3)
    np.testing.assert_array_equal(planes[5, 1::2, ::2], made.sent[made.labels])
    assert (planes[2] == 1).all()
    np.testing.assert_allclose(planes[3], (4 * height * width / len(made.sent)) ** 0.5 / 64, rtol=1e-6)
    np.testing.assert_allclose(planes[4], made.head.step / 32)
    withheld = replace(made, branches=np.where(made.sent, 0, -1))
    assert not paint(withheld, (height, width))[:, made.sent[made.labels]].any()


def test_regions_name_a_branch_where_it_comes_nearer(aim: Aim) -> None:
    """One branch knows the left half exactly, the other is grey: the left half's regions need no colour."""
    half = aim.chroma.shape[2] // 2
    known = np.where(np.arange(aim.chroma.shape[2]) < half, aim.chroma, 0).astype(np.float32)
    maps = np.stack([np.zeros_like(aim.chroma), known])

    def render(made: Coloring) -> np.ndarray:
        branch = made.branches[made.labels]
        return np.where(branch < 0, np.stack(made.planes()), np.where(branch == 1, known, 0)).astype(np.float32)

    plain = search(find_hints("grid"), aim, 120, 1, render)
    found = search(find_hints("grid"), aim, 120, 1, render, lambda made: maps)
    assert plain is not None
    assert found is not None
    assert len(found.body) < 120
    assert found.error < 0.8 * plain.error
    named = found.coloring.branches[found.coloring.labels]
    assert (named[:, : half - 20] == 1).mean() > 0.8
    assert (named[:, half + 20 :] == 1).mean() == 0


def test_branches_are_read_as_written(aim: Aim) -> None:
    hints = find_hints("grid")
    regions, models = prepared(aim.luma, hints.labels(aim.luma, 60), net=True)
    named = np.arange(regions.count) % 7 - 2
    head = Head(6, 60, branches=5, net=True)
    targets = replace(Targets.unknown(regions.count), colors=np.full((regions.count, 2), 30.0), branches=named.clip(-1))
    writer = coding.writer(4000, models)
    made = targets.code(writer, regions, head)
    decoded = hints.decode(head.to_bytes() + coding.finish(writer), aim.luma)
    np.testing.assert_array_equal(decoded.branches, named.clip(-1))
    np.testing.assert_array_equal(decoded.colors, made.colors)
    assert not decoded.planes()[0][decoded.branches[decoded.labels] >= 0].any()


def test_the_coder_reads_what_it_wrote_and_its_end_costs_at_most_two_bytes() -> None:
    from lightning_dlic.codec.hints.coder import code_bit

    random = np.random.default_rng(3)
    for count in (0, 1, 9, 500, 3000):
        bits = (random.random(count) < 0.2).astype(int)
        models = np.full((4, 2), (32768, 2), np.int64)
        writer = coding.writer(count + 8, models)
        for index, bit in enumerate(bits):
            code_bit(writer, index % 4, int(bit))
        counter = coding.counter(models)
        for index, bit in enumerate(bits):
            code_bit(counter, index % 4, int(bit))
        data = coding.finish(writer)
        assert len(data) <= float(counter.bits[0]) / 8 + 2
        reader = coding.reader(data, models)
        assert [code_bit(reader, index % 4, 0) for index in range(count)] == bits.tolist()
        assert not coding.overrun(reader)
        assert coding.read_all(reader)


def test_large_base_layers_are_cut_at_a_smaller_size(photograph: np.ndarray) -> None:
    luma = np.tile(photograph[..., 1], (5, 5))
    factor = reduction(*luma.shape)
    small = guide(luma)
    assert factor == 3
    assert small.shape == (-(-luma.shape[0] // 3), -(-luma.shape[1] // 3))
    block = luma[:3, :3].astype(int)
    assert small[0, 0] == (2 * block.sum() + 9) // 18
    hints = find_hints("segmentation")
    found = search(hints, Aim.of(luma, np.zeros((2, *luma.shape), np.float32) + 9), 40, effort=1)
    assert found is not None
    assert hints.decode(found.body, luma).factor == 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (17, 9)])
@pytest.mark.parametrize("net", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_any_size(kind: str, net: bool, shape: tuple[int, int]) -> None:
    luma = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    aim = Aim.of(luma, np.full((2, *shape), 20, np.float32))
    found = search(find_hints(kind), aim, 60, effort=1, net=net)
    assert found is not None
    np.testing.assert_array_equal(find_hints(kind).decode(found.body, luma).colors, found.coloring.colors)


def test_oracle_costs_what_its_map_says() -> None:
    random = np.random.default_rng(0)
    assert len(Oracle.code(np.zeros((64, 64), np.int64))) < 16
    noise = random.integers(0, 5, (64, 64))
    assert len(Oracle.code(noise)) == pytest.approx(64 * 64 * np.log2(5) / 8, rel=0.15)
    with pytest.raises(ValueError, match="branches"):
        Oracle.code(np.full((2, 2), 99))
    with pytest.raises(CodecError, match="no codec"):
        sending("oracle")


@pytest.mark.slow
def test_hints_of_a_third_party_go_by_name(aim: Aim, source: Source) -> None:
    @register("hints", "stripes")
    class Stripes(Hints):
        """Columns."""

        name = "stripes"

        def labels(self, luma: np.ndarray, count: int) -> np.ndarray:
            columns = min(count, luma.shape[1])
            row = np.arange(luma.shape[1]) * columns // luma.shape[1]
            return np.broadcast_to(row, luma.shape).astype(np.int32)

    found = within("stripes", aim, 60)
    body = prefix(find_hints("stripes")) + found.body
    assert body[:9] == b"\xff\x07stripes"
    np.testing.assert_array_equal(decode_hints(body, source.luma).colors, found.coloring.colors)
    assert describe_hints(body)["name"] == "stripes"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"),
        (b"\x63\x05\x10", "kind 99"),
        (b"\x02", "byte 0: the chunk ends before its step"),
        (b"\x02\x05", "number of regions"),
        (b"\x02\x05\x00", "0 regions"),
        (b"\x02\x05\xff\x7f", "16383 regions"),
        (b"\x02\x45\x10\x05", "branches"),
        (b"\x02\xc5\x10\x11", "branches"),
        (b"\x02\x05\x10" + bytes(40), "goes on behind"),
        (b"\x02\x05\x90\x04\xff", "ends inside"),
        (b"\x03\x00", "goes on behind"),
        (b"\xff\x00", "no name"),
        (b"\xff\x05abc", "no name"),
        (b"\xff\x03abc", "unknown hints"),
        (b"\xff\x06oracle", "no codec"),
    ],
)
def test_malformed_chunks_say_where(body: bytes, message: str, source: Source) -> None:
    with pytest.raises(BitstreamError, match=message):
        decode_hints(body, source.luma)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_chunks_decode_or_end_in_one_error(data: st.DataObject, chunk: bytes, source: Source) -> None:
    body = bytearray(chunk)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    try:
        made = decode_hints(bytes(body), source.luma)
    except BitstreamError:
        return
    assert made.colors.shape == (made.labels.max() + 1, 2)
    assert np.abs(made.colors).max() <= 128 * 16
