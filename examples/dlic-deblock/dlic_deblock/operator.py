"""Its networks at work: in the decoder, and where they are measured."""

import math

from torch import Tensor

from lightning_dlic.operators.planes import apply_net
from lightning_dlic.operators.restorer import Restorer


class Deblocker(Restorer):
    """Repairs what a codec decoded; the network is told by which quantiser."""

    def apply(self, x: Tensor, quality: float | None) -> Tensor:
        """Repairs a float piece ``[1, 3|1, h, w]`` in [0, 1]."""
        step = x.new_tensor([math.nan if quality is None else quality])
        return apply_net(lambda planes: self.net(planes, step), self.facts.channels, 1, x)
