"""Writing a file that a user names: whole or not at all, and without harm to what is there."""

import contextlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dlic_datamodules.files import FileError, check_target, remove_leftovers, write_file, writing
from dlic_registry import MachineError


def test_what_is_there_keeps_its_mode_and_links_their_aim(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    real = tmp_path / "deep" / "real"
    real.write_bytes(b"old")
    real.chmod(0o640)
    (tmp_path / "link").symlink_to("deep/real")
    (tmp_path / "dangling").symlink_to("deep/new")
    for name in ("link", "dangling"):
        write_file(tmp_path / name, b"new")
        assert (tmp_path / name).is_symlink()
    assert (real.read_bytes(), stat.S_IMODE(real.stat().st_mode)) == (b"new", 0o640)
    assert (tmp_path / "deep" / "new").read_bytes() == b"new"
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "deep" / "new").stat().st_mode) == 0o666 & ~mask
    assert len(list((tmp_path / "deep").iterdir())) == 2


def test_pipes_and_devices_are_written_into(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_file(pipe, b"x" * 100_000)
    reader.join(300)
    assert got == [b"x" * 100_000]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "null").symlink_to("/dev/null")
    write_file(tmp_path / "null", b"gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(FileError, match="not a regular file"), writing(pipe):
        pass


def test_an_open_file_by_its_number_is_gone_on_with(tmp_path: Path) -> None:
    code = "from dlic_datamodules.files import write_file; write_file('/dev/stdout', b'second')"
    with (tmp_path / "log").open("wb") as log:
        log.write(b"first ")
        log.flush()
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_bytes() == b"first second"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else to be refused")
def test_what_is_read_only_stays(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    target.chmod(0o444)
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o777)
    code = (
        "import os, sys; from dlic_datamodules.files import write_file; os.seteuid(65534)\n"
        "write_file(sys.argv[1], b'new')"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=False)
    assert "cannot be written (it is read-only)" in done.stderr
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("link", ["hard", "symbolic", "none", "relative"])
def test_the_source_is_not_the_target(tmp_path: Path, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "a.png"
    source.write_bytes(b"picture")
    target = {"none": source, "relative": Path("a.png")}.get(link, tmp_path / "b")
    if link == "hard":
        target.hardlink_to(source)
    elif link == "symbolic":
        target.symlink_to(source)
    with pytest.raises(FileError, match="is the source"):
        check_target(target, source)
    check_target(tmp_path / "c", source)


@pytest.mark.parametrize(
    ("name", "message"),
    [("absent/a", "no folder"), ("n" * 300, "name too long"), (".", "is a folder"), ("loop", "symbolic links")],
)
def test_what_cannot_be_written_is_said_before_anything_is_computed(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileError, match=f"(?i){message}"):
        check_target(tmp_path / name)
    with pytest.raises(FileError):
        write_file(tmp_path / name, b"")
    assert [path.name for path in tmp_path.iterdir()] == ["loop"]


def test_a_name_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    write_file(tmp_path / ("n" * 255), b"x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_a_full_disk_is_the_machines_fault() -> None:
    with pytest.raises(MachineError, match=r"/dev/full: cannot be written \(No space left"):
        write_file("/dev/full", b"x")


def test_what_fails_or_is_killed_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with contextlib.suppress(RuntimeError), writing(target) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    code = (
        "import os, sys; from pathlib import Path; from dlic_datamodules.files import writing\n"
        "with writing(Path(sys.argv[1])) as part: part.write_bytes(b'half'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert target.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [target]
