"""From protobuf's ``Struct`` to plain JSON, and from there into Kubernetes structures.

Task templates carry pod specs as ``google.protobuf.Struct``, which is JSON in protobuf's clothes. Flyte reads them with
Go's ``encoding/json``: field names match without regard to case, unknown fields are passed over, wrong types are
errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluginmachinery.config.kubernetes_schema import SchemaError, coerce
from pluginmachinery.core.errors import bad_task

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value


def plain(struct: Struct) -> dict[str, Any]:
    """The same as dicts, lists and scalars. All numbers are floats, as protobuf has it.

    Keys come in their order, because protobuf gives maps in another order in every process.
    """
    return {key: _plain_value(value) for key, value in sorted(struct.fields.items())}


def _plain_value(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "struct_value":
            return plain(value.struct_value)
        case "list_value":
            return [_plain_value(item) for item in value.list_value.values]
        case "number_value":
            return value.number_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def decode(type_name: str, value: Any, field: str) -> Any:
    """A value that a user gave as a Kubernetes structure (``PodSpec``, ``{}string``, …); ``field`` says where it was.

    Raises PluginError ``BadTaskSpecification`` with the path of what does not fit.
    """
    try:
        return coerce(type_name, value, fold_case=True, path=field)
    except SchemaError as error:
        raise bad_task(error.message, field=error.path) from error


def decode_pod_spec(struct: Struct, field: str) -> dict[str, Any]:
    spec: dict[str, Any] = decode("PodSpec", plain(struct), field)
    return spec
