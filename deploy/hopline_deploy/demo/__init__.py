"""A small shop whose services call each other over real HTTP and a queue.

Every service is a process of its own and is instrumented only with what users get:
``hopline.configure``, ``hopline.install``, ``TraceMiddleware``, ``span`` and, in the
queue's module, the four explicit stages of a call.
"""
