"""Loggers a recipe may name. Each takes its own arguments and writes under the run's folder."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from torch import Tensor


class CSV(CSVLogger):
    """Lightning's CSV logger, in the run's folder."""

    def __init__(self, save_dir: str, name: str = "csv") -> None:
        """Opens the logger in ``save_dir/name``."""
        super().__init__(save_dir, name=name, version="")


class TensorBoard(TensorBoardLogger):
    """TensorBoard event files, in the run's folder."""

    def __init__(self, save_dir: str, name: str = "tensorboard") -> None:
        """Opens the logger in ``save_dir/name``."""
        super().__init__(save_dir, name=name, version="", default_hp_metric=False)


class WandB(WandbLogger):
    """Weights & Biases. Without an account it writes offline; it never asks for a login."""

    def __init__(
        self,
        save_dir: str,
        project: str = "dlic",
        name: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        entity: str | None = None,
        offline: bool | None = None,
    ) -> None:
        """Opens the logger.

        Args:
            save_dir: The run's folder.
            project: W&B project.
            name: Name of the run there; that of the recipe and the run's folder by default.
            group: Group of runs.
            tags: Tags.
            entity: User or team.
            offline: Write locally only; by default where no API key is found and ``WANDB_MODE`` says nothing.
        """
        if offline is None:
            offline = "WANDB_MODE" not in os.environ and not _has_key()
        os.environ.setdefault("WANDB_SILENT", "true")
        folder = Path(save_dir)
        super().__init__(
            name=name or f"{folder.parent.name}-{folder.name}",
            save_dir=save_dir,
            project=project,
            offline=offline,
            group=group,
            tags=tags,
            entity=entity,
        )

    def finalize(self, status: str) -> None:
        """Ends the W&B run, so that the next training of this process starts its own."""
        super().finalize(status)
        if self._experiment is not None:
            self._experiment.finish(exit_code=0 if status == "success" else 1)
            self._experiment = None


def _has_key() -> bool:
    """Whether W&B could log in without asking."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai").split("//")[-1].rstrip("/")
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def log_picture(logger: Logger, name: str, picture: Tensor, step: int) -> None:
    """Shows a picture in a logger that can; does nothing in others.

    Args:
        logger: Any Lightning logger.
        name: Name of the panel.
        picture: Float ``[3, H, W]`` in [0, 1].
        step: Batches done.
    """
    if isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, picture, step)
    elif isinstance(logger, WandbLogger):
        image: Any = picture.mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
        logger.log_image(key=name, images=[image], step=step)
