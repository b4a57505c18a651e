"""References from one ontology to another, in the many ways in which they are printed.

A reference of the kind "xref" is no claim that two things are the same. Of those from MONDO to
the Disease Ontology and to UMLS, MONDO's own mapping sets call 98 % and 91 % exact; the Disease
Ontology gives up to 18 concepts of UMLS for one disease. So it is a close match, and what is
exact is told by the mapping sets, or by ``skos:exactMatch``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["close", "curie", "from_iri"]

#: The vocabularies as they are called elsewhere, in small letters and without a date.
_PREFIXES = {
    "chebi": "chebi",
    "doid": "doid",
    "hp": "hp",
    "mesh": "mesh",
    "mondo": "mondo",
    "sctid": "snomedct",
    "snomed_ct": "snomedct",
    "snomedct": "snomedct",
    "snomedct_us": "snomedct",
    "umls": "umls",
    "umls_cui": "umls",
}

#: What an identifier looks like. Under UMLS stand concepts of MedGen too, such as CN203583.
_FORMS = {
    "chebi": r"[0-9]{1,7}",
    "doid": r"[0-9]{1,7}",
    "hp": r"[0-9]{7}",
    "mesh": r"[CD][0-9]{6}(?:[0-9]{3})?",
    "mondo": r"[0-9]{7}",
    "snomedct": r"[0-9]{6,18}",
    "umls": r"C[0-9]{7}",
}

#: What the addresses begin with that stand for identifiers.
_ADDRESSES = {
    "http://purl.obolibrary.org/obo/CHEBI_": "chebi",
    "http://purl.obolibrary.org/obo/DOID_": "doid",
    "http://purl.obolibrary.org/obo/HP_": "hp",
    "http://purl.obolibrary.org/obo/MONDO_": "mondo",
    "http://identifiers.org/mesh/": "mesh",
    "http://id.nlm.nih.gov/mesh/": "mesh",
    "http://identifiers.org/snomedct/": "snomedct",
    "http://snomed.info/id/": "snomedct",
    "http://linkedlifedata.com/resource/umls/id/": "umls",
}


def curie(vocabulary: str, local: str) -> str | None:
    """Return an identifier as the Bioregistry writes it, or None where it is none that is known.

    Example:
        >>> curie("SNOMEDCT_US_2023_03_01", "64572001"), curie("DOID", "DOID:4"), curie("UMLS", "4")
        ('snomedct:64572001', 'doid:4', None)
    """
    prefix = _PREFIXES.get(re.sub(r"(_[0-9]+)+$", "", vocabulary).casefold())
    local = local.removeprefix(f"{vocabulary}:")
    if prefix is None or not re.fullmatch(_FORMS[prefix], local):
        return None
    return f"{prefix}:{local}"


def from_iri(iri: str) -> str | None:
    """Return the identifier that an address stands for, or None where it is none that is known.

    Example:
        >>> from_iri("http://identifiers.org/mesh/D009271"), from_iri("https://omim.org/entry/1")
        ('mesh:D009271', None)
    """
    for base, prefix in _ADDRESSES.items():
        if iri.startswith(base):
            return curie(prefix, iri.removeprefix(base))
    return None


def close(
    found: Iterable[str | None], *, leaving: Iterable[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Return references as close matches, each once.

    Args:
        found: The identifiers; None where it is none that is known.
        leaving: Those that are not wanted.
    """
    known = dict.fromkeys(one for one in found if one is not None)
    return tuple(("closeMatch", one) for one in known if one not in set(leaving))
