"""Finding names in metadata: built-ins, third parties, clashes, and what is wrong with a name."""

import json
from pathlib import Path

import pytest
from plugin_maker import answer, run_python, write_plugin

import dlic_registry
from dlic_registry import AmbiguousNameError, UnknownNameError, load_entry
from lightning_dlic import __version__

LIST = """
import json, sys
from dataclasses import asdict
from dlic_registry import entries
print(json.dumps([asdict(entry) for entry in entries({kind!r})]))
"""


def listing(kind: str | None, *folders: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(answer(LIST.format(kind=kind), *folders))
    return found


def test_built_ins_are_entry_points_of_ours() -> None:
    entry = dlic_registry.get("sr", "srcnn")
    assert (entry.target, entry.distribution) == ("lightning_dlic.stages.sr.srcnn:SRCNN", "lightning-dlic")
    assert entry.version == __version__


def test_summary_is_the_docstring_of_the_class_itself() -> None:
    for entry in dlic_registry.entries("net"):
        if entry.distribution == "lightning-dlic":
            assert entry.summary == (load_entry(entry).__doc__ or "").strip().splitlines()[0]


def test_summary_of_foreign_class_is_its_dotted_name() -> None:
    assert dlic_registry.get("optimizer", "adam").summary == "torch.optim.Adam"


def test_listing_imports_nothing_it_lists(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "acme",
        "[lightning_dlic.sr]\nsuper = acme_super:Super\n",
        {"acme_super": "raise RuntimeError('imported')"},
        summary="Super things.",
    )
    code = LIST.format(kind=None) + (
        "loaded = set(sys.modules) & {'torch', 'numpy', 'pytorch_lightning', 'lightning_dlic', 'rich', 'acme_super'}\n"
        "sys.exit(f'imported {loaded}' if loaded else 0)"
    )
    acme = [entry for entry in json.loads(answer(code, tmp_path)) if entry["distribution"] == "acme"]
    assert acme == [
        {
            "kind": "sr",
            "name": "super",
            "target": "acme_super:Super",
            "distribution": "acme",
            "version": "1.0",
            "summary": "Super things.",
        }
    ]


def test_entries_are_sorted_and_of_the_kind() -> None:
    every = dlic_registry.entries()
    kinds = list(dict.fromkeys(entry.kind for entry in every))
    order = [*dlic_registry.stage_kinds(), *dlic_registry.KINDS]
    assert kinds == [kind for kind in order if kind in kinds]
    names = [entry.name for entry in dlic_registry.entries("sr")]
    assert names == sorted(names)
    assert names == [entry.name for entry in every if entry.kind == "sr"]


def test_unknown_kind_suggests_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown kind 'nets'\. Did you mean 'net'\?"):
        dlic_registry.entries("nets")


def test_unknown_name_suggests_the_nearest_and_lists_all() -> None:
    with pytest.raises(UnknownNameError) as caught:
        dlic_registry.get("sr", "srgna")
    assert str(caught.value).startswith("unknown sr 'srgna'. Did you mean 'srgan'? Registered: ")
    assert "srcnn" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name", "near"), [("schedule", "ReduceLROnPlateau", "plateau"), ("optimizer", "AdamW", "adamw")]
)
def test_a_class_of_torchs_leads_to_its_name(kind: str, name: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=rf"Did you mean '{near}'\? .* Another library's is MODULE:CLASS"):
        dlic_registry.get(kind, name)


def test_unknown_name_far_from_all_suggests_nothing() -> None:
    with pytest.raises(UnknownNameError) as caught:
        dlic_registry.get("sr", "zzzzzzzz")
    assert "Did you mean" not in str(caught.value)


def test_unknown_qualified_name_suggests_a_qualified_one() -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean 'lightning-dlic:srgan'\?"):
        dlic_registry.get("sr", "lightning-dlic:srgna")


@pytest.fixture
def rivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two distributions that claim one name, one of which claims a built-in's too."""
    write_plugin(tmp_path, "Acme.SR", "[lightning_dlic.sr]\nwonder = acme_sr:Wonder\nsrgan = acme_sr:SRGAN\n")
    write_plugin(tmp_path, "bolt", "[lightning_dlic.sr]\nwonder = bolt:Wonder\n", version="2.1")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("rivals")
def test_name_claimed_twice_is_an_error_that_names_both() -> None:
    with pytest.raises(AmbiguousNameError) as caught:
        dlic_registry.get("sr", "wonder")
    message = str(caught.value)
    assert "Acme.SR 1.0, bolt 2.1" in message
    assert "Write Acme.SR:wonder or bolt:wonder." in message


@pytest.mark.usefixtures("rivals")
def test_a_third_party_does_not_take_over_a_built_in() -> None:
    with pytest.raises(AmbiguousNameError, match="lightning-dlic:srgan"):
        dlic_registry.get("sr", "srgan")
    assert dlic_registry.get("sr", "lightning-dlic:srgan").target == "lightning_dlic.stages.sr.srgan:SRGAN"


@pytest.mark.usefixtures("rivals")
@pytest.mark.parametrize("owner", ["Acme.SR", "acme-sr", "acme_sr", "ACME.sr"])
def test_qualified_name_picks_a_distribution(owner: str) -> None:
    assert dlic_registry.get("sr", f"{owner}:wonder").target == "acme_sr:Wonder"


def test_same_distribution_twice_on_the_path_is_no_clash(tmp_path: Path) -> None:
    points = "[lightning_dlic.sr]\nwonder = acme_sr:Wonder\n"
    new = write_plugin(tmp_path / "new", "acme", points, version="2.0")
    old = write_plugin(tmp_path / "old", "acme", points + "ancient = acme_sr:Ancient\n", version="1.0")
    ours = [e for e in listing("sr", new, old, new) if e["distribution"] == "acme"]
    # The copy that imports would find is the one that counts, wholly: its forerunner's other names are gone.
    assert [(e["name"], e["version"]) for e in ours] == [("wonder", "2.0")]


def test_copy_without_names_hides_an_older_one_with(tmp_path: Path) -> None:
    new = write_plugin(tmp_path / "new", "acme", "[console_scripts]\nx = acme_sr:main\n", version="2.0")
    old = write_plugin(tmp_path / "old", "acme", "[lightning_dlic.sr]\nwonder = acme_sr:Wonder\n")
    assert [e for e in listing("sr", new, old) if e["distribution"] == "acme"] == []


def test_name_given_twice_by_one_distribution_is_reported(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = a:Wonder\nwonder = b:Wonder\n")
    result = run_python("from dlic_registry import get; get('sr', 'wonder')", tmp_path)
    assert "acme 1.0 registers it more than once (a:Wonder, b:Wonder)" in result.stderr


@pytest.mark.parametrize("points", ["[lightning_dlic.sr]\nno equals sign\n", "[lightning_dlic.sr]\nn = \xff\x00:[\n"])
def test_unreadable_metadata_breaks_only_its_own_distribution(tmp_path: Path, points: str) -> None:
    write_plugin(tmp_path, "acme", points)
    assert "srgan" in [entry["name"] for entry in listing("sr", tmp_path)]


def test_metadata_that_is_not_text_breaks_only_its_own_distribution(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "")
    next(tmp_path.glob("*/entry_points.txt")).write_bytes(b"[lightning_dlic.sr]\nn = a:\xff\xfe\n")
    assert "srgan" in [entry["name"] for entry in listing("sr", tmp_path)]


@pytest.mark.parametrize("damage", [b"\xff\xfe\x00bad", b"", None, b"Name: \xe9\n", b"Metadata-Version: 2.1\nName\n"])
def test_broken_metadata_break_only_their_own_distribution(tmp_path: Path, damage: bytes | None) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = a:Wonder\n")
    write_plugin(tmp_path, "bolt", "[lightning_dlic.sr]\nflash = b:Flash\n")
    metadata = next(tmp_path.glob("acme*/METADATA"))
    metadata.unlink() if damage is None else metadata.write_bytes(damage)
    names = [entry["name"] for entry in listing("sr", tmp_path)]
    assert {"srgan", "flash"} <= set(names)
    assert "wonder" not in names


@pytest.mark.usefixtures("rivals")
def test_names_that_our_code_has_fixed_are_ours(rivals: Path) -> None:
    assert dlic_registry.get("sr", "srgan", own_first=True).distribution == "lightning-dlic"
    assert dlic_registry.get("sr", "Acme.SR:srgan", own_first=True).distribution == "Acme.SR"
    with pytest.raises(AmbiguousNameError, match="bolt:wonder"):
        dlic_registry.get("sr", "wonder", own_first=True)


def test_metadata_without_a_name_is_passed_over(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = acme:Wonder\n")
    next(tmp_path.glob("*/METADATA")).write_text("Metadata-Version: 2.1\n")
    assert "wonder" not in [entry["name"] for entry in listing("sr", tmp_path)]


def test_metadata_without_version_and_summary_lists_empty_ones(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = acme:Wonder\n")
    next(tmp_path.glob("*/METADATA")).write_text("Metadata-Version: 2.1\nName: acme\n")
    assert [(e["version"], e["summary"]) for e in listing("sr", tmp_path) if e["name"] == "wonder"] == [("", "")]


def test_distribution_in_a_folder_of_another_name_is_found(tmp_path: Path) -> None:
    write_plugin(tmp_path, "acme", "[lightning_dlic.sr]\nwonder = acme:Wonder\n")
    next(tmp_path.glob("*/METADATA")).write_text("Metadata-Version: 2.1\nName: dynamite\nVersion: 1.0\n")
    assert [e["distribution"] for e in listing("sr", tmp_path) if e["name"] == "wonder"] == ["dynamite"]
