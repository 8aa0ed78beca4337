"""Why is it slow, why does it fail: pure questions over the trees of many traces (docs/why.md)."""
