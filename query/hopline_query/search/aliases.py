"""Names of other tracers for what our rows hold in fields: found under either name (N12).

A sender's own tag of that name counts too, so a term becomes "the tag or the field".
"""

from dataclasses import replace

from hopline_query.search.filter import And, Expression, Not, Or, Term
from hopline_query.search.kept import kept

FIELD_OF = {
    "service.name": "service",
    "service.version": "version",
    "service.instance.id": "instance",
    "host.name": "host",
    "deployment.environment": "env",
    "deployment.environment.name": "env",
    "cloud.availability_zone": "zone",
    "peer.service": "peer",
    "span.kind": "kind",
    "otel.status_description": "error_text",
    "exception.message": "error_text",
    "exception.type": "error_type",
    "error.type": "error_type",
    "user.id": "uid",
    "enduser.id": "uid",
    "hopline.span_id": "span_id",
}
"""OpenTelemetry's and Jaeger's names, and our fields."""

STATUS = "otel.status_code"
INTERNAL = "internal"


def meant(term: Term) -> Expression:
    """A term on a tag, or on the field that holds what other tracers keep under this name."""
    if term.field:
        return kept(term)
    if term.key == STATUS and term.op in {"=", "!="} and term.value.upper() == "ERROR":
        failed = replace(term, key="error", op="=", value="true" if term.op == "=" else "false", field="error")
        return Or((term, failed)) if term.op == "=" else failed
    field = FIELD_OF.get(term.key, "")
    if not field:
        return kept(term)
    value = term.value.lower() if field == "kind" else term.value
    value = "local" if field == "kind" and value == INTERNAL else value
    return Or((kept(term), kept(replace(term, key=field, value=value, field=field))))


def throughout(expression: Expression | None) -> Expression | None:
    """An expression with every term of it as it is :func:`meant`."""
    match expression:
        case Term():
            return meant(expression)
        case Not(part):
            return Not(throughout(part) or part)
        case And(parts):
            return And(tuple(throughout(part) or part for part in parts))
        case Or(parts):
            return Or(tuple(throughout(part) or part for part in parts))
    return None
