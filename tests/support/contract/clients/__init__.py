"""One module a calling library, each with its ``SUBJECTS``."""

from support.contract.client import Subject
from support.contract.clients import celery, databases, django_orm, grpc, http, redis, sqlalchemy

SUBJECTS: list[Subject] = [
    *http.SUBJECTS,
    *grpc.SUBJECTS,
    *sqlalchemy.SUBJECTS,
    *databases.SUBJECTS,
    *django_orm.SUBJECTS,
    *redis.SUBJECTS,
    *celery.SUBJECTS,
]
