"""What a training takes besides."""

import json
from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers.logger import Logger
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


class AllLoss(nn.Module):
    """A power of the error."""

    def __init__(self, power: float = 2.0):
        super().__init__()
        self.power = power

    def forward(self, output, target):
        return ((output - target).abs() + 1e-6).pow(self.power).mean()


class AllMetric(nn.Module):
    """The largest error."""

    higher_is_better = False

    def forward(self, output, target):
        return (output - target).abs().max()


class AllOptimizer(torch.optim.SGD):
    """Plain steps, with momentum."""

    def __init__(self, params, lr: float = 0.1, momentum: float = 0.5):
        super().__init__(params, lr=lr, momentum=momentum)


class AllSchedule(LambdaLR):
    """A rate that falls by a share a step."""

    def __init__(self, optimizer, share: float = 0.9):
        super().__init__(optimizer, lambda step: share**step)


class AllLogger(Logger):
    """A JSON object a line."""

    name, version = "all", ""

    def __init__(self, save_dir: str, file: str = "all.jsonl"):
        super().__init__()
        self.path = Path(save_dir) / file

    def log_hyperparams(self, params, *rest):
        pass

    def log_metrics(self, metrics, step=None):
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **{k: float(v) for k, v in metrics.items()}}) + "\n")


class AllCallback(pl.Callback):
    """Notes each validation in a file of the run."""

    def __init__(self, file: str = "seen.txt"):
        self.file = file

    def on_validation_end(self, trainer, stage):
        with (Path(trainer.default_root_dir) / self.file).open("a") as file:
            file.write(f"{stage.batches}\n")
