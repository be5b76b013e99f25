"""Networks in files: what is saved comes back, and nothing else gets in."""

import contextlib
import json
import math
import struct
from importlib.metadata import version

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dlic_registry import DlicError, load
from lightning_dlic.imaging.finite import unfinite
from lightning_dlic.zoo import WeightsError, inspect_net, load_net, save_net

OURS = version("lightning-dlic")
META = {"kind": "sr", "stage": "compact", "scale": 2, "channels": 1, "steps": 7}
ARGS = {"width": 8, "blocks": 1}


@pytest.fixture
def net():
    torch.manual_seed(0)
    return load("net", "compact")(scale=2, channels=1, **ARGS)


@pytest.fixture
def saved(tmp_path, net):
    path = tmp_path / "net.safetensors"
    save_net(path, net, {**META, "net": {"name": "compact", "args": ARGS}})
    return path


def test_a_network_comes_back_with_its_record(saved, net):
    back, meta = load_net(saved)
    x = torch.rand(1, 1, 9, 11)
    assert torch.equal(back(x), net.eval()(x))
    assert not back.training
    assert meta == inspect_net(saved)
    assert {key: meta[key] for key in META} == META
    assert meta["net"] == {"name": "compact", "args": ARGS, "distribution": "lightning-dlic", "version": OURS}


def test_the_file_holds_the_network_only_and_is_the_same_each_time(saved, net, tmp_path):
    assert set(load_file(saved)) == set(net.state_dict())
    save_net(tmp_path / "again.safetensors", net, {**META, "net": {"name": "compact", "args": ARGS}})
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_weights_that_are_not_finite_are_neither_written_nor_read(saved, net, tmp_path):
    tensors = load_file(saved)
    name = next(iter(tensors))
    tensors[name].view(-1)[0] = float("nan")
    with safe_open(saved, "pt") as file:
        save_file(tensors, tmp_path / "broken.safetensors", file.metadata())
    with pytest.raises(WeightsError, match=rf"broken\.safetensors: {name} is not finite"):
        load_net(tmp_path / "broken.safetensors")
    net.load_state_dict(tensors)
    before = saved.read_bytes()
    with pytest.raises(DlicError, match=f"not written: {name}"):
        save_net(saved, net, {**META, "net": {"name": "compact", "args": ARGS}})
    assert saved.read_bytes() == before


def test_masks_may_hold_minus_infinity(net):
    net.register_buffer("mask", torch.tensor([0.0, -math.inf]))
    assert unfinite(net) is None
    for bad in (math.inf, math.nan):
        net.mask[0] = bad
        assert unfinite(net) == "mask"


def test_half_precision_files_load(tmp_path, net):
    path = tmp_path / "half.safetensors"
    save_net(path, net.half(), {**META, "net": {"name": "compact", "args": ARGS}})
    back, _ = load_net(path)
    assert back(torch.rand(1, 1, 8, 8)).dtype == torch.float32


def test_a_network_that_is_not_registered_cannot_be_saved(tmp_path, net):
    with pytest.raises(DlicError, match=r"compct.*Did you mean 'compact'"):
        save_net(tmp_path / "a.safetensors", net, {"net": {"name": "compct"}})
    with pytest.raises(WeightsError, match="plain types"):
        save_net(tmp_path / "a.safetensors", net, {"net": {"name": "compact"}, "odd": object()})
    with pytest.raises(WeightsError, match="must name its network"):
        save_net(tmp_path / "a.safetensors", net, {})
    assert list(tmp_path.iterdir()) == []


def _forge(path, tensors, meta):
    save_file(tensors, path, metadata={"dlic": meta if isinstance(meta, str) else json.dumps(meta)})
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"net": {"name": "compact", "args": {"width": 16, "blocks": 1}}}, "do not fit"),
        ({"net": {"name": "compact", "args": {"width": 10**9, "blocks": 1}}}, "at most 4096"),
        ({"net": {"name": "compact", "args": {"blocks": [[10**9]]}}}, "at most 4096"),
        ({"scale": 10**9}, "at most 4096"),
        ({"kind": "sr", "channels": None}, r"networks of kind 'sr' must state channels \(int\); it is 'None'"),
        ({"kind": "sr", "scale": True}, r"must state scale \(int\); it is 'True'"),
        ({"kind": "reconstruction"}, r"must state scales \(list\); it is missing"),
        ({"net": {"name": "compact", "args": {"wide": 8}}}, "cannot be built"),
        ({"net": {"name": "compact", "args": {"width": "8"}}}, "cannot be built"),
        ({"net": {"name": "compact", "args": {"width": -8}}}, "cannot be built|do not fit"),
        ({"net": {"name": "compct", "args": {}}}, "unknown net 'compct'"),
        ({"net": {"name": "compact", "args": {}, "distribution": "elsewhere", "version": "1"}}, "elsewhere"),
        ({"net": "compact"}, "does not name a network"),
        ({"net": {"name": ["compact"], "args": {}}}, "does not name a network"),
    ],
)
def test_forged_records_are_refused(tmp_path, net, change, message):
    record = {**META, "net": {"name": "compact", "args": ARGS}, **change}
    path = _forge(tmp_path / "forged.safetensors", net.state_dict(), record)
    with pytest.raises(DlicError, match=message) as error:
        load_net(path)
    assert len(str(error.value).splitlines()) <= 5
    assert len(str(error.value)) < 1500


def test_a_missing_tensor_is_named(tmp_path, net):
    tensors = net.state_dict()
    del tensors["tail.bias"]
    path = _forge(tmp_path / "short.safetensors", tensors, {**META, "net": {"name": "compact", "args": ARGS}})
    with pytest.raises(WeightsError, match=r"tail\.bias is missing in the file"):
        load_net(path)


def test_other_files_are_no_weights(tmp_path, net):
    with pytest.raises(WeightsError, match="no such weights file"):
        load_net(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(WeightsError, match="not a safetensors file"):
        load_net(tmp_path / "text.safetensors")
    save_file(net.state_dict(), tmp_path / "bare.safetensors")
    with pytest.raises(WeightsError, match="no record of its network"):
        load_net(tmp_path / "bare.safetensors")
    with pytest.raises(WeightsError, match="not JSON"):
        load_net(_forge(tmp_path / "deep.safetensors", net.state_dict(), "[" * 100_000))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_headers_raise_nothing_but_our_error(saved, draw):
    content = bytearray(saved.read_bytes())
    header = struct.unpack("<Q", content[:8])[0] + 8
    for _ in range(draw.draw(st.integers(1, 6))):
        content[draw.draw(st.integers(0, header - 1))] = draw.draw(st.integers(0, 255))
    if draw.draw(st.booleans()):
        content = content[: draw.draw(st.integers(0, len(content)))]
    broken = saved.with_name("broken.safetensors")
    broken.write_bytes(content)
    with contextlib.suppress(DlicError):
        load_net(broken)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )
)
def test_any_json_as_arguments_raises_nothing_but_our_error(tmp_path, value):
    names = ("width", "blocks", "scale")
    for record in (value, {"net": {"name": "compact", "args": value}}, *(_record(name, value) for name in names)):
        path = _forge(tmp_path / "any.safetensors", {"a": torch.zeros(1)}, json.dumps(record))
        with pytest.raises(DlicError):
            load_net(path)


def _record(name, value):
    return {"net": {"name": "compact", "args": {name: value}}}
