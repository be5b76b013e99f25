"""Loggers a recipe may name. Each takes its own arguments, writes under the run's folder, and counts its batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from dlic_registry import DlicError
from lightning_dlic.training.run import Run

Figures = Mapping[str, float]


class Concluding(Logger):
    """A logger that knows what a run is: its steps are batches done, and it outlives the trainer to see the end."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Takes figures of a batch. Lightning counts batches from 0; pictures, checkpoints and people from 1."""
        super().log_metrics(metrics, None if step is None else step + 1)  # type: ignore[safe-super]

    def show(self, name: str, picture: Tensor, batches: int) -> None:
        """Takes a float picture ``[3, H, W]`` in [0, 1] of a panel; the default shows none."""

    def watch_net(self, net: nn.Module, every: int) -> None:
        """Follows a network's weights where that was asked for; the default does not."""

    @rank_zero_only
    def conclude(self, figures: Figures, batches: int, run: Run) -> None:
        """Takes a finished run's final figures: ``final/NAME``, ``baseline/NAME`` and ``best/NAME``."""
        super().log_metrics(dict(figures), batches)  # type: ignore[safe-super]
        self.save()

    def end(self, status: int) -> None:
        """Ends with the status of the program."""


class CSV(Concluding, CSVLogger):  # type: ignore[misc]
    """Lightning's CSV logger, in the run's folder."""

    def __init__(self, save_dir: str, name: str = "csv") -> None:
        """Opens the logger in ``save_dir/name``."""
        super().__init__(save_dir, name=name, version="")


class TensorBoard(Concluding, TensorBoardLogger):  # type: ignore[misc]
    """TensorBoard event files, in the run's folder."""

    def __init__(self, save_dir: str, name: str = "tensorboard") -> None:
        """Opens the logger in ``save_dir/name``."""
        super().__init__(save_dir, name=name, version="", default_hp_metric=False)

    @rank_zero_only
    def show(self, name: str, picture: Tensor, batches: int) -> None:
        """Adds an image."""
        self.experiment.add_image(name, picture, batches)


class MLflow(Concluding, MLFlowLogger):  # type: ignore[misc]
    """MLflow, in the run's folder unless an address is given; a resumed run goes on where it was."""

    def __init__(
        self,
        save_dir: str,
        experiment: str = "dlic",
        title: str | None = None,
        tracking_uri: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Opens the logger.

        Args:
            save_dir: The run's folder.
            experiment: Name of the experiment.
            title: Name of the run there; that of the recipe and the run's folder by default.
            tracking_uri: Where it is tracked; by default ``$MLFLOW_TRACKING_URI``, else a database in the run's folder.
            tags: Tags.
        """
        import os

        folder = Path(save_dir)
        self._place = folder / "mlflow"
        address = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI")
        if address is None:
            self._place.mkdir(exist_ok=True)
            address = f"sqlite:///{self._place.resolve()}/mlflow.db"
        super().__init__(
            experiment_name=experiment,
            run_name=title or run_title(folder),
            tracking_uri=address,
            tags=tags,
            run_id=kept_id(self._place),
        )

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Takes the recipe, and notes the run's id for who goes on: what was said of a run cannot be said anew."""
        if kept_id(self._place) is None:
            super().log_hyperparams(params)
            keep_id(self._place, str(self.run_id))

    @rank_zero_only
    def show(self, name: str, picture: Tensor, batches: int) -> None:
        """Logs an image."""
        self.experiment.log_image(self.run_id, pixels(picture), key=name.replace("/", "-"), step=batches)


def pixels(picture: Tensor) -> Any:
    """A float picture ``[3, H, W]`` in [0, 1] as uint8 ``[H, W, 3]``."""
    return picture.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def run_title(folder: Path) -> str:
    """What a run is called elsewhere."""
    return f"{folder.parent.name}-{folder.name}"


def kept_id(folder: Path) -> str | None:
    """The id by which a service knows the run, where it has been there before."""
    path = folder / "id"
    return path.read_text(encoding="utf-8").strip() or None if path.is_file() else None


def keep_id(folder: Path, name: str) -> None:
    """Notes that id."""
    folder.mkdir(exist_ok=True)
    (folder / "id").write_text(f"{name}\n", encoding="utf-8")


def log_picture(logger: Logger, name: str, picture: Tensor, batches: int) -> None:
    """Shows a picture in a logger that can; does nothing in others.

    Args:
        logger: Any Lightning logger.
        name: Name of the panel.
        picture: Float ``[3, H, W]`` in [0, 1].
        batches: Batches done.
    """
    if isinstance(logger, Concluding):
        logger.show(name, picture, batches)
    elif isinstance(logger, TensorBoardLogger):
        logger.experiment.add_image(name, picture, batches - 1)
    elif isinstance(logger, pl.loggers.WandbLogger):
        logger.log_image(key=name, images=[pixels(picture)], step=batches - 1)


@dataclass
class Ending:
    """How a training ends, as far as it is known.

    Attributes:
        status: The program's exit status.
    """

    status: int = 0


@contextmanager
def ended(loggers: Iterable[Logger]) -> Iterator[Ending]:
    """Ends loggers that outlive the trainer, with the status that the program will have."""
    ending = Ending()
    try:
        yield ending
    except KeyboardInterrupt:
        ending.status = 130
        raise
    except BaseException as error:
        ending.status = error.status if isinstance(error, DlicError) else 1
        raise
    finally:
        for logger in loggers:
            if isinstance(logger, Concluding):
                logger.end(ending.status)
