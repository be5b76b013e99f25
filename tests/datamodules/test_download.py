"""Downloads from a server on this machine that breaks off, lies and refuses."""

import hashlib
import http.server
import io
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from picture_maker import encoded, noise

from dlic_datamodules.div2k import DIV2KDataModule
from dlic_datamodules.download import fetch, fetch_many, unpack
from dlic_datamodules.errors import DataError
from dlic_datamodules.prepare import Archive, cache_now, prepare_div2k, prepare_raise


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; see its handler for what may go wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.break_after: int | None = None
        self.ranges = True
        self.requests: list[tuple[str, str | None]] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.requests.append((self.path, self.headers.get("Range")))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            self._answer(server.files.get(self.path.removeprefix("/")))
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, data: bytes | None) -> None:
        if data is None:
            self.send_error(404, "Not Found")
            return
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        limit = self.server.break_after
        self.wfile.write(data[start:] if limit is None else data[start : start + limit])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def test_broken_connections_are_resumed_and_checked(server: Server, tmp_path: Path) -> None:
    data = noise(100, 100).tobytes()
    server.files["a.bin"] = data
    server.break_after = 12_000
    fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5=hashlib.md5(data).hexdigest())
    assert (tmp_path / "a.bin").read_bytes() == data
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
    assert [given for _, given in server.requests] == [None, "bytes=12000-", "bytes=24000-"]


def test_an_earlier_part_is_taken_up_or_replaced(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = b"0123456789"
    (tmp_path / "a.bin.part").write_bytes(b"0123")
    fetch(f"{server.url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == b"0123456789"
    assert server.requests[-1][1] == "bytes=4-"
    server.ranges = False  # a server that cannot resume starts again
    (tmp_path / "b.bin.part").write_bytes(b"other")
    server.files["b.bin"] = b"0123456789"
    fetch(f"{server.url}/b.bin", tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == b"0123456789"
    server.ranges = True
    (tmp_path / "c.bin.part").write_bytes(b"longer than the file on the server")
    server.files["c.bin"] = b"0123456789"
    fetch(f"{server.url}/c.bin", tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == b"0123456789"


def test_wrong_checksums_are_refused(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = b"not what was promised"
    with pytest.raises(DataError, match=r"has md5 .* and was removed"):
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5="0" * 32)
    assert not (tmp_path / "a.bin").exists()
    assert not (tmp_path / "a.bin.part").exists()
    (tmp_path / "a.bin").write_bytes(b"put here by hand")
    with pytest.raises(DataError, match="Remove it"):
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", md5="0" * 32)
    assert (tmp_path / "a.bin").read_bytes() == b"put here by hand"


def test_refusals_and_dead_connections_end(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="answers 404"):
        fetch(f"{server.url}/none", tmp_path / "none")
    server.files["a.bin"] = b"0123456789"
    server.break_after = 0
    with pytest.raises(DataError, match="what has arrived is kept"):
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", attempts=2)
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:1/a.bin", tmp_path / "b.bin", attempts=1)


def test_connections_are_bounded(server: Server, tmp_path: Path) -> None:
    server.files |= {f"{n}.bin": bytes(200_000) for n in range(12)}
    files = [(f"{server.url}/{n}.bin", tmp_path / f"{n}.bin") for n in range(13)]
    failed = fetch_many(files, 3, "test")
    assert [url for url, _ in failed] == [f"{server.url}/12.bin"]
    assert sum(1 for _ in tmp_path.glob("*.bin")) == 12
    assert server.most_at_once <= 3


def _zip(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, data in names.items():
            packed.writestr(name, data)
    return out.getvalue()


def _archives(server: Server) -> list[Archive]:
    archives = []
    for folder, first, count in (
        ("DIV2K_train_HR", 1, 3),
        ("DIV2K_valid_HR", 801, 2),
        ("DIV2K_train_LR_bicubic/X4", 1, 3),
    ):
        data = _zip({f"{folder}/{n:04d}.png": encoded(noise(30, 40, seed=n)) for n in range(first, first + count)})
        name = folder.replace("/", "_") + ".zip"
        server.files[name] = data
        archives.append(Archive(name, hashlib.md5(data).hexdigest(), len(data), folder, count))
    return archives


def test_div2k_from_nothing_to_a_cached_set(server: Server, tmp_path: Path) -> None:
    archives = _archives(server)
    server.break_after = 4000
    prepare_div2k(tmp_path, url=server.url, archives=archives)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        "DIV2K_train_HR",
        "DIV2K_train_LR_bicubic",
        "DIV2K_valid_HR",
    ]
    asked = len(server.requests)
    prepare_div2k(tmp_path, url=server.url, archives=archives)
    assert len(server.requests) == asked
    assert cache_now(DIV2KDataModule(str(tmp_path))) == {"train": 3, "valid": 2}


def test_archives_put_there_by_hand_are_used(server: Server, tmp_path: Path) -> None:
    archives = _archives(server)[:2]
    for archive in archives:
        (tmp_path / archive.name).write_bytes(server.files[archive.name])
    prepare_div2k(tmp_path, url="http://127.0.0.1:1", archives=archives, keep=True)
    assert server.requests == []
    assert (tmp_path / "DIV2K_valid_HR" / "0802.png").is_file()
    assert (tmp_path / archives[0].name).is_file()


def test_archives_cannot_write_elsewhere(tmp_path: Path) -> None:
    for name in ("../out.png", "/tmp/out.png", "a/../../out.png", "a\\..\\out.png"):
        (tmp_path / "bad.zip").write_bytes(_zip({"good.png": b"x", name: b"y"}))
        with pytest.raises(DataError, match="leads out of the folder"):
            unpack(tmp_path / "bad.zip", tmp_path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["bad.zip"]
    (tmp_path / "bad.zip").write_bytes(_zip({"good.png": encoded(noise(30, 30))})[:-40])
    with pytest.raises(DataError, match="damaged archive"):
        unpack(tmp_path / "bad.zip", tmp_path)


def _dlic(*words: str) -> subprocess.CompletedProcess[str]:
    script = "import sys; from lightning_dlic.cli.main import main; sys.argv[0] = 'dlic'; main()"
    return subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=120)


def test_prepare_without_a_network_says_what_to_fetch(tmp_path: Path) -> None:
    done = _dlic("prepare", "div2k", "--root", str(tmp_path), "--url", "http://127.0.0.1:1/DIV2K")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    message = done.stderr
    for part in (
        "http://127.0.0.1:1/DIV2K",
        "DIV2K_train_HR.zip (md5 bdc2d9338d4e574fe81bf7d158758658)",
        "DIV2K_valid_HR.zip (md5 9fcdda83005c5e5997799b69f955ff88)",
        str(tmp_path),
    ):
        assert part in message
    assert len(message.strip().splitlines()) <= 5


def test_raise_by_its_list(server: Server, tmp_path: Path) -> None:
    listing = tmp_path / "RAISE_1k.csv"
    rows = [f"r{n:03d}t,http://gone.invalid/RAISE/TIFF/r{n:03d}t.TIF" for n in range(3)]
    listing.write_text("File,TIFF\n" + "\n".join(rows) + "\n")
    for n in range(2):
        server.files[f"RAISE/TIFF/r{n:03d}t.TIF"] = encoded(noise(50, 60, seed=n), "TIFF")
    root = tmp_path / "RAISE"
    with pytest.raises(DataError, match="1 of 3 photographs could not be downloaded"):
        prepare_raise(root, listing, form="tiff", host=server.url)
    assert [line.split(",")[0][-9:] for line in (root / "failed.csv").read_text().split()[1:2]] == ["r002t.TIF"]
    assert "404" in (root / "failed.csv").read_text()
    server.files["RAISE/TIFF/r002t.TIF"] = encoded(noise(50, 60, seed=2), "TIFF")
    asked = len(server.requests)
    done = _dlic("prepare", "raise", "--root", str(root), "--csv", str(listing), "--tiff", "--host", server.url)
    assert done.returncode == 0, done.stderr
    assert len(server.requests) == asked + 1
    assert "train: 2 pictures, cached" in done.stdout
    assert "valid: 1 pictures, cached" in done.stdout
    with pytest.raises(DataError, match="no link to a NEF file"):
        prepare_raise(root, listing, form="nef")
    assert os.path.isfile(root / "r002t.TIF")
