"""A loader process that finds shared memory full says so, instead of leaving the training waiting."""

import resource
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from dlic_datamodules.errors import StorageError
from dlic_datamodules.loader import PictureLoader, StepSampler, as_is


class Crowded(Dataset[Any]):
    """Batches larger than what their process may put into a file, shared memory included."""

    def __getitem__(self, step: int) -> dict[str, torch.Tensor]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        return {"image": torch.zeros(1 << 20, dtype=torch.uint8)}


def test_full_shared_memory_is_an_error_that_names_the_remedy() -> None:
    loader = PictureLoader(Crowded(), batch_size=None, sampler=StepSampler(4), num_workers=1, collate_fn=as_is)
    with pytest.raises(StorageError, match=r"no room in shared memory(?s:.*)data\.args\.workers=0"):
        next(iter(loader))


def test_so_is_shared_memory_without_room_for_what_processes_talk_through(capfd: pytest.CaptureFixture[str]) -> None:
    loader = PictureLoader(Crowded(), batch_size=None, sampler=StepSampler(4), num_workers=1, collate_fn=as_is)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageError, match=r"no room in shared memory(?s:.*)data\.args\.workers=0"):
            next(iter(loader))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Exception ignored" not in capfd.readouterr().err
