"""How a trace crosses a hop: W3C traceparent, tracestate and baggage, B3, and our ``hop`` member.

docs/header.md is the specification; nothing here raises on what a stranger sent.
"""
