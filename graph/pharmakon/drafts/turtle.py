"""Turtle files that a curator goes on with: paragraphs are added, and none is changed.

A file has one subject a paragraph, as the canonical formatter writes it, with its prefixes
at the top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..namespaces import PREFIXES

__all__ = ["Paragraph", "Slots", "TurtleFile", "iri", "text"]

_PREFIX = re.compile(r"^@prefix ([\w-]*): <([^>]*)> \.$", re.MULTILINE)
_USED = re.compile(r"(?<![\w:-])([A-Za-z][\w-]*):(?=\w)")
_NOT_NAMES = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>]*>')

#: What is after a backslash in a local name of Turtle.
_LOCAL = re.compile(r"[\w-]+")


#: Properties, each with its values, in the order in which they are written.
Slots = list[tuple[str, tuple[str, ...]]]


@dataclass
class Paragraph:
    """A subject with what is said of it.

    Attributes:
        subject: Its name, with a prefix.
        slots: Each property with its values, in the order in which they are written.
    """

    subject: str
    slots: Slots

    def __str__(self) -> str:
        """Return the paragraph in canonical Turtle.

        Example:
            >>> print(Paragraph("substance:x", [("a", ("pk:Substance",))]))
            substance:x a pk:Substance .
        """
        lines = [f"{name} {' , '.join(values)}" for name, values in self.slots if values]
        return f"{self.subject} " + " ;\n    ".join(lines) + " ."


@dataclass
class TurtleFile:
    """A file, with the paragraphs that are in it and those that are added.

    Attributes:
        path: Where it is, or will be.
        prefixes: What the prefixes mean that it may use, beside those that are predeclared.
        paragraphs: The text of each, by its subject.
    """

    path: Path
    prefixes: dict[str, str] = field(default_factory=dict)
    paragraphs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, prefixes: Mapping[str, str]) -> TurtleFile:
        """Read a file, which need not be there yet."""
        found = path.read_text("utf-8") if path.is_file() else ""
        own = {**prefixes, **dict(_PREFIX.findall(found))}
        body = _PREFIX.sub("", found).strip("\n")
        parts = [part.strip("\n") for part in re.split(r"\n\n+", body) if part.strip()]
        return cls(path, own, {part.split(None, 1)[0]: part for part in parts})

    def add(self, paragraphs: Iterable[Paragraph]) -> None:
        """Add paragraphs whose subjects are not in it yet."""
        for one in paragraphs:
            self.paragraphs.setdefault(one.subject, str(one))

    def extend(self, subject: str, slot: str, values: Iterable[str]) -> None:
        """Add values to a slot of a paragraph that is in it, where they are not yet."""
        part = self.paragraphs[subject]
        new = [value for value in values if value not in re.split(r"[\s,;]+", part)]
        if not new:
            return
        if f"    {slot} " in part:
            part = part.replace(f"    {slot} ", f"    {slot} {' , '.join(new)} , ", 1)
        else:
            before = "    pk:certainty "
            part = part.replace(before, f"    {slot} {' , '.join(new)} ;\n{before}", 1)
        self.paragraphs[subject] = part

    def __str__(self) -> str:
        """Return the whole text, with the prefixes that are used; none where nothing is said."""
        if not self.paragraphs:
            return ""
        known = {**PREFIXES, **self.prefixes}
        names = _NOT_NAMES.sub("", "\n".join(self.paragraphs.values()))
        used = sorted(set(_USED.findall(names)))
        top = "".join(f"@prefix {name}: <{known[name]}> .\n" for name in used)
        return f"{top}\n" + "\n\n".join(self.paragraphs.values()) + "\n"


def text(value: str, language: str = "en") -> str:
    r"""Return a text as Turtle writes it.

    Example:
        >>> text('a "word"')
        '"a \\"word\\""@en'
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"@{language}' if language else f'"{escaped}"'


def iri(prefix: str, base: str, local: str) -> str:
    """Return a name with a prefix, or the whole IRI where Turtle has no such name."""
    return f"{prefix}:{local}" if _LOCAL.fullmatch(local) else f"<{base}{local}>"
