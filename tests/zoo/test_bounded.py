"""Files that ask for networks far larger than themselves are refused before such networks are built."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dlic_registry import DlicError, load
from lightning_dlic.api.targets import find_target, load_target_net
from lightning_dlic.zoo import load_net

_NESTED: dict[str, Any] = {"name": "compact"}
for _ in range(40):
    _NESTED = {"name": "rescaler", "up": _NESTED}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _refused_at_once(path: Path) -> str:
    """The error of loading a file; it takes neither time nor memory."""
    load("net", "compact"), load("sr", "compact")  # the imports are not the file's
    start, before = time.process_time(), _memory()
    with pytest.raises(DlicError) as caught:
        load_target_net(find_target(str(path)))
    assert time.process_time() - start < 10
    assert _memory() - before < 200_000  # KB
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "args", "scale"),
    [
        ("compact", {"width": 8, "blocks": 4096}, 2),
        ("compact", {"width": 4096, "blocks": 4096}, 2),
        ("compact", {"width": 8, "blocks": 1}, 4096),
        ("srcnn", {}, 4096),
        ("srcnn", {"middle": 4095}, 2),
        ("srresnet", {"width": 4096, "blocks": 4096}, 4),
        ("srgan_discriminator", {"width": 4096, "dense": 4096}, 2),
        ("rescaler", {"up": {"name": "compact", "blocks": 4096}, "width": 4096, "blocks": 4096}, 2),
        ("rescaler", {"up": _NESTED}, 2),
        ("pnns_fc", {"m": 8, "width": 4096, "depth": 4096, "branches": 4096}, 2),
        ("pnns_conv", {"m": 4096, "width": 4096, "dense": 4096}, 2),
        ("colorful", {"width": 4096}, 2),
        ("colorful_compact", {"widths": [4096] * 400, "blocks": 4096}, 2),
        ("multihypothesis_compact", {"branches": 4096, "widths": [4096] * 100}, 2),
    ],
)
def test_weights_that_ask_for_huge_networks(tmp_path: Path, name: str, args: dict[str, Any], scale: int) -> None:
    meta = {"kind": "sr", "scale": scale, "channels": 1, "net": {"name": name, "args": args}}
    path = tmp_path / "huge.safetensors"
    save_file({f"t{n}": torch.zeros(4) for n in range(20)}, path, {"dlic": json.dumps(meta)})
    assert str(path) in _refused_at_once(path)


def test_weights_with_endless_headers(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes((60 << 20).to_bytes(8, "little") + b"{" * (60 << 20))
    assert "its header is over 1 MiB" in _refused_at_once(path)


def _checkpoint(path: Path, kind: str, name: str, args: dict[str, Any], state: dict[str, torch.Tensor]) -> Path:
    stages = {kind: {"kind": kind, "name": name, "distribution": "lightning-dlic", "version": "0.1.0"}}
    recipe: dict[str, Any] = {"stages": {kind: {"name": name, "args": args}}, "trainer": {}}
    rest: dict[str, Any] = {"callbacks": {}, "loops": {"fit_loop": {}}, "optimizer_states": [], "lr_schedulers": []}
    dlic = {"recipe": recipe, "stages": stages}
    torch.save({"dlic": dlic, "dlic_batches": 1, "state_dict": state, **rest}, path)
    return path


STAGES = [
    ("sr", "compact", {"scale": 2, "width": 8, "blocks": 1}, {"width": 4096, "blocks": 4096}),
    ("sr", "srcnn", {"scale": 2}, {"scale": 4096}),
    ("sr", "srgan", {"discriminator": {"name": "srgan_discriminator", "width": 4, "dense": 8}},
     {"discriminator": {"name": "srgan_discriminator", "width": 4096, "dense": 4096}}),
    ("sr", "learned_downsize", {"scale": 2, "width": 8}, {"scale": 2, "width": 4096, "blocks": 4096}),
    ("prediction", "pnns_fc", {"m": 4, "width": 8}, {"m": 4, "width": 4096, "depth": 4096}),
    ("colorization", "colorful", {"net": {"name": "colorful_compact", "widths": [8, 8]}}, {}),
    ("colorization", "multihypothesis", {"net": {"name": "multihypothesis_compact", "widths": [8, 8]}},
     {"net": {"name": "multihypothesis_compact", "branches": 4096}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "args", "huge"), STAGES, ids=[stage[1] for stage in STAGES])
def test_checkpoints_build_what_they_hold_and_no_more(
    tmp_path: Path, kind: str, name: str, args: dict[str, Any], huge: dict[str, Any]
) -> None:
    state = load(kind, name)(**args).state_dict()
    net, meta = load_target_net(find_target(str(_checkpoint(tmp_path / "good.ckpt", kind, name, args, state))))
    assert meta["kind"] == kind
    assert {f"net.{key}" for key in net.state_dict()} <= set(state)
    path = _checkpoint(tmp_path / "huge.ckpt", kind, name, huge, state)
    message = _refused_at_once(path)
    assert "larger than the tensors in the file" in message or "scale must be from 1 to 16" in message
    wide = {key: value.flatten()[:1].expand(1 << 40) for key, value in state.items() if value.numel()}
    path = _checkpoint(tmp_path / "wide.ckpt", kind, name, huge, wide)
    assert str(path) in _refused_at_once(path)


def test_networks_that_fit_are_built_as_before(tmp_path: Path) -> None:
    assert sum(parameter.numel() for parameter in load_net("zoo:compact_x4")[0].parameters()) == 375_456


@pytest.mark.slow
def test_loading_networks_imports_no_compiler() -> None:
    code = (
        "import sys\n"
        "from lightning_dlic.zoo import cards, load_net\n"
        "for name in cards(): load_net(f'zoo:{name}')\n"
        "sys.exit(bool({'torch._dynamo', 'sympy', 'torch.distributed.fsdp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
