"""Random rows of one trace, hostile ones among them: few ids and paths, so that they meet."""

from hypothesis import strategies as st

from hopline.model import Row

NOW = 1_763_800_600_000_000
START = 1_763_800_000_000_000
IDS = ["", *(f"{n:016x}" for n in range(1, 7))]
PATHS = ["", "0", "0.1", "0.2", "0.1.1", "0.1.3", "0.2.10.1", "~", "~.1", "~.1.2", "x", "0..1"]


def any_row():
    return st.builds(
        Row,
        trace_id=st.just("6921c0de0123456789abcdef01234567"),
        kind=st.sampled_from(["local", "client", "server", "producer", "consumer"]),
        service=st.sampled_from("AB"),
        name=st.sampled_from("xy"),
        start_us=st.integers(START, START + 20) | st.sampled_from([0, -1, 10**18]),
        span_id=st.sampled_from(PATHS),
        id=st.sampled_from(IDS),
        parent_id=st.sampled_from([None, *IDS[1:]]),
        duration_us=st.none() | st.integers(-2, 30),
        instance=st.sampled_from(["h1:1", "h2:1"]),
        error=st.booleans(),
        children=st.integers(0, 4),
        arrived=st.sampled_from([0, NOW]),
    )
