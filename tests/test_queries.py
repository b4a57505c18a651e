"""Every query says what it is for, answers its own example, and never tells a no as a yes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyoxigraph as ox
import pytest

from pharmakon import PREFIXES, KnowledgeGraph, queries
from pharmakon.errors import LoadError, NotFoundError
from pharmakon.namespaces import PK
from pharmakon.queries import Query
from pharmakon.resources import folder
from pharmakon.stores import Row

from .sample import some

NAMES = queries.names()
LIBRARY = {name: queries.load(name) for name in NAMES}
AFFIRMATIVE = [name for name in NAMES if "negative" not in LIBRARY[name].tags]
NEGATIVE = [name for name in NAMES if "negative" in LIBRARY[name].tags]

#: The classes of statements that say no.
DENIALS = (PK["NonIndication"].value, PK["NonEffect"].value)


def body(query: Query) -> str:
    """A query without its header, comments, strings and IRIs."""
    return re.sub(r'<[^>\s]*>|"[^"]*"|#[^\n]*', " ", query.text)


# ── Form ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_a_header_says_what_is_asked_and_what_a_row_is(name: str):
    path = folder("queries") / f"{name}.rq"
    about = queries.header(path, path.read_text("utf-8"))

    assert re.fullmatch(r"[A-Z][^.?!]*", about["summary"]), "summary: a noun phrase, no full stop"
    assert about["description"].strip().endswith("."), "description: sentences: what a row is"
    assert about["tags"], "tags: what it is about, one word at least"
    assert about["example"], "example: what the values in the file show"
    for parameter, said in about.get("params", {}).items():
        assert said["type"] in ("iri", "text"), f"type of {parameter}: iri or text"
        assert said["description"].endswith("."), f"description of {parameter}: a sentence"


def test_no_two_queries_have_the_same_summary():
    summaries = [query.summary for query in LIBRARY.values()]

    assert len(set(summaries)) == len(summaries)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_is_one_ordered_select(name: str):
    text = body(LIBRARY[name])

    assert re.search(r"^SELECT\b", text, re.M), f"{name}: start a line with SELECT"
    assert not re.search(r"\b(CONSTRUCT|ASK|DESCRIBE|INSERT|DELETE|SERVICE)\b", text, re.I)
    assert re.search(r"^ORDER BY\b", text, re.M), f"{name}: add ORDER BY; a page needs an order"


@pytest.mark.parametrize("name", NAMES)
def test_a_query_declares_the_prefixes_that_it_uses_and_no_others(name: str):
    text = LIBRARY[name].text
    declared = dict(re.findall(r"^PREFIX (\w+): <([^>]+)>$", text, re.M))
    _, _, used_in = body(LIBRARY[name]).partition("SELECT")
    used = set(re.findall(r"(?<![\w?])([a-z]+):", used_in))

    assert set(declared) == used
    assert list(declared) == sorted(declared), f"{name}: sort the prefixes"
    assert declared.items() <= PREFIXES.items(), f"{name}: a prefix means here what it means there"


@pytest.mark.parametrize("name", NAMES)
def test_a_query_runs_where_no_prefix_is_predeclared(name: str):
    ox.Store().query(LIBRARY[name].text, use_default_graph_as_union=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_of_a_query_are_whole_words(name: str):
    variables = set(re.findall(r"\?(\w+)", body(LIBRARY[name])))
    short = sorted(one for one in variables if not re.fullmatch(r"[a-z][A-Za-z]{1,}", one))

    assert not short, f"{name}: name the variables {short} in lowerCamel, by whole words"


@pytest.mark.parametrize("name", NAMES)
def test_keywords_are_in_capitals_and_lines_are_short_enough_to_read(name: str):
    keywords = r"\b(select|where|optional|filter|union|bind|values|order by|group by|distinct)\b"
    text = body(LIBRARY[name])

    assert not re.search(keywords, text), f"{name}: write keywords in capitals"
    assert max(map(len, LIBRARY[name].text.splitlines())) <= 160, f"{name}: break the long line"


# ── Answers ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_a_query_answers_its_example(graph: KnowledgeGraph, name: str):
    assert len(graph.query(LIBRARY[name].text)) > 0, (
        f"{name}: the example finds nothing; change the VALUES line, or the pattern"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_query_has_no_row_twice(graph: KnowledgeGraph, name: str):
    rows = [tuple(sorted(row.items())) for row in graph.query(LIBRARY[name].text).to_dicts()]

    assert len(set(rows)) == len(rows), f"{name}: select what tells the rows apart, or DISTINCT"


@pytest.mark.parametrize("name", [name for name in NAMES if LIBRARY[name].params])
def test_every_parameter_can_be_bound(graph: KnowledgeGraph, name: str):
    query = LIBRARY[name]
    unknown = ox.NamedNode("https://example.org/unknown")

    bound = query.bind(**dict.fromkeys(query.params, unknown))

    assert bound.text.count(str(unknown)) == len(query.params)
    assert len(graph.query(bound.text)) == 0, f"{name}: it answers for what does not exist"


@pytest.mark.parametrize("name", [name for name in NAMES if LIBRARY[name].params])
def test_a_parameter_takes_the_curie_of_its_own_example(graph: KnowledgeGraph, name: str):
    query = LIBRARY[name]
    values = {key: parameter.example for key, parameter in query.params.items()}

    assert graph.named(name, **values).to_dicts() == graph.query(query.text).to_dicts()


def test_a_parameter_takes_a_name(graph: KnowledgeGraph):
    found = graph.named("antagonists", target="mu-opioid receptor")

    assert {"substance:naltrexone", "substance:naloxone"} <= {row["substance"] for row in found}


@pytest.mark.parametrize("typed", ["statement:nothing", "statement:a b", "rule:nothing"])
def test_a_parameter_takes_no_statement_or_rule_that_is_not_there(
    graph: KnowledgeGraph, typed: str
):
    with pytest.raises(NotFoundError, match=f"no {typed.partition(':')[0]} is called '{typed}'"):
        graph.bind(queries.load("statement_evidence"), statement=typed)


def test_a_wrong_name_suggests_the_right_one():
    with pytest.raises(NotFoundError, match="did you mean 'antagonists'"):
        queries.load("antagonist")


def test_a_wrong_parameter_names_the_known_ones():
    with pytest.raises(TypeError, match=r"no parameter 'drug' \(it has: target\)"):
        queries.load("antagonists").bind(drug=PK["x"])


def test_no_value_can_change_the_form_of_a_query():
    query = queries.load("antagonists")
    hostile = ox.Literal('x" } ?anything ?at ?all . #')

    bound = query.bind(target=hostile).text

    assert bound.count("?anything") == 1
    assert str(hostile) in bound
    ox.Store().query(bound)


def test_a_query_without_a_header_is_named(tmp_path: Path):
    path = tmp_path / "bare.rq"

    with pytest.raises(LoadError, match=r"bare\.rq:1: there is no header"):
        queries.header(path, "SELECT * WHERE {}")


#: What an answer must hold: the cases that the article and its neighbours give.
HOLDS = [
    ("substance_uses", {"substance": "naltrexone"}, {"conditionLabel": "alcohol use disorder"}),
    ("substance_non_uses", {"substance": "naltrexone"}, {"conditionLabel": "opioid withdrawal"}),
    ("substance_non_effects", {"substance": "naltrexone"}, {"conditionLabel": "euphoria"}),
    ("condition_treatments", {"condition": "opioid overdose"}, {"subjectLabel": "naloxone"}),
    (
        "condition_non_treatments",
        {"condition": "opioid use disorder"},
        {"subjectLabel": "naloxone", "negativeBasisLabel": "not designed for"},
    ),
    (
        "substance_side_effects",
        {"substance": "naltrexone"},
        {"conditionLabel": "nausea", "frequencyLabel": "common"},
    ),
    (
        "product_ingredients",
        {"product": "Suboxone"},
        {"substanceLabel": "naloxone", "roleLabel": "abuse deterrent"},
    ),
    (
        "abuse_deterrent_products",
        {},
        {"productLabel": "Suboxone", "deterrentLabel": "naloxone"},
    ),
    (
        "formulation_durations",
        {},
        {
            "formulationLabel": "naltrexone extended-release injection",
            "comparator": "≤",
            "time": "P30D",
        },
    ),
    (
        "class_members",
        {"class": "opioid antagonist"},
        {"memberLabel": "nalmefene", "ruleLabel": "class from action"},
    ),
    ("confusable_names", {}, {"substanceLabel": "naltrexone", "otherLabel": "naloxone"}),
    (
        "regulatory_status",
        {"substance": "naltrexone"},
        {"conditionLabel": "alcohol use disorder", "statusLabel": "approved"},
    ),
    (
        "hedged_single_source",
        {},
        {"statement": "statement:naltrexone-internet-addiction-craving-reduction"},
    ),
    ("mappings", {"entity": "naltrexone"}, {"equivalent": "obo:CHEBI_7465"}),
    (
        "contested_mappings",
        {"source": "drugmechdb-2026"},
        {"thing": "substance:naltrexone", "claimedMatch": "bioregistry:mesh:D009270"},
    ),
]


@pytest.mark.parametrize(("name", "values", "expected"), HOLDS)
def test_an_answer_holds_what_it_must(
    graph: KnowledgeGraph, name: str, values: Mapping[str, str], expected: Mapping[str, str]
):
    found = list(graph.named(name, **values))

    assert any(expected.items() <= row.items() for row in found), f"none of {found}"


def test_what_is_both_affirmed_and_denied_is_contested_on_one_side(graph: KnowledgeGraph):
    found = list(graph.named("affirmed_and_denied"))

    assert found
    for row in found:
        assert "contested" in (row["affirmedCertaintyLabel"], row["deniedCertaintyLabel"]), (
            f"{row['affirmed']} and {row['denied']} clash; mark one of them pk:contested"
        )


def test_a_member_by_source_and_by_rule_has_a_row_for_each(graph: KnowledgeGraph):
    rows = graph.named("class_members", **{"class": "opioid antagonist"})
    rules = [row.get("ruleLabel") for row in rows if row["memberLabel"] == "naltrexone"]

    assert sorted(rules, key=str) == [None, "class from action"]


# ── The safe no ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NEGATIVE)
def test_a_query_that_tells_a_no_says_so(name: str):
    words = r"\bnot\b|\bnegatives included\b|\bdenied\b"

    assert re.search(words, LIBRARY[name].summary), (
        f"{name}: say 'not', 'denied' or 'negatives included' in the summary"
    )
    if "negatives included" in LIBRARY[name].summary:
        assert "?kindLabel" in body(LIBRARY[name]).partition("WHERE")[0], (
            f"{name}: name ?kindLabel, which tells a yes from a no"
        )


@pytest.fixture(scope="module")
def bindings(graph: KnowledgeGraph, denied: set[tuple[str, str]]) -> dict[str, list[ox.NamedNode]]:
    """The values that a parameter may take, by the namespace of its example: some of them.

    Among them is all that anything is denied of.
    """
    found: dict[str, list[ox.NamedNode]] = defaultdict(list)
    for row in graph.query("SELECT DISTINCT ?thing WHERE { ?thing a ?class }").rows:
        if isinstance(row["thing"], ox.NamedNode):
            found[namespace(row["thing"].value)].append(row["thing"])
    # A substance may be asked for by what holds it.
    for other in ("formulation", "product"):
        found[PREFIXES["substance"]] += found[PREFIXES[other]]
    parts = {iri for pair in denied for iri in pair}
    return {
        base: [*some(several, 40), *(one for one in several if one.value in parts)]
        for base, several in found.items()
    }


@pytest.fixture(scope="module")
def denied(graph: KnowledgeGraph) -> set[tuple[str, str]]:
    """Each subject and condition that a negative joins."""
    rows = graph.query(
        """SELECT ?subject ?condition WHERE {
          ?no a ?kind ; pk:subject ?subject ; pk:condition ?condition .
          FILTER (?kind IN (pk:NonIndication, pk:NonEffect))
          # What is denied in a circumstance may hold in another.
          FILTER NOT EXISTS { ?no pk:requires|pk:unless ?circumstance }
        }"""
    ).rows
    assert rows, "there is no negative to be told wrongly"
    return {(row["subject"].value, row["condition"].value) for row in rows}


@pytest.fixture(scope="module")
def affirming(graph: KnowledgeGraph) -> dict[tuple[str, str], set[str]]:
    """The uncontested statements that affirm something of a subject and a condition."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = graph.query(
        """SELECT ?yes ?subject ?condition WHERE {
          ?yes a ?kind ; pk:subject ?subject ; pk:object ?condition ; pk:confidence ?confidence .
          FILTER (?kind NOT IN (pk:NonIndication, pk:NonEffect, pk:Contraindication))
        }"""
    ).rows
    for row in rows:
        found[row["subject"].value, row["condition"].value].add(row["yes"].value)
    about = graph.query("SELECT ?of ?statement WHERE { ?statement pk:subject ?of }").rows
    decisions: dict[str, set[str]] = defaultdict(set)
    for row in about:
        decisions[row["of"].value].add(row["statement"].value)
    return {
        pair: said | {one for iri in said for one in decisions[iri]} for pair, said in found.items()
    }


@pytest.fixture(scope="module")
def negatives(graph: KnowledgeGraph) -> set[str]:
    """The statements that say no."""
    rows = graph.query("SELECT ?no ?kind WHERE { ?no a ?kind ; pk:subject ?subject }").rows
    return {row["no"].value for row in rows if row["kind"].value in DENIALS}


@pytest.fixture(scope="module")
def meaning(graph: KnowledgeGraph) -> dict[str, set[str]]:
    """What a text in a row may stand for: an IRI itself, a label whatever is called so."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in graph.query("SELECT ?thing ?label WHERE { ?thing rdfs:label ?label }").rows:
        found[row["label"].value].add(row["thing"].value)
        found[row["thing"].value].add(row["thing"].value)
    return found


@pytest.mark.parametrize("name", AFFIRMATIVE)
def test_an_affirmative_query_never_tells_a_no(
    graph: KnowledgeGraph,
    bindings: Mapping[str, list[ox.NamedNode]],
    denied: set[tuple[str, str]],
    affirming: Mapping[tuple[str, str], set[str]],
    negatives: set[str],
    meaning: Mapping[str, set[str]],
    name: str,
):
    for values, row in answers(graph, LIBRARY[name], bindings):
        shown = {term.value for term in row.values() if hasattr(term, "value")}
        assert not shown & negatives, (
            f"{name} {values} shows {shown & negatives}; leave negatives to a query of their own"
        )
        said = {iri for text in shown | set(values.values()) for iri in meaning.get(text, ())}
        for subject, condition in denied:
            if subject in said and condition in said:
                assert shown & affirming.get((subject, condition), set()), (
                    f"{name} {values} shows {subject} beside {condition}, which is denied, and "
                    f"no statement in the row affirms it: {row}"
                )


def answers(
    graph: KnowledgeGraph, query: Query, bindings: Mapping[str, list[ox.NamedNode]]
) -> Iterator[tuple[dict[str, str], Row]]:
    """Every row of a query, for every value of each parameter in turn."""
    if not query.params:
        yield from (({}, row) for row in graph.store.select(query.text))
    for key, parameter in query.params.items():
        prefix = parameter.example.partition(":")[0]
        for value in bindings[PREFIXES[prefix]]:
            text = query.bind(**{key: value}).text
            yield from (({key: value.value}, row) for row in graph.store.select(text))


def namespace(iri: str) -> str:
    """The namespace of ours that an IRI is in, or the empty string."""
    fitting = [base for base in PREFIXES.values() if iri.startswith(base) and "#" not in iri]
    return max(fitting, key=len, default="")
