"""DrugMechDB: what drugs are used for, and the proteins that they act on, from its paths."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..mappings import words
from .importer import Importer, Table
from .record import Claim, RejectedError, SkippedError, Thing
from .rows import Row, json_lines

__all__ = ["DRUGMECHDB"]

#: A number of DrugBank: also where ``DB:B02362``, ``DB:DBDB08902`` or ``DB:DB010473`` is
#: printed. What such a one is repaired to is taken only if the name there agrees.
_DRUGBANK = re.compile(r"DB:(?:DB)?D?B(\d{5})\d?")

#: Its README says that its indications were taken from those of DrugCentral.
_NAMED_BY = ("drugcentral",)

_MESH = re.compile(r"MESH:[CD]\d+")

#: Links that say that a drug meets a protein. Others, such as "negatively regulates", may go
#: by way of something else.
_LINKS = {
    "decreases activity of": "lowers the activity of",
    "increases activity of": "raises the activity of",
    "directly interacts with": "binds to",
    "molecularly interacts with": "binds to",
}

#: What it is to lower and to raise the activity of a protein, by its name; the first that fits.
#: Of a receptor or a channel the link does not say how: by an antagonist, from another site, as
#: an inhibitor of the kinase that it is.
_ACTIONS = (
    (r"receptor|channel|ionotropic", "binder", "binder"),
    (r"transporter|translocase|solute carrier", "transporterInhibitor", "binder"),
    (r"ase\b|cytochrome p450", "enzymeInhibitor", "enzymeActivator"),
)


def _path(row: Row) -> Iterator[Thing | Claim]:
    about = row["graph"]
    for name in ("_id", "drug", "disease", "disease_mesh"):
        if not about[name].strip():
            raise RejectedError(f"the path has no {name}")
    if not _MESH.fullmatch(about["disease_mesh"]):
        raise RejectedError(f"{about['disease_mesh']!r} is no identifier of MeSH")
    printed, mesh = about.get("drugbank"), about.get("drug_mesh")
    if not (printed or mesh):
        raise RejectedError("the path has no drugbank and no drug_mesh")
    named = {node["id"]: node["name"] for node in row["nodes"]}
    links = [link for link in row["links"] if link["source"] in (printed, mesh)]
    if any(
        link["key"] == "contraindicated for" and link["target"] == about["disease_mesh"]
        for link in row["links"]
    ):
        raise SkippedError("the path says that the drug must not be used for it")
    # A salt stands under the number of its base, so that the name is part of the key.
    drug = f"drugmechdb:{_local(printed or mesh)}-{'-'.join(words(about['drug']))}"
    disease = f"drugmechdb.disease:{_local(about['disease_mesh'])}"
    known = _DRUGBANK.fullmatch(printed or "")
    same = [f"drugbank:DB{known[1]}"] if known else []
    # Where there are two numbers, as in "MESH:D002743,MESH:C015071", neither is the drug's.
    if _MESH.fullmatch(mesh or ""):
        same.append(f"mesh:{_local(mesh)}")
    yield Thing(drug, "substance", about["drug"], same=tuple(same), by_name=_NAMED_BY)
    yield Thing(
        disease,
        "condition",
        about["disease"],
        names=tuple(named[one] for one in (about["disease_mesh"],) if one in named),
        same=(f"mesh:{_local(about['disease_mesh'])}",),
        by_name=_NAMED_BY,
    )
    yield Claim(
        "Indication",
        drug,
        (("condition", disease), ("intent", "pk:treatment"), ("useStatus", "pk:notStated")),
        about["_id"],
        f"A path leads from {about['drug']} to {about['disease']}.",
    )
    for link in links:
        if link["key"] in _LINKS and link["target"].startswith("UniProt:"):
            yield from _action(drug, about["drug"], link, named[link["target"]])


def _action(drug: str, label: str, link: Row, protein: str) -> Iterator[Thing | Claim]:
    accession = _local(link["target"])
    target = f"drugmechdb.target:{accession}"
    yield Thing(target, "target", protein, same=(f"uniprot:{accession}",))
    # Paths to other diseases say it again: without their numbers, it is said once.
    yield Claim(
        "ReceptorAction",
        drug,
        (("target", target), ("actionType", f"pk:{_action_type(link['key'], protein)}")),
        f"{_local(drug)};{accession};{link['key']}",
        f"{label} {_LINKS[link['key']]} {protein}.",
    )


def _action_type(link: str, protein: str) -> str:
    for pattern, lowers, raises in _ACTIONS:
        if "activity" in link and re.search(pattern, protein, re.IGNORECASE):
            return lowers if link.startswith("decreases") else raises
    return "binder"


def _local(identifier: str) -> str:
    return identifier.partition(":")[2]


DRUGMECHDB = Importer(
    name="drugmechdb",
    title="DrugMechDB",
    description="What drugs are used for, and the proteins that they act on.",
    publisher="SuLab",
    release="2026-07",
    licences=("https://creativecommons.org/publicdomain/zero/1.0/",),
    homepage="https://github.com/SuLab/DrugMechDB-agentic",
    folder="drugmechdb",
    tables=(Table("indication_paths.jsonl", json_lines, _path),),
    by_hand="it has a file in YAML for each path; write each as JSON, one a line",
)
