"""What differs, as JSON; and searches by the terms of a finding (docs/why.md)."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from hopline_query.answers.causes import far_end, outside
from hopline_query.answers.entry_calls import asked, base, key_of, selected
from hopline_query.answers.forest import Calls, Forest, Grove
from hopline_query.answers.selection import answered, link, of_base
from hopline_query.errors import BadRequestError
from hopline_query.params import Params
from hopline_query.search.fields import number
from hopline_query.search.filter import terms
from hopline_query.store.port import SearchQuery, SpanReader
from hopline_query.store.settled_calls import texts
from hopline_query.topology.aggregate import callee_node
from hopline_query.tree.node import Node, Tree
from hopline_query.why.differs import Finding, differs
from hopline_query.why.entries import entries_of
from hopline_query.why.marks import Marks, Term, lasting_marks, marks_of
from hopline_query.why.tallies import Both, Counts, Marked

OUTCOMES = (
    *("http.response.status_code", "http.status_code", "rpc.grpc.status_code", "error", "error.type"),
    *("otel.status_code", "otel.status_description", "exception.type", "exception.message"),
)
"""Tags that say that a call failed: no explanation of failing calls."""

MOST_RARE = 5_000
"""Marks of traces that still move which are counted among settled calls however rare they are there."""

TERM_KINDS = frozenset({"tag", "field", "callee", "no_callee", "range"})

MOST_TERMS = 4
"""Terms of one search."""


def answer(reader: SpanReader, forest: Forest, params: Params, known: AbstractSet[str]) -> dict[str, Any]:
    """The marks by which the selected entry calls differ from the rest, or from those of the base."""
    counted = reader.counted(asked(params), of_base(params, asked))
    left = counted.rest if counted else reader
    chosen = selected(left, forest, params, afresh=counted is not None)
    others = base(left, forest, params, afresh=counted is not None)
    mine = {key_of(entry) for entry in chosen.entries}
    far = far_end(chosen.grove, known)
    own = [marks_of(entry, far) for entry in chosen.entries]
    at_hand = Marked(own, [marks_of(entry, far) for entry in others.entries if key_of(entry) not in mine])
    counts: Counts = at_hand
    truncated = chosen.truncated or others.truncated
    if counted is not None:
        rare = {text for entry in chosen.entries for text in texts(lasting_marks(entry, callee_node))}
        stored = counted.counts(sorted(rare)[:MOST_RARE], lambda key, telling: outside(key, known | set(telling)))
        counts = Both(stored, at_hand)
        truncated |= counted.truncated or len(rare) > MOST_RARE or stored.cut
    n, m = counts.everything.selected, counts.everything.base
    found, compared = differs(counts, chosen.query.service, _ignored(chosen.query))
    return {
        "selected": n,
        "base": m,
        "compared": compared,
        "findings": [_json(finding, n, m, params, chosen.query) for finding in found],
        "link": link(params, chosen.query.scope, {"entry": "true"}),
        **answered(chosen.query.scope, truncated=truncated),
    }


def terms_having(text: str) -> list[Term]:
    """The terms of a finding as its link names them. Raises :class:`BadRequestError`."""
    try:
        wanted = [Term(*one) for one in msgspec.json.decode(text, type=list[tuple[str, str, str, str, str]])]
    except msgspec.MsgspecError:
        raise BadRequestError("expected a list of [kind, service, key, op, value]", field="having", column=1) from None
    if len(wanted) > MOST_TERMS:
        raise BadRequestError(f"at most {MOST_TERMS} terms", field="having", column=1)
    for term in wanted:
        sound = term.op in {">=", "<"} and number(term.value) is not None if term.kind == "range" else term.op == "="
        if term.kind not in TERM_KINDS or not sound:
            raise BadRequestError(f"no term of a finding: {term.kind[:32]} {term.op[:8]}", field="having", column=1)
    return wanted


def calls_having(wanted: Sequence[Term], known: AbstractSet[str]) -> Calls:
    """Entry calls that meet the terms of a finding (``/traces?having=``)."""

    def look(grove: Grove, query: SearchQuery) -> Any:
        far = far_end(grove, known)

        def nodes(tree: Tree) -> list[Node]:
            found = entries_of([tree], query, grove.judged)
            return [entry.node for entry in found if _meets(marks_of(entry, far), wanted)]

        return nodes

    return look


def _meets(marks: Marks, wanted: Sequence[Term]) -> bool:
    return all(term.holds(marks) for term in wanted)


def _ignored(query: SearchQuery) -> frozenset[tuple[str, str]]:
    """Marks by which the calls were selected: that they have them is no news."""
    found = {("field" if term.field else "tag", term.key) for term, _ in terms(query.expression)}
    found |= {("field", name) for name in ("caller", "instance") if getattr(query, name)}
    if query.errors or query.error_type:
        found |= {("tag", key) for key in OUTCOMES}
    return frozenset(found)


def _json(finding: Finding, n: int, m: int, params: Params, query: SearchQuery) -> dict[str, Any]:
    inside, outside = finding.selected / n, finding.base / m
    wanted = [[t.kind, t.service, t.key, t.op, t.value] for t in finding.terms]
    narrowed = {"entry": "true", "having": msgspec.json.encode(wanted).decode()}
    words = " and ".join(_words(term) for term in finding.terms)
    return {
        "kind": finding.kind,
        "terms": [_term(term) for term in finding.terms],
        "selected": {"with": finding.selected, "of": n},
        "base": {"with": finding.base, "of": m},
        "explains": round(inside - outside, 6),
        "lift": round(inside / outside, 6) if finding.base else None,
        "p": min(1.0, finding.p),
        "same": [_term(term) for term in finding.same[:5]],
        "sentence": f"{_percent(inside)} of the selected calls have {words}; {_percent(outside)} of the others",
        "link": link(params, query.scope, narrowed),
    }


def _term(term: Term) -> dict[str, str]:
    return {"kind": term.kind, "service": term.service, "key": term.key, "op": term.op, "value": term.value}


def _words(term: Term) -> str:
    if term.kind in {"callee", "no_callee"}:
        return f"{'a' if term.kind == 'callee' else 'no'} call from {term.service} to {term.value}"
    return f"{term.service} {term.key} {term.op} {term.value}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"
