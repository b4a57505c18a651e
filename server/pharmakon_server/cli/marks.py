"""Marks: the glyph, letters and colour of each kind of thing, action and answer.

The shape says what it is, so that nothing is lost without colour. ``--ascii`` writes the
letters in place of each glyph, as :func:`to_ascii` does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from pharmakon.views.references import Reference
    from pharmakon.views.statements import Evidence, Statement

__all__ = [
    "KINDS",
    "action",
    "certainty",
    "printable",
    "sides",
    "sources",
    "text",
    "thing",
    "to_ascii",
    "verdict",
]

#: Kinds of thing: glyph, letters, colour.
KINDS = {
    "substance": ("●", "[S]", "bright_blue"),
    "class": ("▤", "[K]", "white"),
    "target": ("⬢", "[T]", "green"),
    "condition": ("✚", "[C]", "magenta"),
    "product": ("▣", "[P]", "yellow"),
    "formulation": ("◨", "[F]", "yellow"),
    "circumstance": ("✦", "[A]", "cyan"),
    "source": ("▪", "[R]", "white"),
}

#: Actions by the local name of their term: glyph and letters. What is not here is a binder.
_ACTIONS = {
    "agonist": ("▲", "AG"),
    "fullAgonist": ("▲", "AG"),
    "biasedAgonist": ("▲", "AG"),
    "partialAgonist": ("◐", "PA"),
    "inverseAgonist": ("▼", "IA"),
    "antagonist": ("■", "AN"),
    "competitiveAntagonist": ("■", "AN"),
    "nonCompetitiveAntagonist": ("■", "AN"),
    "irreversibleAntagonist": ("■", "AN"),
    "allostericModulator": ("⊙", "AM"),
    "positiveAllostericModulator": ("⊕", "PM"),
    "negativeAllostericModulator": ("⊖", "NM"),
    "enzymeActivator": ("⊢", "AC"),
    "enzymeInhibitor": ("⊣", "IN"),
    "transporterInhibitor": ("⊣", "IN"),
    "reuptakeInhibitor": ("⊣", "IN"),
    "channelBlocker": ("⊠", "BL"),
    "channelOpener": ("⊡", "OP"),
    "releasingAgent": ("⇗", "RE"),
    "enzymeInducer": ("⇧", "IC"),
    "substrate": ("▷", "SU"),
    "metabolisedBy": ("▷", "SU"),
    "transportedBy": ("▷", "SU"),
    "binder": ("◇", "BI"),
}

#: Answers about a pair: words and colour.
_VERDICTS = {
    "interaction": ("interaction", "bold red"),
    "studied-none-found": ("studied, none found", ""),
    "known-not": ("known not to interact", ""),
    "not-known": ("not known, which is not the same as safe", "yellow"),
}

#: Greek letters by their names: the Unicode name ends in that of the letter.
_GREEK = {
    letter: unicodedata.name(letter).split()[-1].lower().replace("lamda", "lambda")
    for letter in "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ"
}

_LETTERS = str.maketrans(
    {glyph: letters for glyph, letters, _ in KINDS.values()}
    | dict(_ACTIONS.values())
    | _GREEK
    | {"µ": "mu", "•": "*", "◦": ".", "≠": "=/=", "≈": "~", "≥": ">=", "≤": "<=", "·": "|"}
    | {"–": "-", "—": "-", "→": "->", "←": "<-", "…": "...", "×": "x", "✓": "ok", "✗": "x"}
    | {"‘": "'", "’": "'", "“": '"', "”": '"'}
)


def text(value: object, style: str = "") -> Text:
    """Return a value as rich has it, without what could move a terminal's cursor."""
    from rich.text import Text

    return Text(printable(str(value)), style)


def printable(value: str) -> str:
    r"""Return a text in which control characters other than tab and line feed are replaced.

    Example:
        >>> printable("a\x1b[31mb") == "a\N{REPLACEMENT CHARACTER}[31mb"
        True
    """
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", value)


def to_ascii(value: str) -> str:
    """Return a text in ASCII: glyphs by their letters, Greek by name, what is left as ``?``.

    Example:
        >>> to_ascii("● 6β-naltrexol → ⬢ μ, café ≠ ☕")
        '[S] 6beta-naltrexol -> [T] mu, cafe =/= ?'
    """
    value = unicodedata.normalize("NFKD", value.translate(_LETTERS))
    value = "".join(letter for letter in value if not unicodedata.combining(letter))
    return value.encode("ascii", "replace").decode()


def thing(reference: Reference) -> Text:
    """Return a thing with its glyph, in its colour."""
    glyph, _, colour = KINDS.get(reference.kind, ("", "", ""))
    # The colour is that of a part, so that what is appended does not take it on.
    return text("").append_text(text(f"{glyph} {reference.label}".lstrip(), colour))


def action(types: Sequence[Reference | str]) -> str:
    """Return the glyph of a type of action."""
    names = [one if isinstance(one, str) else one.curie.removeprefix("pk:") for one in types]
    return _ACTIONS.get(names[0] if names else "", _ACTIONS["binder"])[0]


def certainty(one: Statement) -> str:
    """Return how sure we are of a statement, in a word."""
    return one.certainty.label if one.certainty else "certainty not stated"


def sources(one: Statement) -> str:
    """Return how many sources say so, as dots up to four and as a number."""
    count = len(_cited(one.supports))
    if not count and one.rule is not None:
        return "~ inferred"
    return f"{'•' * min(count, 4)}{'◦' * (4 - min(count, 4))} {count}"


def sides(one: Statement) -> str:
    """Return which sources say so and which deny it, with both counts."""
    return f"{_side('for', one.supports)} · {_side('against', one.disputes)}"


def verdict(answer: str) -> Text:
    """Return the answer about a pair, in words and in its colour."""
    return text(*_VERDICTS.get(answer, (answer, "")))


def _side(name: str, found: Iterable[Evidence]) -> str:
    labels = _cited(found)
    noun = "source" if len(labels) == 1 else "sources"
    return f"{name}: {len(labels)} {noun}" + (f" ({'; '.join(labels)})" if labels else "")


def _cited(found: Iterable[Evidence]) -> list[str]:
    return sorted({evidence.source.iri: evidence.source.label for evidence in found}.values())
