"""The part of a path that is an object's key, for the routes of the framework."""

from starlette.convertors import Convertor, register_url_convertor

OBJECT_KEY = "object_key"


class ObjectKey(Convertor[str]):
    """The rest of a path, whatever it is: Starlette's own "path" stops at a line feed."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(OBJECT_KEY, ObjectKey())
