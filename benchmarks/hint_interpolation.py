"""Trains what predicts the colours of hints, and writes lightning_dlic/codec/hints/interpolation.safetensors.

python benchmarks/hint_interpolation.py FOLDER... [--steps 16000] [--seed]

Each picture below the folders is coded with hints of random kinds and sizes; a small network learns to predict the
colours that the encoder wanted from those of the neighbours, and how far off it is (the likelihood of a Laplace
distribution). Its weights are rounded; then doubts are sorted into contexts, and what context models have learned over
all pictures, with how much pictures differ, is what they begin with. `--seed` codes the pictures with predictions by
distances, as is needed where no such file is yet; else what was found before codes them. Prints JSON: bits and errors
over each tenth picture, which is held back, beside those of the prediction by distances. Files of hints with a network
read otherwise afterwards.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
import yaml
from numba import njit
from safetensors.numpy import save_file
from torch import Tensor, nn

from lightning_dlic.codec.hints import coder as coding
from lightning_dlic.codec.hints import interpolation as learned
from lightning_dlic.codec.hints import syntax
from lightning_dlic.codec.hints.aim import Aim
from lightning_dlic.codec.hints.base import MAX_COUNT, Head, Targets
from lightning_dlic.codec.hints.chunk import find_hints
from lightning_dlic.codec.hints.encoder import Trial
from lightning_dlic.codec.hints.regions import NEIGHBOURS, Regions
from lightning_dlic.pipeline.pictures import load_picture
from lightning_dlic.pipeline.source import Source
from lightning_dlic.zoo import find_card, sha256

TARGET = Path(learned.__file__).with_name(learned.FILE)
KINDS = ("segmentation", "segmentation", "grid")
BUDGETS, DENSITIES = (50, 700), (1.8, 2.6, 3.6, 5.0, 7.0)
HIDDEN, BATCH, RATE, HELD = 192, 8192, 2e-3, 10
LEAST_REGIONS, LEAST_PIXELS = 16, 20000
SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Sample:
    """The regions of one picture as they were coded."""

    luma: np.ndarray
    regions: Regions
    targets: Targets
    head: Head
    colors: np.ndarray
    sent: np.ndarray


def samples(path: Path, seed: bool, each: int = 3) -> list[Sample]:
    """A picture coded so many times; none where it is grey or small."""
    source = Source(load_picture(str(path)))
    if source.luma.size < LEAST_PIXELS or len(source.planes) < 3:
        return []
    chroma = np.stack(source.planes[1:]).astype(np.float32) - 128
    if chroma.std() < 1:
        return []
    aim, draw, found = Aim.of(source.luma, chroma), np.random.default_rng(crc32(path.name.encode())), []
    for _ in range(each):
        kind, budget = find_hints(draw.choice(KINDS)), int(BUDGETS[0] * (BUDGETS[1] / BUDGETS[0]) ** draw.random())
        count = min(MAX_COUNT, round(budget * draw.choice(DENSITIES)))
        trial = Trial(kind, aim, count, net=not seed)
        made = trial.within(budget)
        if made is not None and trial.regions.count >= LEAST_REGIONS:
            c = made.coloring
            # By distances, so that what is learned is compared with that, whichever coded it.
            plain = Trial(kind, aim, count).regions
            found.append(Sample(aim.luma, plain, trial.targets, c.head, c.colors, c.sent))
    return found


class Net(nn.Module):
    """The network in floating point, and what only training needs: how doubts and neighbours make one scale."""

    def __init__(self) -> None:
        super().__init__()
        inputs = learned.FACTS + NEIGHBOURS * learned.EACH
        self.layers = nn.ModuleList(
            nn.Linear(a, b) for a, b in ((inputs, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, NEIGHBOURS + 1))
        )
        nn.init.zeros_(self.layers[2].weight)
        nn.init.zeros_(self.layers[2].bias)
        self.scale = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, facts: Tensor, each: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of neighbours ``[n, NEIGHBOURS]`` and doubts ``[n]`` in powers of 2."""
        x = torch.cat((facts, each.flatten(1)), dim=1)
        for layer in self.layers[:2]:
            x = layer(x).clamp(min=0.0)
        out = self.layers[2](x)
        exponents = (out[:, :NEIGHBOURS] - 4 * each[..., learned.AWAY]).masked_fill(~known, -1e4)
        exponents = (exponents - exponents.amax(1, keepdim=True)).clamp(min=-16)
        whole = exponents.detach().floor()
        weights = (1 + exponents - whole) * torch.exp2(whole) * known
        return weights / weights.sum(1, keepdim=True).clamp(min=1e-9), out[:, NEIGHBOURS]

    def loss(self, rows: list[Tensor]) -> Tensor:
        """Bits of each region's two colours, ``[n, 2]``, but for a constant."""
        facts, each, known, colors, sent, wanted, step = rows
        shares, doubt = self(facts, each, known)
        guess = (shares[..., None] * colors).sum(1)
        apart = (shares[..., None] * (colors - guess[:, None]).abs()).sum((1, 2))
        some, unit = (shares * sent).sum(1), step.log2()
        seen = torch.stack((doubt, (apart + 0.5).log2(), some, unit, (apart / step + 0.1).log2(), facts[:, 3]), dim=1)
        scale = torch.exp2(doubt + self.scale(seen)[:, 0])[:, None] + 0.3
        return (2 * scale).log2() + (wanted - guess).abs() / scale / np.log(2)


def table(found: list[Sample]) -> list[Tensor]:
    """All regions of samples, as `Net.loss` takes them."""
    rows = []
    for sample in found:
        facts, each = learned.features(sample.luma, sample.regions)
        known = sample.regions.neighbours >= 0
        other = np.where(known, sample.regions.neighbours, 0)
        colors = sample.colors[other] / (1 << syntax.POINT) * known[..., None]
        step = np.full(len(facts), sample.head.step)
        unit = 1 << learned.POINT
        given = facts / unit, each / unit, known, colors, sample.sent[other] * known
        rows.append((*given, sample.targets.colors, step))
    columns = (np.concatenate(column) for column in zip(*rows, strict=True))
    return [torch.from_numpy(column if column.dtype == bool else column.astype(np.float32)) for column in columns]


def train(rows: list[Tensor], steps: int) -> Net:
    """Trains the network; left and right count alike."""
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = torch.randint(len(rows[0]), (BATCH,))
        batch = [column[chosen] for column in rows]
        if step % 2:
            batch[1] = batch[1] * torch.tensor([1.0, -1.0] + [1.0] * (learned.EACH - 2))
        loss = net.loss(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 1000 == 999:
            print(json.dumps({"step": step + 1, "bits": round(float(loss.detach()), 4)}), flush=True)
    return net


def rounded(net: Net) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Its layers in whole numbers."""
    one, point = 1 << learned.SHIFT, 1 << learned.POINT
    pairs = [(layer.weight.detach().numpy().T, layer.bias.detach().numpy()) for layer in net.layers]
    return tuple((np.round(weight * one), np.round(bias * one * point)) for weight, bias in pairs)


@njit(cache=False)
def _classes(cells, doubts, colors, signals, neighbours, weights, step, guesses):  # type: ignore[no-untyped-def]
    found, guess = np.zeros(len(doubts), np.int64), np.zeros(2, np.int64)
    for rank in range(len(doubts)):
        syntax.predict(colors, neighbours, weights, rank, guess)
        guesses[rank] = guess
        found[rank] = syntax.doubted(cells, doubts, colors, signals, neighbours, weights, rank, guess, step)
    return found


def classes(made: learned.Interpolation, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """The cell of `learned.BINS` of each region, and how far off its prediction is in steps, ``[n]``."""
    cells = np.arange(np.prod(learned.BINS)).reshape(learned.BINS)
    regions = made.apply(sample.luma, sample.regions)
    signals = np.repeat(sample.sent.astype(np.int64)[:, None], 2, 1)
    guesses = np.zeros_like(sample.colors)
    known = regions.neighbours, regions.weights
    cell = _classes(cells, regions.doubted[0], sample.colors, signals, *known, sample.head.step, guesses)
    off = np.abs(sample.targets.colors - guesses / (1 << syntax.POINT)).mean(1) / sample.head.step
    return cell, off


def buckets(made: learned.Interpolation, found: list[Sample]) -> np.ndarray:
    """Cells in the order of how far off predictions are, as many regions to each bucket."""
    size = int(np.prod(learned.BINS))
    sums, seen = np.zeros(size), np.zeros(size)
    for sample in found:
        cell, off = classes(made, sample)
        sums += np.bincount(cell, off, size)
        seen += np.bincount(cell, minlength=size)
    # Cells that hardly any region has lie where their class of doubt does.
    grid, counts = sums.reshape(learned.BINS), seen.reshape(learned.BINS)
    usual = grid.sum((1, 2), keepdims=True) / np.maximum(counts.sum((1, 2), keepdims=True), 1)
    usual = np.maximum.accumulate(usual, axis=0)
    off = ((grid + 20 * usual) / (counts + 20)).ravel()
    order = np.argsort(off, kind="stable")
    place = np.cumsum(seen[order]) - seen[order] / 2
    bucket = np.zeros(size, np.int64)
    bucket[order] = np.minimum(syntax.BUCKETS - 1, place * syntax.BUCKETS // max(1, seen.sum())).astype(np.int64)
    return bucket.reshape(learned.BINS)


def after(made: learned.Interpolation | None, models: np.ndarray, sample: Sample) -> tuple[np.ndarray, float, float]:
    """Context models behind a sample, its bits, and its squared error, in which all regions count by their size."""
    coder = coding.counter(models)
    regions = made.apply(sample.luma, sample.regions) if made is not None else sample.regions
    coded = sample.targets.code(coder, regions, sample.head)
    left = coded.colors / (1 << syntax.POINT) - sample.targets.colors
    return coder.models, float(coder.bits[0]), float((sample.targets.worth[:, None] * left**2).mean())


def start(made: learned.Interpolation, found: list[Sample]) -> np.ndarray:
    """Probability and worth of each model from what it has learned picture by picture."""
    behind = np.stack([after(made, syntax.fresh(), sample)[0] for sample in found])
    table = syntax.fresh()
    for model in range(len(table)):
        seen = (behind[:, model, 1] - 2).astype(float)
        if seen.sum() < 40:
            continue
        zero = behind[:, model, 0] / 65536
        mean = float((zero * seen).sum() + 0.5) / (seen.sum() + 1)
        spread = mean * (1 - mean)
        between = max(float((((zero - mean) ** 2 - spread / seen.clip(1)) * seen).sum() / seen.sum()), spread / 60)
        table[model] = round(mean * 65536), max(1, min(round(spread / between), 40))
    return table


def save(made: learned.Interpolation) -> None:
    """Writes the file."""
    parts = {"buckets": made.buckets, "start": made.start}
    for number, (weight, bias) in enumerate(made.layers):
        parts |= {f"{number}.weight": weight, f"{number}.bias": bias}
    # The format stores memory as it lies: transposed arrays would be read otherwise.
    save_file({name: np.ascontiguousarray(part, np.int32) for name, part in parts.items()}, TARGET)


def card(asked: argparse.Namespace, report: dict[str, object]) -> None:
    """Writes what the file is beside it."""
    facts = {
        "summary": "What each neighbour counts when the colours of hints are predicted, and how far off that may be",
        "command": "python benchmarks/hint_interpolation.py FOLDERS, three times: --seed first",
        "steps": asked.steps,
        "machine": "2 cores of an AMD EPYC with AVX-512, shared",
        "data": find_card("compact_x4").data,
        "licence": "Apache-2.0; the pictures it was trained on are for research",
        "sha256": sha256(TARGET),
        "figures": report,
    }
    TARGET.with_suffix(".yaml").write_text(yaml.safe_dump(facts, sort_keys=False, width=120))


def judged(made: learned.Interpolation | None, models: np.ndarray, found: list[Sample]) -> dict[str, float]:
    """Geometric means of bits and errors of samples."""
    rows = np.array([after(made, models, sample)[1:] for sample in found])
    bits, error = np.log2(rows).mean(0)
    return {"bits": round(2**bits, 1), "error": round(2**error, 4)}


def main() -> None:
    """Trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--steps", type=int, default=16000)
    parser.add_argument("--seed", action="store_true", help="code the pictures with predictions by distances")
    asked = parser.parse_args()
    paths = sorted(p for folder in asked.folders for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    with ProcessPoolExecutor() as pool:
        each = list(pool.map(partial(samples, seed=asked.seed), paths, chunksize=8))
    held = [sample for one in each[::HELD] for sample in one]
    kept = [sample for number, one in enumerate(each) if number % HELD for sample in one]
    print(json.dumps({"pictures": len(paths), "regions": sum(len(s.colors) for s in kept)}), flush=True)
    net = train(table(kept), asked.steps)
    made = learned.Interpolation(rounded(net), np.zeros(learned.BINS, np.int64), syntax.fresh())
    made = replace(made, buckets=buckets(made, kept))
    made = replace(made, start=start(made, kept))
    save(made)
    report = {"distances": judged(None, syntax.fresh(), held), "learned": judged(made, made.start, held)}
    report["learned, from ignorant models"] = judged(made, syntax.fresh(), held)
    card(asked, report)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
