"""What our entities are called elsewhere: the mappings, in SSSOM.

They are the tables ``ontology/mappings/*.sssom.tsv``. An identifier is written once, there;
the build makes the triples from it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from dataclasses import dataclass
from pathlib import Path

from pyoxigraph import Literal, NamedNode, Triple

from .errors import LoadError
from .namespaces import DCTERMS, SKOS, expand
from .resources import folder

__all__ = [
    "COLUMNS",
    "JUSTIFICATIONS",
    "PREDICATES",
    "PREFIXES",
    "Mapping",
    "check",
    "curie",
    "iri",
    "load",
    "mappings",
    "triples",
    "words",
]

#: The columns of a table, in their order.
COLUMNS = (
    "subject_id",
    "subject_label",
    "predicate_id",
    "predicate_modifier",
    "object_id",
    "object_label",
    "mapping_justification",
    "object_source",
    "comment",
)

#: How two things may correspond.
PREDICATES = frozenset(
    f"skos:{name}"
    for name in ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch")
)

#: On what grounds they may be said to.
JUSTIFICATIONS = frozenset(
    f"semapv:{name}" for name in ("LexicalMatching", "ManualMappingCuration", "MappingChaining")
)

#: The prefixes of the OBO Foundry, whose terms are named by its permanent addresses.
_OBO = {"chebi": "CHEBI", "doid": "DOID", "hp": "HP", "mondo": "MONDO", "uberon": "UBERON"}

#: The prefixes of identifiers, each as the Bioregistry writes it.
PREFIXES = frozenset(_OBO) | {
    "atc",
    "cas",
    "chembl.compound",
    "drugbank",
    "drugcentral",
    "ensembl",
    "hgnc",
    "inchikey",
    "iuphar.ligand",
    "iuphar.receptor",
    "mesh",
    "ncbigene",
    "ndfrt",
    "pubchem.compound",
    "rxnorm",
    "snomedct",
    "umls",
    "unii",
    "uniprot",
    "wikidata",
}


#: What :func:`iri` makes of them.
_IRI = re.compile(
    r"http://purl\.obolibrary\.org/obo/([A-Za-z]+)_(.+)"
    r"|http://purl\.uniprot\.org/uniprot/(.+)"
    r"|https://bioregistry\.io/(.+)"
)

#: What a mapping says of a source that is a document, and no published file: when it was read.
_READ = re.compile(r"\bRead on \d{4}-\d{2}-\d{2}\.")

#: The address of a document.
_ADDRESS = re.compile(r"https://[a-z0-9.-]+\.[a-z]+/[!-~]+")


@dataclass(frozen=True)
class Mapping:
    """That one of our entities corresponds to something in another vocabulary.

    Attributes:
        subject: Our entity, as a CURIE.
        subject_label: Its name.
        predicate: How they correspond, such as ``skos:exactMatch``.
        modifier: ``Not`` where it is said that they do not, or the empty string.
        object: The thing outside, as a CURIE of the Bioregistry.
        object_label: Its name, as the file printed it.
        justification: On what grounds, a term of SEMAPV.
        source: The published file in which it was found, or the address of the document.
        comment: Why it is not exact or not the same, or what else to know.
        path: The table.
        line: The line of the table, counted from 1.
    """

    subject: str
    subject_label: str
    predicate: str
    modifier: str
    object: str
    object_label: str
    justification: str
    source: str
    comment: str
    path: str
    line: int

    @property
    def negated(self) -> bool:
        """Whether it is said that the two do not correspond."""
        return self.modifier == "Not"

    @property
    def exact(self) -> bool:
        """Whether the two are said to be the same."""
        return self.predicate == "skos:exactMatch" and not self.negated

    @property
    def place(self) -> str:
        """The file and the line, for a message."""
        return f"{self.path}:{self.line}"


def load(path: Path) -> tuple[Mapping, ...]:
    """Read one table.

    Raises:
        LoadError: It is not SSSOM as we write it; the message says where and why.
    """
    found = []
    header: tuple[str, ...] | None = None
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if text.startswith("#"):
            continue
        cells = tuple(text.split("\t"))
        if header is None:
            header = cells
            if header != COLUMNS:
                raise LoadError(str(path), line, f"the columns should be {', '.join(COLUMNS)}")
            continue
        if len(cells) != len(COLUMNS):
            reason = f"the row has {len(cells)} cells and needs {len(COLUMNS)}; mend its tabs"
            raise LoadError(str(path), line, reason)
        found.append(_mapping(str(path), line, dict(zip(COLUMNS, cells, strict=True))))
    if header is None:
        raise LoadError(str(path), None, "there is no line that names the columns")
    return tuple(found)


def mappings() -> tuple[Mapping, ...]:
    """Read every table of the ontology, those that are share-alike last.

    Example:
        >>> found = [m for m in mappings() if m.subject == "substance:naltrexone"]
        >>> [m.object for m in found if m.exact and m.object.startswith("chebi:")]
        ['chebi:7465']
    """
    root = folder("ontology")
    tables = [*sorted(root.glob("mappings/*.tsv")), *sorted(root.glob("gtopdb/mappings/*.tsv"))]
    return tuple(mapping for table in tables for mapping in load(table))


def iri(curie: str) -> NamedNode:
    """Return the IRI of an identifier outside.

    Example:
        >>> iri("chebi:7465")
        <NamedNode value=http://purl.obolibrary.org/obo/CHEBI_7465>
        >>> iri("uniprot:P35372")
        <NamedNode value=http://purl.uniprot.org/uniprot/P35372>
        >>> iri("mesh:D009271")
        <NamedNode value=https://bioregistry.io/mesh:D009271>
    """
    prefix, _, local = curie.partition(":")
    if prefix in _OBO:
        return NamedNode(f"http://purl.obolibrary.org/obo/{_OBO[prefix]}_{local}")
    if prefix == "uniprot":
        return NamedNode(expand(curie))
    return NamedNode(f"https://bioregistry.io/{curie}")


def curie(iri: str) -> str:
    """Return the identifier outside of an IRI that :func:`iri` returned, or it as it is.

    Example:
        >>> curie("http://purl.obolibrary.org/obo/CHEBI_7465")
        'chebi:7465'
        >>> curie("naltrexone")
        'naltrexone'
    """
    found = _IRI.fullmatch(iri)
    if found is None:
        return iri
    obo, local, uniprot, other = found.groups()
    return other or (f"uniprot:{uniprot}" if uniprot else f"{obo.casefold()}:{local}")


def triples(mappings: Iterable[Mapping]) -> Iterator[Triple]:
    """Yield the match of each mapping, and the identifier of each that is exact.

    A mapping that says that two things are not the same yields nothing.

    Example:
        >>> for triple in triples(m for m in mappings() if m.object == "chebi:7465"):
        ...     print(triple.predicate.value, triple.object.value)
        http://www.w3.org/2004/02/skos/core#exactMatch http://purl.obolibrary.org/obo/CHEBI_7465
        http://purl.org/dc/terms/identifier chebi:7465
    """
    for mapping in mappings:
        if mapping.negated:
            continue
        subject = NamedNode(expand(mapping.subject))
        yield Triple(subject, SKOS[mapping.predicate.removeprefix("skos:")], iri(mapping.object))
        if mapping.exact:
            yield Triple(subject, DCTERMS["identifier"], Literal(mapping.object))


def check(
    mappings: Iterable[Mapping],
    named: Table[str, tuple[str, ...]],
    printed: Table[str, Table[str, frozenset[str]]],
) -> list[str]:
    """Say what is wrong with mappings: one message each, with its place and remedy.

    Args:
        mappings: The mappings.
        named: Our entities by CURIE, each with its label and then its other names. The
            identifiers that are its own count as names too, for a file may print no other.
        printed: For each published file, its identifiers with the names that it prints.
    """
    rows = list(mappings)
    names: dict[str, tuple[str, ...]] = dict(named)
    for row in rows:
        if row.exact and row.subject in names:
            names[row.subject] += (row.object.partition(":")[2],)
    problems = [
        f"{row.place}: {problem}"
        for row in rows
        for problem in (*_about_ours(row, names), *_about_theirs(row, printed))
    ]
    return [*problems, *_claimed_twice(rows)]


def _about_ours(row: Mapping, named: Table[str, tuple[str, ...]]) -> Iterator[str]:
    if not row.exact and not row.comment:
        yield f"{row.predicate} to {row.object} is not exact; say why in the comment"
    names = named.get(row.subject)
    if names is None:
        yield f"there is no entity {row.subject}; describe it in ontology/knowledge, or mend its id"
        return
    if row.subject_label != names[0]:
        yield f"{row.subject} is called {names[0]!r}; write that for {row.subject_label!r}"
    if row.exact and words(row.object_label) not in map(words, names):
        yield (
            f"{row.object} is called {row.object_label!r}, which is no name of {row.subject}; "
            "add it as skos:altLabel if it is one, or say skos:closeMatch and why"
        )


def _about_theirs(row: Mapping, printed: Table[str, Table[str, frozenset[str]]]) -> Iterator[str]:
    if _ADDRESS.fullmatch(row.source):
        if not _READ.search(row.comment):
            yield f"{row.source} is a document; say in the comment 'Read on' and the day"
    elif row.source not in printed:
        allowed = ", ".join(sorted(printed))
        yield f"{row.source!r} is no file that is read, nor an address; name one of {allowed}"
    elif row.object not in printed[row.source]:
        yield f"{row.object} is not in {row.source}; look it up again there"
    elif row.object_label not in printed[row.source][row.object]:
        there = " or ".join(map(repr, sorted(printed[row.source][row.object])))
        yield (
            f"{row.source} calls {row.object} {there}, not {row.object_label!r}; "
            "mend the identifier if it is another thing, or else the label"
        )


def _claimed_twice(rows: Iterable[Mapping]) -> Iterator[str]:
    said: dict[tuple[str, str], Mapping] = {}
    owner: dict[str, Mapping] = {}
    for row in rows:
        first = said.setdefault((row.subject, row.object), row)
        if first is not row:
            yield (
                f"{row.place}: {row.subject} and {row.object} are already mapped in {first.place}; "
                "keep one of the two"
            )
        if row.exact:
            first = owner.setdefault(row.object, row)
            if first.subject != row.subject:
                yield (
                    f"{row.place}: {row.object} is already {first.subject} in {first.place}; "
                    "one thing outside can be the same as one of ours only"
                )


def _mapping(path: str, line: int, row: dict[str, str]) -> Mapping:
    def refuse(reason: str) -> LoadError:
        return LoadError(path, line, reason)

    for column in ("subject_id", "subject_label", "object_id", "object_label"):
        if not row[column] or row[column] != row[column].strip():
            raise refuse(f"{column} is empty or has spaces around it")
    if row["predicate_id"] not in PREDICATES:
        allowed = ", ".join(sorted(PREDICATES))
        raise refuse(f"predicate_id is {row['predicate_id']!r} and should be one of {allowed}")
    if row["predicate_modifier"] not in ("", "Not"):
        raise refuse(f"predicate_modifier is {row['predicate_modifier']!r}: leave it out, or Not")
    if row["mapping_justification"] not in JUSTIFICATIONS:
        allowed = ", ".join(sorted(JUSTIFICATIONS))
        given = row["mapping_justification"]
        raise refuse(f"mapping_justification is {given!r} and should be one of {allowed}")
    prefix, colon, local = row["object_id"].partition(":")
    if prefix not in PREFIXES or not colon or not re.fullmatch(r"[A-Za-z0-9-]+", local):
        allowed = ", ".join(sorted(PREFIXES))
        raise refuse(f"object_id is {row['object_id']!r}; its prefix should be one of {allowed}")
    if expand(row["subject_id"]) == row["subject_id"]:
        raise refuse(f"subject_id is {row['subject_id']!r}, which is no entity of ours")
    return Mapping(
        subject=row["subject_id"],
        subject_label=row["subject_label"],
        predicate=row["predicate_id"],
        modifier=row["predicate_modifier"],
        object=row["object_id"],
        object_label=row["object_label"],
        justification=row["mapping_justification"],
        source=row["object_source"],
        comment=row["comment"],
        path=path,
        line=line,
    )


_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "κ": "kappa", "μ": "mu"}

_SIGNS = {"(+)": "dextro", "(-)": "laevo", "(\N{MINUS SIGN})": "laevo"}


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name, so that names compare across ways of writing.

    Case, punctuation, Greek letters, plural and the order of words do not count, since MeSH
    writes "Receptors, Opioid, mu". A salt does: it is another substance; so does the sign of a
    form that turns light, "(-)-propranolol".

    Example:
        >>> words("Receptors, Opioid, mu") == words("μ-opioid receptor")
        True
        >>> words("NALTREXONE HYDROCHLORIDE") == words("naltrexone")
        False
    """
    plain = unicodedata.normalize("NFKC", name).casefold()
    for letter, spelled in {**_GREEK, **_SIGNS}.items():
        plain = plain.replace(letter, f" {spelled} ")
    found = re.findall(r"\w+", plain)
    return tuple(sorted(word.removesuffix("s") if len(word) > 3 else word for word in found))
