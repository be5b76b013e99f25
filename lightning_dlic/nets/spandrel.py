"""Networks of the library spandrel: ESRGAN, SwinIR, SPAN and all others that it knows, by name or by their weights."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dlic_registry import DlicError, did_you_mean, suggest
from lightning_dlic.nets.published import read_published

# How architectures call what a stage gives.
_SCALE = ("scale", "upscale", "up_scale", "upscale_factor", "upscaling_factor")
_IN = ("num_in_ch", "in_nc", "in_channels", "in_chans", "inp_channels", "in_ch", "n_colors", "img_channel")
_OUT = ("num_out_ch", "out_nc", "out_channels", "out_chans", "out_ch")


class SpandrelNet(nn.Module):
    """An architecture of spandrel by name with its own arguments, or as a file of published weights has it.

    Pictures whose sides an architecture does not take are continued by mirroring, and the output is cut.
    """

    def __init__(
        self,
        scale: int = 4,
        channels: int = 3,
        architecture: str | None = None,
        file: str | None = None,
        **arguments: Any,
    ) -> None:
        """Builds the network.

        Args:
            scale: Whole factor of enlargement.
            channels: 1 (luma) or 3 (RGB).
            architecture: Its name, such as ``SPAN`` or ``RRDBNet``; not where a file says it.
            file: Published weights: safetensors, or PyTorch's file of tensors.
            **arguments: The architecture's own, by their names in spandrel.

        Raises:
            ValueError: There is no such architecture, it refuses an argument, or a file has another scale.
            DlicError: The library is not installed, or the file cannot be read.
        """
        super().__init__()
        if (architecture is None) is (file is None):
            raise ValueError("net spandrel: give either architecture or file")
        self.scale, self.channels = scale, channels
        if file is not None:
            if arguments:
                raise ValueError(f"net spandrel: {file} says its arguments itself; leave out {', '.join(arguments)}")
            self.inner, name = _from_tensors(read_published(Path(file)), file)
            facts = _facts(self.inner)
            if facts is not None and facts[:2] != (scale, channels):
                own = f"scale {facts[0]}, channels {facts[1]}"
                raise ValueError(f"net spandrel: {file} is for {own}, not for {scale} and {channels}")
        else:
            self.inner, name = _by_name(str(architecture), scale, channels, arguments)
        self.built_with = {"architecture": name, **_plain(self.inner)}
        self._multiple, self._least = _sides(self.inner)
        self._merged: dict[int, tuple[int, ...]] = {}
        for module in self._merging():
            module.update_params = _nothing

    def forward(self, x: Tensor) -> Tensor:
        """Enlarges ``[B, C, h, w]`` in [0, 1] to ``[B, C, h*s, w*s]``, not clipped."""
        if not self.training:
            self._merge()
        height, width = x.shape[-2:]
        below, right = (max(self._least, side + -side % self._multiple) - side for side in (height, width))
        if below or right:
            mode = "reflect" if below < height and right < width else "replicate"
            x = functional.pad(x, (0, right, 0, below), mode=mode)
        made: Tensor = self.inner(x)
        return made[..., : height * self.scale, : width * self.scale] if below or right else made

    def published_state(self, given: dict[str, Tensor]) -> dict[str, Tensor]:
        """Published weights under this network's names; its own are left as they are."""
        if any(name.startswith("inner.") for name in given):
            return given
        inner, _ = _from_tensors(given, "the weights to start from")
        return {f"inner.{name}": value for name, value in inner.state_dict().items()}

    # Branches that become one convolution once they are trained

    def _merging(self) -> list[Any]:
        return [m for m in self.inner.modules() if hasattr(m, "eval_conv") and hasattr(type(m), "update_params")]

    @torch.no_grad()
    def _merge(self) -> None:
        """Makes one convolution of several where these have changed; some architectures would do so at each call."""
        if torch.compiler.is_compiling():
            return
        for index, module in enumerate(self._merging()):
            branches = [p for name, p in module.named_parameters() if not name.startswith("eval_conv")]
            if any(p.is_inference() for p in branches):
                continue
            versions = tuple(p._version for p in branches) + tuple(p.data_ptr() for p in branches)
            if self._merged.get(index) != versions:
                with torch.inference_mode(False):
                    type(module).update_params(module)
                self._merged[index] = versions


def _nothing() -> None:
    """In place of what a module does at each call."""


def open_published(path: Path) -> tuple[SpandrelNet, dict[str, Any]]:
    """A network of published weights, and what a weights file of ours would say of it.

    Args:
        path: The file.

    Raises:
        DlicError: It cannot be read, or is of no architecture that is known.
    """
    inner, name = _from_tensors(read_published(path), str(path))
    facts = _facts(inner)
    if facts is None or facts[1] != facts[2] or facts[1] not in (1, 3):
        raise DlicError(f"{path}: a network of {name}, which does not enlarge pictures of 1 or 3 channels")
    scale, channels, _ = facts
    net = SpandrelNet(scale, channels, architecture=name, **_plain(inner))
    net.inner.load_state_dict(inner.state_dict())
    origin = {"name": "spandrel", "args": {"scale": scale, "channels": channels, **net.built_with}}
    return net.eval(), {"kind": "sr", "stage": name, "net": origin, "scale": scale, "channels": channels}


def _library() -> Any:
    try:
        import spandrel
    except ImportError as error:
        hint = "pip install 'lightning-dlic[spandrel]'"
        raise DlicError(f"net spandrel: the library is not here ({error})\n{hint}") from error
    return spandrel


def _known() -> dict[str, type[nn.Module]]:
    """The classes of all architectures, by both their names in small letters."""
    found: dict[str, type[nn.Module]] = {}
    for support in _library().MAIN_REGISTRY.architectures():
        module = sys.modules[type(support.architecture).__module__]
        for name in module.__all__:
            cls = getattr(module, name)
            if isinstance(cls, type) and issubclass(cls, nn.Module):
                found |= {name.lower(): cls, cls.__name__.lower(): cls}
    return found


def _by_name(name: str, scale: int, channels: int, arguments: Mapping[str, Any]) -> tuple[nn.Module, str]:
    known = _known()
    cls = known.get(name.lower())
    if cls is None:
        names = sorted({cls.__name__ for cls in known.values()})
        raise ValueError(f"architecture {name!r}: spandrel has none of this name.{did_you_mean(name, names)}")
    taken = inspect.signature(cls.__init__).parameters
    for argument in arguments:
        if argument not in taken:
            near = suggest(argument, taken)
            meant = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"{cls.__name__} has no argument {argument!r}.{meant}")
    given = ((scale, _SCALE), (channels, _IN), (channels, _OUT))
    filled = {alias: value for value, names in given for alias in names if alias in taken}
    return cls(**{**filled, **arguments}), cls.__name__


def _from_tensors(tensors: Mapping[str, Tensor], source: str) -> tuple[nn.Module, str]:
    """The network that tensors are of."""
    library = _library()
    try:
        described = library.MAIN_REGISTRY.load(dict(tensors))
    except library.UnsupportedModelError as error:
        raise DlicError(f"{source}: of no architecture that spandrel knows") from error
    except (RuntimeError, KeyError, ValueError, AssertionError, IndexError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:160]
        raise DlicError(f"{source}: damaged, or of no architecture that spandrel knows ({reason})") from error
    return described.model, type(described.model).__name__


def _describe(inner: nn.Module) -> Any:
    """What spandrel says of a network; None where it does not know its own again."""
    try:
        return _library().MAIN_REGISTRY.load({name: value.detach() for name, value in inner.state_dict().items()})
    except Exception:
        return None


def _facts(inner: nn.Module) -> tuple[int, int, int] | None:
    found = _describe(inner)
    return None if found is None else (int(found.scale), int(found.input_channels), int(found.output_channels))


def _plain(inner: nn.Module) -> dict[str, Any]:
    """The arguments that a network was built with, as a file can hold them."""
    given = getattr(inner, "hyperparameters", {})
    # What a stage gives under its own names is not said twice.
    kept = {key: value for key, value in given.items() if value is not None and key not in ("scale", "channels")}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def _sides(inner: nn.Module) -> tuple[int, int]:
    """Of what the sides of its input must be a multiple, and at least."""
    if any(parameter.is_meta for parameter in inner.parameters()):
        return 1, 1
    wanted = getattr(_describe(inner), "size_requirements", None)
    return (1, 1) if wanted is None else (max(1, int(wanted.multiple_of)), max(1, int(wanted.minimum)))
