"""The cache: whole or not there, built once, found again, given back."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from picture_maker import encoded, noise, write_pictures

from dlic_datamodules.cache import CachedPictures, cache_key, cache_root, clear, entries
from dlic_datamodules.cache_build import open_cache
from dlic_datamodules.decode import DecodeOptions, decode
from dlic_datamodules.errors import DataError
from dlic_datamodules.source import FileSource, scan

_BUILD = """
import resource, signal, sys
from dlic_datamodules.cache_build import open_cache
from dlic_datamodules.decode import DecodeOptions
from dlic_datamodules.source import scan
if sys.argv[3] != "-1":
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
cached = open_cache(scan([sys.argv[1]], "set"), DecodeOptions(), root=sys.argv[2])
print(len(cached))
"""


def _digest(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def _start(pictures: Path, root: Path, most: int = -1) -> subprocess.Popen[str]:
    """Builds in a process, which the system kills at the byte of a file that is one more than the most."""
    command = [sys.executable, "-c", _BUILD, str(pictures), str(root), str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    write_pictures(tmp_path / "set", 5)
    (tmp_path / "set" / "wide.jpg").write_bytes(encoded(noise(20, 90), "JPEG"))
    return scan([tmp_path / "set"], "set")


def test_cached_pictures_are_the_decoded_ones(source: FileSource, tmp_path: Path) -> None:
    for options in (DecodeOptions(), DecodeOptions(gray=True, downsize=2)):
        cached = open_cache(source, options, root=tmp_path / "cache")
        assert len(cached) == 6
        for index in range(6):
            np.testing.assert_array_equal(cached.get(index), decode(source.read(index, 1 << 20), options))
            assert cached.name(index) == source.name(index)
        assert cached.sizes().tolist() == [list(cached.get(index).shape[1:]) for index in range(6)]
        with pytest.raises(ValueError, match="read-only"):
            cached.get(0)[:] = 0


def test_key_follows_content_names_and_options_but_not_place_and_time(source: FileSource, tmp_path: Path) -> None:
    key = cache_key(source, DecodeOptions())
    shutil.copytree(tmp_path / "set", tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere" / "wide.jpg", (1, 1))
    assert cache_key(scan([tmp_path / "elsewhere"], "set"), DecodeOptions()) == key
    others = [cache_key(source, options) for options in (DecodeOptions(gray=True), DecodeOptions(downsize=2))]
    (tmp_path / "set" / "wide.jpg").write_bytes(encoded(noise(20, 90, seed=1), "JPEG"))
    others.append(cache_key(scan([tmp_path / "set"], "set"), DecodeOptions()))
    (tmp_path / "set" / "wide.jpg").rename(tmp_path / "set" / "narrow.jpg")
    others.append(cache_key(scan([tmp_path / "set"], "set"), DecodeOptions()))
    assert len({key, *others}) == 5


def test_large_sets_are_known_by_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    big = tmp_path / "set" / "big.png"
    big.write_bytes(encoded(noise(10, 10)))
    os.truncate(big, 70 << 20)
    before = scan([tmp_path / "set"], "set").fingerprint()
    assert scan([tmp_path / "set"], "set").fingerprint() == before
    os.utime(big, ns=(5, 5))
    assert scan([tmp_path / "set"], "set").fingerprint() != before


@pytest.mark.slow
def test_killed_build_leaves_nothing_and_the_next_is_the_same_to_the_byte(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", 12, size=(400, 400))
    undisturbed = open_cache(scan([tmp_path / "set"], "set"), DecodeOptions(), root=tmp_path / "calm").folder
    root = tmp_path / "rough"
    for most in (1, 3_000_000):
        process = _start(tmp_path / "set", root, most)
        assert process.wait() == -signal.SIGXFSZ
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (root / undisturbed.name).exists()
    assert [entry.whole for entry in entries(root)] == [False]
    again = open_cache(scan([tmp_path / "set"], "set"), DecodeOptions(), root=root).folder
    assert _digest(again) == _digest(undisturbed)
    assert [entry.whole for entry in entries(root)] == [True]


@pytest.mark.slow
def test_processes_that_ask_at_once_build_once(tmp_path: Path) -> None:
    write_pictures(tmp_path / "set", 20, size=(400, 400))
    both = [_start(tmp_path / "set", tmp_path / "cache") for _ in range(2)]
    seen: set[int] = set()
    pixels = tmp_path / "cache" / f"{cache_key(scan([tmp_path / 'set'], 'set'), DecodeOptions())}.partial" / "pixels.u8"
    while any(process.poll() is None for process in both):
        with contextlib.suppress(OSError):
            seen.add(pixels.stat().st_ino)
        time.sleep(0.002)
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert all(output[0] == "20\n" for output in outputs)
    # What was written first is what stands there.
    (entry,) = entries(tmp_path / "cache")
    assert seen <= {(entry.folder / "pixels.u8").stat().st_ino}


def test_second_opening_decodes_nothing(source: FileSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_cache(source, DecodeOptions(), root=tmp_path / "cache").folder
    before = (folder / "pixels.u8").stat().st_mtime_ns
    with monkeypatch.context() as without:
        without.setattr(sys, "executable", "/nowhere/python")  # which decodes
        assert open_cache(source, DecodeOptions(), root=tmp_path / "cache").folder == folder
        with pytest.raises(DataError, match="a decoding process"):
            open_cache(source, DecodeOptions(gray=True), root=tmp_path / "cache")
    assert (folder / "pixels.u8").stat().st_mtime_ns == before


def test_policy_for_unusable_pictures(source: FileSource, tmp_path: Path) -> None:
    (tmp_path / "set" / "0002.png").write_bytes(b"x")
    source = scan([tmp_path / "set"], "set")
    root = tmp_path / "cache"
    with pytest.raises(DataError, match=r"0002.png: not a picture"):
        open_cache(source, DecodeOptions(), root=root)
    assert entries(root) == []
    with pytest.raises(DataError, match=r"1 of 6 pictures cannot be used, more than the share max_failed = 0\.1"):
        open_cache(source, DecodeOptions(), root=root, on_error="skip", max_failed=0.1)
    cached = open_cache(source, DecodeOptions(), root=root, on_error="skip", max_failed=0.2)
    assert cached.failures == [("0002.png", "not a picture in any format read here")]
    assert [cached.name(index) for index in range(5)] == ["0000.png", "0001.png", "0003.png", "0004.png", "wide.jpg"]
    with pytest.raises(DataError, match=r"0002.png"):  # what was built for `skip` does not hide it from `raise`
        open_cache(source, DecodeOptions(), root=root)


def test_damaged_caches_are_refused_by_name(source: FileSource, tmp_path: Path) -> None:
    folder = open_cache(source, DecodeOptions(), root=tmp_path / "cache").folder
    for name in ("pixels.u8", "index.npy", "meta.json"):
        copy = tmp_path / name / folder.name
        shutil.copytree(folder, copy)
        os.truncate(copy / name, (copy / name).stat().st_size // 2)
        with pytest.raises(DataError, match="dlic cache clear"):
            CachedPictures(copy)


def test_too_little_space_is_known_before(source: FileSource, tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "x", mount], check=False).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    try:
        write_pictures(tmp_path / "set", 20, size=(100, 100))
        with pytest.raises(DataError, match=r"needs about .* KB, .* free\nPoint DLIC_CACHE at a larger disk"):
            open_cache(scan([tmp_path / "set"], "set"), DecodeOptions(), root=mount)
        assert entries(mount) == []
    finally:
        subprocess.run(["umount", mount], check=True)


def test_root_comes_from_argument_then_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DLIC_CACHE", str(tmp_path / "a"))
    assert cache_root() == tmp_path / "a"
    assert cache_root(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("DLIC_CACHE")
    assert cache_root() == Path.home() / ".cache" / "dlic"


def test_unwritable_root_says_where_to_point(source: FileSource, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Point DLIC_CACHE at"):
        open_cache(source, DecodeOptions(), root=tmp_path / "file" / "cache")


@pytest.mark.slow
def test_list_and_clear(source: FileSource, tmp_path: Path) -> None:
    root = tmp_path / "cache"
    gray = open_cache(source, DecodeOptions(gray=True), root=root).folder
    color = open_cache(source, DecodeOptions(), root=root).folder
    (root / "notes").mkdir()
    (root / "notes" / "keep.txt").write_text("mine")

    def dlic(*words: str) -> subprocess.CompletedProcess[str]:
        script = "import sys; from lightning_dlic.cli.main import main; sys.argv[0] = 'dlic'; main()"
        command = [sys.executable, "-c", script, "cache", *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=300, env={**os.environ, "DLIC_CACHE": str(root)}
        )

    listed = dlic("list").stdout
    assert all(word in listed for word in (gray.name, color.name, "6 pictures", str(tmp_path / "set"), "2 sets"))
    unknown = dlic("clear", "no-such-set")
    assert (unknown.returncode, "Traceback" in unknown.stderr) == (2, False)
    assert dlic("clear").returncode == 2
    assert "removed 1 sets" in dlic("clear", gray.name).stdout
    assert [entry.key for entry in entries(root)] == [color.name]
    held = CachedPictures(color)
    first = held.get(0).copy()
    assert len(clear(root)) == 1
    assert entries(root) == []
    np.testing.assert_array_equal(held.get(0), first)  # a run that has it open goes on
    assert (root / "notes" / "keep.txt").read_text() == "mine"
