"""What Oxigraph's parser of RDF/XML takes, and should not.

It replaces entities without end, so that some hundred bytes become gigabytes; and it takes a
document that is cut off for a whole one.
"""

from __future__ import annotations

from typing import BinaryIO
from xml.parsers import expat

__all__ = ["check"]


def check(file: BinaryIO) -> None:
    """Refuse a file that is not whole XML in UTF-8, or has a document type.

    Raises:
        SyntaxError: It is; the line is its second argument's.

    Example:
        >>> import io
        >>> check(io.BytesIO(b"<!DOCTYPE a []><a/>"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        SyntaxError: RDF/XML with a DOCTYPE is refused, since ...
    """

    def refuse(*_: object) -> None:
        reason = "RDF/XML with a DOCTYPE is refused, since its entities can fill any memory"
        where = (None, parser.CurrentLineNumber, None, None)
        raise SyntaxError(f"{reason}; send it without one, or as Turtle", where)

    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.ParseFile(file)
    except expat.ExpatError as error:
        reason = f"the XML is not well-formed: {expat.ErrorString(error.code)}"
        raise SyntaxError(reason, (None, error.lineno, None, None)) from error
