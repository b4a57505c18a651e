"""Evidence: the place in a text that a statement stands on, and whether it still holds.

The contract: evidence names a place in its source and never copies the words. In a text the
place is ``oa:start`` and ``oa:end``, counted in the characters of the source's NFC text, and
``pk:passageDigest``, the digest of that passage with white space collapsed. Where the text is
at hand, every digest is reckoned again, and a mismatch fails the build.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import LoadError

__all__ = ["Passage", "Problem", "Report", "check", "digest", "locate", "normalise", "read"]

#: So many words in a row that are also in the source are a copy, not a paraphrase.
COPIED_WORDS = 8


@dataclass(frozen=True)
class Passage:
    """A place in a text, as evidence names it.

    Attributes:
        evidence: The IRI of the evidence.
        source: The IRI of its source; the text is in the file of that slug.
        start: The first character, counted from 0.
        end: One more than the last character.
        digest: What :func:`digest` must return for the passage.
        hedges: The hedging words that must be printed there.
        comments: What we say of it in our own words.
    """

    evidence: str
    source: str
    start: int
    end: int
    digest: str
    hedges: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """A thing that evidence, or a source, says and that the text does not bear out.

    Attributes:
        iri: The evidence or the source.
        message: What is wrong, and what to do.
    """

    iri: str
    message: str


@dataclass(frozen=True)
class Report:
    """What came of checking evidence against the texts of its sources.

    Attributes:
        problems: What does not hold; empty is good.
        checked: How many passages were compared.
        not_checked: The IRIs of the sources whose text is not at hand.
    """

    problems: tuple[Problem, ...]
    checked: int
    not_checked: tuple[str, ...]


def normalise(text: str) -> str:
    """Return a text in NFC, the form in which offsets are counted.

    Example:
        >>> len("cafe" + chr(0x301)), len(normalise("cafe" + chr(0x301)))
        (5, 4)
    """
    return unicodedata.normalize("NFC", text)


def digest(passage: str) -> str:
    r"""Return the digest of a passage, the same however its lines are broken.

    As the contract has it: ``sha256:`` and the SHA-256 of the UTF-8 bytes, with every run of
    white space made one space and none at the ends.

    Example:
        >>> digest("an opioid\n  antagonist") == digest("an opioid antagonist")
        True
        >>> digest("an opioid antagonist")[:20]
        'sha256:636e32fa21ebc'
    """
    collapsed = " ".join(normalise(passage).split())
    return "sha256:" + hashlib.sha256(collapsed.encode()).hexdigest()


def locate(text: str, quote: str) -> tuple[int, int]:
    r"""Return the start and end of a quote in a text: what a curator writes as offsets.

    White space in the quote stands for any white space in the text.

    Raises:
        ValueError: The quote is empty, is not in the text, or is there more than once.

    Example:
        >>> locate("It may help.\nIt may\nharm.", "may harm")
        (16, 24)
    """
    words = normalise(quote).split()
    if not words:
        raise ValueError("the quote is empty; give the words that are to be found")
    pattern = r"\s+".join(map(re.escape, words))
    found = [match.span() for match in re.finditer(pattern, normalise(text))]
    if len(found) != 1:
        remedy = "take it from the text as printed" if not found else "add words until it is unique"
        raise ValueError(f"the text has {quote!r} {len(found)} times, not once; {remedy}")
    return found[0]


def read(source: str, folder: Path) -> str | None:
    """Return the NFC text of a source, or None where the folder has no file for it.

    Raises:
        LoadError: The folder is not there, or the file is not UTF-8.
    """
    if not folder.is_dir():
        raise LoadError(str(folder), None, "no such folder of sources; give the one with the texts")
    path = folder / f"{source.rsplit('/', 1)[-1]}.txt"
    if not path.is_file():
        return None
    try:
        # Not read_text, which would make one character of CR and LF and so move the offsets.
        return normalise(path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise LoadError(str(path), line, "the text is not UTF-8; save it as UTF-8") from error


def check(passages: Iterable[Passage], documents: Mapping[str, str], folder: Path) -> Report:
    """Compare evidence with the texts of its sources.

    Every passage's digest is reckoned again, and the digest of every text; each hedge must be
    printed in its passage, in any case; and no comment may repeat the words of its source.

    Args:
        passages: The evidence that is located in a text.
        documents: The document digest of each source that has one, by its IRI.
        folder: Where the texts are, each ``SLUG.txt``.

    Raises:
        LoadError: The folder is not there, or a text is not UTF-8.
    """
    by_source: dict[str, list[Passage]] = {source: [] for source in documents}
    for passage in passages:
        by_source.setdefault(passage.source, []).append(passage)
    problems: list[Problem] = []
    not_checked: list[str] = []
    checked = 0
    for source, places in sorted(by_source.items()):
        text = read(source, folder)
        if text is None:
            not_checked.append(source)
            continue
        problems += _document(source, documents.get(source), text)
        known = _runs(text)
        for place in sorted(places, key=lambda each: (each.start, each.evidence)):
            problems += (Problem(place.evidence, message) for message in _passage(place, text))
            problems += (Problem(place.evidence, message) for message in _copies(place, known))
            checked += 1
    return Report(tuple(problems), checked, tuple(not_checked))


def _document(source: str, expected: str | None, text: str) -> list[Problem]:
    found = digest(text)
    if expected is None:
        return [Problem(source, f"its text is at hand: add pk:documentDigest {found!r}")]
    if expected != found:
        return [
            Problem(
                source,
                f"the text is not the one that was read: its digest is {found!r}, and "
                f"pk:documentDigest is {expected!r}; get the text that was read, or read the "
                "new one, locate its evidence again and write the new digest",
            )
        ]
    return []


def _passage(place: Passage, text: str) -> list[str]:
    span = f"characters {place.start} to {place.end}"
    if not 0 <= place.start < place.end <= len(text):
        return [
            f"{span} are not in the text, which has {len(text)}; mend oa:start and oa:end with "
            "pharmakon.evidence.locate"
        ]
    passage = text[place.start : place.end]
    messages = []
    if place.digest != (found := digest(passage)):
        messages.append(
            f"the passage at {span} has the digest {found!r}, and pk:passageDigest is "
            f"{place.digest!r}; read the passage, then mend the offsets or the digest"
        )
    printed = _collapse(passage)
    messages += [
        f"the hedge {hedge!r} is not printed at {span}; copy pk:hedge from the passage, or "
        "remove it"
        for hedge in place.hedges
        if _collapse(hedge) not in printed
    ]
    return messages


def _copies(place: Passage, known: set[tuple[str, ...]]) -> list[str]:
    return [
        f"rdfs:comment repeats {' '.join(run)!r} from the source; say it in words of our own"
        for comment in place.comments
        for run in sorted(_runs(comment) & known)[:1]
    ]


def _runs(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    count = COPIED_WORDS
    return {tuple(words[at : at + count]) for at in range(len(words) - count + 1)}


def _collapse(text: str) -> str:
    return " ".join(normalise(text).split()).casefold()
