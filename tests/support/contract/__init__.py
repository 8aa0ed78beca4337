"""What every hook must do, stated once; each hook is tried with its real library.

A *subject* is a library with our hook. ``servers/`` and ``clients/`` hold one module a subject.
"""
