"""Sentences: what a statement says, in plain words made from labels.

A negative says "not" in its verb, so that no cutting short can turn it round.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from ..namespaces import PK
from .references import Reference

__all__ = ["sentence"]

_COMPARATORS = {
    ">": "more than",
    "<": "less than",
    "=": "",
    "≥": "at least",
    "≤": "at most",
    "≈": "about",
}

_Value = Reference | str
_Slots = Mapping[str, Sequence[_Value]]


def sentence(kind: str, subject: str, slots: _Slots, *, brief: bool = False) -> str:
    """Return the claim of a statement as a sentence without a full stop.

    Args:
        kind: The IRI of its class.
        subject: The label of its subject.
        slots: Its values by the IRI of their property, those of ``pk:object`` among them.
        brief: Leave out the circumstances; for a name of the statement, never for its claim.

    Example:
        >>> sentence(PK["NonEffect"].value, "naltrexone", {PK["condition"].value: ["euphoria"]})
        'naltrexone does not cause euphoria'
    """
    form = _FORMS.get(kind, _plain)
    return form(subject, slots) + ("" if brief else _circumstances(slots))


def _words(slots: _Slots, name: str, joint: str = "and") -> str:
    values = slots.get(PK[name].value, ())
    words = [value if isinstance(value, str) else value.label for value in values]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def _iri(slots: _Slots, name: str) -> str:
    return next(
        (value.iri for value in slots.get(PK[name].value, ()) if isinstance(value, Reference)), ""
    )


def _bracket(*parts: str) -> str:
    said = [part for part in parts if part]
    return f" ({'; '.join(said)})" if said else ""


def _membership(subject: str, slots: _Slots) -> str:
    return f"{subject} belongs to the class {_words(slots, 'inClass')}"


def _action(subject: str, slots: _Slots) -> str:
    action, target = _words(slots, "actionType"), _words(slots, "target")
    site = f" in the {sites}" if (sites := _words(slots, "site")) else ""
    if action.endswith(" by"):
        return f"{subject} is {action} {target}{site}"
    return f"{subject} acts as {action} at the {target}{site}"


def _indication(subject: str, slots: _Slots) -> str:
    return f"{subject} is used for {_words(slots, 'condition')}" + _bracket(
        _words(slots, "intent"),
        _words(slots, "lineOfTherapy"),
        "" if _iri(slots, "useStatus") == PK["notStated"].value else _words(slots, "useStatus"),
    )


def _non_indication(subject: str, slots: _Slots) -> str:
    return f"{subject} is not of use for {_words(slots, 'condition')}" + _bracket(
        _words(slots, "intent"), _words(slots, "negativeBasis")
    )


def _effect(subject: str, slots: _Slots) -> str:
    aspect = f"the {aspect} of " if (aspect := _words(slots, "aspect")) else ""
    of = f" brought on by {modulated}" if (modulated := _words(slots, "modulates")) else ""
    verb = _words(slots, "direction") or "affects"
    return f"{subject} {verb} {aspect}{_words(slots, 'condition')}{of}"


def _adverse_effect(subject: str, slots: _Slots) -> str:
    return f"{subject} can cause {_words(slots, 'condition')}" + _bracket(
        _words(slots, "frequency"), _words(slots, "severity")
    )


def _non_effect(subject: str, slots: _Slots) -> str:
    return f"{subject} does not cause {_words(slots, 'condition')}"


def _contraindication(subject: str, slots: _Slots) -> str:
    must = "should not" if _iri(slots, "level") == PK["relative"].value else "must not"
    condition, other = _words(slots, "condition"), _words(slots, "withSubstance")
    where = " ".join(
        part for part in (condition and f"in {condition}", other and f"with {other}") if part
    )
    return f"{subject} {must} be given {where}".rstrip()


def _interaction(subject: str, slots: _Slots) -> str:
    outcome = f", which leads to {outcome}" if (outcome := _words(slots, "outcome")) else ""
    mechanism = f" by {mechanism}" if (mechanism := _words(slots, "mechanism")) else ""
    return f"{subject} changes what {_words(slots, 'affects')} does{mechanism}{outcome}"


def _regulatory_status(subject: str, slots: _Slots) -> str:
    since = f"since {date}" if (date := _words(slots, "validFrom")) else ""
    until = f"until {date}" if (date := _words(slots, "validUntil")) else ""
    return f"{subject}: {_words(slots, 'status')}" + _bracket(
        _words(slots, "agency"), _words(slots, "jurisdiction"), since, until
    )


def _finding(subject: str, slots: _Slots) -> str:
    times = [_time(_words(slots, name)) for name in ("durationOfAction", "dosingInterval", "onset")]
    number = " ".join(part for part in (_words(slots, "value"), _words(slots, "unit")) if part)
    found = " ".join(part for part in (*times, number, _words(slots, "route")) if part)
    other = _words(slots, "comparedWith")
    comparator = _COMPARATORS.get(_words(slots, "comparator"), "")
    if found and other:
        other = f"compared with {other}"
    words = " ".join(part for part in (comparator, found, other) if part)
    return f"{subject}: {_words(slots, 'measure')}: {words}"


def _time(duration: str) -> str:
    """Return an xsd:duration of one unit in words, and any other as it is written."""
    match = re.fullmatch(r"P(T?)(\d+)([YMDHS])", duration)
    if match is None:
        return duration
    unit = {"Y": "year", "D": "day", "H": "hour", "S": "second"}.get(match[3])
    unit = unit or ("minute" if match[1] else "month")
    return f"{match[2]} {unit}" + ("" if match[2] == "1" else "s")


def _relation(subject: str, slots: _Slots) -> str:
    relation = _words(slots, "relation")
    verb = f"is {relation}" if relation.startswith("not ") else relation
    return f"{subject} {verb} {_words(slots, 'object')}"


def _plain(subject: str, slots: _Slots) -> str:
    return f"{subject}: {_words(slots, 'object')}"


def _circumstances(slots: _Slots) -> str:
    requires = _words(slots, "requires")
    unless = _words(slots, "unless", "or")
    population = _words(slots, "inPopulation")
    return "".join(
        (
            f", in people {population}" if population else "",
            f", only {requires}" if requires else "",
            f", except {unless}" if unless else "",
        )
    )


_FORMS: Mapping[str, Callable[[str, _Slots], str]] = {
    PK["Membership"].value: _membership,
    PK["ReceptorAction"].value: _action,
    PK["Indication"].value: _indication,
    PK["NonIndication"].value: _non_indication,
    PK["Effect"].value: _effect,
    PK["AdverseEffect"].value: _adverse_effect,
    PK["NonEffect"].value: _non_effect,
    PK["Contraindication"].value: _contraindication,
    PK["Interaction"].value: _interaction,
    PK["RegulatoryStatus"].value: _regulatory_status,
    PK["Finding"].value: _finding,
    PK["Relation"].value: _relation,
}
