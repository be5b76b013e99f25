"""Trained networks on the Hugging Face Hub, written ``hf://USER/REPO[@REVISION][/FILE][#SHA256]``.

People write such addresses, in recipes and on command lines. No bitstream ever leads here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from dlic_datamodules.files import sha256
from dlic_registry import DlicError, MachineError

PREFIX = "hf://"
_ADDRESS = re.compile(
    r"hf://(?P<repo>[A-Za-z0-9][\w.-]*/[\w.-]+)(@(?P<revision>[\w.-]+))?(/(?P<file>[^#@]+))?(#(?P<digest>[0-9a-f]{8,64}))?"
)
_FORM = "hf://USER/REPO, perhaps with @REVISION, /FILE.safetensors and #SHA256 behind it, in this order"
# All that a model of ours consists of; nothing that could run is ever fetched.
_KINDS = (".safetensors", ".yaml")
_DIGITS = 16


class HubError(DlicError):
    """What was asked of the hub is not there."""


class HubDownError(HubError, MachineError):
    """The hub does not answer."""


@dataclass(frozen=True)
class Address:
    """What stands on the hub.

    Attributes:
        repo: User and name.
        revision: Branch, tag or commit; None for the newest of its main branch.
        file: Path in the repository; None for its only weights file.
        digest: How the SHA-256 of that file begins; None where anything will do.
    """

    repo: str
    revision: str | None = None
    file: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        parts = ((self.revision, "@"), (self.file, "/"), (self.digest, "#"))
        return f"{PREFIX}{self.repo}" + "".join(f"{mark}{part}" for part, mark in parts if part)


def names_hub(text: object) -> bool:
    """Whether a text is an address on the hub, rather than a path or a name."""
    return isinstance(text, str) and text.startswith(PREFIX)


def parse(text: str) -> Address:
    """Reads an address.

    Raises:
        HubError: It is none, or names a file of a kind that is not fetched.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise HubError(f"{text}: not an address of the hub\nWrite {_FORM}")
    address = Address(**{name: value for name, value in found.groupdict().items() if name in Address.__annotations__})
    if address.file is not None:
        path = PurePosixPath(address.file)
        if path.suffix not in _KINDS or path.is_absolute() or ".." in path.parts:
            raise HubError(f"{text}: of a repository only files in {' and '.join(_KINDS)} are fetched")
    return address


def fetch(text: str) -> Path:
    """The weights file of an address, downloaded if it is not here yet.

    Raises:
        HubError: There is no such repository, revision or file, it is not the file that was pinned, or the hub does not
            answer.
    """
    return _fetched(text)[0]


def pinned(text: str) -> str:
    """An address with the commit and the digest that it has now: the same file for ever, or an error.

    Raises:
        HubError: As `fetch`.
    """
    return str(_fetched(text)[1])


def repository_name(text: str) -> str:
    """What tables call a network of the hub: its repository's name, or its file's in it."""
    address = parse(text)
    return PurePosixPath(address.file).stem if address.file else address.repo.partition("/")[2]


@lru_cache(maxsize=64)
def _fetched(text: str) -> tuple[Path, Address]:
    address = parse(text)
    with _errors(text):
        if address.file is None:
            address = _only_file(address)
        path, commit = _download(address)
    digest = sha256(path)
    if address.digest is not None and not digest.startswith(address.digest):
        raise HubError(f"{text}: not the file that was pinned: its SHA-256 begins {digest[: len(address.digest)]}")
    return path, replace(address, revision=commit, digest=digest[:_DIGITS])


def fetch_folder(text: str) -> Path:
    """The folder of a repository: its pipeline, weights and cards, downloaded as far as they are not here yet.

    Raises:
        HubError: As `fetch`, or the address names a file.
    """
    address = parse(text)
    if address.file is not None or address.digest is not None:
        raise HubError(f"{text}: a whole repository is meant here\nWrite hf://USER/REPO, or hf://USER/REPO@REVISION")
    from huggingface_hub import snapshot_download

    patterns = [f"*{kind}" for kind in _KINDS]
    with _errors(text):
        return Path(snapshot_download(address.repo, revision=address.revision, allow_patterns=patterns, **_places()))


def _only_file(address: Address) -> Address:
    from huggingface_hub import HfApi

    info = HfApi(endpoint=_places()["endpoint"]).model_info(address.repo, revision=address.revision)
    files = sorted(each.rfilename for each in info.siblings or () if each.rfilename.endswith(_KINDS[0]))
    if len(files) != 1:
        told = (
            f"has {len(files)} weights files: {', '.join(files[:8])}" if files else "has no weights file (.safetensors)"
        )
        raise HubError(f"{address}: this repository {told}" + (f"\nName one: {address}/{files[0]}" if files else ""))
    # The commit that the list is of, lest another comes in between.
    return replace(address, file=files[0], revision=info.sha or address.revision)


def _download(address: Address) -> tuple[Path, str]:
    """A file, and the commit that it is of."""
    from huggingface_hub import hf_hub_download

    assert address.file is not None
    path = Path(hf_hub_download(address.repo, address.file, revision=address.revision, **_places()))
    # The hub's cache has a folder a commit: .../snapshots/COMMIT/FILE.
    commit = path.parts[-len(PurePosixPath(address.file).parts) - 1]
    return path, commit


def _places() -> dict[str, Any]:
    """Where the hub and its cache are, as the environment says now rather than when the library was imported."""
    return {"endpoint": os.environ.get("HF_ENDPOINT"), "cache_dir": os.environ.get("HF_HUB_CACHE")}


@contextmanager
def _errors(text: str) -> Iterator[None]:
    """Turns what goes wrong on the way to the hub into a sentence."""
    from huggingface_hub import errors

    try:
        yield
    except DlicError:
        raise
    except errors.GatedRepoError as error:
        hint = "Accept its terms on its page, then give a token of that account: hf auth login, or HF_TOKEN"
        raise HubError(f"{text}: access to this repository is granted by its owner\n{hint}") from error
    except errors.RepositoryNotFoundError as error:
        raise HubError(f"{text}: no such repository, or a private one without a token that may read it") from error
    except errors.RevisionNotFoundError as error:
        raise HubError(f"{text}: the repository has no such revision") from error
    except errors.LocalEntryNotFoundError as error:
        raise HubDownError(
            f"{text}: not here yet, and the hub does not answer; a file that is here needs none"
        ) from error
    except errors.EntryNotFoundError as error:
        raise HubError(f"{text}: the repository has no such file") from error
    except Exception as error:  # Which library's errors a lost connection is, depends on the client's version.
        reason = " ".join(str(error).split())[:160]
        raise HubDownError(f"{text}: cannot be fetched ({reason})") from error


def upload(folder: Path, address: Address, *, private: bool = False) -> Address:
    """Puts a folder's files into a repository, which is made where it is not there yet.

    Args:
        folder: The folder.
        address: The repository.
        private: Whether one that is made is private.

    Returns:
        The address with its new commit.

    Raises:
        HubError: There is no token, or the hub refuses or does not answer.
    """
    from huggingface_hub import HfApi, get_token

    token = os.environ.get("HF_TOKEN") or get_token()
    if not token:
        hint = "Log in by hf auth login, or set HF_TOKEN; or give a folder, and upload that from elsewhere"
        raise HubError(f"{address}: uploading needs a token\n{hint}")
    api = HfApi(endpoint=_places()["endpoint"], token=token)
    with _errors(str(address)):
        api.create_repo(address.repo, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=address.repo, folder_path=folder, commit_message="Weights, card and page")
    return replace(address, revision=done.oid)
