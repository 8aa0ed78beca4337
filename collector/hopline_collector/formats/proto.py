"""Protobuf messages under their published field numbers, built without generated code.

Messages are described in a pool of our own, so nothing here can clash with code that
an application loads. Fields that are only looked into now and then are declared as
``bytes``: on the wire a nested message and a byte string are the same.
"""

from functools import lru_cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto

TYPES: Final[dict[str, Any]] = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "double": _Field.TYPE_DOUBLE,
    "enum": _Field.TYPE_UINT32,
    "fixed32": _Field.TYPE_FIXED32,
    "fixed64": _Field.TYPE_FIXED64,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
    "uint32": _Field.TYPE_UINT32,
    "uint64": _Field.TYPE_UINT64,
}
"""Scalar types by their proto3 name; an enum is read as a number, so unknown values survive."""


@lru_cache(maxsize=64)
def message_classes(package: str, text: str) -> dict[str, Any]:
    """Message classes from lines ``Message: type name = number; repeated type name = number; ...``.

    A type that is no scalar names another message of the same text.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for line in filter(None, (part.strip() for part in text.splitlines())):
        name, _, fields = line.partition(":")
        message = file.message_type.add(name=name.strip())
        for declared in filter(None, (part.strip() for part in fields.split(";"))):
            left, number = declared.split("=")
            *repeated, kind, field = left.split()
            added = message.field.add(name=field, number=int(number))
            added.label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            if kind in TYPES:
                added.type = TYPES[kind]
            else:
                added.type = _Field.TYPE_MESSAGE
                added.type_name = f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {}
    for declared_message in file.message_type:
        descriptor = pool.FindMessageTypeByName(f"{package}.{declared_message.name}")
        found[declared_message.name] = message_factory.GetMessageClass(descriptor)
    return found
