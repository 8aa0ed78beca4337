"""One module a serving library, each with its ``SUBJECTS``."""

from support.contract.server import Subject
from support.contract.servers import aiohttp, asgi, django, flask, wsgi

SUBJECTS: list[Subject] = [*asgi.SUBJECTS, *wsgi.SUBJECTS, *flask.SUBJECTS, *django.SUBJECTS, *aiohttp.SUBJECTS]
