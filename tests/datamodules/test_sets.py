"""Each set in its own layout, made small."""

from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, Features, Image, Value
from forking import run_forked
from picture_maker import encoded, flat, noise, write_pictures
from PIL import Image as PILImage

from dlic_datamodules.base import PictureDataModule
from dlic_datamodules.decoded import Pictures
from dlic_datamodules.div2k import DIV2KDataModule
from dlic_datamodules.errors import DataError
from dlic_datamodules.faces import FacesDataModule
from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.hub import hub_errors
from dlic_datamodules.imagenet import HUB_NAME, LICENCE, ImageNetDataModule
from dlic_datamodules.raise_ import RAISEDataModule
from dlic_datamodules.raise_list import read_csv


def _names(data: PictureDataModule, split: str) -> list[str]:
    pictures = data.pictures(split)
    assert pictures is not None
    return [pictures.name(index) for index in range(len(pictures))]


def _numbers(pictures: Pictures | None) -> list[int]:
    """Which `flat` pictures these are."""
    assert pictures is not None
    planes = [pictures.get(index) for index in range(len(pictures))]
    return [int(p[0, 0, 0]) + 256 * int(p[1, 0, 0]) for p in planes]


def _error(data: PictureDataModule) -> str:
    with pytest.raises(DataError) as caught:
        data.setup("fit")
    assert len(str(caught.value).splitlines()) <= 5
    return str(caught.value)


# folder


def test_folder_finds_parts_however_nested(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train" / "a" / "b", 2)
    write_pictures(tmp_path / "train" / "c", 1, suffix=".JPG")
    write_pictures(tmp_path / "validation", 2)
    write_pictures(tmp_path / "test", 1)
    write_pictures(tmp_path / "train" / ".thumbnails", 1)
    (tmp_path / "train" / "notes.txt").write_text("not a picture, and not said to be one")
    (tmp_path / "train" / "._0000.png").write_bytes(b"a Macintosh's shadow of a file")
    data = FolderDataModule(str(tmp_path))
    assert _names(data, "train") == ["a/b/0000.png", "a/b/0001.png", "c/0000.JPG"]
    assert _names(data, "valid") == ["0000.png", "0001.png"]
    assert _names(data, "test") == ["0000.png"]


@pytest.mark.slow
def test_folder_takes_several_roots_and_named_parts(tmp_path: Path) -> None:
    for name in ("photos", "imagenet"):
        write_pictures(tmp_path / name / "train", 2)
        write_pictures(tmp_path / name / "valid", 1)
    both = FolderDataModule([str(tmp_path / "photos"), str(tmp_path / "imagenet")])
    assert len(_names(both, "train")) == 4
    assert _names(both, "valid") == ["0-valid/0000.png", "1-valid/0000.png"]
    chosen = FolderDataModule(str(tmp_path), train=["photos/train", "imagenet/train"], valid="photos/valid")
    assert _names(chosen, "train")[0] == "0-train/0000.png"
    assert _names(chosen, "valid") == ["0000.png"]


def test_a_part_named_by_its_whole_path_counts_once(tmp_path: Path) -> None:
    for root in ("one", "two"):
        write_pictures(tmp_path / root / "train", 1)
    write_pictures(tmp_path / "held", 2)
    roots = [str(tmp_path / "one"), str(tmp_path / "two")]
    data = FolderDataModule(roots, train="train", valid=str(tmp_path / "held"))
    assert len(_names(data, "valid")) == 2


@pytest.mark.slow
def test_folder_without_parts_is_split_by_name(tmp_path: Path) -> None:
    write_pictures(tmp_path, 20)
    data = FolderDataModule(str(tmp_path), valid_fraction=0.2)
    valid = _names(data, "valid")
    assert len(valid) == 4
    assert sorted(valid + _names(data, "train")) == sorted(p.name for p in tmp_path.iterdir())
    write_pictures(tmp_path, 1, start=50)
    more = set(_names(FolderDataModule(str(tmp_path), valid_fraction=0.2), "valid"))
    assert len(more & set(valid)) >= 3
    assert FolderDataModule(str(tmp_path), valid_fraction=0.0).val_dataloader() == []


def test_folder_walks_links_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set" / "real", 2)
    (tmp_path / "set" / "again").symlink_to(tmp_path / "set" / "real")
    (tmp_path / "set" / "real" / "up").symlink_to(tmp_path / "set")
    write_pictures(tmp_path / "far", 1)
    (tmp_path / "set" / "far").symlink_to(tmp_path / "far")
    data = FolderDataModule(str(tmp_path / "set"), valid_fraction=0.0)
    assert _names(data, "train") == ["again/0000.png", "again/0001.png", "far/0000.png"]


def test_folder_mistakes(tmp_path: Path) -> None:
    assert "no folder" in _error(FolderDataModule(str(tmp_path / "nowhere")))
    assert "no pictures under" in _error(FolderDataModule(str(tmp_path)))
    write_pictures(tmp_path / "a", 2)
    assert "no folder b under" in _error(FolderDataModule(str(tmp_path), train="b"))


# DIV2K


def _div2k(root: Path) -> None:
    write_pictures(root / "DIV2K_train_HR", 3, start=1)
    write_pictures(root / "DIV2K_valid_HR", 2, start=801)
    write_pictures(root / "DIV2K_train_LR_bicubic" / "X4", 3, size=(10, 12), start=1)


def test_div2k_in_the_official_layout(tmp_path: Path) -> None:
    _div2k(tmp_path / "DIV2K")
    write_pictures(tmp_path / "Flickr2K" / "Flickr2K_HR", 2)
    for root in (tmp_path, tmp_path / "DIV2K"):
        data = DIV2KDataModule(str(root))
        assert _names(data, "train") == ["0001.png", "0002.png", "0003.png"]
        assert _names(data, "valid") == ["0801.png", "0802.png"]
    more = DIV2KDataModule(str(tmp_path), extra=[str(tmp_path / "Flickr2K")])
    assert _names(more, "train")[-1] == "1-Flickr2K/Flickr2K_HR/0001.png"
    assert "dlic prepare div2k --root" in _error(DIV2KDataModule(str(tmp_path / "nowhere")))


# RAISE


def _raise(root: Path) -> Path:
    tifffile = pytest.importorskip("tifffile")
    root.mkdir(parents=True, exist_ok=True)
    for number in range(4):
        deep = noise(50, 60, seed=number).astype(np.uint16) * 257
        tifffile.imwrite(root / f"r00{number}t.TIF", deep, photometric="rgb")
    listing = root / "RAISE_1k.csv"
    host = "http://raise.example/RAISE"
    rows = [f"r00{n}t,{host}/NEF/r00{n}t.NEF,{host}/TIFF/r00{n}t.TIF,Nikon D90" for n in range(3)]
    listing.write_text("\ufeffFile,NEF,TIFF,Device\n" + "\n".join(rows) + "\n", "utf-8")
    return listing


@pytest.mark.slow
def test_raise_takes_each_photograph_once_and_makes_it_smaller(tmp_path: Path) -> None:
    listing = _raise(tmp_path)
    (tmp_path / "r000t.NEF").write_bytes(b"the raw form of r000t; its TIFF is there")
    data = RAISEDataModule(str(tmp_path), valid_fraction=0.25)
    assert len(_names(data, "train")) == 3
    assert sorted(_names(data, "train") + _names(data, "valid")) == [f"r00{n}t.TIF" for n in range(4)]
    pictures = data.pictures("train")
    assert pictures is not None
    assert pictures.get(0).shape == (3, 10, 12)
    listed = RAISEDataModule(str(tmp_path), csv=str(listing), downsize=2, valid_fraction=0.0)
    assert _names(listed, "train") == [f"r00{n}t.TIF" for n in range(3)]
    assert read_csv(listing)[1].nef == "http://raise.example/RAISE/NEF/r001t.NEF"


def test_raise_mistakes(tmp_path: Path) -> None:
    assert "dlic prepare raise" in _error(RAISEDataModule(str(tmp_path)))
    for text, problem in (
        ("a,b\n1,2\n", "no columns File"),
        ("File,NEF\n../../etc/passwd,http://x/y\n", "no name of a RAISE photograph"),
        ("", "no columns File"),
        ("File,NEF\n\0\n", "is no name|cannot be read"),
    ):
        (tmp_path / "list.csv").write_text(text)
        with pytest.raises(DataError, match=problem):
            read_csv(tmp_path / "list.csv")
    with pytest.raises(DataError, match=r"RAISE/download.html"):
        read_csv(tmp_path / "none.csv")


# faces


@pytest.mark.slow
def test_faces_keep_people_apart_in_every_layout(tmp_path: Path) -> None:
    def save(path: Path, person: int, form: str = "PNG") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        PILImage.fromarray(flat(person)).save(path, form)

    for person in range(6):
        for shot in range(1, 5):
            save(tmp_path / "att" / f"s{person}" / f"{shot}.pgm", person * 40, "PPM")
            save(tmp_path / "lfw" / f"Name_{person}" / f"Name_{person}_{shot:04d}.jpg", person * 40, "JPEG")
            save(tmp_path / "flat" / f"s{person:02d}_{shot}.png", person * 40)
            save(tmp_path / "celeba" / "img_align_celeba" / f"{person * 4 + shot:06d}.png", person * 40)
    identities = "".join(f"{p * 4 + s:06d}.png {p}\n" for p in range(6) for s in range(1, 5))
    (tmp_path / "celeba" / "identity_CelebA.txt").write_text(identities)
    for layout in ("att", "lfw", "flat", "celeba"):
        data = FacesDataModule(str(tmp_path / layout), valid_fraction=0.3, gray=layout == "att")
        parts = {split: data.pictures(split) for split in ("train", "valid")}
        people = {split: {round(int(p.get(i)[0, 9, 9]) / 10) for i in range(len(p))} for split, p in parts.items() if p}
        assert len(people["valid"]) == 2, layout
        assert not people["train"] & people["valid"], layout
        assert len(parts["valid"] or []) == 8, layout


def test_faces_with_folders_or_one_picture_each(tmp_path: Path) -> None:
    write_pictures(tmp_path / "hq" / "train", 3)
    write_pictures(tmp_path / "hq" / "valid", 2)
    assert _names(FacesDataModule(str(tmp_path / "hq")), "valid") == ["0000.png", "0001.png"]
    write_pictures(tmp_path / "ffhq" / "00000", 10)
    write_pictures(tmp_path / "ffhq" / "01000", 10, start=1000)
    assert len(_names(FacesDataModule(str(tmp_path / "ffhq"), valid_fraction=0.1), "valid")) == 2


def test_faces_mistakes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"either data.args.root .* or data.args.repo"):
        FacesDataModule()
    assert "no folder" in _error(FacesDataModule(str(tmp_path / "nowhere")))


# parquet, by the same way as from the hub


def _parquet(root: Path, files: int, rows: int, split: str = "train", **columns: list[int]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for file in range(files):
        numbers = range(file * rows, (file + 1) * rows)
        cells = [{"bytes": encoded(flat(n)), "path": None} for n in numbers]
        extra = {name: [values[n] for n in numbers] for name, values in columns.items()}
        features = Features({"image": Image(), **{name: Value("int64") for name in columns}})
        table = Dataset.from_dict({"image": cells, **extra}, features=features)
        table.to_parquet(root / f"{split}-{file:05d}-of-{files:05d}.parquet", batch_size=5)
    return root


@pytest.fixture(autouse=True, scope="module")
def hub_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The hub's own cache goes with the test; `datasets` reads its place once, when it is imported."""
    import datasets

    datasets.config.HF_DATASETS_CACHE = tmp_path_factory.mktemp("hub")


@pytest.mark.slow
def test_faces_from_parquet_split_by_identity(tmp_path: Path) -> None:
    people = [n // 4 for n in range(24)]
    data = FacesDataModule(repo=str(_parquet(tmp_path / "set", 2, 12, celeb_id=people)), valid_fraction=0.3)
    parts = {split: _numbers(data.pictures(split)) for split in ("train", "valid")}
    assert sorted(parts["train"] + parts["valid"]) == list(range(24))
    assert len(parts["valid"]) == 8
    assert not {n // 4 for n in parts["train"]} & {n // 4 for n in parts["valid"]}


def test_imagenet_from_parquet_with_its_own_split(tmp_path: Path) -> None:
    _parquet(tmp_path / "set", 2, 6, label=[0] * 12)
    _parquet(tmp_path / "set", 1, 3, split="validation", label=[0] * 3)
    for cache in (False, True):
        data = ImageNetDataModule(repo=str(tmp_path / "set"), crop=16, batch_size=4, workers=0, cache=cache)
        assert _numbers(data.pictures("train")) == list(range(12))
        assert _numbers(data.pictures("valid")) == [0, 1, 2]
        data.configure(steps=3, seed=1)
        seen = [int(image[0, 0, 0]) for batch in data.train_dataloader() for image in batch["image"]]
        assert sorted(seen) == list(range(12))


@pytest.mark.parametrize("tree", ["", "ILSVRC/Data/CLS-LOC"])
def test_imagenet_tree(tree: str, tmp_path: Path) -> None:
    for synset in ("n01440764", "n01443537"):
        write_pictures(tmp_path / tree / "train" / synset, 2, suffix=".JPEG")
    write_pictures(tmp_path / tree / "val", 2, suffix=".JPEG")
    data = ImageNetDataModule(str(tmp_path))
    assert _names(data, "train")[0] == "n01440764/0000.JPEG"
    assert [len(_names(data, split)) for split in ("train", "valid")] == [4, 2]
    assert data.summary()["cache"] == {}


def test_imagenet_mistakes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ILSVRC/imagenet-1k"):
        ImageNetDataModule()
    with pytest.raises(DataError, match="divide 12"):
        ImageNetDataModule(repo="x", streaming=True, workers=5)
    assert "terms: https://" in _error(ImageNetDataModule(str(tmp_path)))
    write_pictures(tmp_path / "train", 1)
    assert "not made of parquet files" in _error(ImageNetDataModule(repo=str(tmp_path), streaming=True))


def test_gated_sets_say_where_access_is_granted() -> None:
    from datasets.exceptions import DatasetNotFoundError

    refused = "Dataset 'ILSVRC/imagenet-1k' is a gated dataset on the Hub. You must be authenticated to access it."
    with pytest.raises(DataError) as caught, hub_errors(HUB_NAME, LICENCE):
        raise DatasetNotFoundError(refused)
    message = str(caught.value)
    assert f"accept its terms at {LICENCE}" in message
    assert "HF_TOKEN" in message
    assert len(message.splitlines()) <= 5


@pytest.mark.slow
def test_hub_out_of_reach_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "from dlic_datamodules.faces import FacesDataModule\n"
        "from dlic_datamodules.errors import DataError\n"
        "try: FacesDataModule(repo='flwrlabs/celeba').setup('fit')\n"
        "except DataError as error: print(error)\n"
    )
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = run_forked(code)
    assert "data set flwrlabs/celeba" in done.stdout, done.stderr
    assert "local folder of its parquet files" in done.stdout
    assert len(done.stdout.splitlines()) <= 5


# lists and patterns


@pytest.mark.slow
def test_folder_takes_lists_patterns_and_single_pictures(tmp_path: Path) -> None:
    for name in ("a", "b/deep", "c d"):
        write_pictures(tmp_path / name, 2)
    (tmp_path / "b" / "notes.md").write_text("no picture")
    listing = tmp_path / "lists" / "chosen.txt"
    listing.parent.mkdir()
    outside = tmp_path / "a" / "0001.png"
    listing.write_text(
        f"# a remark\n../c d/0001.png\n\n  ../b/deep/0000.png  \n{outside}\n../c d/0001.png\n", "utf-8-sig"
    )

    def names(root: object, **arguments: object) -> list[str]:
        return _names(FolderDataModule(root, valid_fraction=0, **arguments), "train")

    assert names(str(listing)) == ["../c d/0001.png", "../b/deep/0000.png", str(outside)]
    assert names(str(tmp_path / "*" / "0001.png")) == ["a/0001.png", "c d/0001.png"]
    assert names(str(tmp_path / "**" / "*0.png")) == ["a/0000.png", "b/deep/0000.png", "c d/0000.png"]
    assert names(str(tmp_path / "[ab]")) == ["a/0000.png", "a/0001.png", "b/deep/0000.png", "b/deep/0001.png"]
    assert names(str(outside)) == ["0001.png"]
    assert names([str(outside), str(tmp_path / "c*")])[0] == "0-a/0001.png"
    both = FolderDataModule(str(tmp_path), train="[bc]*", valid="lists/chosen.txt")
    assert (len(_names(both, "train")), len(_names(both, "valid"))) == (4, 3)
    write_pictures(tmp_path / "a[1]", 1)  # a folder of this very name
    assert names(str(tmp_path / "a[1]")) == ["0000.png"]


def test_mistakes_in_lists_and_patterns(tmp_path: Path) -> None:
    write_pictures(tmp_path / "a", 1)
    listing = tmp_path / "list.txt"
    listing.write_text("a/0000.png\na/gone.png\na\n\x1b[31m.png\n")
    message = _error(FolderDataModule(str(listing)))
    assert f"{listing}:2: no file a/gone.png (and 2 more)" in message
    listing.write_text("# nothing\n")
    assert "no pictures under" in _error(FolderDataModule(str(listing)))
    assert "no pictures match" in _error(FolderDataModule(str(tmp_path / "*.gif")))
    (tmp_path / "table.csv").write_text("a,b")
    assert "is neither a folder nor a picture" in _error(FolderDataModule(str(tmp_path / "table.csv")))
    for nothing in ("", [], [""]):
        with pytest.raises(DataError, match="names no folder"):
            FolderDataModule(nothing)
