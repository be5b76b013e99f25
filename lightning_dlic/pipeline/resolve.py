"""From what a bitstream names to networks at work: once, after all that could be malformed has been decoded."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from dlic_registry import DlicError, RegistryError, load
from lightning_dlic.codec import Bitstream
from lightning_dlic.codec.networks import DIGEST, Network, named_networks
from lightning_dlic.kinds.order import in_order
from lightning_dlic.operators.layers import Advances
from lightning_dlic.pipeline.plan import Pipeline, PipelineError, Place, numbered
from lightning_dlic.zoo.cards import names_card
from lightning_dlic.zoo.files import locate

Complain = Callable[[str], None]
NET_PIXELS = 1 << 24
"""Pixels of the largest picture on which networks run unless the caller allows more: a second for each million."""


def resolve(
    stream: Bitstream,
    given: Pipeline | None = None,
    strict: bool = False,
    *,
    colored: bool = False,
    net_pixels: int = NET_PIXELS,
) -> list[Advances]:
    """The networks that a bitstream asks for, ready to work, in their order.

    A bitstream never makes a path be opened or anything be downloaded: its networks are those of a pipeline that ships,
    of the zoos of installed packages, or of the pipeline that the caller gives.

    Args:
        stream: The bitstream.
        given: The pipeline that it was made with, where that is none that ships.
        strict: Whether a network that is not here is an error; otherwise it is left out, with a warning.
        colored: Whether the stream's hints leave its colour to a network; otherwise none such is looked for.
        net_pixels: Networks run on pictures of at most so many pixels; in larger ones none is looked for.

    Raises:
        BitstreamError: The records of networks are malformed.
        PipelineError: ``strict``, and a network is not here.
    """

    def complain(what: str) -> None:
        if strict:
            raise PipelineError(f"the bitstream asks for more than is here: {what}")
        warnings.warn(f"decoded in part: {what}", stacklevel=4)

    if math.prod(stream.canvas) > net_pixels:
        if _names_any(stream):
            height, width = stream.canvas
            complain(
                f"a picture of {width}x{height} is larger than the {net_pixels} pixels on which networks run; "
                "allow more by max_net_pixels"
            )
        return []
    found = [
        (place, opened) for place in _places(stream, given, colored, complain) if (opened := _open(place, complain))
    ]
    order = _ordered([place.kind for place, _ in found], complain)
    return [opened for kind in order for place, opened in found if place.kind == kind]


@dataclass(frozen=True)
class Chain:
    """Networks ready to work, in their order, with what they are.

    Attributes:
        places: Where they stand in their pipeline.
        operators: They themselves.
    """

    places: tuple[Place, ...] = ()
    operators: tuple[Advances, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        """Their kinds."""
        return frozenset(place.kind for place in self.places)


def open_chain(pipeline: Pipeline, scale: float, *, hints: bool) -> Chain:
    """The networks of a pipeline at a scale, ready to work.

    Args:
        pipeline: The pipeline.
        scale: The scale.
        hints: Those that work on hints; otherwise those that do without.

    Raises:
        DlicError: The weights of one cannot be found or used.
    """
    places = tuple(pipeline.places(scale, hints=hints))
    return Chain(places, tuple(map(open_place, places)))


def open_place(place: Place) -> Advances:
    """A network of a pipeline, ready to work.

    Raises:
        DlicError: The weights cannot be found or used, or their kind is not registered or does nothing in a decoder.
    """
    # Before torch is imported, which takes seconds: there may be nothing to load.
    locate(place.target)
    try:
        from lightning_dlic.operators.base import load_operator
    except ImportError as error:
        return _without_torch(place, error)
    return load_operator(place.target)


def _without_torch(place: Place, missing: ImportError) -> Advances:
    """The same by ONNX Runtime, which is smaller."""
    from lightning_dlic.operators.without_torch import load_graph_operator

    try:
        return load_graph_operator(place.target)
    except ImportError:
        name = missing.name or "torch"
        raise DlicError(f"networks need {name} or onnxruntime, and neither can be imported here.") from missing


def _places(stream: Bitstream, given: Pipeline | None, colored: bool, complain: Complain) -> list[Place]:
    if stream.pipeline is not None:
        try:
            shipped = numbered(stream.pipeline)
        except DlicError as error:
            complain(str(error).splitlines()[0])
            return []
        if shipped is None:
            complain(f"pipeline {stream.pipeline} is not in this version of lightning-dlic")
            return []
        return shipped.places(stream.scale, hints=None if colored else False)
    named = named_networks(stream) or ()
    if colored and not any(map(_may_color, named)):
        complain("its hints leave colour to a network for colour, and it names none")
    wanted = [network for network in named if network.role in (0, stream.scale) and not _in_loop(network)]
    places = [_find(network, given, complain) for network in wanted]
    return [place for place in places if place is not None]


def _names_any(stream: Bitstream) -> bool:
    return stream.pipeline is not None or any(not _in_loop(network) for network in named_networks(stream) or ())


def loop_networks(stream: Bitstream, given: Pipeline | None = None) -> list[str]:
    """Weights of the networks in the base codec's loop, where a bitstream names some.

    Args:
        stream: The bitstream.
        given: The pipeline that it was made with, where that is none that ships.

    Raises:
        BitstreamError: The records of networks are malformed.
        PipelineError: One of them is not here: then the base layer cannot be decoded at all.
    """

    def refuse(what: str) -> None:
        raise PipelineError(f"the bitstream asks for more than is here: {what}")

    wanted = [network for network in named_networks(stream) or () if _in_loop(network)]
    own = {place.named(): place.target for place in given.loop()} if given and wanted else {}
    found = []
    for network in wanted:
        place = Place(network.kind, 0, own[network]) if network in own else _find(network, None, refuse)
        found += [place.target] if place is not None else []
    return found


def _in_loop(network: Network) -> bool:
    """Whether networks of its kind stand in a base codec's loop rather than behind it; not where nobody knows it."""
    try:
        slot = load("kind", network.kind).slot
    except RegistryError:
        return False
    return slot is None


def _may_color(network: Network) -> bool:
    """Whether a network works on hints, or may: nobody here knows its kind, which is complained of elsewhere."""
    try:
        return bool(load("kind", network.kind).hints)
    except RegistryError:
        return True


def _find(network: Network, given: Pipeline | None, complain: Complain) -> Place | None:
    """Where the weights are that a bitstream names."""
    target = given.networks.get(network.kind, {}).get(network.role) if given else None
    if target is None:
        target = network.name if names_card(network.name) else None
    if target is None:
        # A path in a file of unknown origin is never opened.
        complain(f"it was made with the network {network.name!r}; pass its pipeline: --pipeline RUN, or a recipe")
        return None
    try:
        actual = hashlib.sha256(locate(target).read_bytes()).digest()[:DIGEST]
    except DlicError as error:
        complain(str(error).splitlines()[0])
        return None
    if actual != network.digest:
        complain(f"{target} is not the network it was made with: its SHA-256 begins otherwise")
        return None
    return Place(network.kind, network.role, target)


def _open(place: Place, complain: Complain) -> Advances | None:
    try:
        return open_place(place)
    except (DlicError, ImportError) as error:
        complain(reason(error))
    return None


def _ordered(kinds: list[str], complain: Complain) -> list[str]:
    try:
        return in_order(dict.fromkeys(kinds))
    except DlicError as error:
        complain(str(error).splitlines()[0])
        return []


def reason(error: Exception) -> str:
    """Why a network cannot be used, in a sentence."""
    if isinstance(error, ImportError):
        return f"networks need {error.name or 'a package'}, which cannot be imported here."
    return str(error).splitlines()[0]
