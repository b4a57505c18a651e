"""Reconciliation: which things of several sources are one thing.

Things are taken in a fixed order, what curators described first. Each joins the cluster that
has one of its identifiers, if nothing speaks against it. Against it speaks another identifier
of a kind of which a thing has one only: two UNIIs are two substances, as a salt and its base
are. What speaks against it is kept as a conflict, and never merged.

So where a source has an identifier wrong, its other identifiers say what the thing is, and the
wrong one is a conflict; where all are in doubt, its name decides. What curators say is so. Of all
others, whoever gives an identifier out knows best what it is of: a term has its own, also where
another was said to have it before. A name alone joins nothing but by a source's own scope: the
product directory takes its names from the list of UNIIs, so a name of it is looked up there, and
nowhere else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from .importers.record import Thing
from .mappings import PREFIXES, words
from .namespaces import shorten

__all__ = ["Cluster", "Conflict", "Join", "Reconciliation"]

#: Of which kinds of identifier a thing has one only, those that say most first.
_ONE_ONLY: Mapping[str, tuple[str, ...]] = {
    "substance": ("inchikey", "unii", "drugbank", "chebi", "iuphar.ligand", "drugcentral"),
    "target": ("hgnc", "iuphar.receptor"),
    "condition": ("mondo", "doid", "hp", "mesh"),
}

#: A class of substances is called as substances are, and can stand wherever a substance can; but
#: what is the one is never the other.
_CALLED_AS = {"class": "substance"}

#: By which identifier a thing is named that curators did not describe.
_NAMED_BY: Mapping[str, tuple[str, ...]] = {
    "substance": ("unii", "inchikey", "drugbank", "chebi", "mesh", "iuphar.ligand"),
    "target": ("hgnc", "uniprot", "iuphar.receptor"),
    "condition": ("mondo", "doid", "hp", "mesh", "umls"),
}


#: What the names of many conditions have, and of which two may have it without being one.
_COMMON = frozenset(
    " ".join(
        (
            "acute cancer carcinoma chronic condition congenital deficiency disease disorder",
            "due failure familial finding generalized hereditary idiopathic infection injury",
            "malignant neoplasm other pain primary secondary syndrome tumor tumour type with",
            "without abnormal associated benign related induced drug and the",
        )
    ).split()
)


@dataclass(frozen=True, slots=True)
class Join:
    """Why a thing of a source is in a cluster.

    Attributes:
        source: The source.
        key: What the source calls the thing.
        label: Its name there.
        by: The identifier that it shares, ``name:`` and the name, or ``first``.
        same: What its source says is the same.
    """

    source: str
    key: str
    label: str
    by: str
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """An identifier that a source gives a thing, and that is another's.

    Attributes:
        source: The source.
        key: What it calls the thing.
        label: Its name there.
        identifier: What it says is the same.
        reason: Why that cannot be.
        other: The number of the cluster that the identifier belongs to, or of that it differs
            from.
    """

    source: str
    key: str
    label: str
    identifier: str
    reason: str
    other: int


@dataclass(slots=True)
class Cluster:
    """Things of several sources that are one.

    Attributes:
        number: Its number, in the order in which clusters were begun.
        kind: Of what kind it is.
        iri: The IRI that curators gave it, or the empty string.
        label: What it is called by the first of its sources.
        identifiers: What it is called elsewhere.
        names: The fingerprints of its names.
        joins: How each of its things came to be in it.
        conflicts: What a source said of it that cannot be.
    """

    number: int
    kind: str
    iri: str = ""
    label: str = ""
    identifiers: dict[str, str] = field(default_factory=dict)
    names: set[int] = field(default_factory=set)
    joins: list[Join] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def only(self, prefix: str) -> str | None:
        """Return its identifier of a kind of which it has one only."""
        return self.identifiers.get(prefix)

    @property
    def slug(self) -> str:
        """Return the last part of the IRI of a thing that curators did not describe."""
        for prefix in _NAMED_BY.get(_called_as(self.kind), ()):
            if prefix in self.identifiers:
                local = self.identifiers[prefix].partition(":")[2]
                return f"{prefix.replace('.', '-')}-{local}".casefold()
        first = self.joins[0].key
        return first.replace(":", "-").replace(".", "-").casefold()


class Reconciliation:
    """Finds out which things are one, as they come.

    Example:
        >>> found = Reconciliation()
        >>> base = Thing("unii:5S6W795CQM", "substance", "NALTREXONE")
        >>> salt = Thing("unii:Z6375YW9SF", "substance", "NALTREXONE HYDROCHLORIDE")
        >>> drug = Thing("drugcentral:1880", "substance", "naltrexone", same=("unii:Z6375YW9SF",))
        >>> for source, thing in (("unii", base), ("unii", salt), ("drugcentral", drug)):
        ...     found.add(source, thing)
        >>> [(one.label, conflict.reason) for one, conflict in found.conflicts]
        [('naltrexone', 'the names differ: it is NALTREXONE HYDROCHLORIDE')]
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self._clusters: dict[int, Cluster] = {}
        self._owner: dict[tuple[str, str], int] = {}
        self._named: dict[tuple[str, str, int], list[int]] = {}
        self._moved: dict[int, int] = {}
        self._worded: set[str] = set()
        self._next = 0

    @property
    def clusters(self) -> Iterator[Cluster]:
        """Yield the clusters, in the order in which they were begun."""
        yield from self._clusters.values()

    @property
    def conflicts(self) -> Iterator[tuple[Cluster, Conflict]]:
        """Yield what was said of a cluster and not believed, in the order of clusters."""
        for cluster in self.clusters:
            for one in cluster.conflicts:
                # What one row said may have been believed of another.
                if self.find(cluster.kind, one.identifier) is not cluster:
                    yield cluster, one

    def gives_names(self, thing: Thing) -> bool:
        """Return whether what a source calls a thing is a name of what it was found to be."""
        return thing.key not in self._worded

    def find(self, kind: str, key: str) -> Cluster | None:
        """Return the cluster of a kind that has an identifier, or None.

        Where a substance is asked for, it may be a class.
        """
        number = self._owner.get((_called_as(kind), key))
        return None if number is None else self._clusters[self._now(number)]

    def curated(
        self, kind: str, iri: str, label: str, names: Iterable[str], same: Iterable[str]
    ) -> None:
        """Add a thing that curators described: what they say of it is so."""
        cluster = self._begin(kind)
        cluster.iri, cluster.label = iri, label
        identifiers = (shorten(iri), *same)
        cluster.joins.append(Join("curated", iri, label, "first", identifiers))
        for identifier in identifiers:
            self._give(cluster, identifier)
        self._name(cluster, "curated", (label, *names))

    def add(self, source: str, thing: Thing) -> None:
        """Add a thing of a source."""
        order = {prefix: rank for rank, prefix in enumerate(_one_only(thing.kind))}
        others = [one for one in dict.fromkeys(thing.same) if one != thing.key]
        others.sort(key=lambda one: order.get(one.partition(":")[0], len(order)))
        claimed = [thing.key, *others]
        names = tuple(filter(None, (thing.label, *thing.names)))
        said = {_fingerprint(name) for name in names}
        cluster, by = self._home(thing, claimed, said)
        if cluster is None and thing.is_mapping:
            return
        if cluster is None:
            cluster, by = self._begin(thing.kind), "first"
            cluster.label = thing.label
        elif _is_worded_otherwise(thing, cluster, said):
            self._worded.add(thing.key)
        _join(cluster, Join(source, thing.key, thing.label, by, tuple(others)))
        if thing.key not in self._worded:
            self._name(cluster, source, names)
        for identifier in claimed:
            cluster = self._claim(cluster, source, thing, identifier)

    def _home(self, thing: Thing, claimed: list[str], said: set[int]) -> tuple[Cluster | None, str]:
        """Return the cluster that a thing belongs to, and the identifier or name that says so."""
        own = self.find(thing.kind, thing.key)
        if own is not None and any(
            join.key == thing.key or (join.source == "curated" and thing.key in join.same)
            for join in own.joins
        ):
            return own, thing.key  # it came before, in another row, or curators say so
        votes: dict[int, list[str]] = defaultdict(list)
        for identifier in claimed:
            cluster = self.find(thing.kind, identifier)
            if cluster is None or cluster.kind != thing.kind:
                continue
            if self._clash(cluster, thing.key) is None:
                votes[cluster.number].append(identifier)
        # A name that both have is worth more than any number of identifiers: they are copied.
        ranked = sorted(
            votes,
            key=lambda one: (not said & self._clusters[one].names, -len(votes[one]), one),
        )
        for number in ranked:
            cluster = self._clusters[number]
            # A mapping without a name is taken at its word, that of its first identifier.
            if (
                not said
                or said & cluster.names
                or len(votes[number]) > 1
                or _is_sure(votes[number][0])
                or _speak_of_one(thing, cluster)
            ):
                return cluster, votes[number][0]
        return self._by_name(thing)

    def _by_name(self, thing: Thing) -> tuple[Cluster | None, str]:
        for source in thing.by_name:
            for name in (thing.label, *thing.names):
                known = self._named.get((source, thing.kind, _fingerprint(name)), ())
                found = dict.fromkeys(map(self._now, known))
                fitting = [
                    one for one in found if self._clash(self._clusters[one], thing.key) is None
                ]
                if len(fitting) > 1:  # an order of words, or a sign, may tell them apart
                    exact = name.casefold()
                    fitting = [
                        one for one in fitting if self._clusters[one].label.casefold() == exact
                    ]
                if len(fitting) == 1:
                    return self._clusters[fitting[0]], f"name:{name}"
        return None, ""

    def _claim(self, cluster: Cluster, source: str, thing: Thing, identifier: str) -> Cluster:
        """Give a cluster an identifier that a source claims for it, or note the conflict.

        Returns:
            The cluster, which may be another where the identifier makes one of two.
        """
        clash = self._clash(cluster, identifier)
        other = self.find(thing.kind, identifier)
        if other is cluster:
            return cluster
        if clash is not None:
            reason = f"it has {clash} already"
            number = cluster.number if other is None else other.number
        elif other is None:
            self._give(cluster, identifier)
            return cluster
        elif not (reason := self._differ(cluster, other)):
            return self._merge(cluster, other)
        elif identifier == thing.key:
            self._take(cluster, other, identifier)
            return cluster
        else:
            number = other.number
        _dispute(cluster, Conflict(source, thing.key, thing.label, identifier, reason, number))
        return cluster

    def _take(self, cluster: Cluster, other: Cluster, key: str) -> None:
        """Give a cluster the key of its own term, and note the conflict of all who gave it away."""
        reason = self._differ(other, cluster)
        for join in other.joins:
            if key in join.same:
                conflict = Conflict(join.source, join.key, join.label, key, reason, cluster.number)
                _dispute(other, conflict)
        prefix = key.partition(":")[0]
        if other.only(prefix) == key:
            del other.identifiers[prefix]
        self._give(cluster, key)

    def _differ(self, one: Cluster, other: Cluster) -> str:
        """Return why a cluster cannot be another, or the empty string."""
        if one.kind != other.kind:
            return f"it is the {other.kind} {other.label}"
        if not one.names & other.names:
            return f"the names differ: it is {other.label}"
        apart = self._apart(one, other)
        return f"{other.label} has {apart[1]}, and this {apart[0]}" if apart else ""

    def _clash(self, cluster: Cluster, identifier: str) -> str | None:
        """Return the identifier that a cluster has in place of another of which it has one."""
        prefix = identifier.partition(":")[0]
        has = cluster.only(prefix) if prefix in _one_only(cluster.kind) else None
        return None if has in (None, identifier) else has

    def _apart(self, one: Cluster, other: Cluster) -> tuple[str, str] | None:
        """Return two identifiers by which two clusters are known to differ, or None."""
        for prefix in _one_only(one.kind):
            first, second = one.only(prefix), other.only(prefix)
            if first and second and first != second:
                return first, second
        return ("a page of its own", "a page") if one.iri and other.iri else None

    def _merge(self, one: Cluster, other: Cluster) -> Cluster:
        """Make one cluster of two, and return it: that which was begun first goes on."""
        kept, gone = sorted((one, other), key=lambda cluster: cluster.number)
        if gone.iri and not kept.iri:
            kept.iri, kept.label = gone.iri, gone.label
        for prefix, identifier in gone.identifiers.items():
            kept.identifiers.setdefault(prefix, identifier)
        kept.names |= gone.names
        kept.joins += gone.joins
        kept.conflicts += gone.conflicts
        self._moved[gone.number] = kept.number
        del self._clusters[gone.number]
        return kept

    def _begin(self, kind: str) -> Cluster:
        cluster = Cluster(self._next, kind)
        self._clusters[self._next] = cluster
        self._next += 1
        return cluster

    def _give(self, cluster: Cluster, identifier: str) -> None:
        self._owner[(_called_as(cluster.kind), identifier)] = cluster.number
        cluster.identifiers.setdefault(identifier.partition(":")[0], identifier)

    def _name(self, cluster: Cluster, source: str, names: Iterable[str]) -> None:
        for name in names:
            said = _fingerprint(name)
            cluster.names.add(said)
            numbers = self._named.setdefault((source, cluster.kind, said), [])
            if cluster.number not in numbers:
                numbers.append(cluster.number)

    def _now(self, number: int) -> int:
        while number in self._moved:
            number = self._moved[number]
        return number


def _join(cluster: Cluster, join: Join) -> None:
    """Add a thing to a cluster, or what another row says of it to what was said before."""
    last = cluster.joins[-1] if cluster.joins else None
    if last is None or (last.source, last.key) != (join.source, join.key):
        cluster.joins.append(join)
    elif not set(join.same) <= set(last.same):
        cluster.joins[-1] = replace(last, same=tuple(dict.fromkeys((*last.same, *join.same))))


def _dispute(cluster: Cluster, conflict: Conflict) -> None:
    """Note a conflict of a cluster, if no other row says the same."""
    said = (conflict.source, conflict.key, conflict.identifier)
    if said not in {(one.source, one.key, one.identifier) for one in cluster.conflicts}:
        cluster.conflicts.append(conflict)


def _is_worded_otherwise(thing: Thing, cluster: Cluster, said: set[int]) -> bool:
    """Return whether a table calls a condition as none does that gives out an identifier for it.

    It may mean less, as "Atonic seizure" with the identifier of seizures.
    """
    is_term = thing.key.partition(":")[0] in PREFIXES
    return thing.kind == "condition" and not is_term and bool(said) and not said & cluster.names


def _speak_of_one(thing: Thing, cluster: Cluster) -> bool:
    """Return whether a condition has a telling word in common with what has its identifier.

    Conditions are called in many ways, "Retention of urine" and "Urinary Retention"; the names of
    two substances may share words, as those of a base and its salt do.
    """
    if thing.kind != "condition":
        return False
    called = {word for join in cluster.joins for word in words(join.label)}
    return any(
        len(word) > 3 and word not in _COMMON and word in called for word in words(thing.label)
    )


def _fingerprint(name: str) -> int:
    """Return a number that two ways of writing a name share; a whole list of names is large."""
    return hash(words(name))


def _one_only(kind: str) -> tuple[str, ...]:
    return _ONE_ONLY.get(_called_as(kind), ())


def _called_as(kind: str) -> str:
    """Return the kind among whose identifiers those of a kind are."""
    return _CALLED_AS.get(kind, kind)


def _is_sure(identifier: str) -> bool:
    """Return whether an identifier is made from the thing itself, so that it needs no name."""
    return identifier.startswith(("inchikey:", "hgnc:", "uniprot:"))
