"""The Guide to PHARMACOLOGY: ligands, targets, and what the ones do at human ones of the others.

It is share-alike: what is taken from it stays in its graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pyoxigraph as ox

from ..namespaces import XSD
from ..published.markup import plain
from .importer import Importer, Table
from .record import Claim, RejectedError, SkippedError, Thing
from .rows import Row, delimited

__all__ = ["GTOPDB", "MEASURED", "action_type", "key", "measured"]

#: Which of the numbers of the Guide have a property here, which is called the same.
MEASURED = frozenset({"pEC50", "pIC50", "pKd", "pKi"})

#: What a type and an action of the Guide are called here.
_ACTIONS = {
    ("Activator", "Activation"): "agonist",
    ("Activator", "None"): "agonist",
    ("Agonist", "Agonist"): "agonist",
    ("Agonist", "Biased agonist"): "biasedAgonist",
    ("Agonist", "Full agonist"): "fullAgonist",
    ("Agonist", "Partial agonist"): "partialAgonist",
    ("Allosteric modulator", "Antagonist"): "antagonist",
    ("Allosteric modulator", "Negative"): "negativeAllostericModulator",
    ("Allosteric modulator", "Partial agonist"): "allostericModulator",
    ("Allosteric modulator", "Positive"): "positiveAllostericModulator",
    ("Allosteric modulator", "Potentiation"): "positiveAllostericModulator",
    ("Antagonist", "Antagonist"): "antagonist",
    ("Antagonist", "Inverse agonist"): "inverseAgonist",
    ("Channel blocker", "Antagonist"): "channelBlocker",
    ("Channel blocker", "None"): "channelBlocker",
    ("Channel blocker", "Pore blocker"): "channelBlocker",
}

_REUPTAKE = frozenset({"SLC6A2", "SLC6A3", "SLC6A4"})
_TRANSPORTERS = re.compile(r"SLC|ABC")
_CHANNELS = re.compile(r"ANO|CACN|ITPR|KCN|RYR|SCN|TRP")
_RECEPTORS = re.compile(r"NR\d")

_KEY = (
    *("target_id", "ligand_id", "target_species", "type", "action", "affinity_units"),
    *("affinity_low", "affinity_median", "affinity_high", "pubmed_id"),
)

#: Nothing is known that binds at less than a femtomole per litre.
_HIGHEST = 15

#: A bound on a concentration bounds its negative logarithm from the other side.
_BOUNDS = {"<": "above ", ">": "below ", "~": "about "}

#: What a ligand is no other name of: a brand is of a product, and a number of a paper.
_NO_NAME = re.compile("[®™]|\\[PMID: ?\\d+\\]")

_INCHIKEY = re.compile(r"[A-Z]{14}-[A-Z]{10}-[A-Z]")


def key(row: Mapping[str, str]) -> str:
    """Return the key of a row: the columns that tell it from others, joined by semicolons."""
    return ";".join(row[column] for column in _KEY)


def action_type(kind: str, action: str, genes: str) -> str:
    """Return our type of an action; what inhibits is called by what is inhibited.

    Args:
        kind: The type of the Guide.
        action: Its action.
        genes: The symbols of the genes of the target, with bars between them.
    """
    if kind == "Inhibitor":
        if genes in _REUPTAKE:
            return "reuptakeInhibitor"
        if _CHANNELS.match(genes):
            return "channelBlocker"
        return "transporterInhibitor" if _TRANSPORTERS.match(genes) else "enzymeInhibitor"
    if kind == "Activator" and not _RECEPTORS.match(genes):
        return "channelOpener" if _CHANNELS.match(genes) else "enzymeActivator"
    return _ACTIONS.get((kind, action), "binder")


def measured(row: Mapping[str, str]) -> tuple[str, ...]:
    """Return what was measured: one value, or the lowest and the highest, or none."""
    ends = (row["affinity_low"], row["affinity_high"])
    found = [row["affinity_median"]] if row["affinity_median"] else list(ends)
    return tuple(dict.fromkeys(f"{round(float(one), 2):g}" for one in found if one))


def _ligand(row: Row) -> Iterator[Thing]:
    name, number = plain(row["Name"]), row["Ligand id"]
    if not number.isdigit() or not name:
        raise RejectedError("the ligand has no number or no name")
    identifiers = []
    if _INCHIKEY.fullmatch(row["InChIKey"]):
        identifiers.append(f"inchikey:{row['InChIKey']}")
    if row["PubChem CID"].isdigit():
        identifiers.append(f"pubchem.compound:{row['PubChem CID']}")
    # What is radioactive often has the identifiers of what is not; its InChI says which.
    is_apart = bool(row["Radioactive"]) and "/i" not in row["InChI"]
    synonyms = (plain(one) for one in row["Synonyms"].split("|") if not _NO_NAME.search(one))
    names = (plain(row["INN"]), *synonyms)
    of_another_species = row["Species"] and "Human" not in row["Species"]
    is_named = row["Approved"] and not row["InChIKey"] and not of_another_species
    yield Thing(
        f"iuphar.ligand:{number}",
        "substance",
        name,
        names=tuple(dict.fromkeys(one for one in names if one and one != name)),
        same=() if is_apart else tuple(identifiers),
        near=tuple(("closeMatch", one) for one in identifiers) if is_apart else (),
        # What has no structure is called by the name that its regulators know.
        by_name=("drugbank-vocabulary", "fda-unii") if is_named else (),
    )


def _target(row: Row) -> Iterator[Thing]:
    name, number = plain(row["Target name"]), row["Target id"]
    if not number.isdigit() or not name:
        raise RejectedError("the target has no number or no name")
    names = [row["Target systematic name"], row["Target abbreviated name"]]
    synonyms = row["synonyms"].split("|")
    # Some are there a second time, cut at their first comma: "ATPase" is no name of a subunit.
    names += [one for one in synonyms if not any(other.startswith(f"{one},") for other in synonyms)]
    same = []
    # What has several genes is none of them.
    if row["HGNC id"].isdigit():
        names += [row["HGNC symbol"], row["HGNC name"]]
        same.append(f"hgnc:{row['HGNC id']}")
        if row["Human SwissProt"].isalnum():
            same.append(f"uniprot:{row['Human SwissProt']}")
    yield Thing(
        f"iuphar.receptor:{number}",
        "target",
        name,
        names=tuple(one for one in dict.fromkeys(map(plain, names)) if one and one != name),
        same=tuple(same),
        # Our complexes are called as the Guide calls them.
        by_name=() if same else ("curated",),
    )


def _interaction(row: Row) -> Iterator[Claim]:
    if row["target_species"] != "Human":
        raise SkippedError("the target is not a human one")
    if row["type"] == "Antibody" or row["ligand_species"] or row["ligand_gene_symbol"]:
        raise SkippedError("the ligand is an antibody, or a peptide or protein that a gene encodes")
    if not row["target_id"] and row["target_ligand_id"]:
        raise SkippedError("the target is a ligand itself")
    if not row["target_id"].isdigit() or not row["ligand_id"].isdigit():
        raise RejectedError("the row names no target or no ligand by its number")
    slot = row["affinity_units"] if row["affinity_units"] in MEASURED else ""
    values = measured(row) if slot else ()
    if any(not 0 <= float(value) <= _HIGHEST for value in values):
        raise RejectedError(f"its {slot} is beyond any that is known")
    action = action_type(row["type"], row["action"], row["target_gene_symbol"])
    said = re.sub(r"[A-Z]", lambda letter: f" {letter[0].lower()}", action)
    if values:
        bound = _BOUNDS.get(row["original_affinity_relation"], "")
        said_values = f", {slot} {bound}{' to '.join(values)}"
    else:
        said_values = ""
    papers = " and ".join(f"PubMed {one}" for one in row["pubmed_id"].split("|") if one)
    cited = f", measured in {papers}" if papers else ""
    comment = f"{plain(row['ligand'])}: {said} at the human {plain(row['target'])}"
    # An action has one number, so the two ends of a range are two statements.
    for value in values or ("",):
        number = ((slot, ox.Literal(value, datatype=XSD["decimal"])),) if value else ()
        yield Claim(
            "ReceptorAction",
            f"iuphar.ligand:{row['ligand_id']}",
            (
                ("target", f"iuphar.receptor:{row['target_id']}"),
                ("actionType", f"pk:{action}"),
                *number,
            ),
            key(row),
            f"{comment}{said_values}{cited}.",
        )


GTOPDB = Importer(
    name="gtopdb",
    title="Guide to PHARMACOLOGY",
    description="Ligands, targets, and how small molecules act at human ones, with affinities.",
    publisher="IUPHAR/BPS Guide to PHARMACOLOGY",
    release="2020.5",
    licences=(
        "https://opendatacommons.org/licenses/odbl/1-0/",
        "https://creativecommons.org/licenses/by-sa/4.0/",
    ),
    homepage="https://www.guidetopharmacology.org/download.jsp",
    folder="gtopdb",
    tables=(
        Table(
            "ligands_clean_2020-5.csv",
            delimited(
                ",",
                columns=(
                    *("Ligand id", "Name", "Species", "Approved", "Radioactive", "PubChem CID"),
                    *("INN", "Synonyms", "InChIKey", "InChI"),
                ),
            ),
            _ligand,
        ),
        Table(
            "targets_and_families.csv",
            delimited(
                ",",
                columns=(
                    *("Target id", "Target name", "Target systematic name"),
                    *("Target abbreviated name", "synonyms", "HGNC id", "HGNC symbol"),
                    *("HGNC name", "Human SwissProt"),
                ),
            ),
            _target,
        ),
        Table(
            "interactions.csv",
            delimited(
                ",",
                columns=(
                    *("target", "target_gene_symbol", "target_ligand_id", "ligand"),
                    *("ligand_gene_symbol", "ligand_species", "original_affinity_relation", *_KEY),
                ),
            ),
            _interaction,
        ),
    ),
    share_alike=True,
    by_hand="the release that is read is 2020.5, and its publisher serves the newest, which has "
    "other columns; ask there for the older one",
)
