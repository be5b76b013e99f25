"""Networks on the hub: a hub of this machine, real client, real files."""

import json

import numpy as np
import pytest
import yaml
from local_hub import LocalHub
from PIL import Image

from dlic_registry import DlicError, load
from lightning_dlic.pipeline.decompress import decompress
from lightning_dlic.zoo import cards, load_net, save_net, sha256
from lightning_dlic.zoo import hub as ours
from lightning_dlic.zoo.cards import names_card


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = LocalHub()
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    ours._fetched.cache_clear()
    yield server
    server.shutdown()
    ours._fetched.cache_clear()


@pytest.fixture
def weights(tmp_path):
    record = {"name": "compact", "args": {"width": 8, "blocks": 1}}
    meta = {"kind": "sr", "stage": "compact", "scale": 2, "channels": 3, "steps": 7, "net": record}
    save_net(tmp_path / "net.safetensors", load("net", "compact")(scale=2, channels=3, width=8, blocks=1), meta)
    return tmp_path / "net.safetensors"


def test_every_verb_takes_an_address_and_says_what_it_is_now(hub, weights, inline, pictures, write_recipe, tmp_path):
    commit = hub.commit("anna/nets", {"net.safetensors": weights.read_bytes(), "evil.py": b"raise SystemExit"})
    pinned = f"hf://anna/nets@{commit}/net.safetensors#{sha256(weights)[:16]}"
    assert json.loads(inline("info", "hf://anna/nets", "--json")[0])["pinned"] == pinned
    report = tmp_path / "report.json"
    inline("eval", "hf://anna/nets", "--data", pictures / "valid", "--no-lpips", "--json", report)
    assert json.loads(report.read_text())["targets"]["nets"]["pinned"] == pinned
    Image.new("RGB", (12, 10), "teal").save(tmp_path / "a.png")
    inline("upscale", tmp_path / "a.png", tmp_path / "b.png", "--model", pinned)
    assert not any("evil" in path for path in hub.asked)
    recipe = write_recipe("from_hub", "logger: null")
    inline("fit", recipe, "stages.sr.init=hf://anna/nets", "trainer.max_steps=1", "trainer.progress=false")
    (resolved,) = (tmp_path / "runs").rglob("recipe.yaml")
    assert yaml.safe_load(resolved.read_text())["stages"]["sr"]["init"] == pinned
    # A pinned file that is here asks nobody; one that was replaced is not the file that was pinned.
    asked = len(hub.asked)
    ours._fetched.cache_clear()
    load_net(pinned)
    assert len(hub.asked) == asked
    with pytest.raises(DlicError, match="not the file that was pinned"):
        ours.fetch(pinned[:-1] + ("0" if pinned[-1] != "0" else "1"))


def test_what_is_wrong_is_a_sentence(hub, inline, monkeypatch):
    hub.commit("anna/two", {"a.safetensors": b"1", "b.safetensors": b"2"})
    hub.commit("anna/none", {"README.md": b""})
    for address, said in {
        "hf://anna/two": "Name one: hf://anna/two",
        "hf://anna/none": "has no weights file",
        "hf://anna/absent": "no such repository",
        "hf://anna/two@v9": "no such revision",
        "hf://anna/two/c.safetensors": "no such file",
        "hf://anna/two/a.safetensors": "not a safetensors file",
        "hf://anna/two/run.py": "only files in .safetensors and .yaml are fetched",
        "hf://anna/two/../a.safetensors": "are fetched",
        "hf://anna": "not an address of the hub",
    }.items():
        assert said in inline("info", address, status=2)[1], address
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be fetched" in inline("info", "hf://anna/new", status=1)[1]


def test_a_bitstream_never_leads_to_the_hub(hub, weights, inline, tmp_path):
    assert not names_card("hf://anna/nets")
    hub.commit("anna/nets", {"net.safetensors": weights.read_bytes()})
    (tmp_path / "p.yaml").write_text("stages: {sr: {x2: {weights: 'hf://anna/nets'}}}\nalways: true\nscale: 2\n")
    picture = np.tile(np.arange(40, dtype=np.uint8) * 6, (40, 1))
    Image.fromarray(picture).save(tmp_path / "a.png")
    words = ("--quality", 60, "--codec", "hevc", "--scale", 2, "--effort", 1, "--pipeline", tmp_path / "p.yaml")
    inline("compress", tmp_path / "a.png", tmp_path / "a.dlic", *words)
    data = (tmp_path / "a.dlic").read_bytes()
    assert b"hf:" not in data
    forged = data.replace(b"net", b"hf:", 1)
    asked = len(hub.asked)
    for stream in (data, forged):
        try:
            with pytest.warns(UserWarning, match="decoded in part"):
                assert decompress(stream).shape == picture.shape
        except DlicError:
            pass
    assert len(hub.asked) == asked


def test_pushed_into_a_folder_and_to_the_hub_it_is_a_zoo_and_a_pipeline(
    hub, inline, write_recipe, pictures, tmp_path, monkeypatch
):
    recipe = write_recipe("pushed", "logger: null")
    inline("fit", recipe, "trainer.max_steps=2", "trainer.progress=false", "stages.sr.args.channels=1")
    run = tmp_path / "runs" / "pushed" / "001"
    inline("push", run, tmp_path / "mine", "--licence", "apache-2.0", "--summary", "Two batches.")
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == [
        "README.md",
        "mine.safetensors",
        "mine.yaml",
        "pipeline.yaml",
    ]
    page = (tmp_path / "mine" / "README.md").read_text()
    assert yaml.safe_load(page.split("---")[1])["license"] == "apache-2.0"
    assert str(tmp_path) not in page + (tmp_path / "mine" / "mine.yaml").read_text()
    monkeypatch.setenv("DLIC_ZOO", str(tmp_path / "mine"))
    assert cards()["mine"].steps == 2
    assert json.loads(inline("info", "mine", "--json")[0])["intact"]
    assert "is there already" in inline("push", run, tmp_path / "mine", status=2)[1]

    assert "uploading needs a token" in inline("push", run, "hf://anna/pushed", status=2)[1]
    monkeypatch.setenv("HF_TOKEN", "hf_for_tests")
    printed, _ = inline("push", run, "hf://anna/pushed")
    commit = list(hub.repos["anna/pushed"])[-1]
    assert f"Pinned: hf://anna/pushed@{commit}" in printed
    assert sha256(ours.fetch("hf://anna/pushed")) == sha256(run / "weights.safetensors")
    Image.open(pictures / "valid" / "0-60.png").convert("L").save(tmp_path / "a.png")
    words = ("--quality", 60, "--codec", "hevc", "--scale", 2, "--effort", 1, "always=true")
    inline("compress", tmp_path / "a.png", tmp_path / "a.dlic", *words, "--pipeline", "hf://anna/pushed")
    inline("decompress", tmp_path / "a.dlic", tmp_path / "b.png", "--strict", "--pipeline", "hf://anna/pushed")
