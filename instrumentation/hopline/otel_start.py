"""What ``opentelemetry-instrument`` runs before its instrumentations, in every process where we are installed."""


def install() -> None:
    """Answer with our response headers when our sampler is in use; without OpenTelemetry's SDK do nothing."""
    try:
        from hopline.otel import response
    except ImportError:
        return
    response.install()
