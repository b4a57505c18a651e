"""The pages say what the graph says: no more, and nothing in the wrong place.

They are read as a browser without scripts reads them. What is promised here: every thing has
a page at its IRI in every form; what says no and what sources disagree about are never among
what is affirmed; every link leads somewhere; nothing in the data can become markup.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from pharmakon import KnowledgeGraph, build
from pharmakon.namespaces import (
    CONDITION,
    DCTERMS,
    ENTITY_TYPES,
    PK,
    RDF,
    RDFS,
    SOURCE,
    STATEMENT,
    SUBSTANCE,
)
from pharmakon.stores import OxigraphStore, SandboxedQueries
from pharmakon_server import create_app
from pharmakon_server.forms import FORMS
from pharmakon_server.pictures import draw
from pharmakon_server.presentation import DISCLAIMER, action_glyph
from pharmakon_server.sections import blocks

from .sample import some

BASE = "https://w3id.org/pharmakon"

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}

PAGES = [
    "/",
    "/browse",
    "/browse/substance",
    "/search",
    "/search?q=naltrexon",
    "/search?q=zzzzzzzz",
    "/substance/naltrexone",
    "/substance/naloxone",
    "/substance/opioid-antagonist",
    "/target/mu-opioid-receptor",
    "/condition/opioid-overdose",
    "/product/suboxone",
    "/formulation/naltrexone-extended-release-injection",
    "/circumstance/given-promptly",
    "/source/naltrexone-article",
    "/statement/naltrexone-opioid-withdrawal-non-indication",
    "/rule/class-chain",
    "/compare",
    "/compare?id=naltrexone",
    "/graph",
    "/graph?id=naltrexone&expand=morphine",
    "/paths",
    "/paths?from=naltrexone&to=morphine",
    "/interactions",
    "/interactions?id=naltrexone&id=morphine&id=ethanol",
    "/queries",
    "/queries/substance_uses",
    "/sparql",
    "/licences",
    "/ontology",
    "/accessibility",
]


@dataclass
class Element:
    """An element of a page, with what is in it."""

    tag: str
    attributes: dict[str, str]
    parent: Element | None = None
    inside: list[Element | str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Element]:
        for one in self.inside:
            if isinstance(one, Element):
                yield one
                yield from one

    def all(self, tag: str = "", **wanted: str) -> list[Element]:
        """Return the elements inside of that tag that have these attributes, or these classes."""
        return [one for one in self if tag in ("", one.tag) and one.has(**wanted)]

    def one(self, tag: str = "", **wanted: str) -> Element:
        found = self.all(tag, **wanted)
        assert found, f"no <{tag} {wanted}> in: {self.text()[:200]}"
        return found[0]

    def has(self, **wanted: str) -> bool:
        return all(
            value in self.attributes.get("class", "").split()
            if name == "class_"
            else self.attributes.get(name) == value
            for name, value in wanted.items()
        )

    def text(self) -> str:
        said = "".join(one if isinstance(one, str) else one.text() for one in self.inside)
        return re.sub(r"\s+", " ", said)


class Reader(HTMLParser):
    """Reads a page into elements, and refuses what is not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("root", {})
        self.at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.inside.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.inside.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>: {self.at.text()[:100]}"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.inside.append(data)


def read(html: str) -> Element:
    reader = Reader()
    reader.feed(html)
    assert reader.at is reader.root, f"<{reader.at.tag}> is not closed"
    return reader.root


@pytest.fixture(scope="module")
def queries(graph: KnowledgeGraph) -> Iterator[SandboxedQueries]:
    store = graph.store
    assert isinstance(store, OxigraphStore)
    with SandboxedQueries(store, workers=1) as service:
        yield service


@pytest.fixture(scope="module")
def app(graph: KnowledgeGraph, queries: SandboxedQueries) -> Flask:
    return create_app(graph, queries)


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def hostile(queries: SandboxedQueries) -> FlaskClient:
    store = OxigraphStore()
    store.add_file(Path(__file__).parent / "data" / "hostile.ttl")
    return create_app(KnowledgeGraph(store, "hostile"), queries).test_client()


def page(client: FlaskClient, path: str, status: int = 200) -> Element:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, f"{path} answers {answer.status_code}: {answer.text[:300]}"
    assert answer.mimetype == "text/html"
    return read(answer.text)


# ── Every page ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_small_and_without_scripts(client: FlaskClient, path: str):
    root = page(client, path)

    assert len(root.all("h1")) == 1
    assert root.one("title").text().strip()
    assert DISCLAIMER in root.one("footer").text()
    assert not root.all("script")
    assert not [one for one in root if "style" in one.attributes]
    assert not [name for one in root for name in one.attributes if name.startswith("on")]
    ids = [one.attributes["id"] for one in root if "id" in one.attributes]
    assert len(ids) == len(set(ids)), f"an id stands twice: {sorted(ids)}"
    weight = len(gzip.compress(client.get(path, headers={"Accept": "text/html"}).data))
    assert weight <= 25_000, f"{path} weighs {weight} bytes"


def test_the_style_sheet_is_small(client: FlaskClient):
    with client.get("/static/pharmakon.css") as answer:
        assert len(gzip.compress(answer.data)) <= 4_000


def test_every_address_on_every_page_leads_somewhere(client: FlaskClient):
    """Follow links of things from the first page on, fragments included: of each kind so many."""
    anchors: dict[str, set[str]] = {}
    wanted: dict[str, str] = {}
    queue = [
        "/",
        "/ontology",
        "/compare",
        "/interactions?id=naltrexone&id=morphine",
        "/graph?id=naltrexone",
    ]
    followed: Counter[str] = Counter()
    things = re.compile(rf"/(browse|queries|rule|statement|{'|'.join(ENTITY_TYPES)})(/[^?.]*)?$")
    while queue:
        path = queue.pop()
        root = page(client, path)
        anchors[path] = {one.attributes["id"] for one in root if "id" in one.attributes}
        for link in root.all("a"):
            address, fragment = urldefrag(link.attributes["href"])
            address = address or path
            if address.startswith("http"):
                assert "external" in link.attributes["rel"]
                continue
            assert address.startswith("/"), f"{path} links to {address!r}"
            if fragment:
                wanted[f"{address}#{fragment}"] = path
            new = address not in anchors and address not in queue
            if (thing := things.match(address)) and new and followed[thing[1]] < 40:
                followed[thing[1]] += 1
                queue.append(address)

    assert len(anchors) > 300
    for address, path in wanted.items():
        target, fragment = urldefrag(address)
        assert target not in anchors or fragment in anchors[target], (
            f"{path} links to {address}, which is not there"
        )


def test_every_entity_has_a_page(client: FlaskClient, graph: KnowledgeGraph):
    for kind in (*ENTITY_TYPES, "class"):
        for thing in some(graph.names.of_kind(kind), 40):
            root = page(client, thing.iri.removeprefix(BASE))
            assert root.one("h1").text().startswith(thing.label)


# ── What stands where ────────────────────────────────────────────────────────


def _stated(root: Element, graph: KnowledgeGraph) -> Iterator[tuple[str, Element]]:
    """Yield each row of a statement with the section that it stands in."""
    for section in root.all("section"):
        for one in section:
            if "row" in one.attributes.get("class", "").split() and "id" in one.attributes:
                yield one.attributes["id"], section


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_every_place_of_an_ingredient_is_shown(
    client: FlaskClient, graph: KnowledgeGraph, suffix: str
):
    formulation = "methylphenidate-extended-release-capsule"
    cited = graph.query(
        f"SELECT ?place {{ formulation:{formulation} pk:hasIngredient / pk:supportedBy / "
        "rdfs:comment ?place }"
    ).to_dicts()

    shown = html.unescape(client.get(f"/formulation/{formulation}{suffix}").text)

    assert len(cited) > 10
    assert [row["place"] for row in cited if row["place"] not in shown] == []


def test_the_pages_of_a_list_have_everything_once(client: FlaskClient, graph: KnowledgeGraph):
    found: list[str] = []
    number = 1
    while True:
        here = page(client, f"/browse/source?page={number}")
        found += [row.one("a").attributes["href"] for row in here.all("li", class_="row")]
        following = next(iter(here.all("a", rel="next")), None)
        if following is None:
            break
        number += 1
        assert following.attributes["href"] == f"/browse/source?page={number}"

    wanted = [f"/source/{one.curie.partition(':')[2]}" for one in graph.names.of_kind("source")]
    assert found == wanted


def test_what_says_no_is_never_among_what_is_affirmed(client: FlaskClient, graph: KnowledgeGraph):
    rows = list(
        graph.store.select(
            "SELECT ?s ?of WHERE { VALUES ?t { pk:NonIndication pk:NonEffect } "
            "?s a ?t ; pk:subject ?of }"
        )
    )
    negative = {row["s"].value.rsplit("/", 1)[-1] for row in rows}  # type: ignore[union-attr]
    denied = {row["of"].value for row in rows}  # type: ignore[union-attr]
    seen = set()
    for kind in (*ENTITY_TYPES, "class"):
        things = graph.names.of_kind(kind)
        # All that anything is denied of, and some others.
        for thing in {*some(things, 25), *(one for one in things if one.iri in denied)}:
            if kind == "source":
                continue
            root = page(client, thing.iri.removeprefix(BASE))
            for slug, section in _stated(root, graph):
                apart = "no-section" in section.attributes.get("class", "")
                assert apart == (slug in negative), (
                    f"{slug} stands under {section.one('h2').text()!r}"
                )
                seen.add(slug)
                if apart:
                    row = section.one(id=slug)
                    assert "not" in [one.text() for one in row.all("strong")], (
                        f"{slug} says no unseen"
                    )

    assert negative
    assert negative <= seen, f"no page shows {sorted(negative - seen)}"


def test_what_is_contested_shows_both_sides_without_a_click(
    client: FlaskClient, graph: KnowledgeGraph
):
    contested = {
        row["s"].value: row["subject"].value  # type: ignore[union-attr]
        for row in graph.store.select(
            "SELECT ?s ?subject WHERE { ?s pk:certainty pk:contested ; pk:subject ?subject }"
        )
    }
    assert contested
    for iri, subject in some(contested.items(), 30):
        own = page(client, iri.removeprefix(BASE))
        places = [own.one("section", id="evidence")]
        # What is said of a statement has no other page than its own.
        if "/statement/" not in subject:
            row = page(client, subject.removeprefix(BASE)).one(id=iri.rsplit("/", 1)[-1])
            assert "sources disagree" in row.text()
            assert all("open" in fold.attributes for fold in row.all("details"))
            places.append(row)
        for place in places:
            sides = [one.text() for one in place.all(class_="side")]
            assert [side.split(":")[0] for side in sides] == ["For", "Against"]
            assert place.one("ul", class_="against").all("li")


def test_what_is_said_of_a_combination_is_not_said_of_its_parts(client: FlaskClient):
    """Suboxone is used for opioid use disorder; the naloxone in it is not."""
    root = page(client, "/substance/naloxone")

    used = root.one("section", id="uses").text()
    combined = root.one("section", id="combinations").text()
    assert "opioid use disorder" not in used
    assert "Suboxone is used for opioid use disorder" in combined
    assert "not of naloxone itself" in combined
    assert "abuse deterrent" in root.one("section", id="composition").text()


def test_what_is_not_held_to_be_true_is_not_among_what_is(queries: SandboxedQueries):
    store = build.assemble()
    store.add(
        [
            *_use("refuted-use", certainty=PK["refuted"]),
            *_use("unknown-use", certainty=PK["unknown"]),
            *_use("old-use", certainty=PK["established"]),
            ox.Triple(STATEMENT["old-use"], PK["supersededBy"], STATEMENT["refuted-use"]),
        ]
    )
    client = create_app(KnowledgeGraph(store, "changed"), queries).test_client()

    section = page(client, "/substance/naloxone").one("section", id="not-held")
    assert {row.attributes["id"] for row in section.all("li", class_="row")} == {
        *("refuted-use", "unknown-use", "old-use")
    }
    groups = page(client, "/compare?id=naloxone&id=naltrexone").all("tbody")
    for link in (link for body in groups[:-1] for link in body.all("a")):
        assert not re.search("(refuted|unknown|old)-use", link.attributes["href"])
    assert groups[-1].one("th").text() == "Refuted, unknown or superseded"


def test_what_a_source_takes_a_thing_for_is_shown_and_not_believed(client: FlaskClient):
    """DrugMechDB gives naltrexone the MeSH number of naloxone."""
    identifiers = page(client, "/substance/naltrexone").one("div", class_="facts").text()
    believed, _, contested = identifiers.partition("Not believed")

    assert "mesh:D009270" not in believed
    assert "not mesh:D009270, as DrugMechDB, 2026 has it" in contested
    row = page(client, "/source/drugmechdb-2026").one(
        "li", id="contested-drugmechdb-db00704-naltrexone-mesh-d009270"
    )
    assert "naltrexone is not mesh:D009270" in row.text()
    assert "that is naloxone" in row.text()


def test_what_is_not_believed_is_no_identifier_in_any_form(client: FlaskClient):
    said = client.get("/substance/naltrexone.json").get_json()

    assert "mesh:D009270" not in said["identifiers"]
    assert "mesh:D009270" not in [one["id"] for one in said["mappings"]]
    (found,) = [one for one in said["contested_mappings"] if one["id"] == "mesh:D009270"]
    assert found["source"]["id"] == "source:drugmechdb-2026"
    for address in ("/substance/naltrexone.nq", "/source/drugmechdb-2026.nq"):
        about = list(ox.parse(client.get(address).data, ox.RdfFormat.N_QUADS))
        mesh = ox.NamedNode("https://bioregistry.io/mesh:D009270")
        assert [quad.predicate for quad in about if quad.object == mesh] == [PK["claimedMatch"]]


def test_of_a_source_that_takes_much_for_something_else_the_page_stays_small(
    queries: SandboxedQueries,
):
    store = build.assemble()
    source = SOURCE["naltrexone-article"]
    for number in range(250):
        one = ox.NamedNode(f"{source.value}#contested-{number}")
        match = ox.NamedNode(f"https://bioregistry.io/unii:{number:010d}")
        reason = ox.Literal(f"Said of naltrexone, but it is {number}.", language="en")
        store.add(
            [
                ox.Triple(one, RDF["type"], PK["ContestedMapping"]),
                ox.Triple(one, PK["claimedFor"], SUBSTANCE["naltrexone"]),
                ox.Triple(one, PK["claimedMatch"], match),
                ox.Triple(one, DCTERMS["source"], source),
                ox.Triple(one, RDFS["comment"], reason),
            ]
        )
    client = create_app(KnowledgeGraph(store, "changed"), queries).test_client()

    section = page(client, "/source/naltrexone-article").one("section", id="contested")
    assert len(section.all("li", class_="row")) == 100
    assert "the first 100 of 250" in section.text()
    link = section.one("a").attributes["href"]
    assert link == "/queries/contested_mappings?source=source:naltrexone-article"
    assert len(gzip.compress(client.get("/source/naltrexone-article").data)) <= 25_000


def _use(slug: str, certainty: ox.NamedNode) -> list[ox.Triple]:
    one = STATEMENT[slug]
    return [
        ox.Triple(one, RDF["type"], PK["Indication"]),
        ox.Triple(one, PK["subject"], SUBSTANCE["naloxone"]),
        ox.Triple(one, PK["condition"], CONDITION["nausea"]),
        ox.Triple(one, PK["object"], CONDITION["nausea"]),
        ox.Triple(one, PK["certainty"], certainty),
    ]


def test_a_comparison_keeps_whose_use_it_is(client: FlaskClient):
    root = page(client, "/compare?id=naltrexone&id=naloxone")

    for row in root.all("tr"):
        for cell in row.all("td")[1:]:
            if "opioid use disorder" in row.one("th").text() and "used" in cell.text():
                assert "Suboxone is used" in cell.text()


def test_a_comparison_leaves_no_cell_blank_and_its_no_apart(client: FlaskClient):
    root = page(client, "/compare")

    assert [one.text() for one in root.one("thead").all("th")][1:] == [
        "naltrexone remove naltrexone",
        "naloxone remove naloxone",
    ]
    assert all(cell.text().strip() for cell in root.one("tbody").all("td"))
    for group in root.all("tbody"):
        for link in group.all("td"):
            if re.search(r"is not of use|does not cause", link.text()):
                assert "no-group" in group.attributes["class"]
    used = next(body for body in root.all("tbody") if body.one("th").text() == "Used for")
    row = next(row for row in used.all("tr") if "opioid use disorder" in row.text())
    assert row.all("td")[1].text().strip().startswith("no data")
    assert "see what says no" in row.all("td")[1].text()


def test_only_differences_leaves_out_what_is_the_same(client: FlaskClient):
    whole, different = (page(client, f"/compare{query}") for query in ("", "?diff=1"))

    rows = len(whole.all("tr"))
    assert 0 < len(different.all("tr")) < rows
    assert "≠" in different.all("tr")[2].text()


def test_a_look_alike_is_warned_of_before_anything_is_stated(client: FlaskClient):
    for slug, other in (("naltrexone", "naloxone"), ("naloxone", "naltrexone")):
        html = client.get(f"/substance/{slug}").text

        root = read(html)
        box = next(one for one in root.all("div", class_="box") if "easily confused" in one.text())
        assert f"Not {other}." in box.text()
        assert html.index("easily confused") < html.index("<section")


def test_an_overdose_page_names_emergency_help_first(client: FlaskClient):
    html = client.get("/condition/opioid-overdose").text

    help_ = html.index("call the local emergency number first")
    assert help_ < html.index("<section")
    assert help_ < html.index('class="bar"')
    assert "emergency number" not in client.get("/condition/nausea").text


def test_a_condition_mirrors_what_substances_say(client: FlaskClient):
    headings = [h.text() for h in page(client, "/condition/opioid-use-disorder").all("h2")]

    assert any(heading.startswith("What is used for it") for heading in headings)
    assert any(heading.startswith("What does not treat or cause it") for heading in headings)
    assert any(
        heading.startswith("What can cause it")
        for heading in [h.text() for h in page(client, "/condition/nausea").all("h2")]
    )


def test_what_is_inferred_names_its_rule_and_leads_to_its_proof(
    client: FlaskClient, graph: KnowledgeGraph
):
    row = next(
        iter(
            graph.store.select(
                "SELECT ?s WHERE { ?s pk:inferredBy ?r ; pk:premise ?p } ORDER BY ?s"
            )
        )
    )
    iri = row["s"].value  # type: ignore[union-attr]
    one = graph.statement(iri)
    assert one.rule is not None

    own = page(client, one.subject.iri.removeprefix(BASE))
    entry = own.one(id=iri.rsplit("/", 1)[-1])
    assert "~ inferred" in entry.text()
    assert one.rule.label in entry.text()
    proof = page(client, f"/statement/{iri.rsplit('/', 1)[-1]}").one("section", id="proof")
    for premise in graph.proof(one).premises:
        assert premise.statement.sentence in proof.text()
        for evidence in premise.statement.supports:
            assert evidence.paraphrase in proof.text()


def test_evidence_says_its_source_its_words_its_hedge_and_its_place(
    client: FlaskClient, graph: KnowledgeGraph
):
    one = graph.statement("statement:naltrexone-craving-decrease")
    entry = page(client, "/substance/naltrexone").one(id="naltrexone-craving-decrease").text()
    whole = page(client, "/statement/naltrexone-craving-decrease").text()

    # A place in each of two sources in the row, and all on the page of the statement.
    first = list({one.source.iri: one for one in reversed(one.supports)}.values())[::-1]
    chosen = [evidence for evidence in one.supports if evidence in first][:2]
    assert len(one.supports) > 2
    assert f"{len(one.supports) - len(chosen)} more" in entry
    for text, shown in ((entry, chosen), (whole, one.supports)):
        for evidence in shown:
            assert evidence.paraphrase in text
            assert evidence.source.label in text
            assert evidence.locator.text in text
            assert not evidence.hedge or f"“{evidence.hedge}”" in text


def test_every_statement_of_an_entity_stands_on_its_page_once(graph: KnowledgeGraph):
    for kind in ("substance", "class", "condition", "target", "product", "formulation"):
        for thing in some(graph.names.of_kind(kind), 60):
            entity = graph.entity(thing.iri)
            assert entity is not None
            shown = [one.iri for block in blocks(entity) for one in block.statements]
            held = [one.iri for part in entity.all_sections for one in part.statements]
            assert sorted(shown) == sorted(held)


# ── Pictures, paths, interactions, queries ───────────────────────────────────


def test_a_picture_and_its_outline_say_the_same(client: FlaskClient):
    root = page(client, "/graph?id=naloxone")

    drawn = {one.attributes["href"] for one in root.one("svg", class_="picture").all("a")}
    listed = {
        one.attributes["href"]
        for one in root.one("section", class_="outline-card").all("a", class_="thing")
    }
    assert len(drawn) > 5
    assert drawn == listed


def test_a_picture_draws_no_negative_and_nothing_contested(client: FlaskClient):
    root = page(client, "/graph?id=naloxone")

    assert "opioid use disorder" not in root.one("svg", class_="picture").text()


def test_every_type_of_action_has_a_sign_that_is_drawn(client: FlaskClient, graph: KnowledgeGraph):
    with client.get("/static/glyphs.svg") as glyphs:
        drawn = set(re.findall(r'<symbol id="([^"]+)"', glyphs.text))
    types = graph.query("SELECT DISTINCT ?type { ?type a pk:ActionType }").to_dicts()

    assert types
    for row in types:
        name = str(row["type"]).removeprefix("pk:")
        assert action_glyph(PK[name].value) in drawn, f"give {name} a sign in presentation.py"


def test_names_in_a_picture_do_not_cover_one_another(graph: KnowledgeGraph):
    drawn = draw([graph.names.resolve("naltrexone")], graph.neighbours("naltrexone"), 900, 540)

    places = [(node.x, node.y) for node in drawn.nodes]
    assert len(places) > 20
    assert len(set(places)) == len(places)
    for node in drawn.nodes:
        assert 0 <= node.x <= drawn.width
        assert 0 <= node.y <= drawn.height


def test_a_large_picture_is_cut_with_a_plain_message(client: FlaskClient):
    root = page(client, "/graph?id=naltrexone&expand=substance:opioid&expand=substance:morphine")

    assert len(root.one("svg", class_="picture").all("a")) <= 43
    assert "things are drawn" in root.one("main").text()


def test_each_step_of_a_path_leads_to_a_statement(client: FlaskClient):
    root = page(client, "/paths?from=naltrexone&to=morphine")

    first = root.one("li", class_="row")
    assert re.fullmatch(
        r"naltrexone antagonist of\d* → \(forwards\) [μδκ]-opioid receptor "
        r"agonist of\d* ← \(backwards\) morphine",
        first.text().strip(),
    )
    assert len([a for a in first.all("a") if a.attributes["href"].startswith("/statement/")]) >= 2


def test_no_path_is_not_a_no(client: FlaskClient):
    root = page(client, "/paths?from=naltrexone&to=morphine&max=1")

    assert "That is not a “no”" in root.one("main").text()


def test_unknown_is_never_shown_as_safe(client: FlaskClient):
    root = page(client, "/interactions?id=naltrexone&id=morphine&id=lofexidine")

    assert "Unknown is not safe" in root.one("div", class_="box").text()
    pairs = {one.one("h2").text(): one for one in root.all("section", class_="pair")}
    assert len(pairs) == 3
    known = next(one for heading, one in pairs.items() if "morphine ! interaction" in heading)
    assert "precipitated opioid withdrawal" in known.text()
    assert "by the rule" in known.one("ul", class_="proof").text()
    unknown = next(one for heading, one in pairs.items() if "? not known" in heading)
    assert "Unknown is not safe" in unknown.text()


def test_the_four_answers_look_and_read_differently(client: FlaskClient):
    badges = page(client, "/interactions").one("p", class_="legend").all("span", class_="answer")

    assert len({badge.text() for badge in badges}) == 4
    assert len({badge.attributes["class"] for badge in badges}) == 4


def test_a_named_query_takes_its_parameter_by_name(client: FlaskClient):
    root = page(client, "/queries/substance_uses?substance=Vivitrol+label")
    assert "not a “no”" in root.one("main").text()

    root = page(client, "/queries/substance_uses?substance=naloxone")
    assert "opioid overdose" in root.one("table", class_="data").text()
    page(client, "/queries/substance_uses?substance=nothing+of+the+kind", 404)


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_named_query_is_data_too(client: FlaskClient, suffix: str):
    answer = client.get(f"/queries/substance_uses.{suffix}?substance=naloxone")

    assert answer.status_code == 200
    assert "condition:opioid-overdose" in answer.text
    assert suffix == "csv" or answer.json["disclaimer"] == DISCLAIMER


# ── Search ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "first", "said"),
    [
        ("naltrexone", "naltrexone", "exact matches first"),
        ("NALTREXONE", "naltrexone", "exact matches first"),
        ("naltrexon", "naltrexone", "Nothing is spelled exactly that way"),
        ("OUD", "opioid use disorder", "matched other name OUD"),
        ("chebi:7465", "naltrexone", "matched identifier chebi:7465"),
        ("revia", "ReVia", "brand of"),
        ("μ-opioid receptor", "μ-opioid receptor", "exact matches first"),
        ("mu opioid receptor", "μ-opioid receptor", "exact matches first"),
    ],
)
def test_search_finds_and_says_why(client: FlaskClient, asked: str, first: str, said: str):
    root = page(client, f"/search?q={asked}")

    assert root.one("ul", class_="rows").one("a").text() == first
    assert said in root.one("main").text()


def test_a_kind_narrows_a_search(client: FlaskClient):
    root = page(client, "/search?q=naltrexone&type=source")

    assert root.one("ul", class_="rows").all("li")
    for link in root.one("ul", class_="rows").all("a", class_="thing"):
        assert link.attributes["href"].startswith("/source/")


def test_nothing_found_says_what_to_do(client: FlaskClient):
    assert "Nothing is called “zzzzzzzz”" in page(client, "/search?q=zzzzzzzz").text()
    assert "Type a name" in page(client, "/search").text()


@pytest.mark.parametrize(
    "name",
    [
        "naltrexone",
        "chebi:7465",
        "substance:naltrexone",
        "https://w3id.org/pharmakon/substance/naltrexone",
        "Naltrexone",
    ],
)
def test_any_name_resolves_to_the_page(client: FlaskClient, name: str):
    answer = client.get(f"/resolve/{name}")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/substance/naltrexone"


def test_a_name_of_several_things_is_a_choice(hostile: FlaskClient):
    root = page(hostile, "/resolve/same%20name", 300)
    links = [one.attributes["href"] for one in root.one("main").all("a", class_="thing")]
    assert sorted(links) == ["/product/hostile", "/substance/hostile"]

    answer = hostile.get("/resolve/same%20name", headers={"Accept": "application/json"})
    assert answer.status_code == 300
    assert answer.json["candidates"] == ["product:hostile", "substance:hostile"]


# ── Forms ────────────────────────────────────────────────────────────────────

THINGS = [
    "/substance/naltrexone",
    "/substance/opioid",
    "/target/mu-opioid-receptor",
    "/condition/opioid-use-disorder",
    "/product/suboxone",
    "/formulation/naltrexone-oral-tablet",
    "/circumstance/given-promptly",
    "/source/naltrexone-article",
    "/statement/naltrexone-opioid-withdrawal-non-indication",
    "/rule/class-chain",
]


def _check(body: bytes, suffix: str, path: str) -> None:
    """A body is what its suffix says, and is about the thing of its path."""
    if suffix == "html":
        read(body.decode())
    elif suffix == "json":
        assert json.loads(body)["disclaimer"] == DISCLAIMER
    elif suffix == "csv":
        assert body.startswith(b"statement,type,negative,")
    else:
        quads = ox.parse(body, format=ox.RdfFormat.from_extension(suffix))
        about = {str(quad.subject) for quad in quads}
        assert f"<https://w3id.org/pharmakon{path}>" in about, f"nothing is said of {path}"


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize("path", THINGS)
def test_a_thing_is_served_by_suffix_and_by_accept(client: FlaskClient, path: str, suffix: str):
    form = FORMS[suffix]
    by_suffix = client.get(f"{path}.{suffix}")
    by_accept = client.get(path, headers={"Accept": form.media_type})

    for answer in (by_suffix, by_accept):
        assert answer.status_code == 200
        assert answer.mimetype == form.media_type
        assert "Accept" in answer.headers["Vary"]
        assert f'<{path}.ttl>; rel="alternate"; type="text/turtle"' in answer.headers.getlist(
            "Link"
        )
        _check(answer.data, suffix, path)
    assert by_suffix.data == by_accept.data


@pytest.mark.parametrize(
    ("accept", "served"),
    [
        (None, "text/html"),
        ("", "text/html"),
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/turtle;q=0.5, application/ld+json", "application/ld+json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/*;q=0.5, application/n-triples;q=0.4", "text/html"),
        ("application/xhtml+xml, text/csv;q=0.1", "text/csv"),
    ],
)
def test_accept_decides(client: FlaskClient, accept: str | None, served: str):
    headers = {} if accept is None else {"Accept": accept}

    assert client.get("/substance/naltrexone", headers=headers).mimetype == served


def test_a_form_that_there_is_not_is_refused_with_those_there_are(client: FlaskClient):
    answer = client.get("/substance/naltrexone", headers={"Accept": "image/png"})

    assert answer.status_code == 406
    assert answer.mimetype == "application/problem+json"
    for form in FORMS.values():
        assert form.media_type in answer.json["detail"]


def test_a_page_names_its_other_forms(client: FlaskClient):
    links = page(client, "/substance/naltrexone").all("link", rel="alternate")

    assert {one.attributes["type"] for one in links} == {
        form.media_type for form in FORMS.values() if form.suffix != "html"
    }


def test_the_table_of_an_entity_says_which_statements_say_no(client: FlaskClient):
    lines = client.get("/substance/naltrexone.csv").text.splitlines()

    row = next(one for one in lines if "naltrexone-opioid-withdrawal-non-indication" in one)
    assert row.split(",")[2] == "true"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/substance/naltrexon", "naltrexone"),
        ("/condition/naltrexone", "substance:naltrexone"),
        ("/statement/nothing-of-the-kind", ""),
        ("/rule/chain", "class-chain"),
        ("/substance/a%20b", ""),
        ("/substance/%3Cscript%3E", ""),
        ("/statement/%22%3E", ""),
        ("/substance/naltrexone.xyz", "naltrexone"),
        ("/browse/nonsense", "substance"),
        ("/browse/substance?page=0", "1"),
        ("/browse/substance?page=99999999999", "1"),
        ("/browse/substance?page=two", "1"),
        ("/queries/substance_use", "substance_uses"),
        ("/nowhere", ""),
        ("/compare?id=nothing+of+the+kind", ""),
        ("/graph?id=nothing+of+the+kind", ""),
        ("/paths?from=nothing+of+the+kind&to=naltrexone", ""),
        ("/interactions?id=nothing+of+the+kind", ""),
        ("/resolve/nothing%20of%20the%20kind", ""),
    ],
)
def test_what_is_not_there_is_a_404_with_the_nearest(client: FlaskClient, path: str, hint: str):
    for_people = page(client, path, 404)
    assert hint in for_people.one("main").text()
    assert for_people.one("input", name="q") is not None

    for_programs = client.get(path, headers={"Accept": "application/json"})
    assert for_programs.status_code == 404
    assert for_programs.mimetype == "application/problem+json"
    assert hint in json.dumps(for_programs.json, ensure_ascii=False)


def test_too_many_things_side_by_side_are_refused(client: FlaskClient):
    ids = "id=naltrexone&id=naloxone&id=morphine&id=codeine&id=fentanyl&id=methadone&id=ethanol"

    assert "6 at the most" in page(client, f"/compare?{ids}", 400).text()


# ── Headers ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path", ["/", "/substance/naltrexone.ttl", "/nowhere", "/static/pharmakon.css", "/sparql"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(client: FlaskClient, path: str):
    with client.get(path) as answer:
        headers = answer.headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_a_page_that_did_not_change_is_not_sent_again(client: FlaskClient):
    first = client.get("/substance/naltrexone")
    again = client.get("/substance/naltrexone", headers={"If-None-Match": first.headers["ETag"]})
    turtle = client.get("/substance/naltrexone", headers={"Accept": "text/turtle"})
    other = client.get("/substance/naloxone")

    assert again.status_code == 304
    assert not again.data
    assert len({one.headers["ETag"] for one in (first, turtle, other)}) == 3


@pytest.mark.parametrize("path", ["/substance/naltrexone", "/api/v1/search?q=naltrexone"])
def test_a_page_that_is_another_than_was_wanted_is_refused(client: FlaskClient, path: str):
    answer = client.get(path, headers={"If-Match": '"another"', "Accept": "*/*"})

    assert answer.status_code == 412
    assert answer.mimetype == "application/problem+json"
    assert "If-Match" in answer.get_json()["detail"]
    assert "Content-Security-Policy" in answer.headers


def test_another_release_has_other_entity_tags(graph: KnowledgeGraph, queries: SandboxedQueries):
    tags = {
        create_app(KnowledgeGraph(graph.store, release), queries)
        .test_client()
        .get("/")
        .headers["ETag"]
        for release in ("one", "two")
    }

    assert len(tags) == 2


# ── Hostile data ─────────────────────────────────────────────────────────────

HOSTILE = [
    "/",
    "/browse/substance",
    "/search?q=hostile",
    "/search?q=%3Cscript%3Ealert(1)%3C/script%3E",
    "/substance/hostile",
    "/condition/hostile",
    "/product/hostile",
    "/statement/hostile",
    "/source/hostile",
    "/compare?id=substance:hostile&id=product:hostile",
    "/graph?id=substance:hostile",
    "/paths?from=substance:hostile&to=condition:hostile",
    "/licences",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_no_data_becomes_markup(hostile: FlaskClient, path: str):
    root = page(hostile, path)

    assert not root.all("script")
    assert not [tag for tag in ("img", "iframe", "base", "style", "b") if root.one("main").all(tag)]
    for one in root:
        assert not [name for name in one.attributes if name.startswith("on")], one.attributes
        for name in ("href", "src", "action"):
            assert re.match(r"(/|#|https?://|$)", one.attributes.get(name, "")), one.attributes
    assert "49" not in root.text().replace("characters", "")


def test_the_words_of_hostile_data_are_shown_as_words(hostile: FlaskClient):
    root = page(hostile, "/substance/hostile")

    assert "<script>window.ran=1;alert(1)</script>" in root.one("h1").text()
    assert "javascript:alert(5)" in root.text()


# ── Passages ─────────────────────────────────────────────────────────────────


def test_a_passage_is_shown_where_its_text_is_at_hand(
    graph: KnowledgeGraph, queries: SandboxedQueries, shared: Path, client: FlaskClient
):
    with_texts = create_app(graph, queries, sources=shared / "sources").test_client()
    one = graph.statement("statement:naltrexone-opioid-withdrawal-non-indication")
    place = next(e.locator for e in one.supports if e.locator.start is not None)
    words = (shared / "sources" / "naltrexone-article.txt").read_text()[place.start : place.end]

    path = "/statement/naltrexone-opioid-withdrawal-non-indication"
    assert words in [one.text() for one in page(with_texts, path).all("blockquote")]
    assert words in page(with_texts, "/source/naltrexone-article").text()
    assert not page(client, path).all("blockquote")


def test_a_passage_of_another_text_is_not_shown(
    graph: KnowledgeGraph, queries: SandboxedQueries, tmp_path: Path
):
    (tmp_path / "naltrexone-article.txt").write_text("Another text altogether. " * 1000)
    other = create_app(graph, queries, sources=tmp_path).test_client()

    assert not page(other, "/source/naltrexone-article").all("blockquote")


def test_a_source_lists_its_evidence_in_order(client: FlaskClient):
    root = page(client, "/source/naltrexone-article")

    starts = [int(found) for found in re.findall(r"characters (\d+) to", root.one("main").text())]
    assert len(starts) > 50
    assert starts == sorted(starts)


# ── API and health ───────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/v1/search?q=naltrexon", "hits"),
        ("/api/v1/search?q=naltrexone&type=source&limit=2", "hits"),
        ("/api/v1/resolve?id=chebi:7465", "entity"),
        ("/api/v1/entity/substance:naltrexone", "entity"),
        ("/api/v1/entity/substance/naltrexone", "entity"),
        ("/api/v1/entity/https://w3id.org/pharmakon/substance/naltrexone", "entity"),
        ("/api/v1/statement/naltrexone-nausea", "statement"),
        ("/api/v1/statement/statement:naltrexone-nausea", "statement"),
        ("/api/v1/compare?id=naltrexone&id=naloxone", "groups"),
        ("/api/v1/neighbours?id=naltrexone", "edges"),
        ("/api/v1/paths?from=naltrexone&to=morphine", "paths"),
        ("/api/v1/interactions?id=naltrexone&id=morphine", "pairs"),
        ("/api/v1/queries", "queries"),
        ("/api/v1/queries/substance_uses?substance=naloxone", "rows"),
        ("/api/v1/openapi.json", "paths"),
    ],
)
def test_an_answer_of_the_api_says_that_it_is_no_advice(client: FlaskClient, path: str, key: str):
    answer = client.get(path)

    assert answer.status_code == 200, answer.text
    assert answer.json["disclaimer"] == DISCLAIMER
    assert answer.json[key]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/search",
        "/api/v1/search?q=a&type=nonsense",
        "/api/v1/search?q=a&limit=0",
        "/api/v1/search?q=a&limit=-1",
        "/api/v1/search?q=a&limit=99999999999999999999",
        "/api/v1/search?q=a&limit=²",
        "/api/v1/compare",
        "/api/v1/paths?from=naltrexone",
        "/api/v1/paths?from=naltrexone&to=morphine&max=7",
    ],
)
def test_a_call_that_lacks_something_is_told_what(client: FlaskClient, path: str):
    answer = client.get(path)

    assert answer.status_code == 400
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/entity/nothing", "/api/v1/statement/a%20b", "/api/v1/resolve?id=nothing+at+all"],
)
def test_a_call_for_what_is_not_there_is_a_404(client: FlaskClient, path: str):
    assert client.get(path).status_code == 404


def test_the_description_of_the_api_has_every_route(app: Flask, client: FlaskClient):
    described = set(client.get("/api/v1/openapi.json").json["paths"])
    machines = ("/api/v1", "/sparql", "/livez", "/readyz", "/metrics")
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(machines)
    }

    assert described == routes


def test_an_interaction_has_the_shape_of_the_contract(client: FlaskClient):
    pair = client.get("/api/v1/interactions?id=naltrexone&id=morphine").json["pairs"][0]

    assert pair["a"] == "substance:naltrexone"
    assert pair["answer"] == "interaction"
    assert set(pair["interactions"][0]) == {
        *("id", "subject", "affects", "mechanism", "outcome", "severity", "requires"),
        *("certainty", "confidence", "explanation", "proof"),
    }


def test_health_tells_the_release_and_what_is_missing(
    client: FlaskClient, graph: KnowledgeGraph, queries: SandboxedQueries
):
    assert client.get("/livez").text == "ok\n"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json == {"ready": True, "release": graph.release, "missing": {}}
    metrics = client.get("/metrics").text
    assert f'pharmakon_release_info{{release="{graph.release}"}} 1' in metrics

    empty = create_app(KnowledgeGraph(OxigraphStore(), "empty"), queries).test_client()
    ready = empty.get("/readyz")
    assert ready.status_code == 503
    assert set(ready.json["missing"]) == {"store", "names"}


def test_an_empty_graph_still_has_its_pages(queries: SandboxedQueries):
    client = create_app(KnowledgeGraph(OxigraphStore(), "empty"), queries).test_client()

    for path in (
        "/",
        "/browse",
        "/browse/substance",
        "/search?q=naltrexone",
        "/compare",
        "/graph",
        "/licences",
    ):
        page(client, path)
