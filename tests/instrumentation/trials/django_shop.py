"""A shop with Django, PostgreSQL and Celery as its makers would write it: nothing here knows of tracing."""

import os

import django
from celery import Celery
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

BROKER = f"redis://127.0.0.1:{os.environ['REDIS_PORT']}"

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "postgres",
                "USER": "postgres",
                "HOST": "127.0.0.1",
                "PORT": os.environ["POSTGRES_PORT"],
            }
        },
        ROOT_URLCONF=__name__,
        SECRET_KEY="none",
        USE_TZ=True,
    )
    django.setup()

queue = Celery("shop", broker=BROKER, broker_connection_retry_on_startup=True)


class Order(models.Model):
    item = models.TextField()
    shipped = models.BooleanField(default=False)

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.item


@queue.task
def ship(number: int) -> None:
    Order.objects.filter(id=number).update(shipped=True)


def order(_request: HttpRequest, item: str) -> HttpResponse:
    with transaction.atomic():
        made = Order.objects.create(item=item)
        ahead = Order.objects.filter(shipped=False).count()
    ship.delay(made.id)
    return JsonResponse({"order": made.id, "ahead": ahead})


def create_tables() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Order)


urlpatterns = [path("orders/<str:item>", order)]
application = get_wsgi_application()
