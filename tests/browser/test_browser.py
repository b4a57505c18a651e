"""A real Chromium reads the pages of a real server: nothing breaks, nothing leaks, all can read.

Every page is opened in light and dark, wide and narrow. It must write nothing to the console,
ask no other host, not scroll sideways, and pass axe. There are no scripts, so that the site
with JavaScript switched off is the same site; that is tested too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, sync_playwright

from pharmakon import KnowledgeGraph
from pharmakon.stores import OxigraphStore, SandboxedQueries
from pharmakon_server import create_app
from pharmakon_server.endpoint import Endpoint
from pharmakon_server.front import Front

from ..serving import fronted

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PAGES = {
    "home": "/",
    "kinds": "/browse",
    "list": "/browse/condition",
    "results": "/search?q=naltrexon",
    "no result": "/search?q=zzzzzzzz",
    "substance": "/substance/naltrexone",
    "class": "/substance/opioid-antagonist",
    "target": "/target/mu-opioid-receptor",
    "condition": "/condition/opioid-overdose",
    "product": "/product/suboxone",
    "formulation": "/formulation/naltrexone-extended-release-injection",
    "circumstance": "/circumstance/given-promptly",
    "source": "/source/naltrexone-article",
    "table": "/source/drugmechdb-2026",
    "statement": "/statement/naltrexone-never-the-only-intervention",
    "rule": "/rule/class-chain",
    "comparison": "/compare",
    "graph": "/graph?id=naltrexone",
    "paths": "/paths?from=naltrexone&to=morphine",
    "interactions": "/interactions?id=naltrexone&id=morphine&id=ethanol",
    "queries": "/queries",
    "query": "/queries/substance_uses",
    "SPARQL": "/sparql",
    "SPARQL answer": "/sparql?query=SELECT%20*%20WHERE%20%7B%20?s%20pk:treats%20?c%20%7D",
    "licences": "/licences",
    "vocabulary": "/ontology",
    "accessibility": "/accessibility",
}

#: What has to look right is looked at in every way; the rest once.
MAIN = ("home", "substance", "comparison", "SPARQL", "statement", "graph")
WIDE, NARROW = (1280, 900), (390, 844)


@dataclass
class Seen:
    """What a page did beside showing itself."""

    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium")
    if found is None:
        reason = f"there is no Chromium at {CHROMIUM}; install it: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


def _served(graph: KnowledgeGraph) -> Iterator[str]:
    store = graph.store
    assert isinstance(store, OxigraphStore)
    with SandboxedQueries(store, workers=1) as queries:
        endpoint = Endpoint(queries, graph.release)
        with fronted(Front(create_app(graph, endpoint), endpoint)) as url:
            yield url


@pytest.fixture(scope="module")
def address(graph: KnowledgeGraph) -> Iterator[str]:
    yield from _served(graph)


@pytest.fixture(scope="module")
def hostile_address() -> Iterator[str]:
    store = OxigraphStore()
    store.add_file(Path(__file__).parents[1] / "data" / "hostile.ttl")
    yield from _served(KnowledgeGraph(store, "hostile"))


def _page(
    browser: Browser, size: tuple[int, int] = WIDE, scheme: str = "light", *, scripts: bool = True
) -> Page:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if scheme == "dark" else "light",
        java_script_enabled=scripts,
    )
    context.set_default_timeout(10_000)
    return context.new_page()


def _watched(page: Page, address: str) -> Seen:
    seen = Seen()
    host = urlsplit(address).netloc

    def asked(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.netloc != host:
            seen.elsewhere.append(request.url)

    page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.console.append(str(error)))
    page.on("request", asked)
    return seen


def _look(page: Page, address: str, path: str) -> None:
    seen = _watched(page, address)
    response = page.goto(address + path)

    assert response is not None
    assert response.status == 200, f"{path} answers {response.status}"
    widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert widths[0] <= widths[1], f"{path} scrolls sideways: {widths[0]} px in {widths[1]} px"
    axe = Axe().run(page)
    assert axe.violations_count == 0, f"{path}: {axe.generate_report()}"
    assert seen.console == [], f"{path} writes to the console"
    assert seen.elsewhere == [], f"{path} asks another host"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", MAIN)
def test_a_main_page_is_sound_in_every_way(
    browser: Browser, address: str, name: str, size: tuple[int, int], scheme: str
) -> None:
    page = _page(browser, size, scheme)

    _look(page, address, PAGES[name])

    page.context.close()


@pytest.mark.parametrize("name", [name for name in PAGES if name not in MAIN])
def test_every_other_page_is_sound_dark_and_narrow(
    browser: Browser, address: str, name: str
) -> None:
    page = _page(browser, NARROW, "dark")

    _look(page, address, PAGES[name])

    page.context.close()


def test_open_evidence_is_sound_too(browser: Browser, address: str) -> None:
    page = _page(browser)
    page.goto(address + PAGES["substance"])
    for summary in page.locator("details.evidence:not([open]) > summary").all()[:5]:
        summary.click()

    axe = Axe().run(page)

    assert axe.violations_count == 0, axe.generate_report()
    page.context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_search_leads_to_a_page_and_its_evidence(
    browser: Browser, address: str, scripts: bool
) -> None:
    page = _page(browser, scripts=scripts)
    page.goto(address)

    page.get_by_role("banner").get_by_role("searchbox").fill("revia")
    page.keyboard.press("Enter")
    page.get_by_role("main").get_by_role("link", name="naltrexone", exact=True).first.click()
    assert page.url == f"{address}/substance/naltrexone"
    page.locator("details.evidence:not([open]) > summary").first.click()
    page.get_by_role("link", name="passage characters").locator("visible=true").first.click()

    assert "/source/naltrexone-article#f" in page.url
    page.context.close()


@pytest.mark.parametrize("name", MAIN)
def test_a_page_is_the_same_without_scripts(browser: Browser, address: str, name: str) -> None:
    texts = []
    for scripts in (True, False):
        page = _page(browser, scripts=scripts)
        page.goto(address + PAGES[name])
        texts.append(page.locator("body").inner_text())
        page.context.close()

    assert texts[0] == texts[1]


def test_a_comparison_is_made_by_its_form(browser: Browser, address: str) -> None:
    page = _page(browser)
    page.goto(f"{address}/compare")

    page.get_by_label("Add another").fill("nalmefene")
    page.get_by_label("only differences").check()
    page.get_by_role("button", name="Compare").click()

    assert page.locator("thead th").count() == 4
    assert page.get_by_label("only differences").is_checked()
    page.context.close()


def test_a_picture_grows_when_a_thing_is_expanded(browser: Browser, address: str) -> None:
    page = _page(browser)
    page.goto(f"{address}/graph?id=samidorphan")
    before = page.locator("svg.picture a").count()

    page.get_by_role("link", name="Expand μ-opioid receptor").click()

    assert page.locator("svg.picture a").count() > before
    page.context.close()


def test_everything_is_reached_by_keyboard(browser: Browser, address: str) -> None:
    page = _page(browser)
    page.goto(address + PAGES["substance"])

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.locator("details.evidence:not([open]) > summary").first.focus()
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.parentElement.open")
    page.context.close()


@pytest.mark.parametrize(
    "path",
    [
        "/substance/hostile",
        "/statement/hostile",
        "/source/hostile",
        "/search?q=hostile",
        "/graph?id=substance:hostile",
    ],
)
def test_hostile_data_runs_nothing(browser: Browser, hostile_address: str, path: str) -> None:
    page = _page(browser)
    seen = _watched(page, hostile_address)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))

    page.goto(hostile_address + path)

    assert dialogs == []
    assert seen.console == [], "the policy had to stop something that should not be there"
    assert seen.elsewhere == []
    assert page.evaluate("window.ran") is None
    page.context.close()
