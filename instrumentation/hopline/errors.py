"""Every error of the client.

HoplineError
├── SettingError        a setting has a value that cannot be used
└── TransportError      a batch could not be handed over
    ├── TransportUnavailable    the far side is away or full: try the same batch later
    └── BatchRefused            the far side will never take this batch

None of them reaches the instrumented application: they end in the counters.
"""


class HoplineError(Exception):
    """Base of all errors of this package."""


class SettingError(HoplineError):
    """A setting has a value that cannot be used."""


class TransportError(HoplineError):
    """A batch could not be handed over."""


class TransportUnavailable(TransportError):  # noqa: N818 - the leaf name says what happened
    """The far side is away or full: the same batch may be tried later."""


class BatchRefused(TransportError):  # noqa: N818 - the leaf name says what happened
    """The far side will never take this batch; its rows are lost and counted."""
