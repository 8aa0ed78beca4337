"""Public middleware: one server row per request, for applications that do without ``hopline.install()``.

``hopline.middleware.asgi``, ``.wsgi``, ``.django`` and ``.aiohttp``, each needing what it is named after.
"""
