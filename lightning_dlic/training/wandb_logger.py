"""Weights & Biases, as its users know it."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from typing import Any, Literal

from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only
from torch import Tensor, nn

from lightning_dlic.training.loggers import Concluding, Figures, keep_id, kept_id, pixels, run_title
from lightning_dlic.training.run import Run
from lightning_dlic.zoo.cards import card_text
from lightning_dlic.zoo.repository import begin_card, page, run_result

_AXIS = "batch"


class WandB(Concluding, WandbLogger):
    """Weights & Biases; a resumed run goes on there. Without an account it writes offline and never asks for one."""

    def __init__(
        self,
        save_dir: str,
        project: str = "dlic",
        title: str | None = None,
        notes: str | None = None,
        job_type: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        entity: str | None = None,
        id: str | None = None,
        mode: Literal["online", "offline", "shared", "disabled"] | None = None,
        offline: bool | None = None,
        log_model: bool = True,
        watch: Literal["gradients", "parameters", "all"] | None = None,
    ) -> None:
        """Opens the logger.

        Args:
            save_dir: The run's folder.
            project: W&B project.
            title: Name of the run there; that of the recipe and the run's folder by default.
            notes: What there is to say of it.
            job_type: Sort of run, to group by.
            group: Group of runs.
            tags: Tags.
            entity: User or team.
            id: Id of the run there; by default W&B's own, which a resumed run keeps.
            mode: ``online``, ``offline``, ``shared`` or ``disabled``; by default what ``WANDB_MODE`` says, else
                ``offline`` where no API key is found.
            offline: The same as ``mode: offline``.
            log_model: Whether weights with their cards and a page, recipe, result and samples become an artifact at
                the end.
            watch: What is drawn of the network as it learns, each time losses are logged.
        """
        if offline or (mode is None and offline is None and "WANDB_MODE" not in os.environ and not _has_key()):
            mode = "offline"
        os.environ.setdefault("WANDB_SILENT", "true")
        folder = Path(save_dir)
        self._place, self._wanted, self._watched = folder / "wandb", watch, list[nn.Module]()
        self._keeps_model = log_model
        given: dict[str, Any] = {
            "notes": notes,
            "job_type": job_type,
            "group": group,
            "tags": tags,
            "entity": entity,
            "mode": mode,
        }
        super().__init__(
            name=title or run_title(folder),
            save_dir=save_dir,
            project=project,
            id=id or kept_id(self._place),
            **{key: value for key, value in given.items() if value is not None},
        )
        # W&B warns of it, whatever its value.
        self._wandb_init.pop("anonymous", None)

    @rank_zero_only
    def log_hyperparams(self, params: Any) -> None:
        """Takes the recipe; draws everything over batches; notes the run's id for who goes on."""
        super().log_hyperparams(params)
        self.experiment.define_metric(_AXIS, hidden=True)
        self.experiment.define_metric("*", step_metric=_AXIS, step_sync=True)
        keep_id(self._place, str(self.experiment.id))

    @rank_zero_only
    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Takes figures of a batch, which Lightning counts from 0."""
        at = {} if step is None else {_AXIS: step + 1}
        self.experiment.log({**metrics, **at})

    @rank_zero_only
    def show(self, name: str, picture: Tensor, batches: int) -> None:
        """Logs an image at its batch."""
        import wandb

        self.experiment.log({name: wandb.Image(pixels(picture)), _AXIS: batches})

    @rank_zero_only
    def watch_net(self, net: nn.Module, every: int) -> None:
        """Draws histograms of a network's gradients, parameters or both, where that was asked for."""
        if self._wanted is not None:
            self.experiment.watch(net, log=self._wanted, log_freq=every)
            self._watched.append(net)

    @rank_zero_only
    def conclude(self, figures: Figures, batches: int, run: Run) -> None:
        """Writes the figures into the summary, and the run's files as an artifact."""
        import wandb

        for net in self._watched:
            self.experiment.unwatch(net)
        self.experiment.summary.update({**figures, "batches": batches})
        if not self._keeps_model:
            return
        artifact = wandb.Artifact(f"{run.folder.parent.name}-{self.experiment.id}", "model", metadata=dict(figures))
        self._describe(artifact, run)
        for path in (*run.kept_weights(), run.recipe, run.pipeline, run.result, *run.last_samples()):
            if path.is_file():
                artifact.add_file(str(path), path.relative_to(run.folder).as_posix())
        self.experiment.log_artifact(artifact)

    @staticmethod
    def _describe(artifact: Any, run: Run) -> None:
        """A card beside each network, and a page: what a repository of them has, too."""
        result = run_result(run.folder)
        files = [path for path in run.kept_weights() if path.stem != "best" and path.parent.name != "best"]
        cards = {path: begin_card(path, result) for path in files}
        texts = {path.relative_to(run.folder).with_suffix(".yaml"): card_text(card) for path, card in cards.items()}
        if cards:
            first = next(iter(cards)).relative_to(run.folder).as_posix()
            texts[Path("README.md")] = page(run_title(run.folder), cards.values(), result, first)
        for name, text in texts.items():
            with artifact.new_file(name.as_posix(), encoding="utf-8") as file:
                file.write(text)

    def end(self, status: int) -> None:
        """Ends the W&B run, so that the next training of this process starts its own."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=status)
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
