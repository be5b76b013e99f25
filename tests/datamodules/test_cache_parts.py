"""A cache that several machines build in parts: the same to the byte, whoever comes last."""

import filecmp

import pytest

from dlic_datamodules.cache_parts import Part
from dlic_datamodules.cached import CachedPictures, cache_root
from dlic_registry import DlicError


def _folders(root):
    return sorted(path for path in root.iterdir() if path.is_dir())


@pytest.mark.slow
def test_parts_joined_are_the_cache_that_one_machine_builds(inline, pictures, tmp_path, monkeypatch):
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    command = ("prepare", "folder", "--root", pictures, "--skip")
    monkeypatch.setenv("DLIC_CACHE", str(whole))
    inline(*command)
    monkeypatch.setenv("DLIC_CACHE", str(shared))
    for number, left in ((2, "other parts are still to come"), (2, "other parts")):
        assert left in inline(*command, "--part", f"{number}/2")[0]
    assert "joined" in inline(*command, "--part", "1/2")[0]
    assert [f.name for f in _folders(shared)] == [f.name for f in _folders(whole)]
    for ours, theirs in zip(_folders(shared), _folders(whole), strict=True):
        files = [path.name for path in theirs.iterdir()]
        assert filecmp.cmpfiles(ours, theirs, files, shallow=False)[0] == files
        CachedPictures(ours).get(0)
    # A part that is there, of a set that is there, is no work.
    assert "joined" in inline(*command, "--part", "2/2")[0]
    assert cache_root() == shared


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/2/3", "-1/2"])
def test_what_is_no_part_is_a_sentence(text):
    with pytest.raises(DlicError, match="write 3/16"):
        Part.parse(text)
    spans = [Part(number, 7).span(23) for number in range(1, 8)]
    assert [i for span in spans for i in span] == list(range(23))
