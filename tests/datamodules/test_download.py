"""Downloads from a server on this machine that breaks off, lies and refuses."""

import contextlib
import hashlib
import http.server
import io
import os
import stat
import struct
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from picture_maker import encoded, noise

from dlic_datamodules.div2k import DIV2KDataModule
from dlic_datamodules.download import Request, fetch, fetch_many, unpack
from dlic_datamodules.errors import DataError
from dlic_datamodules.prepare import Archive, cache_now, prepare_div2k, prepare_raise


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; see its handler for what may go wrong."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.break_after: int | None = None
        self.ranges = True
        self.tag: str | None = None
        self.raw: Callable[[int], Iterable[bytes]] | None = None
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
        if self.server.raw is not None:
            with contextlib.suppress(OSError):  # whoever asked may have heard enough
                for part in self.server.raw(len(self.server.requests)):
                    self.wfile.write(part)
            self.close_connection = True
            return
        if data is None:
            self.send_error(404, "Not Found")
            return
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.ranges else 0
        if start >= len(data):
            self.send_error(416)
            return
        if self.server.tag is not None and self.headers.get("If-Range", self.server.tag) != self.server.tag:
            start = 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.tag is not None:
            self.send_header("ETag", self.server.tag)
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


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def test_an_earlier_part_is_taken_up_or_replaced(server: Server, tmp_path: Path) -> None:
    data = b"0123456789"
    server.files["a.bin"] = data

    def load(part: bytes, **asked: object) -> str | None:
        (tmp_path / "a.bin").unlink(missing_ok=True)
        (tmp_path / "a.bin.part").write_bytes(part)
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", **asked)
        assert (tmp_path / "a.bin").read_bytes() == data
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.bin"]
        return server.requests[-1][1]

    assert load(b"0123", md5=_md5(data)) == "bytes=4-"
    assert load(b"4567", md5=_md5(data)) is None  # the checksum tells that it was of another file
    assert load(b"0123") is None  # nothing would tell
    assert load(b"longer than the file on the server", md5=_md5(data)) is None
    server.ranges = False  # a server that cannot resume starts again
    assert load(b"other", md5=_md5(data)) == "bytes=5-"


@pytest.mark.slow
@pytest.mark.parametrize("heeds", [True, False])
def test_a_part_of_another_version_is_not_gone_on_with(heeds: bool, server: Server, tmp_path: Path) -> None:
    def break_off(name: str) -> None:
        server.files[name], server.tag = b"a" * 100, '"first"'
        parts = iter([b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\nETag: "first"\r\n\r\n' + b"a" * 60])
        server.raw = lambda _: parts
        with pytest.raises(DataError, match="what has arrived is kept"):
            fetch(f"{server.url}/{name}", tmp_path / name, attempts=1)
        server.raw = None

    break_off("a.bin")
    fetch(f"{server.url}/a.bin", tmp_path / "a.bin")  # the same version: the rest of it
    assert server.requests[-1][1] == "bytes=60-"
    assert (tmp_path / "a.bin").read_bytes() == b"a" * 100
    break_off("b.bin")
    server.files["b.bin"], server.tag = b"b" * 100, '"second"'
    if not heeds:
        tag = b'\r\nETag: "second"\r\n\r\n'
        rest = b"HTTP/1.1 206 Partial\r\nContent-Length: 40\r\nContent-Range: bytes 60-99/100" + tag + b"b" * 40
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 100" + tag + b"b" * 100
        asked = len(server.requests)
        server.raw = lambda number: [rest if number == asked + 1 else whole]
    fetch(f"{server.url}/b.bin", tmp_path / "b.bin")
    assert (tmp_path / "b.bin").read_bytes() == b"b" * 100


_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_DATA = b"0123456789" * 10


def _drip(_: int) -> Iterator[bytes]:
    yield _OK + b"Content-Length: 100000\r\n\r\n"
    for _ in range(100):
        time.sleep(0.05)
        yield b"x"


def _endless(head: bytes, piece: bytes) -> Callable[[int], Iterator[bytes]]:
    def answer(_: int) -> Iterator[bytes]:
        yield head
        while True:
            yield piece

    return answer


def _truncated(number: int) -> list[bytes]:
    if number % 2:
        return [_OK + b'Content-Length: 100\r\nETag: "a"\r\n\r\n' + _DATA[:50]]
    return [b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n\r\n"]


def _always(answer: bytes) -> Callable[[int], list[bytes]]:
    return lambda _: [answer]


_CUT = _always(_OK + b"\r\n" + _DATA[:50])
_ZEROS = _endless(_OK + b"\r\n", bytes(1 << 16))
HOSTILE: dict[str, tuple[Callable[[int], Iterable[bytes]], dict[str, object], str]] = {
    "truncated, and refuses to go on": (_truncated, {}, "cannot be downloaded"),
    "no length, cut short": (_CUT, {}, "does not say how long"),
    "no length, cut short, size known": (_CUT, {"size": 100}, "50 of 100 bytes arrived"),
    "no length, cut short, checksum known": (_CUT, {"md5": _md5(_DATA)}, "has md5"),
    "chunks, cut short": (_always(_CHUNKED + b"32\r\n" + _DATA[:50] + b"\r\n"), {}, "cannot be downloaded"),
    "endless": (_ZEROS, {"md5": "0" * 32, "limit": 1 << 20}, "sends more than 1,048,576 bytes"),
    "endless, size known": (_ZEROS, {"size": 100}, "sends more than 100 bytes"),
    "endless chunks": (
        _endless(_CHUNKED, b"4000\r\n" + bytes(1 << 14) + b"\r\n"),
        {"limit": 1 << 20},
        "sends more than 1,048,576 bytes",
    ),
    "a size beyond all measure": (_always(_OK + b"Content-Length: 99999999999999\r\n\r\n"), {}, "not fetched"),
    "a size that is no number": (_always(_OK + b"Content-Length: -5\r\n\r\n" + _DATA), {}, "does not say how long"),
    "another size": (_always(_OK + b"Content-Length: 100\r\n\r\n" + _DATA), {"size": 99}, "has 100 bytes, not 99"),
    "a drip": (_drip, {"timeout": 0.2}, r"bytes in 0\.2 seconds|timed out"),
    "nothing at all": (lambda _: [time.sleep(30) or b""], {"timeout": 0.1}, "timed out"),
    "no file": (_always(b"HTTP/1.1 204 No Content\r\n\r\n"), {}, "without a file"),
    "a part unasked": (
        _always(b"HTTP/1.1 206 OK\r\nContent-Length: 9\r\nContent-Range: bytes 1-9/10\r\n\r\n123456789"),
        {},
        "changes while it is fetched",
    ),
    "no HTTP": (_always(b"\x00\x01\x02garbage\r\n\r\n"), {}, "cannot be downloaded"),
    "a reason that writes on the terminal": (
        _always(b"HTTP/1.1 404 \x1b[31mgone\x07\r\n\r\n"),
        {},
        r"404 \\x1b\[31mgone\\x07",
    ),
}


@pytest.mark.parametrize(("answer", "asked", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_servers_come_to_an_end_and_leave_no_file(
    answer: Callable[[int], Iterable[bytes]], asked: dict[str, object], message: str, server: Server, tmp_path: Path
) -> None:
    server.raw = answer
    with pytest.raises(DataError, match=message) as caught:
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", **{"attempts": 2, "timeout": 60.0, **asked})
    assert len(server.requests) < 10
    assert len(str(caught.value).splitlines()) <= 2
    assert not (tmp_path / "a.bin").exists()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2000


def test_honest_servers_of_all_kinds_serve(server: Server, tmp_path: Path) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    for name, answers, asked in (
        ("chunks", [_CHUNKED + b"64\r\n" + _DATA + b"\r\n0\r\n\r\n"], {}),
        ("closed", [_OK + b"\r\n" + _DATA], {"size": 100}),
        ("busy", [busy, _OK + b"Content-Length: 100\r\n\r\n" + _DATA], {}),
    ):
        given = iter(answers)
        server.raw = lambda _, given=given: [next(given)]
        fetch(f"{server.url}/{name}", tmp_path / name, **asked)
        assert (tmp_path / name).read_bytes() == _DATA


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/y", "x", "", "http://", "http://a b/", "http://\x1b/", "http://[x/"]
)
def test_what_is_no_address_is_said(url: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch(url, tmp_path / "a.bin", attempts=1)
    assert "\x1b" not in str(caught.value)


def test_no_room_and_no_place_are_one_sentence(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = bytes(100_000)
    code = (
        "import resource, sys; from pathlib import Path; from dlic_datamodules.download import fetch\n"
        "from dlic_datamodules.errors import DataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: fetch(sys.argv[1], Path(sys.argv[2]))\n"
        "except DataError as error: print(error.status, error)\n"
    )
    for place, status in ((tmp_path / "a.bin", 1), (tmp_path / "no" / "a.bin", 2)):
        command = [sys.executable, "-c", code, f"{server.url}/a.bin", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.stdout.startswith(f"{status} {place}: cannot be written: "), done.stderr


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
    with pytest.raises(DataError, match="0 of 10 bytes arrived"):
        fetch(f"{server.url}/a.bin", tmp_path / "a.bin", attempts=2)
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:1/a.bin", tmp_path / "b.bin", attempts=1)


def test_connections_are_bounded(server: Server, tmp_path: Path) -> None:
    server.files |= {f"{n}.bin": bytes(200_000) for n in range(12)}
    files = [Request(f"{server.url}/{n}.bin", tmp_path / f"{n}.bin") for n in range(13)]
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


@pytest.mark.slow
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


def _member(name: str, data: bytes, mode: int = 0, compress: int = zipfile.ZIP_STORED) -> bytes:
    out, member = io.BytesIO(), zipfile.ZipInfo(name)
    member.external_attr, member.compress_type = mode << 16, compress
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("good.png", b"good")
        packed.writestr(member, data)
    return out.getvalue()


def _changed(data: bytes, place: bytes, by: bytes, shift: int = 0) -> bytes:
    """Every record that begins with ``place`` has ``by`` written at ``shift``."""
    out, at = bytearray(data), data.find(place)
    while at >= 0:
        out[at + shift : at + shift + len(by)] = by
        at = data.find(place, at + 1)
    return bytes(out)


_PLAIN = _member("bad.png", b"some picture" * 9)
_PACKED = _member("bad.png", noise(20, 20).tobytes(), compress=zipfile.ZIP_DEFLATED)
_OUT = "leads out of the folder"
ODD_ARCHIVES: dict[str, tuple[bytes, str]] = {
    **{
        name: (_member(name, b"x"), _OUT)
        for name in ("../a.png", "/a.png", "a/../../a.png", "a\\..\\a.png", "C:/a.png")
    },
    "a link": (_member("bad.png", b"/etc/passwd", stat.S_IFLNK | 0o777), "link or a device"),
    "a device": (_member("bad.png", b"", stat.S_IFBLK | 0o600), "link or a device"),
    "encrypted": (_changed(_changed(_PLAIN, b"PK\1\2", b"\1", 8), b"PK\3\4", b"\1", 6), "encrypted"),
    "a bomb": (_member("bad.png", bytes(64 << 20), compress=zipfile.ZIP_DEFLATED), "no archive of pictures does"),
    "a wrong checksum": (_PLAIN.replace(b"some picture", b"some qicture", 1), "Bad CRC-32"),
    "damaged data": (_changed(_PACKED, b"bad.png", b"\xff" * 40, 7), "damaged archive"),
    "an unknown method": (_changed(_changed(_PLAIN, b"PK\1\2", b"\x63", 10), b"PK\3\4", b"\x63", 8), "damaged archive"),
    "a directory elsewhere": (_changed(_PLAIN, b"PK\5\6", b"\xff\xff\xff\x7f", 16), "damaged archive"),
    "a size that is not its own": (_changed(_PLAIN, b"PK\1\2", b"\x05\0\0\0", 24), "damaged archive"),
    "a name too long": (_member("n" * 300, b"x"), "damaged archive"),
    "a file that is a folder": (_member("good.png/bad.png", b"x"), "damaged archive"),
    "cut short": (_PLAIN[:-40], "damaged archive"),
    "nothing": (b"", "damaged archive"),
    "no archive": (b"<!doctype html><title>Sorry</title>", "damaged archive"),
}


@pytest.mark.parametrize(("data", "message"), ODD_ARCHIVES.values(), ids=ODD_ARCHIVES)
def test_odd_archives_are_refused_whole(data: bytes, message: str, tmp_path: Path) -> None:
    root = tmp_path / "in"
    root.mkdir()
    (root / "bad.zip").write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        unpack(root / "bad.zip", root)
    assert len(str(caught.value).splitlines()) <= 2
    assert [entry.name for entry in root.iterdir()] == ["bad.zip"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["in"]


@pytest.mark.slow
def test_prepare_without_a_network_says_what_to_fetch(tmp_path: Path, inline: Callable[..., tuple[str, str]]) -> None:
    _, message = inline("prepare", "div2k", "--root", tmp_path, "--url", "http://127.0.0.1:1/DIV2K", status=2)
    for part in (
        "http://127.0.0.1:1/DIV2K",
        "DIV2K_train_HR.zip (md5 bdc2d9338d4e574fe81bf7d158758658)",
        "DIV2K_valid_HR.zip (md5 9fcdda83005c5e5997799b69f955ff88)",
        str(tmp_path),
    ):
        assert part in message
    assert len(message.strip().splitlines()) <= 5


@pytest.mark.slow
def test_raise_by_its_list(server: Server, tmp_path: Path, inline: Callable[..., tuple[str, str]]) -> None:
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
    said, _ = inline("prepare", "raise", "--root", root, "--csv", listing, "--tiff", "--host", server.url)
    assert len(server.requests) == asked + 1
    assert "train: 2 pictures, cached" in said
    assert "valid: 1 pictures, cached" in said
    with pytest.raises(DataError, match="no link to a NEF file"):
        prepare_raise(root, listing, form="nef")
    assert os.path.isfile(root / "r002t.TIF")


def test_raise_takes_photographs_only_and_only_whole_ones(server: Server, tmp_path: Path) -> None:
    listing, root = tmp_path / "list.csv", tmp_path / "RAISE"
    whole = encoded(noise(50, 60), "TIFF")
    sent = {
        "page": b"<!doctype html><title>Sorry</title>",
        "cut": whole[: len(whole) // 2],
        "head": whole[:8],
        "none": b"",
        "whole": whole,
        "packed": encoded(noise(50, 60), "TIFF", compression="tiff_lzw"),
        "tiles": b"MM\0*" + struct.pack(">IHHHIIHHIII", 8, 2, 324, 4, 1, 4, 325, 4, 1, 1000, 0),
        "loop": b"II*\0" + struct.pack("<IHHHIII", 8, 1, 330, 4, 1, 8, 8),
    }
    server.files |= {f"{name}.TIF": data for name, data in sent.items()}
    listing.write_text("File,TIFF\n" + "".join(f"{name},{server.url}/{name}.TIF\n" for name in sent))
    with pytest.raises(DataError, match="6 of 8 photographs could not be downloaded"):
        prepare_raise(root, listing, form="tiff")
    assert sorted(path.name for path in root.iterdir() if path.suffix == ".TIF") == ["packed.TIF", "whole.TIF"]
    reasons = (root / "failed.csv").read_text()
    for reason in ("is no NEF or TIFF file", "is cut short", "holds no picture"):
        assert reason in reasons
    (root / "cut.TIF").write_bytes(sent["cut"])
    with pytest.raises(DataError, match=r"cut.TIF: is cut short: it speaks of byte .*\nRemove such files"):
        prepare_raise(root, listing, form="tiff")
