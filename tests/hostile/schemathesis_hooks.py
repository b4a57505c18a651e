"""What schemathesis must know of this server: what a query looks like, and what no answer may be.

It is loaded by the schemathesis that test_openapi.py runs, and by nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

import schemathesis
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from outside import Answer

QUERIES = (
    "ASK {}",
    "SELECT * { ?s ?p ?o } LIMIT 3",
    "SELECT ?x { VALUES ?x { 1 <x:y> '<script>hostile</script>' } }",
    "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o } LIMIT 3",
    "DESCRIBE substance:naltrexone",
)

schemathesis.openapi.format("sparql", st.sampled_from(QUERIES))


@schemathesis.serializer("application/sparql-query")
def as_it_is(_: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@schemathesis.check
def no_answer_shows_what_is_within(_: object, response: object, case: object) -> None:
    headers = {name.lower(): ", ".join(v) for name, v in response.headers.items()}
    answer = Answer(str(case), response.status_code, headers, response.content, 0.0)
    assert not answer.faults(), "; ".join(answer.faults())
