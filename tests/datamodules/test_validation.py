"""Several validation sets by name."""

from pathlib import Path

import pytest
from picture_maker import encoded, noise, write_pictures

from dlic_datamodules.div2k import DIV2KDataModule
from dlic_datamodules.errors import DataError
from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.paired import PairedDataModule


def _names(data: FolderDataModule) -> list[tuple[str | None, str]]:
    return [(batch.get("set"), batch["name"][0]) for batch in data.val_dataloader()]


@pytest.mark.slow
def test_sets_come_in_turn_and_carry_their_names(tmp_path: Path) -> None:
    for name, count in (("own/train", 2), ("own/valid", 3), ("kodak", 2), ("more", 1)):
        write_pictures(tmp_path / name, count)
    sets = {"kodak": str(tmp_path / "kodak"), "few": [str(tmp_path / "more"), str(tmp_path / "kodak" / "*1.png")]}
    data = FolderDataModule(str(tmp_path / "own"), valid_sets=sets, workers=0)
    assert data.validates_on() == ["valid", "kodak", "few"]
    assert len(data.val_dataloader()) == 7
    assert _names(data) == [
        (None, "0000.png"),
        ("kodak", "0000.png"),
        ("few", "0-more/0000.png"),
        (None, "0001.png"),
        ("kodak", "0001.png"),
        ("few", "1-kodak/0001.png"),
        (None, "0002.png"),
    ]
    data.setup("fit")
    assert data.summary()["pictures"] == {"train": 2, "valid": 3, "kodak": 2, "few": 2}
    alone = FolderDataModule(str(tmp_path / "own" / "train"), valid_fraction=0, valid_sets=sets, val_limit=1, workers=0)
    assert alone.validates_on() == ["kodak", "few"]
    assert [name for name, _ in _names(alone)] == ["kodak", "few"]


def test_every_set_takes_them(tmp_path: Path) -> None:
    write_pictures(tmp_path / "DIV2K_train_HR", 1, size=(40, 40))
    write_pictures(tmp_path / "kodak", 1, size=(40, 40))
    sets = {"kodak": str(tmp_path / "kodak")}
    assert _names(DIV2KDataModule(str(tmp_path), valid_sets=sets)) == [("kodak", "0000.png")]
    (tmp_path / "lr").mkdir()
    (tmp_path / "lr" / "0000x2.png").write_bytes(encoded(noise(20, 20)))
    pairs = PairedDataModule(
        str(tmp_path / "DIV2K_train_HR"), base=str(tmp_path / "lr"), valid_fraction=0, valid_sets=sets, workers=0
    )
    assert [sorted(batch) for batch in pairs.val_dataloader()] == [["image", "name", "set"]]


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({"valid": "x"}, "'valid' cannot name a set"),
        ({"a/b": "x"}, "'a/b' cannot name a set"),
        ({"": "x"}, "cannot name a set"),
        ({"a": []}, r"valid_sets.a names no folder"),
        ({"a": ""}, r"valid_sets.a names no folder"),
        ({"a": "/no/such/folder"}, "no folder /no/such/folder"),
    ],
)
def test_mistakes_are_named(sets: dict[str, str], message: str, tmp_path: Path) -> None:
    write_pictures(tmp_path, 2)
    with pytest.raises(DataError, match=message):
        FolderDataModule(str(tmp_path), valid_sets=sets).setup("fit")
