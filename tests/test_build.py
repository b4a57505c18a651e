"""The build validates before it writes, and says where a file is wrong."""

from pathlib import Path

import pytest

from pharmakon import build
from pharmakon.errors import LoadError, ValidationError


def test_the_packaged_graph_is_valid_with_its_sources(shared: Path, tmp_path: Path):
    written = build.build(tmp_path, sources=shared / "sources")

    assert (written / "manifest.json").is_file()


def test_a_bad_turtle_file_is_named_with_its_line(small_ontology: Path, tmp_path: Path):
    path = small_ontology / "knowledge" / "substances" / "naltrexone.ttl"
    lines = path.read_text("utf-8").splitlines()
    lines[20:20] = ["this is not turtle"]
    path.write_text("\n".join(lines), "utf-8")

    with pytest.raises(LoadError, match=r"naltrexone\.ttl:21") as caught:
        build.build(tmp_path / "out", small_ontology)

    assert caught.value.line == 21
    assert not (tmp_path / "out").exists()


def test_a_broken_digest_is_named_and_nothing_is_written(
    small_ontology: Path, shared: Path, tmp_path: Path
):
    path = small_ontology / "knowledge" / "sources" / "naltrexone-article.ttl"
    text = path.read_text("utf-8")
    start = text.index("sha256:", text.index("article:f01 ")) + len("sha256:")
    broken = "0" if text[start] != "0" else "1"
    path.write_text(text[:start] + broken + text[start + 1 :], "utf-8")

    with pytest.raises(ValidationError, match=r"naltrexone-article\.ttl:\d+.*f01"):
        build.build(tmp_path / "out", small_ontology, shared / "sources")

    assert not (tmp_path / "out").exists()


def test_a_statement_without_evidence_is_named(small_ontology: Path, tmp_path: Path):
    path = small_ontology / "knowledge" / "substances" / "naltrexone.ttl"
    path.write_text(
        path.read_text("utf-8")
        + "\nstatement:naltrexone-flies a pk:NonEffect ; pk:subject substance:naltrexone ;\n"
        + "  pk:condition condition:euphoria ; pk:negativeBasis pk:evidenceOfNoEffect ;\n"
        + "  pk:certainty pk:established .\n",
        "utf-8",
    )

    with pytest.raises(ValidationError, match=r"naltrexone\.ttl:\d+.*naltrexone-flies"):
        build.build(tmp_path / "out", small_ontology)


def test_each_step_is_told():
    steps: list[str] = []

    build.assemble(progress=steps.append)

    assert steps == [
        "reading the vocabulary",
        "reading the knowledge",
        "reading the mappings",
        "inferring",
    ]
