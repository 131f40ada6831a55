"""Parameters of the Query protocol: names with dots and numbers, in a form-encoded body.

Source: AWS Query protocol, "Query serialization": lists are Name.member.1, structures Name.Field.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from gateway.tags import has_tag_characters
from schemas.errors import DuplicateTags, InvalidInput

PARAMETERS_LIMIT = 1000

TAGS_LIMIT = 50


class Parameters:
    """What a request says, by name."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given

    @classmethod
    def of(cls, body: bytes) -> "Parameters":
        """Those of a form-encoded body. Raises InvalidInput."""
        try:
            pairs = parse_qsl(body.decode("ascii"), True, errors="strict", max_num_fields=PARAMETERS_LIMIT)
        except ValueError:
            raise InvalidInput(
                f"the body must be form-encoded UTF-8 with at most {PARAMETERS_LIMIT} parameters"
            ) from None
        given = dict(pairs)
        if len(given) < len(pairs):
            raise InvalidInput("a parameter is given twice")
        return cls(given)

    def get(self, name: str, default: str = "") -> str:
        return self._given.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def holds(self, name: str) -> bool:
        """Whether something is given under that name: the parameter itself, or some part of it."""
        return any(one.partition(".")[0] == name and value for one, value in self._given.items())

    def required(self, name: str) -> str:
        """Raises InvalidInput when it is missing or empty."""
        value = self._given.get(name, "")
        if not value:
            raise _missing(name)
        return value

    def limited(self, parameter: str, limit: int, least: int = 0) -> str:
        """A text of at most `limit` characters. Raises InvalidInput."""
        value = self.get(parameter)
        if not least <= len(value) <= limit:
            raise InvalidInput(
                f"1 validation error detected: Value at '{member(parameter)}' failed to satisfy constraint: "
                f"Member must have length less than or equal to {limit}"
                + (f" and greater than or equal to {least}" if least else "")
            )
        return value

    def path(self, parameter: str = "Path") -> str:
        """A path, "/" unless it is given."""
        return self.get(parameter) or "/"

    def number(self, parameter: str, default: int, least: int, most: int) -> int:
        """A whole number. Raises InvalidInput."""
        text = self.get(parameter)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()) or len(text) > 18 or not least <= int(text) <= most:
            raise InvalidInput(
                f"1 validation error detected: Value '{text}' at '{member(parameter)}' failed to satisfy "
                f"constraint: Member must be a number from {least} to {most}"
            )
        return int(text)

    def flag(self, parameter: str) -> bool:
        """Raises InvalidInput for what is neither true nor false."""
        value = self.get(parameter, "false").lower()
        if value not in ("true", "false"):
            raise InvalidInput(f"{parameter} must be true or false, not {value!r}")
        return value == "true"

    def items(self, parameter: str) -> list[str]:
        """A list, in its order. botocore sends an empty one as the bare name."""
        found: list[str] = []
        while (value := self._given.get(f"{parameter}.member.{len(found) + 1}")) is not None:
            found.append(value)
        return found

    def required_items(self, parameter: str) -> list[str]:
        """A list that has something in it. Raises InvalidInput."""
        found = self.items(parameter)
        if not found:
            raise _missing(parameter)
        return found

    def fields(self, parameter: str, field: str) -> list[str]:
        """That field of a list of structures, in its order."""
        found: list[str] = []
        while (value := self._given.get(f"{parameter}.member.{len(found) + 1}.{field}")) is not None:
            found.append(value)
        return found

    def tags(self, parameter: str = "Tags") -> dict[str, str]:
        """Tags by their names. Raises InvalidInput."""
        names = self.fields(parameter, "Key")
        return check_tags(
            (name, self.get(f"{parameter}.member.{number}.Value")) for number, name in enumerate(names, 1)
        )


def check_tag_keys(given: list[str]) -> list[str]:
    """Names of tags that are to go. Raises InvalidInput."""
    for key in given:
        if not 1 <= len(key) <= 128 or not has_tag_characters(key):
            raise InvalidInput(
                f"the tag {key!r} cannot be: names have 1 to 128 letters, numbers, spaces and _.:/=+-@"
            )
    if len(given) > TAGS_LIMIT:
        raise InvalidInput(f"{len(given)} tags; at most {TAGS_LIMIT} are allowed")
    return given


def check_tags(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Tags by their names. Raises InvalidInput."""
    tags: dict[str, str] = {}
    folded = set()
    for key, value in given:
        if not 1 <= len(key) <= 128 or len(value) > 256 or key.lower().startswith("aws:"):
            raise InvalidInput(
                f"the tag {key!r} is not allowed: names have 1 to 128 characters and do not begin with "
                "aws:, values have up to 256"
            )
        if not (has_tag_characters(key) and has_tag_characters(value)):
            raise InvalidInput(
                f"the tag {key!r} is not allowed: names and values have letters, numbers, spaces and _.:/=+-@"
            )
        if key.lower() in folded:
            raise DuplicateTags(
                f"Duplicate tag keys found. Please note that Tag keys are case insensitive: {key!r}"
            )
        folded.add(key.lower())
        tags[key] = value
    if len(tags) > TAGS_LIMIT:
        raise InvalidInput(f"{len(tags)} tags; at most {TAGS_LIMIT} are allowed")
    return tags


def _missing(name: str) -> InvalidInput:
    return InvalidInput(
        f"1 validation error detected: Value null at '{member(name)}' failed to satisfy constraint: Member "
        "must not be null"
    )


def member(name: str) -> str:
    """As AWS's messages write a parameter: userName."""
    return name[:1].lower() + name[1:]
