"""Importers: published datasets, each read by a module of its own.

:data:`IMPORTERS` holds them in the order in which their things are taken: first those that
name things best. How to add one is said in :mod:`pharmakon.importers.importer`.
"""

from .cpic import CPIC
from .drugbank import DRUGBANK
from .drugcentral import DRUGCENTRAL
from .drugmechdb import DRUGMECHDB
from .fda_ndc import FDA_NDC
from .fda_unii import FDA_UNII
from .gtopdb import GTOPDB
from .hgnc import HGNC
from .importer import Importer, Record, Rejection, Report, Table, TooManyRejectedError, digests, run
from .mesh import MESH
from .obo import DISEASE_ONTOLOGY, HPO
from .ontology_terms import CHEBI, DOID, MONDO
from .owl import HPO_OWL, MONDO_OWL
from .pharmacotherapydb import PHARMACOTHERAPYDB
from .rdf import STATEMENTS
from .record import Claim, Composition, Ingredient, RejectedError, SkippedError, Thing
from .rxnorm import RXNORM
from .sssom import BIOMAPPINGS, MONDO_MAPPINGS
from .wikidata import WIKIDATA

__all__ = [
    "IMPORTERS",
    "Claim",
    "Composition",
    "Importer",
    "Ingredient",
    "Record",
    "RejectedError",
    "Rejection",
    "Report",
    "SkippedError",
    "Table",
    "Thing",
    "TooManyRejectedError",
    "digests",
    "run",
]

#: The sources that can be imported, by the name of their graph.
IMPORTERS: dict[str, Importer] = {
    one.name: one
    for one in (
        FDA_UNII,
        DRUGBANK,
        # Those that give out an identifier, before those that use it and may have it wrong.
        CHEBI,
        MONDO,
        DOID,
        DISEASE_ONTOLOGY,
        HPO,
        HPO_OWL,
        HGNC,
        MESH,
        MONDO_OWL,
        RXNORM,
        GTOPDB,
        DRUGCENTRAL,
        FDA_NDC,
        CPIC,
        MONDO_MAPPINGS,
        BIOMAPPINGS,
        PHARMACOTHERAPYDB,
        DRUGMECHDB,
        WIKIDATA,
        STATEMENTS,
    )
}
