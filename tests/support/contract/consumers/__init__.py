"""One module a kind of broker, each with its ``SUBJECTS``."""

from support.contract.consumer import Subject
from support.contract.consumers import kafka, queues, rabbitmq

SUBJECTS: list[Subject] = [*kafka.SUBJECTS, *rabbitmq.SUBJECTS, *queues.SUBJECTS]
