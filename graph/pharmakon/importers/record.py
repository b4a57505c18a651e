"""What a source says, in terms that are the same for all sources.

An importer turns each row of a file into things and claims. A thing is named by the key that
its source gives it, a CURIE such as ``drugbank:DB00704``; which thing of ours that is, is
decided when all sources have been read (:mod:`pharmakon.reconciliation`). So a key is always of
the source's own: where a row has nothing but another source's identifier, the key is made from
that with a prefix of the importer's own, and the identifier is what the row claims, and may
have wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyoxigraph as ox

__all__ = ["Claim", "Composition", "Ingredient", "RejectedError", "SkippedError", "Thing"]

#: What fills a slot of a statement: the key of a thing, a term of ours, or a literal.
Value = str | ox.Literal


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing, as one source describes it.

    Attributes:
        key: What the source calls it: a CURIE with a prefix of the Bioregistry, or of its own.
        kind: ``substance``, ``class`` (of substances), ``target``, ``condition``, ``product`` or
            ``formulation``. Where a source does not tell a class from a substance, substance.
        label: Its name.
        names: Its other names.
        same: Identifiers elsewhere of which the source says that they are the same thing.
        near: Identifiers that are not the same: the property of SKOS, and the CURIE.
        broader: The keys of what it is a kind of.
        by_name: The sources by whose names it may be known where no identifier tells: those
            from which its own source takes its names.
        is_mapping: Whether its row describes nothing and only says what is the same: it joins
            what others describe, and is left out where none does. It may lack a label.
    """

    key: str
    kind: str
    label: str
    names: tuple[str, ...] = ()
    same: tuple[str, ...] = ()
    near: tuple[tuple[str, str], ...] = ()
    broader: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    is_mapping: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that a row makes.

    Attributes:
        kind: Its class in our vocabulary, such as ``ReceptorAction``.
        subject: The key of what it is about: of a thing that this source or another describes.
        slots: What it says: the local name of a property of ours, and its value.
        record: The key of the row, by which it is found in the file again.
        comment: What the row says, in words of our own.
        about: Of what kind the subject is.
    """

    kind: str
    subject: str
    slots: tuple[tuple[str, Value], ...]
    record: str
    comment: str
    about: str = "substance"


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A substance in a formulation.

    Attributes:
        substance: Its key.
        strength: Its amount in one unit, as printed; may be empty.
        role: What it is there for, or the empty string: a table lists what acts, and where that
            is several it does not say to what end each does.
    """

    substance: str
    strength: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Composition:
    """What a product holds, as a row says.

    Attributes:
        product: The key of the product.
        formulation: The key of what it is sold as, which other products may share.
        form: Its dose form, a term of ours, or empty where we have none.
        routes: Its routes, terms of ours.
        ingredients: What is in it.
        record: The key of the row, by which it is found in the file again.
        comment: What the row says, in words of our own.
    """

    product: str
    formulation: str
    form: str
    routes: tuple[str, ...]
    ingredients: tuple[Ingredient, ...]
    record: str
    comment: str


class SkippedError(Exception):
    """A row is fine, and is of no use here: the message says why, the same for all like it."""


class RejectedError(Exception):
    """A row is broken: the message says how."""
