"""Feeds readers damaged files, counts what happens, and ends with status 1 if anything but an error happened.

python benchmarks/fuzz.py --count 200000 --workers 2                 # bitstreams, bytes changed
python benchmarks/fuzz.py --kind mended --count 50000                # fields changed, lengths and CRCs mended
python benchmarks/fuzz.py --kind hints                               # only the colour hints, in streams that have some
python benchmarks/fuzz.py --kind weights --count 5000                # or checkpoints, or recipes
python benchmarks/fuzz.py --kind mended --seed 40 --out results.json # goes on: seeds that are in the file are skipped
python benchmarks/fuzz.py --replay 12 4091                           # one again: what it is, how long it takes

What is malformed passes if it ends in one of our errors within 2 s and 300 MB; what decodes may take 1.5 s and 40 MB a
megapixel, and 800 MB in all, at max_pixels = 4e6. What a verb of the command line prints of the file is caught as it
would reach a terminal, and may hold nothing that a terminal acts upon. Seconds are the process's
own, all threads together, so that a busy machine is not taken for a hang; a process that stands still is ended after
six hours. Campaigns are processes, forked from one that has imported and compiled everything; one that dies is a crash,
and its seed is printed.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import multiprocessing
import multiprocessing.process
import os
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np
from fuzzing import files, streams
from fuzzing.spoken import acted_upon, spoken

SECONDS, MEGABYTES = 2.0, 300.0
SECONDS_A_MEGAPIXEL, MEGABYTES_A_MEGAPIXEL, MOST_MEGABYTES = 1.5, 40.0, 800.0
STANDSTILL = 6 * 3600
_STATUS = Path("/proc/self/status")


def damaged(seed: int, kind: str, codec: str | None = None) -> Iterator[bytes]:
    """Damaged streams without end; the same seed gives the same ones, as long as the codecs' encoders do."""
    from lightning_dlic.pipeline.decompress import decompress

    hinted, random = streams.hinted_seeds(), np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # What hints and networks import and compile on first use is not a damaged stream's doing.
        decompress(hinted[-2])
        decompress(streams.enlarged_seed()[0])
    known = hinted if kind == "hints" else streams.seeds(codec) + hinted * (kind == "mended")
    large = streams.large_seeds() if kind == "mended" else []
    change = {"hints": streams.mutate_hints, "mended": streams.mended}.get(kind, streams.mutate)
    sound = [data for data in known if kind != "mended" or _parses(data)]
    while True:
        # One in twenty is large, for what grows with the picture.
        pool = large if large and random.integers(0, 20) == 0 else sound
        yield change(pool[random.integers(0, len(pool))], random)


def _parses(data: bytes) -> bool:
    from lightning_dlic.codec import Bitstream, BitstreamError

    try:
        Bitstream.from_bytes(data)
    except BitstreamError:
        return False
    return True


def run_stream(data: bytes) -> str:
    """Decodes a stream."""
    from lightning_dlic.pipeline.decompress import decompress

    shape = decompress(data, max_pixels=streams.MAX_PIXELS).shape
    return f"decoded {shape[0] * shape[1]}"


KINDS: dict[str, tuple[Callable[..., Iterator[bytes]], Callable[[bytes], str]]] = {
    **dict.fromkeys(("bytes", "mended", "hints"), (damaged, run_stream)),
    "weights": (files.weights, files.run_weights),
    "checkpoints": (files.checkpoints, files.run_checkpoint),
    "recipes": (files.recipes, files.run_recipe),
}
# The verb that says what a file of a kind is, and the file's ending.
VERBS: dict[str, tuple[str, tuple[str, ...]]] = {
    **dict.fromkeys(("bytes", "mended", "hints"), (".dlic", ("info", "FILE"))),
    "weights": (".safetensors", ("info", "FILE")),
    "checkpoints": (".ckpt", ("upscale", "PICTURE", "FILE.png", "--model", "FILE", "--overwrite")),
    "recipes": (".yaml", ("fit", "FILE", "--print-recipe")),
}
# How the command line says that an error was not foreseen.
_UNEXPECTED = re.compile(r"unexpected [A-Z]\w*:")
DECODE = "decompress", "FILE", "FILE.png", "--overwrite", "--max-pixels", str(streams.MAX_PIXELS)


def printed(kind: str, data: bytes, whole: bool) -> str:
    """What the command line prints of a file.

    Args:
        kind: Its kind.
        data: The file.
        whole: Whether a stream is decoded, too, which takes its time twice.
    """
    ending, words = VERBS[kind]
    path = files.folder() / f"said{ending}"
    path.write_bytes(data)
    asked = [words, *([DECODE] if whole and ending == ".dlic" else [])]
    places = {"PICTURE": files.picture()} if kind == "checkpoints" else {}
    return "".join(spoken(*(places.get(word) or word.replace("FILE", str(path)) for word in verb)) for verb in asked)


def peak() -> float:
    """Most memory of this process so far in MB."""
    return int(_STATUS.read_text().split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> float:
    """Begins to measure the most memory anew; returns what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return int(_STATUS.read_text().split("VmRSS:")[1].split()[0]) / 1024


def cases(kind: str, seed: int, codec: str | None) -> Iterator[bytes]:
    """Damaged files of a kind."""
    make = KINDS[kind][0]
    return make(seed, kind, codec) if make is damaged else make(seed)


def judged(kind: str, data: bytes, whole: bool = False) -> tuple[str, list[str], float, float]:
    """How one file ended, what is wrong with that, seconds and MB; ``whole``: its pictures are written, too."""
    from dlic_registry import DlicError

    wrong, before, start = [], forget_peak(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ended = KINDS[kind][1](data)
        except DlicError as error:
            ended = f"error {error}"
        except Exception as error:  # what is being looked for
            ended = "raw"
            wrong.append(f"{type(error).__name__}: {error}"[:300])
    took, used = time.process_time() - start, peak() - before
    said = printed(kind, data, whole)
    if acted_upon(said) or "Traceback" in said or _UNEXPECTED.search(said):
        wrong.append(f"printed: {said!r}"[:300])
    megapixels = int(ended.split()[1]) / 1e6 if ended.startswith("decoded") else 0.0
    if took > max(SECONDS, SECONDS_A_MEGAPIXEL * megapixels):
        wrong.append(f"{took:.1f} s ({ended[:60]})")
    if used > min(MOST_MEGABYTES, max(MEGABYTES, MEGABYTES_A_MEGAPIXEL * megapixels)):
        wrong.append(f"{used:.0f} MB ({ended[:60]})")
    return ended, wrong, took, used


def replay(kind: str, seed: int, index: int, codec: str | None = None) -> None:
    """One file of a campaign twice, the second time with everything imported."""
    data = next(itertools.islice(cases(kind, seed, codec), index, None))
    for label in ("first", "again"):
        ended, wrong, took, used = judged(kind, data)
        print(f"{label}: {took:.2f} s, peak +{used:.0f} MB, {ended!r} {wrong}")
    print(f"{len(data)} bytes: {data[:64].hex()}")


def campaign(kind: str, seed: int, count: int, codec: str | None = None) -> dict[str, Any]:
    """Reads ``count`` damaged files; the same seed gives the same ones."""
    found = cases(kind, seed, codec)
    tally, slowest, most, wrong = collections.Counter[str](), 0.0, 0.0, []
    for index in range(count):
        ended, faults, took, used = judged(kind, next(found), whole=index % 5 == 0)
        tally[_short(ended)] += 1
        wrong += [f"{kind}, seed {seed}, number {index}: {fault}" for fault in faults]
        slowest, most = max(slowest, took), max(most, used)
    return {"tally": dict(tally), "slowest": round(slowest, 2), "megabytes": round(most), "wrong": wrong}


def warm(kind: str, codec: str | None) -> None:
    """Imports and compiles, and makes what a kind's files begin with: campaigns are forked from what this leaves."""
    for number, data in enumerate(itertools.islice(cases(kind, 1, codec), 20)):
        judged(kind, data, whole=number % 5 == 0)


def _short(ended: str) -> str:
    """Where it ended, without the particulars."""
    first, _, rest = ended.partition(" ")
    return (
        (rest.split(":")[0].split(" ")[0] if "/" not in rest.split(":")[0] else "file") if first == "error" else first
    )


def _send(pipe: Connection, *asked: Any) -> None:
    files.folder.cache_clear()
    files.picture.cache_clear()
    pipe.send(campaign(*asked))
    shutil.rmtree(files.folder())


def forked(kind: str, seeds: list[int], asked: argparse.Namespace) -> Iterator[tuple[int, dict[str, Any]]]:
    """Campaigns, each in a process of its own, so that memory and crashes are its own; as they end."""
    waiting, at_work = list(seeds), dict[Connection, tuple[int, multiprocessing.process.BaseProcess]]()
    context, nothing = multiprocessing.get_context("fork"), {"tally": {}, "slowest": 0.0, "megabytes": 0}
    while waiting or at_work:
        while waiting and len(at_work) < asked.workers:
            seed, (mine, theirs) = waiting.pop(0), context.Pipe(duplex=False)
            process = context.Process(target=_send, args=(theirs, kind, seed, asked.each, asked.codec))
            process.start()
            theirs.close()
            at_work[mine] = seed, process
        ready = wait(list(at_work), STANDSTILL)
        for pipe in ready or list(at_work):
            seed, process = at_work.pop(pipe)  # type: ignore[index]
            if not ready:
                process.kill()
            try:
                found = pipe.recv()  # type: ignore[union-attr]
            except EOFError:
                process.join()
                how = f"crashed ({process.exitcode})" if ready else "stands still"
                found = {**nothing, "wrong": [f"{kind}, seed {seed}: {how}"]}
            process.join()
            yield seed, found


def summary(kind: str, done: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All campaigns of a kind together, by seed."""
    tally = collections.Counter[str]()
    for found in done.values():
        tally.update(found["tally"])
    return {
        "kind": kind,
        "files": tally.total(),
        "seeds": sorted(map(int, done)),
        "tally": dict(tally.most_common()),
        "slowest": max(found["slowest"] for found in done.values()),
        "megabytes": max(found["megabytes"] for found in done.values()),
        "wrong": [fault for found in done.values() for fault in found["wrong"]],
        "campaigns": done,
    }


def run(asked: argparse.Namespace) -> dict[str, Any]:
    """The campaigns that are not in the file of results yet; it is written after each."""
    kept = json.loads(asked.out.read_text()) if asked.out and asked.out.exists() else {}
    done: dict[str, dict[str, Any]] = kept.get(asked.kind, {}).get("campaigns", {})
    seeds = [s for s in range(asked.seed, asked.seed - (-asked.count // asked.each)) if str(s) not in done]
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault(streams.SEEDS, place)
        if seeds:
            warm(asked.kind, asked.codec)
        for seed, result in forked(asked.kind, seeds, asked):
            done[str(seed)] = result
            kept[asked.kind] = summary(asked.kind, done)
            if asked.out:
                asked.out.write_text(json.dumps(kept, indent=1) + "\n")
            print({key: kept[asked.kind][key] for key in ("files", "slowest", "megabytes", "wrong")}, file=sys.stderr)
    found: dict[str, Any] = kept[asked.kind]
    return found


def main() -> None:
    """Runs the campaigns and prints the count."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        # Threads that wait for one another on a busy machine count as seconds of the stream's.
        os.environ["OMP_NUM_THREADS"] = "1"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=list(KINDS), default="bytes")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="the first; each campaign has the next one")
    parser.add_argument("--each", type=int, default=5_000, help="files a campaign")
    parser.add_argument("--out", type=Path, help="results as JSON, gone on with where the file is there")
    parser.add_argument("--codec", help="damage only streams of this base codec")
    parser.add_argument("--replay", type=int, nargs=2, metavar=("SEED", "NUMBER"), help="that file only")
    asked = parser.parse_args()
    if asked.replay:
        replay(asked.kind, *asked.replay, asked.codec)
        return
    found = run(asked)
    print(f"{found['files']} files; by where they ended: {found['tally']}")
    print(f"slowest {found['slowest']:.2f} s; at most {found['megabytes']} MB; {len(found['wrong'])} wrong")
    print("\n".join(found["wrong"][:50]))
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
