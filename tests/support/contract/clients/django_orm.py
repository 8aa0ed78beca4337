"""Django's database access, over SQLite and, with the driver's hook too, over PostgreSQL."""

from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from support.contract.client import Calls, Subject


def over(database: Callable[[Callable[[str], Any]], dict[str, Any]], peer: str) -> Callable[..., Calls]:
    def use(env: Callable[[str], Any]) -> Calls:
        if not settings.configured:
            settings.configure()
            django.setup()
        connection = ConnectionHandler({"default": database(env)})["default"]
        connection.inc_thread_sharing()

        def run(statement: str) -> Any:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()

        def close() -> None:
            connection.connection.close()  # Django itself keeps one in memory open

        return Calls(
            good=lambda: run("SELECT 1"),
            bad=lambda: run("SELECT * FROM nowhere"),
            error=DatabaseError,
            row={"name": "SELECT", "peer": peer, "peer_kind": "db"},
            close=close,
        )

    return use


def in_postgres(env: Callable[[str], Any]) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": "127.0.0.1",
        "PORT": env("postgres_port"),
    }


SUBJECTS = [
    Subject(
        "django (database)",
        ("django_db",),
        over(lambda _: {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}, "memory"),
    ),
    Subject("django (psycopg)", ("django_db", "psycopg"), over(in_postgres, "postgres")),
]
