"""Every rule fires where it must, and nowhere else.

A rule has a folder in ``tests/data/rules``: from ``fires.ttl`` follows what ``follows.ttl``
says, and from ``silent.ttl`` follows nothing. ``fires_NAME.ttl`` with ``follows_NAME.ttl``,
and ``silent_NAME.ttl``, are further cases. A conclusion is written as a blank node, for its
IRI is reckoned from its premises. A rule for pairs is asked about ``substance:first`` and
``substance:second``, in either order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pharmakon import ontology, queries
from pharmakon.errors import LoadError, PharmakonError
from pharmakon.inference import Rule, infer, load, rules
from pharmakon.namespaces import GRAPH, PK, RDF, RULE, STATEMENT
from pharmakon.stores import OxigraphStore

CASES = Path(__file__).parent / "data" / "rules"
RULES = {rule.name: rule for rule in rules()}
CONFIDENCE = RULES["confidence-of-statement"]

#: Rules that also read what is not sure, and why.
INDIFFERENT = {
    "object-of-statement": "what a contested statement says is still what it says",
}

#: What makes a statement no ground for another, as triples to add to it.
SPOILT = ("contested", "refuted", "unknown", "superseded")


def folder(name: str) -> Path:
    return CASES / name.replace("-", "_")


def cases(start: str) -> list[tuple[str, Path]]:
    """Each rule with each of its cases whose file name starts so."""
    return [(name, path) for name in RULES for path in sorted(folder(name).glob(f"{start}*.ttl"))]


# ── Form ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", RULES)
def test_a_rule_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(name: str):
    for case in ("fires", "follows", "silent"):
        path = folder(name) / f"{case}.ttl"
        assert path.is_file(), f"the rule {name} has no {path.relative_to(CASES.parents[2])}"


def test_every_case_is_that_of_a_rule():
    known = {folder(name) for name in RULES}
    stray = sorted(path.name for path in CASES.iterdir() if path.is_dir() and path not in known)

    assert not stray, f"{stray} are cases of rules that do not exist"


@pytest.mark.parametrize("name", RULES)
def test_a_header_says_what_follows_and_what_it_is_worth(name: str):
    rule = RULES[name]
    path = next(path for path in ontology.rules() if path.stem == name.replace("-", "_"))
    about = queries.header(path, path.read_text("utf-8"))

    assert set(about) <= {"label", "kind", "definition", "confidence"}
    assert re.fullmatch(r"[A-Z].*\.", rule.definition, re.S), "definition: a sentence"
    assert not rule.label.endswith("."), "label: a noun phrase"
    if rule.kind == "shortcut":
        assert "confidence" not in about, "a shortcut is worth what its statement is worth"
    else:
        assert 0 < about["confidence"] < 1
        assert f"{rule.confidence:g}" in rule.text.partition("CONSTRUCT")[2], (
            f"{name}: the confidence of the header is not the one that is reckoned with"
        )


def test_no_two_rules_have_the_same_label():
    labels = [rule.label for rule in RULES.values()]

    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_one_construct_with_the_prefixes_that_it_uses(name: str):
    text = re.sub(r'<[^>\s]*>|"[^"]*"|#[^\n]*', " ", RULES[name].text)
    prologue, _, rest = text.partition("CONSTRUCT")

    assert rest, f"{name} is not a CONSTRUCT"
    assert not re.search(r"\b(SELECT|ASK|DESCRIBE|INSERT|DELETE|SERVICE|GRAPH)\b", rest)
    assert set(re.findall(r"PREFIX (\w+):", prologue)) == set(
        re.findall(r"(?<![\w?])([a-z]+):", rest)
    )
    ox.Store().query(RULES[name].text)


@pytest.mark.parametrize("name", [name for name in RULES if RULES[name].kind != "shortcut"])
def test_the_iris_of_a_rule_bear_the_name_of_its_file(name: str):
    text = RULES[name].text

    assert f"pk:inferredBy rule:{name} ;" in text
    assert f'STR(statement:), "{name}-"' in text


@pytest.mark.parametrize("name", [name for name in RULES if RULES[name].kind == "pair"])
def test_a_rule_for_pairs_has_one_pair_to_be_replaced(name: str):
    assert RULES[name].text.count("VALUES (?a ?b) { (substance:") == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("CONSTRUCT {} WHERE {}", "there is no header"),
        ("#+ label: one\n#+ definition: Two.", "the header has no 'kind'"),
        ("#+ label: one\n#+ kind: guess\n#+ definition: Two.", "kind is 'guess'"),
        ("#+ label: [", "the header is not YAML"),
    ],
)
def test_a_rule_without_a_whole_header_is_named(tmp_path: Path, text: str, reason: str):
    path = tmp_path / "broken.rq"
    path.write_text(text)

    with pytest.raises(LoadError, match=re.escape(f"broken.rq:1: {reason}")):
        load(path)


# ── What follows ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "path"), cases("fires"))
def test_a_rule_fires(name: str, path: Path):
    expected = path.with_name(path.name.replace("fires", "follows"))

    found = conclusions(RULES[name], given_in(path))

    assert shape(found) == shape(triples_in(expected)), f"{path} gives\n{show(found)}"


@pytest.mark.parametrize(("name", "path"), cases("silent"))
def test_a_rule_is_silent(name: str, path: Path):
    found = conclusions(RULES[name], given_in(path))

    assert not found, f"{path} gives\n{show(found)}"


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize(("name", "path"), cases("fires"))
def test_nothing_follows_from_what_is_not_sure(name: str, path: Path, spoilt: str):
    store = given_in(path)
    statements = [
        quad.subject for quad in store.quads(predicate=PK["certainty"], graph=GRAPH[CASE])
    ]
    whole = conclusions(RULES[name], given_in(path))

    for one in statements:
        rest = conclusions(RULES[name], spoil(given_in(path), one, spoilt))

        if name in INDIFFERENT:
            assert shape(rest) == shape(whole), INDIFFERENT[name]
        elif name == "certainty-of-conclusion" and spoilt == "superseded":
            assert shape(rest) == shape(whole), "nothing is concluded from it in the first place"
        else:
            assert len(rest) < len(whole), f"{one} is {spoilt}, and yet it gives\n{show(rest)}"


def test_a_denial_gives_no_shortcut():
    store = given_in(CASES / "denials.ttl")
    shortcuts = {quad.subject for quad in store.quads(predicate=RDF["type"], object=PK["Shortcut"])}

    infer(store, RULES.values())

    found = [quad for quad in store.quads(graph=GRAPH["inferred"]) if quad.predicate in shortcuts]
    assert [quad for quad in found if quad.predicate != PK["confidence"]] == []
    assert not list(store.quads(object=PK["Drug"], graph=GRAPH["inferred"]))
    assert not list(store.quads(predicate=PK["useStatus"], graph=GRAPH["inferred"]))


def test_a_circle_of_classes_comes_to_an_end():
    store = given_in(CASES / "circle.ttl")

    infer(store, RULES.values())

    found = {
        (quad.subject.value[-1], quad.object.value[-1])
        for quad in store.quads(predicate=PK["memberOf"])
    }
    # "one" ends in e; nothing is a member of itself.
    assert found == {
        *(("e", "a"), ("e", "b"), ("e", "c")),
        *(("a", "b"), ("a", "c"), ("b", "a"), ("b", "c"), ("c", "a"), ("c", "b")),
    }


def test_a_rule_that_writes_a_new_iri_each_time_is_named():
    endless = Rule(
        name="endless",
        kind="statement",
        label="endless",
        definition="More follows from anything.",
        confidence=0.9,
        text="CONSTRUCT { ?s pk:because ?more } WHERE { ?s pk:because ?other"
        " BIND (IRI(CONCAT(STR(?other), 'x')) AS ?more) }",
    )
    store = OxigraphStore()
    store.add([ox.Triple(STATEMENT["one"], PK["because"], STATEMENT["two"])])

    with pytest.raises(PharmakonError, match=r"inference did not end .* endless"):
        infer(store, [endless])


BUILD = [rule for rule in RULES.values() if rule.kind != "pair"]


@pytest.fixture(scope="module")
def ordered() -> set[ox.Quad]:
    """What follows from ``order.ttl`` with the rules in order of name."""
    return inferred(BUILD)


@settings(max_examples=25, deadline=None)
@given(names=st.permutations([rule.name for rule in BUILD]))
def test_the_order_of_the_rules_changes_nothing(ordered: set[ox.Quad], names: list[str]):
    assert inferred(RULES[name] for name in names) == ordered


def test_the_case_of_order_has_conclusions_that_could_depend_on_it(ordered: set[ox.Quad]):
    concluded = [quad.object for quad in ordered if quad.predicate == PK["inferredBy"]]

    assert {RULE["class-chain"], RULE["class-from-action"]} <= set(concluded)


def test_inferring_twice_adds_nothing():
    store = given_in(CASES / "order.ttl")

    first = infer(store, BUILD)
    second = infer(store, BUILD)

    assert first > 0
    assert second == 0


# ── Tools ────────────────────────────────────────────────────────────────────

#: The graph that a case is loaded into.
CASE = "case"


def given_in(path: Path) -> OxigraphStore:
    """The vocabulary and a case."""
    store = OxigraphStore()
    store.inner.extend(vocabulary())
    store.add_file(path, GRAPH[CASE])
    return store


def vocabulary() -> list[ox.Quad]:
    if not _VOCABULARY:
        store = OxigraphStore()
        for path in ontology.vocabulary():
            store.add_file(path, GRAPH["ontology"])
        _VOCABULARY.extend(store.quads())
    return _VOCABULARY


_VOCABULARY: list[ox.Quad] = []


def inferred(order: Iterable[Rule]) -> set[ox.Quad]:
    store = given_in(CASES / "order.ttl")
    infer(store, order)
    return set(store.quads(graph=GRAPH["inferred"]))


def conclusions(rule: Rule, store: OxigraphStore) -> set[ox.Triple]:
    """What a rule, and only that rule, adds to a case."""
    if rule != CONFIDENCE:
        infer(store, [CONFIDENCE])
    if rule.kind == "pair":
        return set(store.construct(about(rule)))
    before = set(store.quads())
    infer(store, [rule])
    added = set(store.quads(graph=GRAPH["inferred"])) - before
    return {quad.triple for quad in added if quad.subject != rule.iri}


def about(rule: Rule) -> str:
    """A rule for pairs, asked about ``substance:first`` and ``substance:second``."""
    start = rule.text.index("VALUES (?a ?b)")
    end = rule.text.index("}", start)
    pairs = "(substance:first substance:second) (substance:second substance:first)"
    return f"{rule.text[:start]}VALUES (?a ?b) {{ {pairs} {rule.text[end:]}"


def spoil(store: OxigraphStore, statement: object, how: str) -> OxigraphStore:
    """Make a statement of a case one from which nothing may follow."""
    assert isinstance(statement, ox.NamedNode)
    if how == "superseded":
        store.add([ox.Triple(statement, PK["supersededBy"], STATEMENT["later"])], GRAPH[CASE])
        return store
    for quad in list(store.quads(statement, PK["certainty"])):
        store.inner.remove(quad)
    store.add([ox.Triple(statement, PK["certainty"], PK[how])], GRAPH[CASE])
    return store


def triples_in(path: Path) -> set[ox.Triple]:
    """A file's triples, as a store keeps their numbers."""
    store = OxigraphStore()
    store.add_file(path)
    return {quad.triple for quad in store.quads()}


def shape(triples: set[ox.Triple]) -> set[ox.Quad]:
    """Triples with the IRIs of conclusions made blank nodes of canonical names."""
    concluded = {one.subject for one in triples if one.predicate == PK["inferredBy"]}
    names = {one: ox.BlankNode() for one in concluded if isinstance(one, ox.NamedNode)}
    dataset = ox.Dataset(
        ox.Quad(names.get(one.subject, one.subject), one.predicate, one.object) for one in triples
    )
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return set(dataset)


def show(triples: set[ox.Triple]) -> str:
    return "\n".join(sorted(map(str, triples))) or "nothing"
