"""Whatever a client sends by the description, the answer is one that the description names."""

import schemathesis
from fastapi import FastAPI
from hypothesis import settings

from hopline_query.api import create_router, jaeger, zipkin
from hopline_query.service import QueryService
from hopline_query.store.memory import MemoryReader

NOW = 1_763_800_060_000_000

app = FastAPI()
service = QueryService(MemoryReader(), clock=lambda: NOW)
for make in (create_router, zipkin.create_router, jaeger.create_router):
    app.include_router(make(service))

schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.parametrize()
@settings(max_examples=6)
def test_no_input_breaks_the_api(case):
    """R2: no parameter, however odd, ends in a server error."""
    response = case.call()
    assert response.status_code < 500, case.as_curl_command()
