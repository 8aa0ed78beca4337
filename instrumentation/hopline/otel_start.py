"""What ``opentelemetry-instrument`` runs before its instrumentations, in every process where we are installed."""


def install() -> None:
    """Set up what our sampler needs around it when it is in use; without OpenTelemetry's SDK do nothing."""
    try:
        from hopline.otel import instrument
    except ImportError:
        return
    instrument.install()
