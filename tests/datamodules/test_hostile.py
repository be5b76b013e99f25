"""Two hundred hostile files: no traceback, no hang, no more than 2 GB."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forking import run_forked
from picture_maker import hostile_files, write_hostile

_RUN = """
import json, os, resource, sys
from pathlib import Path
from dlic_datamodules.errors import DataError, PictureError
from dlic_datamodules.folder import FolderDataModule
folder, run = Path(sys.argv[1]), Path(sys.argv[2])
data = FolderDataModule(str(folder), valid_fraction=0, crop=16, batch_size=8, on_error="skip", max_failed=1, workers=0)
data.configure(steps=4, run_dir=run)
data.setup("fit")
batches = [tuple(batch["image"].shape) for batch in data.train_dataloader()]
direct = FolderDataModule(
    str(folder), valid_fraction=0, crop=16, on_error="skip", max_failed=1, workers=0, cache=False
)
direct.setup("fit")
pictures, reasons = direct.pictures("train"), 0
for index in range(len(pictures)):
    try:
        pictures.get(index)
    except PictureError:
        reasons += 1
# Of this process not by getrusage: its maximum goes on from the process that started this one.
own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
peak = [own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]
print(json.dumps({"batches": batches, "used": len(data.pictures("train")), "found": len(pictures), "direct": reasons,
                  "peak": max(peak), "seconds": sum(os.times()[:4])}))
"""


@pytest.mark.slow
def test_hostile_folder_is_survived_and_accounted_for(tmp_path: Path) -> None:
    written = write_hostile(tmp_path / "pictures")
    assert written >= 200
    done = run_forked(_RUN, tmp_path / "pictures", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["seconds"] < 90  # of processor time: a busy machine is no hang
    assert result["batches"] == [[8, 3, 16, 16]] * 4
    assert result["peak"] < 2_000_000  # KiB, of the largest process
    with open(tmp_path / "run" / "skipped.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    # A link to a folder that is called .png is walked as a folder, so everything found is either used or listed.
    assert len(rows) + result["used"] == result["found"]
    assert result["used"] >= 7
    assert all(row["reason"] and row["split"] == "train" for row in rows)
    reasons = {row["name"]: row["reason"] for row in rows}
    assert reasons["empty.jpg"] == "the file is empty"
    assert "not a picture" in reasons["text.jpg"]
    assert "not a picture" in reasons["script.jpg"]  # PostScript is not run
    assert "not a regular file" in reasons["pipe.jpg"]
    assert "not a regular file" in reasons["device.png"]
    assert "more than max_pixels" in reasons["just_over.png"]
    assert "more than max_pixels" in reasons["zeros_900m.png"]
    assert "scans" in reasons["scans.jpg"]
    assert "No such file" in reasons["gone.png"]
    # Reading in the process itself refuses the same ones.
    assert result["direct"] == len(rows)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["empty.jpg", "zeros_900m.png", "cut3.jpg"])
def test_one_bad_picture_ends_in_one_short_sentence(name: str, tmp_path: Path) -> None:
    from dlic_datamodules.errors import DataError
    from dlic_datamodules.folder import FolderDataModule

    (tmp_path / name).write_bytes(hostile_files()[name])
    data = FolderDataModule(str(tmp_path), workers=0)
    with pytest.raises(DataError) as caught:
        data.setup("fit")
    message = str(caught.value)
    assert name in message
    assert "on_error=skip" in message
    assert len(message.splitlines()) <= 5


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become somebody else to be refused")
def test_unreadable_files_and_folders_are_named(tmp_path: Path) -> None:
    from picture_maker import write_pictures

    write_pictures(tmp_path / "set", 3)
    write_pictures(tmp_path / "set" / "closed", 1)
    write_pictures(tmp_path / "set" / "listed", 1)
    (tmp_path / "set" / "0001.png").chmod(0)
    (tmp_path / "set" / "listed").chmod(0o444)
    (tmp_path / "set" / "closed").chmod(0)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys; from dlic_datamodules.source import scan; from dlic_datamodules.errors import PictureError\n"
        "os.seteuid(65534)\n"
        "source = scan([sys.argv[1]], 'x')\n"
        "for i in range(len(source)):\n"
        "    try: source.read(i, 10**9); print(source.name(i), 'read')\n"
        "    except PictureError as error: print(source.name(i), error.reason)\n"
        "from pathlib import Path; from dlic_datamodules.walk import find_files\n"
        "print('walk', len(find_files(Path(sys.argv[1]), frozenset({'.png'})).files))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "set")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    lines = sorted(done.stdout.splitlines())
    assert lines == [
        "0000.png read",
        "0001.png cannot be read: Permission denied",
        "0002.png read",
        "closed folder cannot be listed: Permission denied",
        "listed/0000.png cannot be read: Permission denied",
        "walk 4",
    ], done.stderr
