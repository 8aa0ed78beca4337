"""A service that knows nothing of tracing: FastAPI, httpx and nothing else.

``python otel_service.py PORT [CALLEE_URL ...]``: ``GET /serve/{item}`` calls its callees one
after the other. Run under ``opentelemetry-instrument`` in an environment of its own.
"""

import sys

import httpx
import uvicorn
from fastapi import FastAPI

app = FastAPI()
client = httpx.AsyncClient()
callees = sys.argv[2:]


@app.get("/health")
def health() -> str:
    return "ok"


@app.get("/serve/{item}")
async def work(item: str) -> dict[str, str]:
    for callee in callees:
        (await client.get(f"{callee}/serve/{item}")).raise_for_status()
    return {"item": item}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
