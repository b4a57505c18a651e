"""Evidence holds: what it says stands in its source is there, and a wrong digit is found."""

from __future__ import annotations

import os
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import evidence, ontology, validation
from pharmakon.errors import LoadError
from pharmakon.namespaces import PK, SOURCE

SOURCES = Path(__file__).parents[1].parent / "shared" / "sources"
FIRST = SOURCE["naltrexone-article#f01"]
PAPER = "https://w3id.org/pharmakon/source/paper"
TEXT = "One may help.\nTwo\tdoes not; three is une\u0301tude."


def article() -> Path:
    """The folder of the real sources, beside the repository."""
    if not SOURCES.is_dir():
        message = f"{SOURCES} is absent; put the texts of the sources there"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SOURCES


def knowledge() -> list[ox.Quad]:
    return [
        quad
        for path in ontology.knowledge()
        for quad in ox.parse(path=str(path), format=ox.RdfFormat.TURTLE)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one made-up source."""
    (tmp_path / "paper.txt").write_bytes(TEXT.encode())
    return tmp_path


def passage(quote: str, **changes: object) -> evidence.Passage:
    text = evidence.normalise(TEXT)
    start, end = evidence.locate(text, quote)
    slots: dict[str, object] = {
        "evidence": f"{PAPER}#e1",
        "source": PAPER,
        "start": start,
        "end": end,
        "digest": evidence.digest(text[start:end]),
    }
    return evidence.Passage(**{**slots, **changes})  # type: ignore[arg-type]


def problems(folder: Path, place: evidence.Passage) -> list[str]:
    documents = {PAPER: evidence.digest(TEXT)}
    report = evidence.check([place], documents, folder)
    assert report.checked == 1
    return [problem.message for problem in report.problems]


def test_every_passage_of_the_article_is_where_its_evidence_says() -> None:
    findings = validation.check_evidence(knowledge(), article())

    wrong = [str(finding) for finding in findings if finding.severity == "violation"]
    assert wrong == [], "\n".join(wrong)


def test_the_article_is_checked_and_not_passed_over() -> None:
    unchecked = {finding.focus for finding in validation.check_evidence(knowledge(), article())}

    assert "source:naltrexone-article" not in unchecked


def test_a_wrong_digit_is_found_with_the_evidence_and_the_remedy() -> None:
    def with_wrong_digit(quad: ox.Quad) -> ox.Quad:
        if quad.subject != FIRST or quad.predicate != PK["passageDigest"]:
            return quad
        digits = quad.object.value
        wrong = digits[:-1] + ("1" if digits.endswith("0") else "0")
        return ox.Quad(quad.subject, quad.predicate, ox.Literal(wrong))

    graph = [with_wrong_digit(quad) for quad in knowledge()]

    findings = validation.check_evidence(graph, article())

    (finding,) = [each for each in findings if each.severity == "violation"]
    assert finding.focus == "source:naltrexone-article#f01"
    assert "read the passage, then mend the offsets or the digest" in finding.message


def test_evidence_that_holds_has_no_problems(folder: Path) -> None:
    assert problems(folder, passage("One may help.", hedges=("MAY",))) == []


def test_a_quote_is_found_whatever_white_space_it_was_copied_with() -> None:
    text = evidence.normalise(TEXT)

    start, end = evidence.locate(text, "help. Two  does")

    assert text[start:end] == "help.\nTwo\tdoes"


def test_offsets_count_the_characters_of_the_normal_form(folder: Path) -> None:
    place = passage("étude")

    assert place.end - place.start == len("étude")
    assert problems(folder, place) == []


@pytest.mark.parametrize(
    ("quote", "words"),
    [
        ("four", "0 times, not once; take it from the text as printed"),
        ("e", "times, not once; add words until it is unique"),
        (" \n", "the quote is empty"),
    ],
)
def test_a_quote_that_is_not_one_place_is_refused(quote: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        evidence.locate(TEXT, quote)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"digest": "sha256:" + "0" * 64}, "mend the offsets or the digest"),
        ({"start": 1}, "mend the offsets or the digest"),
        ({"end": 10_000}, "are not in the text, which has 45"),
        ({"start": 13}, "mend oa:start and oa:end"),
        ({"start": -5}, "mend oa:start and oa:end"),
        ({"hedges": ("might",)}, "the hedge 'might' is not printed"),
        ({"comments": ("Two does not three is unétude",)}, None),
        (
            {"comments": ("They say one may help, two does not, three is unétude.",)},
            "say it in words of our own",
        ),
    ],
)
def test_evidence_that_does_not_hold_is_told_how_to_mend_it(
    folder: Path, changes: dict[str, object], words: str | None
) -> None:
    found = problems(folder, passage("One may help.", **changes))

    if words is None:
        assert found == []
    else:
        assert len(found) == 1
        assert words in found[0]


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ({}, "add pk:documentDigest"),
        ({PAPER: "sha256:" + "0" * 64}, "the text is not the one that was read"),
    ],
)
def test_a_text_that_is_not_the_one_that_was_read_is_found(
    folder: Path, documents: dict[str, str], words: str
) -> None:
    (problem,) = evidence.check([passage("One may help.")], documents, folder).problems

    assert problem.iri == PAPER
    assert words in problem.message


def test_a_source_whose_text_is_absent_is_listed_as_not_checked(tmp_path: Path) -> None:
    report = evidence.check([passage("One may help.")], {}, tmp_path)

    assert report == evidence.Report(problems=(), checked=0, not_checked=(PAPER,))


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no such folder of sources"):
        evidence.check([passage("One may help.")], {}, tmp_path / "absent")


def test_a_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "paper.txt").write_bytes(b"one\ntwo \xff")

    with pytest.raises(LoadError, match=r"paper\.txt:2: the text is not UTF-8"):
        evidence.check([passage("One may help.")], {}, tmp_path)
