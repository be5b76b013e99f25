"""Feeds the decoder damaged bitstreams, counts what happens, and ends with status 1 if anything but an error happened.

python benchmarks/fuzz.py --streams 200000 --workers 2
python benchmarks/fuzz.py --streams 50000 --hints        # damages only the colour hints, in streams that have some
python benchmarks/fuzz.py --replay 12 4091               # one stream again: what it is, how long it takes

A stream passes if it decodes, or ends in a BitstreamError, within 2 s and 300 MB above the memory after import, at
max_pixels = 4e6. Seconds are the process's own, all threads together, so that a busy machine is not taken for a hang; a
process that stands still is ended after an hour. Workers are processes: one that dies is a crash, and its seed is
printed.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

MAX_PIXELS = 4_000_000
SECONDS, MEGABYTES = 2.0, 300.0
STANDSTILL = 3600


def seeds(only: str | None = None) -> list[bytes]:
    """Streams of one codec, or all that can encode here: grey and colour, of three sizes, with and without chunks."""
    from dataclasses import replace

    from dlic_registry import entries
    from lightning_dlic.codec import Bitstream, Chunk, base_codec
    from lightning_dlic.codec.container import HINTS_CHUNK, PIPELINE_CHUNK
    from lightning_dlic.pipeline.source import Source

    random = np.random.default_rng(7)
    found = []
    for entry in entries("codec"):
        codec = base_codec(entry.name)
        if codec.missing() or only not in (None, entry.name):
            continue
        for height, width in ((16, 16), (40, 56), (97, 131)):
            ramp = np.add.outer(np.arange(height) * 2, np.arange(width) * 3)[..., None] + [0, 40, 90]
            noisy = (ramp + random.integers(0, 40, ramp.shape)).clip(0, 255).astype(np.uint8)
            for picture in (noisy, noisy[..., 0]):
                planes = Source(picture).small(1)
                for share in (0.1, 0.5):
                    payload = codec.encode(planes, round(share * (codec.steps - 1)), 3)
                    crc = codec.decode(payload, height, width, planes.color).crc32() if codec.exact else None
                    stream = Bitstream(width, height, 1, entry.name, planes.color, payload, crc)
                    found.append(stream.to_bytes())
                    record = bytes([1, 3]) + b"abc" + bytes(8)
                    chunks = (Chunk(PIPELINE_CHUNK, record), Chunk(HINTS_CHUNK, bytes(9)), Chunk(99, b"x"))
                    found.append(replace(stream, pipeline=1).to_bytes())
                    found.append(replace(stream, chunks=chunks).to_bytes())
    return found


def enlarged_seed() -> bytes:
    """A stream that a network enlarges."""
    from lightning_dlic.pipeline.compress import compress

    random = np.random.default_rng(4)
    return compress(random.integers(0, 256, (32, 32), np.uint8), quality=20, scale=2, pipeline="photo").data


def hinted_seeds() -> list[bytes]:
    """Grey streams of three sizes with hints of every kind, of few and many bytes, with and without branches."""
    from dataclasses import replace

    from lightning_dlic.codec import Bitstream, Chunk, base_codec
    from lightning_dlic.codec.container import HINTS_CHUNK
    from lightning_dlic.codec.hints.aim import Aim
    from lightning_dlic.codec.hints.chunk import find_hints, prefix
    from lightning_dlic.codec.hints.encoder import search
    from lightning_dlic.codec.planes import Planes

    random, found, codec = np.random.default_rng(9), [], base_codec("hevc")
    for height, width in ((16, 16), (40, 56), (97, 131)):
        luma = (
            np.add.outer(np.arange(height) * 2, np.arange(width) * 3) + random.integers(0, 40, (height, width))
        ) % 256
        payload = codec.encode(Planes(luma.astype(np.uint8)), 20, 1)
        base = codec.decode(payload, height, width, False)
        stream = Bitstream(width, height, 1, "hevc", False, payload, base.crc32())
        chroma = random.normal(0, 20, (2, height, width)).astype(np.float32)
        bodies = [prefix(find_hints("none"))]
        for kind in ("grid", "segmentation"):
            hints = find_hints(kind)
            for budget, net in itertools.product((12, 60, 300), (False, True)):
                made = search(hints, Aim.of(base.y, chroma), budget, 1, net=net)
                if made is not None:
                    bodies.append(prefix(hints) + made.body)
                    bodies.append(
                        prefix(hints) + bytes([made.body[0] | 192, *made.body[1:3], 5]) + random.bytes(budget)
                    )
        found += [replace(stream, chunks=(Chunk(HINTS_CHUNK, body),)).to_bytes() for body in bodies]
    return found


def mutate_hints(data: bytes, random: np.random.Generator) -> bytes:
    """The stream with its hints chunk damaged, and nothing else."""
    from dataclasses import replace

    from lightning_dlic.codec import Bitstream, Chunk

    stream = Bitstream.from_bytes(data)
    return replace(stream, chunks=tuple(Chunk(c.tag, mutate(c.body, random)) for c in stream.chunks)).to_bytes()


def mutate(data: bytes, random: np.random.Generator) -> bytes:
    """One to four changes: bits, bytes, runs, lengths; or a header that claims another size, codec or scale."""
    out = bytearray(data)
    for _ in range(random.integers(1, 5)):
        kind, at = random.integers(0, 8), int(random.integers(0, max(1, len(out))))
        if not out:
            break
        if kind == 0:
            out[at] ^= 1 << random.integers(0, 8)
        elif kind == 1:
            out[at] = random.integers(0, 256)
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + int(random.integers(1, 9))]
        elif kind == 4:
            out[at:at] = random.bytes(int(random.integers(1, 9)))
        elif kind == 5:
            out[at : at + 8] = bytes([random.choice([0, 1, 127, 128, 255])]) * 8
        elif kind == 6:
            out[at:] = out[: len(out) - at]
        else:
            _claim(out, random)
    return bytes(out)


def _claim(out: bytearray, random: np.random.Generator) -> None:
    """Another size of up to 4 megapixels in place of a one-byte one, or another codec and scale."""
    if len(out) < 6:
        return
    if random.integers(0, 2):
        out[3] = random.integers(0, 256)
        return
    from lightning_dlic.codec.bits import leb128

    width = int(2 ** random.uniform(0, 13))
    height = max(1, min(1 << 20, int(MAX_PIXELS / width * random.uniform(0, 1.01))))
    start = 5 + (out[4] > 127)
    out[4 : start + 1 + (len(out) > start and out[start] > 127)] = leb128(width) + leb128(height)


def resident() -> float:
    """Peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def damaged(seed: int, hints: bool = False, codec: str | None = None) -> Iterator[bytes]:
    """Damaged streams without end; the same seed gives the same ones, as long as the codecs' encoders do."""
    from lightning_dlic.pipeline.decompress import decompress

    hinted, random = hinted_seeds(), np.random.default_rng(seed)
    streams, damage = (hinted, mutate_hints) if hints else (seeds(codec), mutate)
    # What hints and networks import and compile on first use is not a damaged stream's doing.
    decompress(hinted[-2])
    decompress(enlarged_seed())
    while True:
        yield damage(streams[random.integers(0, len(streams))], random)


def replay(seed: int, index: int, hints: bool = False, codec: str | None = None) -> None:
    """Decodes one stream of a campaign twice, the second time with everything imported, and prints what happens."""
    from lightning_dlic.codec import Bitstream
    from lightning_dlic.pipeline.decompress import decompress

    data = next(itertools.islice(damaged(seed, hints, codec), index, None))
    for label in ("first", "again"):
        start, before = time.process_time(), resident()
        try:
            shape = decompress(data, max_pixels=MAX_PIXELS).shape
            ended = f"decoded {shape}, {Bitstream.from_bytes(data, MAX_PIXELS).codec}"
        except Exception as error:  # whatever it is
            ended = f"{type(error).__name__}: {error}"
        print(f"{label}: {time.process_time() - start:.2f} s, peak +{resident() - before:.0f} MB, {ended}")
    print(f"{len(data)} bytes: {data[:64].hex()}")


def campaign(seed: int, count: int, hints: bool = False, codec: str | None = None) -> dict[str, object]:
    """Decodes ``count`` damaged streams; the same seed gives the same ones."""
    warnings.simplefilter("ignore")
    from lightning_dlic.codec import BitstreamError
    from lightning_dlic.pipeline.decompress import decompress

    found = damaged(seed, hints, codec)
    data = next(found)
    before, tally, slowest, wrong = resident(), collections.Counter[str](), 0.0, []
    for index in range(count):
        data = data if index == 0 else next(found)
        start = time.process_time()
        try:
            decompress(data, max_pixels=MAX_PIXELS)
            tally["decoded"] += 1
        except BitstreamError as error:
            tally[str(error).split(":")[0].split(" ")[0]] += 1
        except Exception as error:  # what is being looked for
            wrong.append(f"seed {seed}, stream {index}: {type(error).__name__}: {error}")
        took = time.process_time() - start
        if took > SECONDS:
            wrong.append(f"seed {seed}, stream {index}: {took:.1f} s")
        slowest = max(slowest, took)
    return {"tally": dict(tally), "slowest": slowest, "megabytes": resident() - before, "wrong": wrong}


def in_own_process(seed: int, count: int, hints: bool, codec: str | None) -> dict[str, object]:
    """A campaign in a process of its own, so that memory and crashes are its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--campaign", str(seed), str(count)]
    command += ["--hints"] * hints + (["--codec", codec] if codec else [])
    # Threads that wait for one another on a busy machine count as seconds of the stream's.
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=STANDSTILL, env=env)
    except subprocess.TimeoutExpired:
        return {"tally": {}, "slowest": 0.0, "megabytes": 0.0, "wrong": [f"seed {seed}: stands still"]}
    if done.returncode:
        return {"tally": {}, "slowest": 0.0, "megabytes": 0.0, "wrong": [f"seed {seed}: crashed ({done.returncode})"]}
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Runs the campaigns and prints the count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", type=int, default=5_000, help="streams a process")
    parser.add_argument("--hints", action="store_true", help="damage only the hints of streams that have some")
    parser.add_argument("--codec", help="damage only streams of this base codec")
    parser.add_argument("--replay", type=int, nargs=2, metavar=("SEED", "STREAM"), help="decode that stream only")
    parser.add_argument("--campaign", type=int, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.campaign:
        print(json.dumps(campaign(*asked.campaign, asked.hints, asked.codec)))
        return
    if asked.replay:
        replay(*asked.replay, asked.hints, asked.codec)
        return
    runs = -(-asked.streams // asked.each)
    tally, slowest, memory, wrong = collections.Counter[str](), 0.0, 0.0, []
    with ProcessPoolExecutor(asked.workers, multiprocessing.get_context("spawn")) as pool:
        settings = asked.each, asked.hints, asked.codec
        jobs = [pool.submit(in_own_process, asked.seed + run, *settings) for run in range(runs)]
        for job in jobs:
            found = job.result()
            tally.update(found["tally"])
            slowest, memory = max(slowest, found["slowest"]), max(memory, found["megabytes"])
            wrong += found["wrong"]
            print(f"{sum(tally.values())} streams, {len(wrong)} wrong, slowest {slowest:.2f} s", file=sys.stderr)
    if memory > MEGABYTES:
        wrong.append(f"{memory:.0f} MB above the memory after import")
    print(f"{sum(tally.values())} streams; by where they ended: {dict(tally.most_common())}")
    print(f"slowest {slowest:.2f} s; at most {memory:.0f} MB above the memory after import; {len(wrong)} wrong")
    print("\n".join(wrong[:50]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
