"""Which files of a folder are found, and that what is made of them never meets."""

import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlic_datamodules.walk import find_files, target_names


def named(names: list[str], ending: str = ".dlic") -> list[str]:
    return [str(name) for name in target_names([PurePosixPath(name) for name in names], lambda _: ending)]


@pytest.mark.parametrize(
    ("names", "made"),
    [
        (["a.jpg", "b.png"], ["a.dlic", "b.dlic"]),
        (["a.jpg", "a.png"], ["a.jpg.dlic", "a.png.dlic"]),
        (["a.jpg", "a.jpg.png", "a.png"], ["a.jpg.dlic", "a.jpg.png.dlic", "a.png.dlic"]),
        (["A.png", "a.jpg"], ["A.png.dlic", "a.jpg.dlic"]),
        (["A.png", "a.png"], ["A.png.dlic", "a.png~2.dlic"]),
        (["D/a.png", "d/a.png"], ["D/a.png.dlic", "d/a.png~2.dlic"]),
        (["caf\u00e9.png", "cafe\u0301.png"], ["caf\u00e9.png.dlic", "cafe\u0301.png~2.dlic"]),
        (["x.png", "x.dlic/y.png"], ["x.png.dlic", "x.dlic/y.dlic"]),
        (["x.png", "x.dlic/y.png", "X.png.DLIC/z"], ["x.png~2.dlic", "x.dlic/y.dlic", "X.png.DLIC/z.dlic"]),
        (["a", "a.b", "x/a"], ["a.dlic", "a.b.dlic", "x/a.dlic"]),
    ],
)
def test_names_stay_apart(names: list[str], made: list[str]) -> None:
    assert named(names) == made


def test_a_file_that_has_the_ending_keeps_its_name() -> None:
    assert named(["a.gif", "a.png", "b.png"], ".png") == ["a.gif.png", "a.png", "b.png"]


_PIECES = st.lists(
    st.sampled_from(["a", "A", "b", ".jpg", ".png", ".dlic", "~2", "\u00e9", "e\u0301", "ß", "ss"]), min_size=1
)


@given(st.lists(_PIECES.map("".join).filter(lambda name: name.strip(".")), unique=True, max_size=12))
def test_no_names_whatever_meet(names: list[str]) -> None:
    made = named(names)
    assert len({unicodedata.normalize("NFD", name.casefold()) for name in made}) == len(names)
    assert all(name.endswith(".dlic") for name in made)


def test_links_are_followed_once_and_what_is_left_is_counted(tmp_path: Path) -> None:
    for name in ("a.PNG", "b.jfif", "notes.txt", ".hidden.png", "sub/c.jp2", "sub/d.mpo", "out/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.png")
    suffixes = frozenset({".png", ".jfif", ".jp2", ".mpo"})
    found = find_files(tmp_path, suffixes, without=tmp_path / "out")
    names = [path.relative_to(tmp_path).as_posix() for path in found.files]
    assert names == ["a.PNG", "b.jfif", "gone.png", "sub/c.jp2", "sub/d.mpo"]
    assert found.others == {".txt": 1, "no regular file": 1}
