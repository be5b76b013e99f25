"""What disks, hands and other versions do to a cache: never another picture than the one that was cached."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_maker import write_pictures
from refused import needs_filters

from dlic_datamodules.cache import check, clear, entries
from dlic_datamodules.cache_build import open_cache
from dlic_datamodules.cached import CachedPictures, DamagedCache
from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.errors import DataError
from dlic_datamodules.folder import FolderDataModule
from dlic_datamodules.source import FileSource, scan


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    write_pictures(tmp_path / "set", 5, size=(60, 70))
    return scan([tmp_path / "set"], "set")


def _flip(name: str, at: int | float) -> Callable[[Path], object]:
    """One bit of a file; a float counts from its beginning as a share."""

    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(at * len(data)) if isinstance(at, float) else at] ^= 4
        (folder / name).write_bytes(data)

    return damage


def _zero(folder: Path) -> None:
    with open(folder / "pixels.u8", "r+b") as file:
        file.seek(4096)
        file.write(bytes(4096))


def _cut(name: str, share: float) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, int(share * (folder / name).stat().st_size))


def _index(row: int, column: int, value: int) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        index = np.load(folder / "index.npy")
        index[row, column] = value
        np.save(folder / "index.npy", index)

    return damage


def _meta(**values: object) -> Callable[[Path], object]:
    def damage(folder: Path) -> None:
        meta = json.loads((folder / "meta.json").read_text())
        (folder / "meta.json").write_text(json.dumps({**meta, **values}))

    return damage


def _swap(folder: Path) -> None:
    data = (folder / "pixels.u8").read_bytes()
    (folder / "pixels.u8").write_bytes(data[12600:25200] + data[:12600] + data[25200:])


def _older(folder: Path) -> None:
    np.save(folder / "index.npy", np.load(folder / "index.npy")[:, :3])
    _meta(format=1)(folder)


def _text(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit of the first picture": _flip("pixels.u8", 0),
    "a bit of the last": _flip("pixels.u8", -1),
    "a page of zeros": _zero,
    "two pictures in each other's place": _swap,
    "pixels cut": _cut("pixels.u8", 0.5),
    "pixels gone": lambda folder: (folder / "pixels.u8").unlink(),
    "pixels longer": lambda folder: os.truncate(folder / "pixels.u8", 1 << 20),
    "an offset": _index(1, 0, 12601),
    "an offset beyond the end": _index(1, 0, 1 << 62),
    "an offset before the beginning": _index(1, 0, -12600),
    "a height": _index(2, 1, 61),
    "no height": _index(2, 1, 0),
    "a negative width": _index(2, 2, -70),
    "a huge width": _index(2, 2, 1 << 60),
    "a check": _index(2, 3, 0),
    "index of another shape": lambda folder: np.save(folder / "index.npy", np.zeros((5, 4))),
    "index of objects": lambda folder: np.save(folder / "index.npy", np.array([None]), allow_pickle=True),
    "index cut": _cut("index.npy", 0.5),
    "index empty": _cut("index.npy", 0),
    "index gone": lambda folder: (folder / "index.npy").unlink(),
    "a bit of a name": _flip("names.json", 4),
    "names of something else": _text("names.json", "[]"),
    "meta cut": _cut("meta.json", 0.7),
    "meta empty": _cut("meta.json", 0),
    "meta gone": lambda folder: (folder / "meta.json").unlink(),
    "meta of something else": _text("meta.json", "[1, 2]"),
    "meta that nests for ever": _text("meta.json", "[" * 200000),
    "meta with a huge number": _text("meta.json", '{"format": 1' + "0" * 5000 + "}"),
    "another number of channels": _meta(channels=1),
    "another count": _meta(count=10**12),
    "failures that were none": _meta(failures=[["x", "y"]]),
    "of the format before this one": _older,
    "of a format to come": _meta(format=99),
    "everything gone": lambda folder: [file.unlink() for file in folder.iterdir()],
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[NDArray[np.uint8]]]:
    """A cache's folder, and what its pictures are."""
    root = tmp_path_factory.mktemp("whole")
    write_pictures(root / "set", 5, size=(60, 70))
    source = scan([root / "set"], "set")
    pictures = [decode(source.read(index, 1 << 20)) for index in range(5)]
    return open_cache(source, DecodeOptions(), root=root / "cache").folder, pictures


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_with_the_remedy_and_never_read(
    damage: Callable[[Path], object], whole: tuple[Path, list[NDArray[np.uint8]]], tmp_path: Path
) -> None:
    root, wanted = tmp_path / "cache", whole[1]
    folder = shutil.copytree(whole[0], root / whole[0].name)
    damage(folder)

    def read() -> None:
        cached = CachedPictures(folder)
        for index in range(5):
            np.testing.assert_array_equal(cached.get(index), wanted[index])

    with pytest.raises(DamagedCache) as caught:
        read()
    assert str(caught.value).endswith(f"\nClear it: dlic cache clear {folder.name} --dir {root}")
    if any(folder.iterdir()):
        assert [entry.key for entry in clear(root, [folder.name])] == [folder.name]
        assert not folder.exists()


@pytest.mark.parametrize("name", ["an offset", "meta cut", "of the format before this one", "everything gone"])
def test_what_shows_when_a_set_is_opened_is_built_anew(name: str, source: FileSource, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    DAMAGE[name](open_cache(source, DecodeOptions(), root=root).folder)
    cached = open_cache(source, DecodeOptions(), root=root)
    for index in range(5):
        np.testing.assert_array_equal(cached.get(index), decode(source.read(index, 1 << 20)))
    assert [(entry.folder, problem) for entry, problem in check(root)] == [(cached.folder, None)]


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_met_in_training_ends_in_one_sentence(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLIC_CACHE", str(tmp_path / "cache"))
    write_pictures(tmp_path / "set", 6)

    def load() -> FolderDataModule:
        data = FolderDataModule(str(tmp_path / "set"), crop=16, batch_size=4, workers=workers, on_error="skip")
        data.configure(steps=8)
        return data

    data = load()
    data.setup("fit")
    train, valid = data.pictures("train"), data.pictures("valid")
    assert isinstance(train, CachedPictures)
    assert isinstance(valid, CachedPictures)
    _flip("pixels.u8", 0.3)(train.folder)
    _flip("pixels.u8", 0.3)(valid.folder)
    for loader, folder in ((load().train_dataloader(), train.folder), (load().val_dataloader(), valid.folder)):
        with pytest.raises(DataError, match="the cache is damaged") as caught:
            list(loader)
        assert str(caught.value).endswith(f"\nClear it: dlic cache clear {folder.name}")


def test_another_set_s_folder_under_this_one_s_name_is_not_taken(source: FileSource, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    gray = open_cache(source, DecodeOptions(gray=True), root=root).folder
    colour = open_cache(source, DecodeOptions(), root=root).folder
    shutil.rmtree(colour)
    gray.rename(colour)
    assert open_cache(source, DecodeOptions(), root=root).get(0).shape == (3, 60, 70)


@pytest.mark.slow
def test_damaged_sets_are_listed_checked_and_cleared_by_command(source: FileSource, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    names = [open_cache(source, DecodeOptions(downsize=factor), root=root).folder for factor in (1, 2, 3)]
    _cut("meta.json", 0.5)(names[0])
    _older(names[1])
    _flip("pixels.u8", 0.5)(names[2])

    def dlic(*words: str) -> tuple[int, list[str]]:
        script = "import sys; from lightning_dlic.cli.main import main; sys.argv[0] = 'dlic'; main()"
        command = [sys.executable, "-c", script, "cache", *words, "--dir", str(root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stderr
        return done.returncode, sorted(done.stdout.splitlines())

    state = {line.split()[0]: line for line in dlic("list")[1]}
    assert [
        words in state[name.name]
        for name, words in zip(names, ("damaged", "another version", "5 pictures"), strict=True)
    ]
    status, lines = dlic("check")
    assert status == 1
    assert sum("damaged: " in line for line in lines) == 3
    assert dlic("clear", names[0].name, names[1].name)[0] == 0
    assert [entry.folder for entry in entries(root)] == [names[2]]


_OPEN = """
import os, sys
from dlic_datamodules.cache_build import open_cache
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.errors import DataError
from dlic_datamodules.source import scan
if len(sys.argv) > 3: os.seteuid(int(sys.argv[3]))
try:
    cached = open_cache(scan([sys.argv[1]], "set"), DecodeOptions(), root=sys.argv[2])
except DataError as error:
    print(getattr(error, "status", 2), error)
else:
    print(len(cached), sum(int(cached.get(i).sum()) for i in range(len(cached))))
"""


def _python(code: str, *words: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *words]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        **options,
    )


@pytest.mark.slow
@needs_filters
def test_places_without_locks_and_maps_serve(source: FileSource, tmp_path: Path) -> None:
    pictures = tmp_path / "set"
    code = "from refused import refuse_locks_and_maps; refuse_locks_and_maps()" + _OPEN
    both = [_python(code, str(pictures), str(tmp_path / "bare")) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    if any("no filters here" in errors for _, errors in outputs):
        pytest.skip("this machine lets no process filter its system calls")
    wanted = sum(int(decode(source.read(index, 1 << 20)).sum()) for index in range(5))
    assert [out for out, _ in outputs] == [f"5 {wanted}\n"] * 2, outputs
    assert [entry.state for entry in entries(tmp_path / "bare")] == ["whole"]
    at_home = open_cache(source, DecodeOptions(), root=tmp_path / "home").folder
    for file in at_home.iterdir():
        assert file.read_bytes() == (tmp_path / "bare" / at_home.name / file.name).read_bytes()


def test_a_disk_that_fills_up_ends_in_one_sentence_and_leaves_nothing(source: FileSource, tmp_path: Path) -> None:
    def small() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    out, errors = _python(_OPEN, str(tmp_path / "set"), str(tmp_path / "cache"), preexec_fn=small).communicate(
        timeout=300
    )
    assert out.startswith(f"1 cannot write the cache {tmp_path / 'cache'}"), errors
    assert "Point DLIC_CACHE at a folder with space" in out
    assert entries(tmp_path / "cache") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else to be refused")
def test_a_cache_that_can_only_be_read_serves_and_no_other_is_made(source: FileSource, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    open_cache(source, DecodeOptions(), root=root)
    write_pictures(tmp_path / "other", 2)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    root.chmod(0o555)
    for pictures, wanted in ((tmp_path / "set", "5 "), (tmp_path / "other", "2 cannot write the cache")):
        out, errors = _python(_OPEN, str(pictures), str(root), "65534").communicate(timeout=300)
        assert out.startswith(wanted), errors
    assert "Permission denied" in out
