"""No kind is privileged: without the entry point of any one the verbs work for the others, and say what is missing."""

import json
import shutil
from importlib.metadata import distribution
from pathlib import Path

import pytest
from forking import run_forked

from dlic_registry import DlicError, load, local, register

GOLDEN = Path(__file__).parents[1] / "codec" / "golden" / "hevc_x2_color.dlic"
# What is measured, and trained, while a kind is hidden: something of the next one.
OTHER = {
    "sr": (["mean", "--decoded", "0"], "colorful_imagenet"),
    "colorization": (["decoded", "--decoded", "0.3"], "zoo/decoder_pixel"),
    "prediction": (["bicubic", "zoo:srcnn_x4"], "compact_div2k"),
    "reconstruction": (["zoo:pnns_4", "--scale", "1"], "prediction_div2k"),
}
# A network and a recipe of the hidden kind.
OWN = {
    "sr": ("srcnn_x4", "srcnn_div2k"),
    "colorization": ("colorful_compact", "colorful_imagenet"),
    "prediction": ("pnns_8", "prediction_div2k"),
    "reconstruction": (None, "zoo/decoder_pixel"),
}
# What is trained and exported meanwhile: a stage, and a network of the zoo, of another kind.
COLOR = "colorization: {name: multihypothesis, args: {net: {name: multihypothesis_compact, widths: [8], blocks: 1}}}"
SMALL = "sr: {name: compact, args: {scale: 2, channels: 1, width: 8, blocks: 1}}"
TRAINED = {"sr": (COLOR, "colorful_compact"), "prediction": (SMALL, "compact_y_x2")}
RECIPE = """
train: {kind}
stages: {{{stage}}}
data: {{name: folder, args: {{root: "{pictures}", crop: 32, batch_size: 2, workers: 0}}}}
trainer: {{accelerator: cpu, max_steps: 1, val_every: 1, progress: false}}
run: {{root: "{runs}", name: it}}
"""
RUN = """
import contextlib, io, json, sys
from lightning_dlic.cli.main import main
ends = []
for words in WORDS:
    out, err, sys.argv = io.StringIO(), io.StringIO(), ["dlic", *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            ends.append([end.code or 0, out.getvalue(), err.getvalue()])
print(json.dumps(ends))
"""


@pytest.fixture
def hide(tmp_path):
    """Makes a folder for the import path in which the distribution lacks the entry point of a kind."""

    def make(kind):
        source = next(f for f in distribution("lightning-dlic").files if f.name == "entry_points.txt").locate()
        folder = tmp_path / "path" / source.parent.name
        shutil.copytree(source.parent, folder)
        group, lines = "", []
        for line in source.read_text().splitlines():
            group = line if line.startswith("[") else group
            if not (group == "[lightning_dlic.kind]" and line.split("=")[0].strip() == kind):
                lines.append(line)
        (folder / "entry_points.txt").write_text("\n".join(lines) + "\n")
        return folder.parent

    return make


@pytest.mark.slow
@pytest.mark.parametrize("hidden", OTHER)
def test_without_any_one_kind_the_verbs_work_for_the_others(hidden, hide, pictures, tmp_path):
    data = tmp_path / "set"
    data.mkdir()
    shutil.copy(next((pictures / "valid").glob("*.png")), data / "a.png")
    targets, recipe = OTHER[hidden]
    own, its_recipe = OWN[hidden]
    words = [["list", "--json"], ["decompress", str(GOLDEN), str(tmp_path / "a.png")]]
    words += [["eval", *targets, "--data", str(data)], ["fit", recipe, "--print-recipe"]]
    words += [["info", own]] if own else []
    stage, network = TRAINED.get(hidden, TRAINED["prediction"])
    small, exported, runs = tmp_path / "small.yaml", tmp_path / "a.safetensors", tmp_path / "runs"
    small.write_text(RECIPE.format(kind=stage.partition(":")[0], stage=stage, pictures=pictures, runs=runs))
    words += [["fit", str(small)], ["export", network, "--format", "safetensors", "--out", str(exported)]]
    refused = [["fit", its_recipe], *([["eval", own, "--data", str(data)]] if own else [])]
    done = run_forked(f"WORDS = {[*words, *refused]!r}" + RUN, folders=(hide(hidden),))
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    for end, said in zip(ends, words, strict=False):
        assert end[0] == 0, (said, end[2])
    assert (runs / "small" / "it" / "weights.safetensors").is_file()
    assert exported.is_file()
    listed = {entry["name"] for entry in json.loads(ends[0][1]) if entry["kind"] == "kind"}
    assert listed == set(OTHER) - {hidden}
    for code, _, error in ends[len(words) :]:
        assert code == 2
        assert repr(hidden) in error or f"stages.{hidden}" in error
        assert len(error.splitlines()) <= 4


def test_what_is_not_of_its_kind_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(local, "CLASSES", dict(local.CLASSES))
    register("sr", "mislabelled")(type("Mislabelled", (load("colorization", "colorful"),), {}))
    with pytest.raises(
        DlicError, match=r"sr 'mislabelled' of local is broken: .* does not derive from .*SuperResolution"
    ):
        load("sr", "mislabelled")
