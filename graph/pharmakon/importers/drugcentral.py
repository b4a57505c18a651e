"""DrugCentral: what drugs are called elsewhere, where they act, what they are listed for."""

from __future__ import annotations

from collections.abc import Iterator

from .importer import Importer, Table
from .record import Claim, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["DRUGCENTRAL", "action_type"]

_PREFIXES = {
    "CHEBI": "chebi",
    "ChEMBL_ID": "chembl.compound",
    "DRUGBANK_ID": "drugbank",
    "IUPHAR_LIGAND_ID": "iuphar.ligand",
    "MESH_DESCRIPTOR_UI": "mesh",
    "MESH_SUPPLEMENTAL_RECORD_UI": "mesh",
    "PUBCHEM_CID": "pubchem.compound",
    "RXNORM": "rxnorm",
    "UMLSCUI": "umls",
    "UNII": "unii",
}

#: What an action is called here. What inhibits depends on what is inhibited.
_ACTIONS = {
    "AGONIST": "agonist",
    "ALLOSTERIC ANTAGONIST": "antagonist",
    "ANTAGONIST": "antagonist",
    "BLOCKER": "channelBlocker",
    "INVERSE AGONIST": "inverseAgonist",
    "MODULATOR": "binder",
    "NEGATIVE ALLOSTERIC MODULATOR": "negativeAllostericModulator",
    "OPENER": "channelOpener",
    "PARTIAL AGONIST": "partialAgonist",
    "POSITIVE ALLOSTERIC MODULATOR": "positiveAllostericModulator",
    "POSITIVE MODULATOR": "positiveAllostericModulator",
    "RELEASING AGENT": "releasingAgent",
}

#: The transporters that clear a messenger from the synapse.
_REUPTAKE = frozenset({"SLC6A2", "SLC6A3", "SLC6A4"})


def action_type(printed: str, genes: str, family: str) -> str:
    """Return our type of an action.

    Example:
        >>> action_type("INHIBITOR", "SLC6A4", "Transporter")
        'reuptakeInhibitor'
        >>> action_type("INHIBITOR", "MAOA", "Enzyme")
        'enzymeInhibitor'
    """
    if printed != "INHIBITOR":
        return _ACTIONS.get(printed, "binder")
    if genes in _REUPTAKE:
        return "reuptakeInhibitor"
    if family == "Transporter":
        return "transporterInhibitor"
    if family == "Ion channel":
        return "channelBlocker"
    return "antagonist" if family == "GPCR" else "enzymeInhibitor"


def _identifier(row: Row) -> Iterator[Thing]:
    kind, value = row["ID_TYPE"], row["IDENTIFIER"]
    if kind not in _PREFIXES:
        raise SkippedError(f"identifiers of {kind} are not used")
    local = value.removeprefix("CHEBI:")
    yield Thing(
        f"drugcentral:{row['DRUG_ID']}",
        "substance",
        row["DRUG_NAME"],
        same=(f"{_PREFIXES[kind]}:{local}",),
        by_name=("drugbank-vocabulary", "fda-unii"),
    )


def _action(row: Row) -> Iterator[Thing | Claim]:
    if not row["SWISSPROT"].endswith("_HUMAN"):
        raise SkippedError("the protein is not a human one")
    if "|" in row["UNIPROT"]:
        raise SkippedError("the target is a complex, which is not described here")
    target = f"drugcentral.target:{row['UNIPROT']}"
    yield Thing(target, "target", row["TARGET_NAME"], same=(f"uniprot:{row['UNIPROT']}",))
    printed = row["ACTION_TYPE"]
    action = action_type(printed, row["GENE"], row["TARGET_FAMILY"])
    said = printed.lower() if printed else "a substance that binds"
    yield Claim(
        "ReceptorAction",
        f"drugcentral:{row['DRUG_ID']}",
        (("target", target), ("actionType", f"pk:{action}")),
        f"drug_target;{row['DRUG_ID']};{row['UNIPROT']};{printed}",
        f"{row['DRUG_NAME']} at {row['TARGET_NAME']}: {said}.",
    )


def _indication(row: Row) -> Iterator[Thing | Claim]:
    name = row["INDICATION_FDB"]
    if not row["UMLS_CUI"]:
        raise SkippedError("the indication has no identifier")
    condition = f"drugcentral.indication:{row['UMLS_CUI']}"
    same = [f"umls:{row['UMLS_CUI']}"]
    if row["SNOMEDCT_CUI"]:
        same.append(f"snomedct:{row['SNOMEDCT_CUI']}")
    yield Thing(condition, "condition", name, same=tuple(same))
    yield Claim(
        "Indication",
        f"drugcentral:{row['DRUG_ID']}",
        (
            ("condition", condition),
            ("intent", "pk:treatment"),
            ("useStatus", "pk:notStated"),
        ),
        f"drug_indication;{row['DRUG_ID']};{name}",
        f"{row['DRUG_NAME']} is listed for {name.casefold()}.",
    )


#: The default branch.
_FILES = "https://raw.githubusercontent.com/olegursu/drugtarget/HEAD/"

DRUGCENTRAL = Importer(
    name="drugcentral",
    title="DrugCentral",
    description="What drugs are called elsewhere, where they act, and what they are listed for.",
    publisher="University of New Mexico",
    release="2016",
    licences=("https://creativecommons.org/licenses/by/4.0/",),
    homepage="https://github.com/olegursu/drugtarget",
    folder="drugcentral",
    tables=(
        Table(
            "identifiers.tsv",
            delimited(columns=("DRUG_ID", "DRUG_NAME", "ID_TYPE", "IDENTIFIER")),
            _identifier,
            url=f"{_FILES}identifiers.tsv",
        ),
        Table(
            "drug_target.tsv",
            delimited(
                columns=(
                    "DRUG_ID",
                    "GENE",
                    "DRUG_NAME",
                    "UNIPROT",
                    "SWISSPROT",
                    "ACTION_TYPE",
                    "TARGET_NAME",
                )
            ),
            _action,
            url=f"{_FILES}drug_target.tsv",
        ),
        Table(
            "drug_indication.tsv",
            delimited(columns=("DRUG_ID", "DRUG_NAME", "INDICATION_FDB", "UMLS_CUI")),
            _indication,
            url=f"{_FILES}drug_indication.tsv",
        ),
    ),
)
