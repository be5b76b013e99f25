"""A base codec from another distribution, found by its entry point."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plugin_maker import run_dlic, write_plugin

from dlic_registry import AmbiguousNameError, load
from lightning_dlic.codec.container import base_codec
from lightning_dlic.codec.hints.chunk import _built_in, find_hints, prefix
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.pipeline.plan import find_pipeline, numbered
from lightning_dlic.pipeline.resolve import open_chain
from lightning_dlic.recipe import RecipeError

NUMBERS = ("hevc", "avif", "webp", "jpeg", "jxl", "vvc", "intra")

SOURCE = '''
"""A base codec that stores every fourth sample."""
import zlib
import numpy as np
from lightning_dlic.codec import BaseCodec, BitstreamError, Planes
from lightning_dlic.pipeline.plan import find_pipeline, numbered
from lightning_dlic.pipeline.resolve import open_chain
from lightning_dlic.recipe import RecipeError


class Coarse(BaseCodec):
    """Deflated samples of few levels."""

    exact = True
    steps = 7
    auto_effort = 1
    start = (3.0, 2.0)

    def encode(self, planes, quality, effort=5):
        shift = 7 - quality
        return bytes([shift]) + zlib.compress(b"".join((p >> shift).tobytes() for p in planes.each()), 9)

    def decode(self, payload, height, width, color):
        try:
            raw = np.frombuffer(zlib.decompress(payload[1:]), np.uint8) << payload[0]
            y, rest = raw[: height * width], raw[height * width :]
            half = -(-height // 2), -(-width // 2)
            chroma = [part.reshape(half) for part in np.split(rest, 2)] if color else []
            return Planes(y.reshape(height, width), *chroma)
        except (zlib.error, ValueError, IndexError) as error:
            raise BitstreamError(f"coarse payload: {error}") from error
'''


CLAIMS = """
[lightning_dlic.codec]
{codecs}
[lightning_dlic.hints]
grid = acme_claims:Claim
segmentation = acme_claims:Claim
[lightning_dlic.net]
compact = acme_claims:Claim
srgan_discriminator = acme_claims:Claim
[lightning_dlic.downsize]
bicubic = acme_claims:Claim
[lightning_dlic.loss]
l1 = acme_claims:Claim
bce = acme_claims:Claim
[lightning_dlic.optimizer]
adam = acme_claims:Claim
"""


def test_what_the_format_numbers_is_ours_whoever_claims_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codecs = "\n".join(f"{name} = acme_claims:Claim" for name in NUMBERS)
    write_plugin(tmp_path, "acme-claims", CLAIMS.format(codecs=codecs), {"acme_claims": "raise RuntimeError('no')"})
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AmbiguousNameError):
        load("codec", "hevc")
    _built_in.cache_clear()
    for name in NUMBERS:
        assert type(base_codec(name)).__module__.startswith("lightning_dlic.codec.")
    golden = Path(__file__).parent / "golden"
    assert decompress((golden / "hevc_x1_gray.dlic").read_bytes()).ndim == 2
    for name in ("grid", "segmentation"):
        assert prefix(find_hints(name)) == bytes([_built_in_number(name)])


def _built_in_number(name: str) -> int:
    return next(number for number, hints in _built_in().items() if hints.name == name)


def test_stages_build_what_they_mean_whoever_claims_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lightning_dlic.nets.compact import CompactNet
    from lightning_dlic.stages.settings import Settings
    from lightning_dlic.stages.sr.srgan import SRGAN
    from lightning_dlic.zoo import load_net, save_net

    write_plugin(tmp_path, "acme-claims", CLAIMS.format(codecs=""), {"acme_claims": "raise RuntimeError('no')"})
    monkeypatch.syspath_prepend(str(tmp_path))
    stage = SRGAN(2, 3, {"name": "compact", "width": 8, "blocks": 1})
    stage.configure(Settings())
    assert len(stage.configure_optimizers()) == 2
    save_net(tmp_path / "net.safetensors", stage.net, stage.describe_net())
    assert type(load_net(tmp_path / "net.safetensors")[0]) is CompactNet


def test_a_pipeline_of_ones_own_has_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("number: 1\nscale: 2\n")
    with pytest.raises(RecipeError, match="only pipelines that ship have one"):
        find_pipeline(tmp_path / "mine.yaml")
    monkeypatch.setenv("DLIC_ZOO", str(tmp_path))
    for name in ("codec_y_x2.yaml", "codec_y_x2.safetensors"):
        (tmp_path / name).write_bytes(b"another's")
    photo = numbered(1)
    assert photo is not None
    assert [network.name for network in (place.named() for place in photo.places(2))] == ["zoo:codec_y_x2"]
    assert open_chain(photo, 2, hints=False).operators


@pytest.mark.slow
def test_compresses_by_name_and_says_what_is_missing_elsewhere(tmp_path: Path) -> None:
    plugin = write_plugin(
        tmp_path / "plugin",
        "acme-coarse",
        "[lightning_dlic.codec]\ncoarse = acme_coarse:Coarse\n",
        {"acme_coarse": SOURCE},
    )
    picture, stream, back = (tmp_path / name for name in ("a.png", "a.dlic", "b.png"))
    Image.fromarray(np.add.outer(np.arange(60), np.arange(80)).astype(np.uint8)).save(picture)
    arguments = ("--codec", "coarse", "--bytes", "2500", "--scale", "1", "--pipeline", "bicubic")
    made = run_dlic("compress", str(picture), str(stream), *arguments, folders=(plugin,))
    assert made.returncode == 0, made.stderr
    assert b"coarse" in stream.read_bytes()[:20]
    assert stream.stat().st_size <= 2500
    assert run_dlic("decompress", str(stream), str(back), folders=(plugin,)).returncode == 0
    with Image.open(back) as decoded, Image.open(picture) as original:
        assert np.abs(np.asarray(decoded).astype(int) - np.asarray(original)).mean() < 8
    elsewhere = run_dlic("decompress", str(stream), str(back))
    assert elsewhere.returncode == 2
    assert "'coarse' is not installed here" in elsewhere.stderr
