"""Presentation: the words, glyphs and marks that templates put on what the views return.

Shape, letters and words come before colour: every kind of thing and every action has a
glyph of its own, always beside its word.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from jinja2.ext import Extension

from pharmakon import KnowledgeGraph
from pharmakon.namespaces import ENTITY_TYPES, PK
from pharmakon.views.references import Reference
from pharmakon.views.statements import Evidence, Statement

from . import urls

__all__ = [
    "DISCLAIMER",
    "KINDS",
    "Part",
    "action_glyph",
    "amounts",
    "parts",
    "register_presentation",
    "short",
    "sources_of",
    "words",
]

DISCLAIMER = "Reference knowledge, not medical advice."

#: The kinds of thing that have a list of their own: the word for one, and for many.
KINDS = {
    "substance": ("substance", "substances"),
    "class": ("substance class", "classes"),
    "target": ("target", "targets"),
    "condition": ("condition", "conditions"),
    "product": ("product", "products"),
    "formulation": ("formulation", "formulations"),
    "circumstance": ("circumstance", "circumstances"),
    "source": ("source", "sources"),
    "statement": ("statement", "statements"),
    "rule": ("rule", "rules"),
}

#: The signs of ``static/glyphs.svg``, by the local name of an action type or its shortcut.
_SIGNS = {
    "agonist": "agonist biasedAgonist fullAgonist agonistOf",
    "partial-agonist": "partialAgonist partialAgonistOf",
    "inverse-agonist": "inverseAgonist inverseAgonistOf",
    "antagonist": (
        "antagonist competitiveAntagonist nonCompetitiveAntagonist irreversibleAntagonist "
        "antagonistOf"
    ),
    "positive-modulator": "positiveAllostericModulator positiveAllostericModulatorOf",
    "negative-modulator": "negativeAllostericModulator negativeAllostericModulatorOf",
    "activator": "enzymeActivator",
    "inhibitor": (
        "enzymeInhibitor transporterInhibitor reuptakeInhibitor inhibitorOf reuptakeInhibitorOf"
    ),
    "blocker": "channelBlocker channelBlockerOf",
    "opener": "channelOpener",
    "releaser": "releasingAgent releasingAgentOf",
    "inducer": "enzymeInducer inducerOf",
    "substrate": "substrate metabolisedBy transportedBy substrateOf",
    "binder": "binder allostericModulator actsOn",
}
_SIGN_OF = {PK[name].value: sign for sign, names in _SIGNS.items() for name in names.split()}

#: What is cut short beside the name of a condition; never the words of a negative.
_BRIEF = {
    "Indication": (("is used for ", "used"),),
    "AdverseEffect": (("can cause ", "can cause it"),),
}

#: Where a statement says no, so that the word can be stressed.
_NOT = re.compile(r"\bnot\b")


@dataclass(frozen=True)
class Part:
    """A piece of a sentence.

    Attributes:
        text: Its words.
        thing: What they name, if it has a page; else None.
        stressed: Whether they are the "not" of a negative.
    """

    text: str
    thing: Reference | None = None
    stressed: bool = False


def parts(statement: Statement, here: str = "") -> list[Part]:
    """Return a statement's sentence in pieces, so that what it names can be linked.

    Args:
        statement: The statement.
        here: The IRI of the thing whose page it stands on, which is not linked.
    """
    named = {
        value.label: value
        for value in _named(statement)
        if value.kind in (*ENTITY_TYPES, "class") and value.kind != "circumstance"
    }
    if not named:
        return _stress(statement, statement.sentence)
    longest_first = sorted(named, key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)")
    found: list[Part] = []
    for number, text in enumerate(pattern.split(statement.sentence)):
        if number % 2 and named[text].iri != here:
            found.append(Part(text, named[text]))
        elif number % 2:
            found.append(Part(text))
        elif text:
            found += _stress(statement, text)
    return found


def sources_of(evidence: Iterable[Evidence]) -> int:
    """Return how many sources some evidence comes from."""
    return len({one.source.iri for one in evidence})


def action_glyph(iri: str) -> str:
    """Return the sign of an action type or of its shortcut, or the empty string."""
    return _SIGN_OF.get(iri, "")


def short(statement: Statement, column: str) -> str:
    """Return what a statement says, short, in a cell between its column and its matter.

    Args:
        statement: The statement.
        column: The IRI of the thing whose column it is. What is said of another thing, such
            as a form of it, keeps its subject, and so its whole sentence.
    """
    if statement.subject.iri != column:
        return statement.sentence
    kind = statement.kind.iri.removeprefix(PK.base)
    if kind == "ReceptorAction":
        site = words(statement.values("site"), " and ")
        return words(statement.values("actionType")) + (f", in the {site}" if site else "")
    if kind == "Membership":
        return "member"
    said = statement.sentence
    if said.startswith(statement.subject.label):
        said = said[len(statement.subject.label) :].lstrip(" :")
    for whole, brief in _BRIEF.get(kind, ()):
        matter = words(statement.values("condition"), " and ")
        said = said.replace(whole + matter, brief, 1)
    return said


def amounts(strengths: Iterable[str]) -> list[str]:
    """Return strengths as printed, the smallest first.

    Example:
        >>> amounts(["12 mg", "2 mg", ".5 mg"])
        ['.5 mg', '2 mg', '12 mg']
    """
    return sorted(strengths, key=lambda one: (_number(one), one))


def words(values: Sequence[Reference | str], joint: str = ", ") -> str:
    """Return the values of a slot in words."""
    return joint.join(value if isinstance(value, str) else value.label for value in values)


def register_presentation(app: Flask, graph: KnowledgeGraph) -> None:
    """Give every template of an application its words."""
    app.config["BUILD"] = _digest()
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension(_Dense)
    app.jinja_env.globals |= {
        "DISCLAIMER": DISCLAIMER,
        "KINDS": KINDS,
        "action_glyph": action_glyph,
        "alternates": (),
        "amounts": amounts,
        "parts": parts,
        "release": graph.release,
        "short": short,
        "sources_of": sources_of,
        "urls": urls,
        "words": words,
    }


class _Dense(Extension):
    """Makes the indentation of a template one blank: it is for those who read the template."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return re.sub(r"(?m)^ +", " ", source)


def _number(strength: str) -> float:
    found = re.match(r"\d*\.?\d+", strength)
    return float(found.group()) if found else 0.0


def _named(statement: Statement) -> Iterable[Reference]:
    yield statement.subject
    for slot in statement.slots:
        yield from (value for value in slot.values if isinstance(value, Reference))
    yield from (value for value in statement.objects if isinstance(value, Reference))


def _stress(statement: Statement, text: str) -> list[Part]:
    if not statement.negative and "must not" not in text and "should not" not in text:
        return [Part(text)]
    found = []
    at = 0
    for match in _NOT.finditer(text):
        found += [Part(text[at : match.start()]), Part(match.group(), stressed=True)]
        at = match.end()
    return [part for part in (*found, Part(text[at:])) if part.text]


def _digest() -> str:
    """Return a digest of our own files, so that a changed one is fetched again."""
    found = hashlib.sha256()
    for folder in ("static", "templates"):
        for path in sorted((Path(__file__).parent / folder).iterdir()):
            found.update(path.read_bytes())
    return found.hexdigest()[:12]
