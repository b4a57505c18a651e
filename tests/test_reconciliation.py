"""Which things of several sources are one: by identifiers, held against names; never by less."""

from __future__ import annotations

import random

import pytest

from pharmakon.importers import Thing
from pharmakon.reconciliation import Cluster, Reconciliation

#: Made up: a base, its salt and its enantiomer, each with an identifier of its own.
BASE = Thing("unii:AAAAAAAAA1", "substance", "EXAMPLOL")
SALT = Thing("unii:AAAAAAAAA2", "substance", "EXAMPLOL HYDROCHLORIDE")
ENANTIOMER = Thing("unii:AAAAAAAAA3", "substance", "DEXEXAMPLOL")


def reconciled(*things: tuple[str, Thing]) -> Reconciliation:
    found = Reconciliation()
    for source, thing in things:
        found.add(source, thing)
    return found


def together(found: Reconciliation) -> set[frozenset[str]]:
    return {frozenset(join.key for join in one.joins) for one in found.clusters}


def of(found: Reconciliation, key: str, kind: str = "substance") -> Cluster:
    cluster = found.find(kind, key)
    assert cluster is not None, f"{key} is in no cluster"
    return cluster


def test_an_identifier_that_both_have_makes_them_one():
    drug = Thing("drugbank:DB90001", "substance", "Examplol", same=("unii:AAAAAAAAA1",))

    found = reconciled(("unii", BASE), ("drugbank", drug))

    assert together(found) == {frozenset({"unii:AAAAAAAAA1", "drugbank:DB90001"})}
    assert of(found, "drugbank:DB90001").joins[1].by == "unii:AAAAAAAAA1"


def test_a_base_is_not_its_salt_though_a_source_says_so():
    """DrugCentral gives the UNII of the hydrochloride to naltrexone."""
    drug = Thing("drugcentral:9001", "substance", "examplol", same=("unii:AAAAAAAAA2",))

    found = reconciled(("unii", BASE), ("unii", SALT), ("drugcentral", drug))

    cluster = of(found, "drugcentral:9001")
    assert cluster is not of(found, "unii:AAAAAAAAA2")
    (conflict,) = cluster.conflicts
    assert conflict.identifier == "unii:AAAAAAAAA2"
    assert conflict.reason == "the names differ: it is EXAMPLOL HYDROCHLORIDE"


def test_what_is_wrong_about_one_identifier_is_told_by_another():
    drug = Thing(
        "drugcentral:9001",
        "substance",
        "examplol",
        same=("unii:AAAAAAAAA2", "drugbank:DB90001"),
    )
    same = Thing("drugbank:DB90001", "substance", "Examplol", same=("unii:AAAAAAAAA1",))

    found = reconciled(("unii", BASE), ("unii", SALT), ("drugbank", same), ("drugcentral", drug))

    assert of(found, "drugcentral:9001") is of(found, "unii:AAAAAAAAA1")
    assert [one.reason for one in of(found, "drugcentral:9001").conflicts] == [
        "it has unii:AAAAAAAAA1 already"
    ]


def test_an_identifier_of_another_drug_joins_nothing_and_is_a_conflict():
    """DrugMechDB gives naltrexone the MeSH number of naloxone."""
    other = Thing("mesh:D990002", "substance", "Otherol")
    mechanism = Thing(
        "drugmechdb:DB90001", "substance", "Examplol", same=("drugbank:DB90001", "mesh:D990002")
    )
    drug = Thing("drugbank:DB90001", "substance", "Examplol", same=("unii:AAAAAAAAA1",))

    found = reconciled(
        ("unii", BASE), ("mesh", other), ("drugbank", drug), ("drugmechdb", mechanism)
    )

    assert of(found, "drugmechdb:DB90001") is of(found, "unii:AAAAAAAAA1")
    assert of(found, "mesh:D990002") is not of(found, "unii:AAAAAAAAA1")
    assert [one.identifier for one in of(found, "drugmechdb:DB90001").conflicts] == ["mesh:D990002"]


def test_a_condition_of_another_wording_is_joined_by_its_identifier_if_a_word_tells():
    found = Reconciliation()
    found.add("mesh", Thing("mesh:D016055", "condition", "Urinary Retention"))
    found.add("mesh", Thing("mesh:D001943", "condition", "Breast Neoplasms"))
    for key, label, same in (
        ("drugmechdb.disease:1", "Retention of urine", "mesh:D016055"),
        ("drugmechdb.disease:2", "Lung neoplasm", "mesh:D001943"),
    ):
        found.add("drugmechdb", Thing(key, "condition", label, same=(same,)))

    joined, apart = (found.find("condition", f"drugmechdb.disease:{n}") for n in (1, 2))
    assert joined is found.find("condition", "mesh:D016055")
    assert apart is not found.find("condition", "mesh:D001943")
    assert [one.identifier for one in apart.conflicts] == ["mesh:D001943"]
    named = Thing("drugmechdb.disease:1", "condition", "Retention of urine")
    assert not found.gives_names(named), "it may mean less than what has the identifier"


def test_an_enantiomer_stays_apart_from_its_racemate():
    drug = Thing(
        "drugbank:DB90002", "substance", "Dexexamplol", same=("unii:AAAAAAAAA3", "cas:0-00-1")
    )
    racemate = Thing("drugbank:DB90001", "substance", "Examplol", same=("unii:AAAAAAAAA1",))
    wrong = Thing("guide:1", "substance", "examplol", same=("drugbank:DB90001", "drugbank:DB90002"))

    found = reconciled(
        ("unii", BASE), ("unii", ENANTIOMER), ("drugbank", racemate), ("drugbank", drug),
        ("guide", wrong),
    )  # fmt: skip

    assert of(found, "guide:1") is of(found, "drugbank:DB90001")
    assert of(found, "drugbank:DB90002") is of(found, "unii:AAAAAAAAA3")
    assert of(found, "guide:1").conflicts


def test_two_things_of_one_list_stay_apart_whatever_they_share():
    one = Thing("drugbank:DB90001", "substance", "Examplol", same=("inchikey:A", "cas:0-00-1"))
    two = Thing("drugbank:DB90002", "substance", "Examplol", same=("inchikey:A", "cas:0-00-1"))

    found = reconciled(("drugbank", one), ("drugbank", two))

    assert of(found, "drugbank:DB90001") is not of(found, "drugbank:DB90002")
    assert {one.identifier for one in of(found, "drugbank:DB90002").conflicts} == set(two.same)


def test_a_name_alone_joins_nothing():
    found = reconciled(("unii", BASE), ("elsewhere", Thing("elsewhere:1", "substance", "Examplol")))

    assert len(together(found)) == 2


def test_a_name_joins_where_its_source_takes_its_names_from_there():
    """The product directory takes the names of ingredients from the list of UNIIs."""
    ingredient = Thing("ndc:EXAMPLOL", "substance", "EXAMPLOL", by_name=("unii",))

    found = reconciled(("unii", BASE), ("unii", SALT), ("ndc", ingredient))

    assert of(found, "ndc:EXAMPLOL") is of(found, "unii:AAAAAAAAA1")
    assert of(found, "ndc:EXAMPLOL").joins[-1].by == "name:EXAMPLOL"


def test_a_name_of_two_things_joins_neither():
    again = Thing("unii:AAAAAAAAA9", "substance", "EXAMPLOL")
    ingredient = Thing("ndc:EXAMPLOL", "substance", "EXAMPLOL", by_name=("unii",))

    found = reconciled(("unii", BASE), ("unii", again), ("ndc", ingredient))

    assert of(found, "ndc:EXAMPLOL").joins[0].by == "first"


def test_of_two_things_of_nearly_one_name_that_of_the_very_name_is_meant():
    racemate = Thing("unii:AAAAAAAAA9", "substance", "EXAMPLOL, (+/-)-")
    ingredient = Thing("ndc:EXAMPLOL", "substance", "EXAMPLOL", by_name=("unii",))

    found = reconciled(("unii", racemate), ("unii", BASE), ("ndc", ingredient))

    assert of(found, "ndc:EXAMPLOL") is of(found, "unii:AAAAAAAAA1")


def test_things_of_two_kinds_are_never_one():
    protein = Thing("uniprot:P99999", "target", "Examplol", same=("unii:AAAAAAAAA1",))

    found = reconciled(("unii", BASE), ("proteins", protein))

    assert of(found, "uniprot:P99999", "target") is not of(found, "unii:AAAAAAAAA1")


def test_what_curators_described_keeps_its_name_and_its_address():
    found = Reconciliation()
    iri = "https://w3id.org/pharmakon/substance/examplol"
    found.curated("substance", iri, "examplol", (), ("unii:AAAAAAAAA1",))
    found.add("unii", BASE)

    assert of(found, "unii:AAAAAAAAA1").iri == iri
    assert of(found, "unii:AAAAAAAAA1").label == "examplol"


def test_two_things_that_curators_tell_apart_are_never_made_one():
    found = Reconciliation()
    base = "https://w3id.org/pharmakon/substance/"
    found.curated("substance", f"{base}examplol", "examplol", (), ("chebi:990001",))
    found.curated("substance", f"{base}examplol-two", "examplol two", ("examplol",), ("cas:1-1-1",))
    found.add("b", Thing("b:1", "substance", "examplol", same=("chebi:990001", "cas:1-1-1")))

    assert of(found, "chebi:990001") is not of(found, "cas:1-1-1")
    assert of(found, "b:1").conflicts


def test_a_term_has_its_own_identifier_though_another_was_said_to_have_it():
    """Whoever gives an identifier out says what it is of; the wrong claim is the conflict."""
    wrong = Thing("drugbank:DB90001", "substance", "Examplol", same=("chebi:990002",))
    term = Thing("chebi:990002", "substance", "specimene")
    later = Thing("guide:1", "substance", "Specimene", same=("chebi:990002",))

    found = reconciled(("drugbank", wrong), ("chebi", term), ("guide", later))

    assert together(found) == {
        frozenset({"drugbank:DB90001"}),
        frozenset({"chebi:990002", "guide:1"}),
    }
    assert of(found, "chebi:990002").conflicts == []
    assert "chebi" not in of(found, "drugbank:DB90001").identifiers
    (conflict,) = of(found, "drugbank:DB90001").conflicts
    assert (conflict.source, conflict.key) == ("drugbank", "drugbank:DB90001")
    assert (conflict.identifier, conflict.reason) == (
        "chebi:990002",
        "the names differ: it is specimene",
    )


def test_a_claim_of_a_second_row_is_a_conflict_too_where_the_term_comes_later():
    first = Thing("drugcentral:9001", "substance", "examplol", same=("unii:AAAAAAAAA1",))
    second = Thing("drugcentral:9001", "substance", "examplol", same=("chebi:990002",))
    term = Thing("chebi:990002", "substance", "specimene")

    found = reconciled(("drugcentral", first), ("drugcentral", second), ("chebi", term))

    assert of(found, "chebi:990002").label == "specimene"
    assert [one.identifier for one in of(found, "drugcentral:9001").conflicts] == ["chebi:990002"]


def test_a_term_whose_identifier_curators_gave_is_what_they_gave_it_to():
    """They read it: alvimopan is what the list of UNIIs calls alvimopan anhydrous."""
    found = Reconciliation()
    iri = "https://w3id.org/pharmakon/substance/examplol"
    found.curated("substance", iri, "examplol", (), ("unii:AAAAAAAAA9",))
    found.add("unii", Thing("unii:AAAAAAAAA9", "substance", "EXAMPLOL ANHYDROUS"))

    assert of(found, "unii:AAAAAAAAA9").iri == iri
    assert [join.by for join in of(found, "unii:AAAAAAAAA9").joins] == ["first", "unii:AAAAAAAAA9"]
    assert of(found, "unii:AAAAAAAAA9").conflicts == []


def test_what_is_said_in_many_rows_is_one_conflict():
    drug = Thing("drugcentral:9001", "substance", "examplol", same=("unii:AAAAAAAAA2",))

    found = reconciled(("unii", SALT), ("drugcentral", drug), ("drugcentral", drug))

    assert len(of(found, "drugcentral:9001").conflicts) == 1


def test_what_was_believed_in_the_end_is_no_conflict():
    """The first name of a list has nothing in common with it, a later one has."""
    plain = Thing("drugbank:DB90001", "substance", "Examplol")
    odd = Thing("unii:AAAAAAAAA8", "substance", "E-900", same=("drugbank:DB90001",))
    known = Thing("unii:AAAAAAAAA8", "substance", "E-900", ("examplol",), ("drugbank:DB90001",))

    found = reconciled(("drugbank", plain), ("unii", odd))
    assert [one.reason for _, one in found.conflicts] == ["the names differ: it is Examplol"]

    found = reconciled(("drugbank", plain), ("unii", odd), ("unii", known))
    assert of(found, "unii:AAAAAAAAA8") is of(found, "drugbank:DB90001")
    assert list(found.conflicts) == []


def with_a_class() -> Reconciliation:
    """What curators have of a class: MeSH has it in the plural, as it has groups."""
    found = Reconciliation()
    iri = "https://w3id.org/pharmakon/substance/examplols"
    found.curated("class", iri, "examplols", ("Examplol",), ("mesh:D990009", "chebi:990009"))
    return found


def test_a_group_is_the_class_that_curators_gave_its_identifier_to():
    found = with_a_class()
    found.add("mesh", Thing("mesh:D990009", "substance", "Examplol Agents"))

    assert of(found, "mesh:D990009").kind == "class"
    assert of(found, "mesh:D990009").label == "examplols"


def test_nothing_joins_a_class_and_a_substance():
    """Not a name that they share, not two identifiers, and both together neither."""
    found = with_a_class()
    same = ("mesh:D990009", "chebi:990009")
    found.add("drugbank", Thing("drugbank:DB90001", "substance", "Examplol", same=same))
    found.add("ndc", Thing("ndc:EXAMPLOL", "substance", "Examplol", by_name=("curated",)))

    assert of(found, "mesh:D990009").kind == "class"
    assert [join.source for join in of(found, "mesh:D990009").joins] == ["curated"]
    assert [one.reason for one in of(found, "drugbank:DB90001").conflicts] == [
        "it is the class examplols",
        "it is the class examplols",
    ]


def test_a_group_that_is_a_class_is_not_what_it_is_said_to_be_among_substances():
    found = with_a_class()
    found.add("unii", BASE)
    found.add("mesh", Thing("mesh:D990009", "substance", "Examplol", same=("unii:AAAAAAAAA1",)))

    assert of(found, "unii:AAAAAAAAA1").kind == "substance"
    (conflict,) = of(found, "mesh:D990009").conflicts
    assert conflict.reason == "it is the substance EXAMPLOL"


@pytest.mark.parametrize("seed", range(50))
def test_no_two_of_what_a_thing_has_one_of_are_ever_in_one(seed: int):
    """Whatever sources claim: random claims over few identifiers, with names that often agree."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    prefixes = ("unii", "inchikey", "drugbank", "chebi", "cas", "mesh")
    found = Reconciliation()
    for number in range(200):
        same = tuple(
            f"{chance.choice(prefixes)}:{chance.randrange(20)}" for _ in range(chance.randrange(5))
        )
        label = chance.choice(("examplol", "specimene", "prototypine"))
        key = f"source{number % 3}:{number}"
        found.add(f"source{number % 3}", Thing(key, "substance", label, same=same))

    owners: dict[str, int] = {}
    for cluster in found.clusters:
        for prefix, identifier in cluster.identifiers.items():
            assert identifier.startswith(f"{prefix}:")
        for identifier in cluster.identifiers.values():
            assert owners.setdefault(identifier, cluster.number) == cluster.number
    keys = [join.key for cluster in found.clusters for join in cluster.joins]
    assert sorted(keys) == sorted(f"source{n % 3}:{n}" for n in range(200)), "each is somewhere"


@pytest.mark.parametrize("seed", range(50))
def test_every_term_has_its_own_key_whatever_was_claimed_before(seed: int):
    chance = random.Random(seed)  # noqa: S311 - no secret
    prefixes = ("unii", "drugbank", "chebi", "mesh")
    keys = [f"{prefix}:{number}" for prefix in prefixes for number in range(20)]
    chance.shuffle(keys)
    found = Reconciliation()
    for key in keys:
        same = tuple(chance.choice(keys) for _ in range(chance.randrange(4)))
        label = chance.choice(("examplol", "specimene", "prototypine", "modelline"))
        found.add(key.partition(":")[0], Thing(key, "substance", label, same=same))

    for key in keys:
        assert key in {join.key for join in of(found, key).joins}
        assert key not in {one.identifier for one in of(found, key).conflicts if one.key == key}


def test_what_is_found_does_not_depend_on_chance():
    def once() -> list[tuple[str, ...]]:
        found = reconciled(("unii", BASE), ("unii", SALT), ("unii", ENANTIOMER))
        return [tuple(join.key for join in cluster.joins) for cluster in found.clusters]

    assert once() == once()
