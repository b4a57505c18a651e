"""The names that the published data files print beside an identifier."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from .files import Files
from .markup import plain

__all__ = ["SOURCES", "names"]

#: An identifier as a CURIE, and a name that the file prints beside it.
Named = tuple[str, str]

Reader = Callable[[Files, str], Iterator[Named]]


def names(files: Files, source: str) -> Mapping[str, frozenset[str]]:
    """Return every identifier that a file holds, with the names that it prints beside it.

    Raises:
        KeyError: No reader is known for the file; add one to :data:`SOURCES`.
        LoadError: The file is not there.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for curie, name in SOURCES[source](files, source):
        found[curie].add(name)
    return {curie: frozenset(several) for curie, several in found.items()}


def _ontology(prefix: str) -> Reader:
    """Read the terms by all their names, and what they refer to in MeSH and SNOMED CT by one."""
    elsewhere = {"MESH": "mesh", "SCTID": "snomedct", "SNOMEDCT": "snomedct"}

    def read(files: Files, source: str) -> Iterator[Named]:
        with files.open(source) as text:
            for term in json.load(text):
                for name in (term["name"], *term.get("synonyms", ())):
                    yield f"{prefix}:{term['id'].removeprefix(f'{prefix.upper()}:')}", name
                for reference in term.get("xrefs", ()):
                    other = elsewhere.get(reference["namespace"].partition("_")[0])
                    if other:
                        yield f"{other}:{reference['id']}", term["name"]

    return read


def _hp(files: Files, source: str) -> Iterator[Named]:
    """Read the terms by all their names, and what they refer to in SNOMED CT by the first."""
    with files.open(source) as text:
        for stanza in text.read().split("\n\n"):
            if stanza.startswith("[Term]") and "is_obsolete: true" not in stanza:
                lines = stanza.split("\n")
                pairs = dict(line.split(": ", 1) for line in lines[1:3])
                term = f"hp:{pairs['id'].removeprefix('HP:')}"
                yield term, pairs["name"]
                for line in lines:
                    if line.startswith('synonym: "') and '" EXACT' in line:
                        yield term, line.split('"')[1]
                    if line.startswith("xref: SNOMEDCT_US:"):
                        yield f"snomedct:{line.split(':')[2].split()[0]}", pairs["name"]


def _mesh(files: Files, source: str) -> Iterator[Named]:
    """Yield each heading by its name, and by the other names of the same concept."""
    with files.open(source) as text:
        for line in text:
            identifier, name, others = line.rstrip("\n").split("\t")[:3]
            for printed in (name, *_several(others, "|")):
                yield f"mesh:{identifier}", printed


def _mesh_mappings(files: Files, source: str) -> Iterator[Named]:
    with files.open(source) as text:
        for line in text:
            _, identifier, name = line.rstrip("\n").split("\t")[:3]
            yield f"mesh:{identifier}", name


def _hgnc(files: Files, source: str) -> Iterator[Named]:
    for row in files.rows(source):
        if row["Status"] == "Approved":
            yield f"hgnc:{row['HGNC ID'].removeprefix('HGNC:')}", row["Approved name"]
            for accession in _several(row["UniProt ID(supplied by UniProt)"], ", "):
                yield f"uniprot:{accession}", row["Approved name"]
            if row["Ensembl gene ID"]:
                yield f"ensembl:{row['Ensembl gene ID']}", row["Approved name"]
            if row["NCBI Gene ID(supplied by NCBI)"]:
                yield f"ncbigene:{row['NCBI Gene ID(supplied by NCBI)']}", row["Approved name"]


def _drugbank(files: Files, source: str) -> Iterator[Named]:
    for row in files.rows(source, ","):
        identifiers = {
            "drugbank": row["DrugBank ID"],
            "cas": row["CAS"],
            "unii": row["UNII"],
            "inchikey": row["Standard InChI Key"],
        }
        for prefix, identifier in identifiers.items():
            if identifier:
                yield f"{prefix}:{identifier}", row["Common name"]


def _drugbank_mappings(files: Files, source: str) -> Iterator[Named]:
    """Yield what DrugBank itself maps to, by the name that the same file prints for its id."""
    prefixes = {"CHEBI": "chebi", "CHEMBL": "chembl.compound"}
    label: dict[str, str] = {}
    found: list[tuple[str, str]] = []
    for row in files.rows(source):
        if row["SOURCE"] == "drugbank" and row["NAMESPACE"] == "NAME":
            label[row["DRUGBANK_ID"]] = row["ID"]
        if row["SOURCE"] == "drugbank" and row["NAMESPACE"] in prefixes:
            found.append((f"{prefixes[row['NAMESPACE']]}:{row['ID']}", row["DRUGBANK_ID"]))
    for identifier, drug in found:
        yield identifier, label[drug]


def _drugcentral(files: Files, source: str) -> Iterator[Named]:
    prefixes = {
        "IUPHAR_LIGAND_ID": "iuphar.ligand",
        "MESH_DESCRIPTOR_UI": "mesh",
        "MESH_SUPPLEMENTAL_RECORD_UI": "mesh",
        "PUBCHEM_CID": "pubchem.compound",
        "RXNORM": "rxnorm",
        "UNII": "unii",
    }
    for row in files.rows(source):
        yield f"drugcentral:{row['DRUG_ID']}", row["DRUG_NAME"]
        if row["ID_TYPE"] in prefixes:
            yield f"{prefixes[row['ID_TYPE']]}:{row['IDENTIFIER']}", row["DRUG_NAME"]


def _drugcentral_classes(files: Files, source: str) -> Iterator[Named]:
    for row in files.rows(source):
        if row["CLASS_SOURCE_ID"].startswith("N0"):
            yield f"ndfrt:{row['CLASS_SOURCE_ID']}", row["CLASS"]


def _drugcentral_indications(files: Files, source: str) -> Iterator[Named]:
    for row in files.rows(source):
        if row["UMLS_CUI"]:
            yield f"umls:{row['UMLS_CUI']}", row["INDICATION_FDB"]
        if row["SNOMEDCT_CUI"]:
            yield f"snomedct:{row['SNOMEDCT_CUI']}", row["INDICATION_FDB"]


def _unii(files: Files, source: str) -> Iterator[Named]:
    with files.open(source) as text:
        next(text)
        for line in text:
            _, _, identifier, display = line.rstrip("\r\n").rsplit("\t", 3)
            yield f"unii:{identifier}", display


def _rxcui_unii(files: Files, source: str) -> Iterator[Named]:
    """Yield each RxCUI with the UNII beside it: this file prints no names."""
    for row in files.rows(source):
        yield f"rxnorm:{row['rxnorm_id']}", row["fdasrs_id"]


def _cpic(files: Files, source: str) -> Iterator[Named]:
    with files.open(source) as text:
        for line in text:
            cells = line.rstrip("\n").split("\t")
            if len(cells) == 6:
                _, name, _, rxnorm, drugbank, atc = cells
                if rxnorm:
                    yield f"rxnorm:{rxnorm}", name
                if drugbank:
                    yield f"drugbank:{drugbank}", name
                for code in _several(atc, ","):
                    yield f"atc:{code}", name


def _mondo_umls(files: Files, source: str) -> Iterator[Named]:
    """Yield each UMLS concept by the name of its MONDO term: this file prints no other."""
    for row in files.rows(source):
        yield f"umls:{row['object_id'].removeprefix('UMLS:')}", row["subject_label"]


def _mondo_doid(files: Files, source: str) -> Iterator[Named]:
    """Yield each term by the name of the one that it is the same as."""
    for row in files.rows(source):
        yield f"doid:{row['object_id'].removeprefix('DOID:')}", row["subject_label"]
        yield f"mondo:{row['subject_id'].removeprefix('MONDO:')}", row["object_label"]


def _drugmechdb(files: Files, source: str) -> Iterator[Named]:
    with files.open(source) as text:
        for line in text:
            for node in json.loads(line)["nodes"]:
                prefix, _, identifier = node["id"].partition(":")
                yield f"{prefix.lower()}:{identifier}", node["name"]


def _guide_ligands(files: Files, source: str) -> Iterator[Named]:
    """Yield each ligand by its names and by its structure; of the labelled ones none."""
    for row in files.rows(source, ","):
        if not row["Radioactive"] and not row["Labelled"]:
            names = (row["Name"], row["INN"], *row["Synonyms"].split("|"), row["InChIKey"])
            for name in filter(None, map(plain, names)):
                yield f"iuphar.ligand:{row['Ligand id']}", name


def _guide_targets(files: Files, source: str) -> Iterator[Named]:
    """Yield each target by its names, and by the number of its gene where it has one."""
    for row in files.rows(source, ","):
        names = [row["Target name"], *row["synonyms"].split("|")]
        if row["HGNC id"].isdigit():
            names.append(row["HGNC id"])
        for name in filter(None, map(plain, names)):
            yield f"iuphar.receptor:{row['Target id']}", name


def _several(cell: str, separator: str) -> Iterable[str]:
    return (part.strip() for part in cell.split(separator) if part.strip())


#: The files in which identifiers are looked up, and how each is read.
SOURCES: Mapping[str, Reader] = {
    "cpic/drug.sql.gz": _cpic,
    "drugbank_vocabulary/drugbank_vocabulary.csv.gz": _drugbank,
    "drugcentral/drug_indication.tsv.gz": _drugcentral_indications,
    "drugcentral/identifiers.tsv.gz": _drugcentral,
    "drugcentral/pharm_class.tsv.gz": _drugcentral_classes,
    "drugmechdb/indication_paths.jsonl.gz": _drugmechdb,
    "fda_unii/UNII_Names.txt.gz": _unii,
    "gtopdb/ligands_clean_2020-5.csv.gz": _guide_ligands,
    "gtopdb/targets_and_families.csv.gz": _guide_targets,
    "hpo/hp.obo.gz": _hp,
    "mondo/mondo_exactmatch_doid.sssom.tsv.gz": _mondo_doid,
    "mondo/mondo_exactmatch_umls.sssom.tsv.gz": _mondo_umls,
    "ontology_terms/chebi.json.gz": _ontology("chebi"),
    "ontology_terms/doid.json.gz": _ontology("doid"),
    "ontology_terms/drugbank_mappings.tsv.gz": _drugbank_mappings,
    "ontology_terms/hgnc_entries.tsv.gz": _hgnc,
    "ontology_terms/mesh_id_label_mappings.tsv.gz": _mesh,
    "ontology_terms/mesh_mappings.tsv.gz": _mesh_mappings,
    "ontology_terms/mondo.json.gz": _ontology("mondo"),
    "pharmacotherapydb/data_rxcui-unii-map.tsv.gz": _rxcui_unii,
}
