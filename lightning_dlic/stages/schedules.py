"""Learning-rate schedules that PyTorch has not."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import MultiStepLR

# Of the run: the more is done, the shorter the next stretch.
SHARES = (0.5, 0.8, 0.9, 0.95)


class Halved(MultiStepLR):
    """Multiplies the rate, halving it by default, at shares of the run, whatever its length."""

    def __init__(
        self, optimizer: Optimizer, total_steps: int, at: Sequence[float] = SHARES, gamma: float = 0.5
    ) -> None:
        """Builds the schedule.

        Args:
            optimizer: Whose learning rate it sets.
            total_steps: Optimizer steps of the run.
            at: Shares of them, between 0 and 1.
            gamma: By what the rate is multiplied at each.

        Raises:
            ValueError: A share is not between 0 and 1.
        """
        if not all(0.0 < share < 1.0 for share in at):
            raise ValueError(f"at must be shares of the run, between 0 and 1, not {list(at)}")
        super().__init__(optimizer, [round(share * total_steps) for share in at], gamma)
