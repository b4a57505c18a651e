"""Names: from what people type to the thing that they mean.

Every name of every entity is in a tantivy index: in the directory of a release, or in memory. The
label of a thing is a document, with its identifiers, and each other name is one. The index proposes
names that are spelled alike, and how alike they are decides.
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import mappings
from .errors import AmbiguousNameError, NotFoundError, ReleaseError
from .namespaces import ENTITY_TYPES, GRAPH, PK, PREFIXES, expand
from .stores import Store, text
from .views.references import Reference, kind_of

if TYPE_CHECKING:
    import tantivy

__all__ = ["Hit", "Name", "NameIndex", "fold"]

#: How alike two spellings have to be, of 100, for one to be offered for the other.
_ALIKE = 72

#: How many names each kind of likeness proposes, shortest first.
_PROPOSED = 50

#: A longer text is no name, and its typos are not looked for.
_LONGEST, _MOST_WORDS = 200, 12

#: How many things of one name are told apart.
_SAME = 1000

#: What many of a table are called as what is in them.
_SOLD = {"product", "formulation"}

_RANKS = ("label", "other name", "identifier")

#: How much may wait to be written, in bytes.
_MEMORY = 64_000_000

_GREEK = str.maketrans(
    {
        "α": "alpha",
        "β": "beta",
        "γ": "gamma",
        "δ": "delta",
        "κ": "kappa",
        "λ": "lambda",
        "μ": "mu",
        "µ": "mu",  # the micro sign, which looks the same
        "σ": "sigma",
    }
)

_PUNCTUATION = {sign: " " for sign in range(128) if not (chr(sign).isalnum() or chr(sign) == "_")}


def fold(name: str) -> str:
    """Return a name as names are compared: no case, accents, Greek letters or punctuation.

    Example:
        >>> fold("μ-Opioid receptor") == fold("mu opioid  Receptor")
        True
    """
    if name.isascii():  # as most are
        return " ".join(name.lower().translate(_PUNCTUATION).split())
    plain = unicodedata.normalize("NFKD", name).casefold().translate(_GREEK)
    plain = unicodedata.normalize("NFKD", plain)
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(re.findall(r"\w+", letters))


@dataclass(frozen=True)
class Name:
    """A name, and what it names.

    Attributes:
        text: The name as written.
        kind: ``"label"``, ``"other name"`` or ``"identifier"``.
        thing: What it names.
        is_curated: Whether curators described the thing, and not only a table that was imported.
    """

    text: str
    kind: str
    thing: Reference
    is_curated: bool = False


@dataclass(frozen=True)
class Entry:
    """What is kept together in the index: a label with identifiers, or another name.

    Attributes:
        name: The name.
        identifiers: For a label, what else the thing is called by for certain.
    """

    name: Name
    identifiers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hit:
    """A thing that a search found, and the name by which.

    Attributes:
        thing: The thing.
        name: The name that matched.
        score: How well, from 0 to 100.
    """

    thing: Reference
    name: Name
    score: float

    def to_dict(self) -> dict[str, object]:
        """Return the hit as plain JSON."""
        matched = {"text": self.name.text, "kind": self.name.kind}
        return self.thing.to_dict() | {"matched": matched, "score": round(self.score, 1)}


class NameIndex:
    """Every name of every entity of a graph."""

    def __init__(self, index: tantivy.Index) -> None:
        """Ask an index that is written."""
        self._searcher = index.searcher()

    @classmethod
    def of(cls, store: Store) -> NameIndex:
        """Return the index of what a store holds, in memory."""
        return cls.holding(_entries(store))

    @classmethod
    def holding(cls, entries: Iterable[Entry]) -> NameIndex:
        """Return the index of some entries, in memory."""
        import tantivy

        return cls(_fill(tantivy.Index(_schema()), entries))

    @classmethod
    def write(cls, store: Store, folder: Path) -> None:
        """Write the index of what a store holds into a folder, which must not be there yet."""
        import tantivy

        folder.mkdir()
        _fill(tantivy.Index(_schema(), str(folder)), _entries(store))

    @classmethod
    def open(cls, folder: Path) -> NameIndex:
        """Open an index that was written into a folder.

        Raises:
            ReleaseError: There is none, it is damaged, or of another version of tantivy.
        """
        import tantivy

        try:
            return cls(tantivy.Index.open(str(folder)))
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"{folder}: no index of names can be opened there ({error}); "
                "build the release again with 'pharmakon build'"
            ) from error

    def __len__(self) -> int:
        """Return the number of things that are named."""
        return sum(map(self.count, (*ENTITY_TYPES, "class")))

    def thing(self, iri: str) -> Reference | None:
        """Return the thing of an IRI, or None where it has no name."""
        found = self._itself(iri)
        return found.thing if found else None

    def resolve(self, typed: str, kind: str | None = None) -> Reference:
        """Return the one thing that a text names: IRI, CURIE, slug, name or identifier.

        What curators described comes before what only a table has. A label comes before another
        name, and another name before an identifier; but a substance is meant where many products
        of a table are called as what is in them.

        Args:
            typed: What was typed.
            kind: Look among things of this kind only, such as ``"substance"``; None for all.

        Raises:
            NotFoundError: Nothing is called so; it holds the nearest names.
            AmbiguousNameError: Several things are called so, equally well.
        """
        found = self._exact(typed, kind)
        if not found:
            raise NotFoundError(kind or "entity", typed, self.nearest(typed))
        known = [name for name in found if name.is_curated] or found
        rank = min(_RANKS.index(name.kind) for name in known)
        called = {name.thing.iri: name.thing for name in known if name.kind == _RANKS[rank]}
        if len(called) > 1 and not known[0].is_curated:
            others = {iri: thing for iri, thing in called.items() if thing.kind not in _SOLD}
            in_them = {name.thing.iri: name.thing for name in known if name.thing.kind not in _SOLD}
            called = next((one for one in (others, in_them) if len(one) == 1), called)
        if len(called) > 1:
            raise AmbiguousNameError(typed, sorted(thing.curie for thing in called.values()))
        return next(iter(called.values()))

    def search(self, typed: str, kind: str | None = None, limit: int = 20) -> list[Hit]:
        """Return the things whose names are spelled like a text, best first.

        Args:
            typed: What was typed, typos allowed.
            kind: Look among things of this kind only; None for all.
            limit: How many at the most.
        """
        folded = fold(typed)
        if not folded:
            return []
        names = [(name, 100.0) for name in self._exact(typed, kind)]
        names += [(name, _likeness(folded, fold(name.text))) for name in self._near(folded, kind)]
        best: dict[str, Hit] = {}
        for name, score in names:
            known = best.get(name.thing.iri)
            if score >= _ALIKE and (known is None or score > known.score):
                best[name.thing.iri] = Hit(name.thing, name, score)
        return sorted(best.values(), key=_order)[:limit]

    def nearest(self, typed: str, limit: int = 3) -> list[str]:
        """Return the labels of the things whose names are spelled most like a text."""
        return [hit.thing.label for hit in self.search(typed, limit=limit)]

    def count(self, kind: str) -> int:
        """Return the number of things of a kind."""
        found = self._searcher.search(_term("labels", kind), 1, count=True)
        return int(found.count)  # type: ignore[attr-defined]  # its stub leaves it out

    def of_kind(self, kind: str, start: int = 0, most: int | None = None) -> list[Reference]:
        """Return things of a kind, in order of label.

        Args:
            kind: The kind.
            start: How many to pass over.
            most: How many at the most; None is all of them.
        """
        limit = max(1, self.count(kind) if most is None else most)
        found = self._ask(_term("labels", kind), limit, offset=start, order="place")
        return [entry.name.thing for entry in found]

    def _exact(self, typed: str, kind: str | None = None) -> list[Name]:
        """Return the names that are as a text, but for case, accents and the like."""
        typed = typed.strip()
        only = () if kind is None else (_term("kind", kind),)
        itself = self._itself(expand(typed))
        if itself and kind in (None, itself.thing.kind):
            return [Name(typed, "label", itself.thing, itself.is_curated)]
        slug = typed.casefold().replace(" ", "-")
        slugs = [self._itself(PREFIXES[one] + slug) for one in ENTITY_TYPES]
        named = {fold(typed), fold(mappings.curie(typed))} - {""}
        return [
            *(
                _called(entry, one)
                for one in sorted(named)
                for entry in self._ask(_all(_term("folded", one), *only), _SAME)
            ),
            *(
                Name(slug, "identifier", name.thing, name.is_curated)
                for name in slugs
                if name and kind in (None, name.thing.kind)
            ),
        ]

    def _itself(self, iri: str) -> Name | None:
        """Return the label of the thing of an IRI, or None."""
        found = self._ask(_term("labels", iri), 1) if ":" in iri else []
        return found[0].name if found else None

    def _near(self, folded: str, kind: str | None) -> Iterator[Name]:
        """Yield the names that may be spelled like a folded text, each once."""
        words = folded.split()
        if len(folded) > _LONGEST or len(words) > _MOST_WORDS:
            return
        only = () if kind is None else (_term("kind", kind),)
        seen = set()
        for wanted, order in _spellings(folded, words):
            for entry in self._ask(_all(wanted, *only), _PROPOSED, order=order):
                if entry.name not in seen:
                    seen.add(entry.name)
                    yield entry.name

    def _ask(
        self, query: tantivy.Query, limit: int, *, offset: int = 0, order: str | None = "size"
    ) -> list[Entry]:
        """Return what a query finds, in the order of a field or best first."""
        import tantivy

        found = self._searcher.search(
            query,
            limit,
            count=False,
            offset=offset,
            order_by_field=order,
            order=tantivy.Order.Asc,
        )
        return [_unpacked(self._searcher.doc(address)) for _, address in found.hits]


@functools.cache
def _schema() -> tantivy.Schema:
    """Return what is kept of a name."""
    import tantivy

    build = tantivy.SchemaBuilder()
    # As they are compared: the name and identifiers as wholes, and the words of the name.
    build.add_text_field("folded", tokenizer_name="raw", index_option="basic")
    build.add_text_field("words", tokenizer_name="whitespace", index_option="freq")
    build.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    # What a label is the label of: its IRI, and its kind.
    build.add_text_field("labels", tokenizer_name="raw", index_option="basic")
    # Short names come first, and things of one kind in the order of their labels.
    build.add_integer_field("size", fast=True)
    build.add_integer_field("place", fast=True)
    build.add_bytes_field("entry", stored=True, indexed=False)
    return build.build()


def _fill(index: tantivy.Index, entries: Iterable[Entry]) -> tantivy.Index:
    """Write entries into an index: of things of a kind, those first that come first in lists."""
    import tantivy

    writer = index.writer(_MEMORY, num_threads=1)
    for place, entry in enumerate(entries):
        name, thing = entry.name, entry.name.thing
        folded = fold(name.text)
        kept = tantivy.Document(
            words=folded,
            kind=thing.kind,
            # The digest makes an order of those that are as long, the same in every build.
            size=len(folded) << 32 | zlib.crc32(f"{name.text} {thing.iri}".encode()),
            place=place,
            entry=_packed(entry),
        )
        if name.kind == "label":
            kept.add_text("labels", thing.iri)
            kept.add_text("labels", thing.kind)
        for one in {folded, *map(fold, entry.identifiers)}:
            kept.add_text("folded", one)
        writer.add_document(kept)
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index


def _called(entry: Entry, folded: str) -> Name:
    """Return the name by which an entry is called as a folded text: its own, or an identifier."""
    name = entry.name
    if fold(name.text) == folded:
        return name
    text = next(one for one in entry.identifiers if fold(one) == folded)
    return Name(text, "identifier", name.thing, name.is_curated)


def _packed(entry: Entry) -> bytes:
    name, thing = entry.name, entry.name.thing
    about = (thing.label, thing.iri, thing.kind, thing.definition)
    return json.dumps((entry.identifiers, name.text, name.kind, name.is_curated, *about)).encode()


def _unpacked(kept: tantivy.Document) -> Entry:
    identifiers, text, kind, is_curated, *about = json.loads(bytes(kept["entry"][0]))
    return Entry(Name(text, kind, Reference(*about), is_curated), tuple(identifiers))


def _term(field: str, value: str) -> tantivy.Query:
    import tantivy

    return tantivy.Query.term_query(_schema(), field, value)


def _all(*queries: tantivy.Query) -> tantivy.Query:
    import tantivy

    return tantivy.Query.boolean_query([(tantivy.Occur.Must, one) for one in queries])


def _any(*queries: tantivy.Query) -> tantivy.Query:
    import tantivy

    return tantivy.Query.boolean_query([(tantivy.Occur.Should, one) for one in queries])


def _spellings(folded: str, words: list[str]) -> Iterator[tuple[tantivy.Query, str | None]]:
    """Yield queries for names that are spelled like a text, each with the order of its answers."""
    import tantivy

    def begins(field: str, text: str) -> tantivy.Query:
        return tantivy.Query.regex_query(_schema(), field, f"{text}.*")

    def typed(field: str, text: str) -> tantivy.Query:
        typos = 0 if len(text) < 4 else 1 if len(text) < 6 else 2
        return tantivy.Query.fuzzy_term_query(_schema(), field, text, typos)

    *whole, last = words
    yield begins("folded", folded), "size"
    yield _all(*(_term("words", word) for word in whole), begins("words", last)), "size"
    yield typed("folded", folded), "size"
    yield _all(*(typed("words", word) for word in words)), "size"
    if whole:  # some of the words; the rare ones say most
        yield _any(*(typed("words", word) for word in words)), None


def _likeness(one: str, other: str) -> float:
    """Return how alike two folded names are, from 0 to 100: wholes before starts before parts."""
    from rapidfuzz import fuzz

    if one == other:
        return 100.0
    if other.startswith(one):
        return 97.0
    if f" {one}" in other:
        return 94.0
    whole = fuzz.ratio(one, other)
    # Words in another order, or some of them; a single word is like a part of anything.
    words = fuzz.token_set_ratio(one, other) * 0.9 if " " in one else 0.0
    return max(whole, words)


def _order(hit: Hit) -> tuple[float, bool, int, bool, Reference]:
    rank = _RANKS.index(hit.name.kind)
    return (-hit.score, not hit.name.is_curated, rank, hit.thing.kind == "source", hit.thing)


def _entries(store: Store) -> Iterator[Entry]:
    """Yield every name in a store: labels first, in the order of what they name."""
    things = _things(store)
    curated = {
        text(row["thing"])
        for row in store.select(
            f"SELECT DISTINCT ?thing {{ GRAPH {GRAPH['curated']} {{ ?thing rdfs:label ?label }} }}"
        )
    }
    if not curated:  # a graph that nothing was imported into
        curated = set(things)
    identifiers: dict[str, list[str]] = {}
    for row in store.select("SELECT ?thing ?name { ?thing dcterms:identifier ?name }"):
        identifiers.setdefault(text(row["thing"]), []).append(text(row["name"]))
    for thing in sorted(things.values()):
        curies = sorted(identifiers.pop(thing.iri, ()))
        local = (curie.partition(":")[2] for curie in curies)
        name = Name(thing.label, "label", thing, thing.iri in curated)
        yield Entry(name, (thing.curie, *curies, *filter(None, local)))
    for names in ("skos:altLabel", "rdfs:label"):
        for row in store.select(f"SELECT ?thing ?name {{ ?thing {names} ?name }}"):
            named = things.get(text(row["thing"]))
            if named and text(row["name"]) != named.label:
                yield Entry(Name(text(row["name"]), "other name", named, named.iri in curated))


def _things(store: Store) -> dict[str, Reference]:
    """Return what has a name and a page, by its IRI."""
    classes = {
        text(row["thing"]): [PK["SubstanceClass"].value]
        for row in store.select("SELECT ?thing { ?thing a pk:SubstanceClass }")
    }
    defined = {
        text(row["thing"]): text(row["definition"])
        for row in store.select("SELECT ?thing ?definition { ?thing skos:definition ?definition }")
    }
    found: dict[str, Reference] = {}
    for row in store.select("SELECT ?thing ?label { ?thing rdfs:label ?label }"):
        iri, label = text(row["thing"]), text(row["label"])
        kind = kind_of(iri, classes.get(iri, ()))
        if kind in (*ENTITY_TYPES, "class") and (iri not in found or label < found[iri].label):
            found[iri] = Reference(label, iri, kind, defined.get(iri, ""))
    return found
