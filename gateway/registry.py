"""Which operation a request asks for: the table of `gateway.operations` joined with the handlers there are.

A request is told apart by its method, by whether its path names a bucket or a key, and by the
sub-resource among its query parameters ("uploads", "versioning" …) or the header x-amz-copy-source.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from gateway.operations import OPERATIONS, UNMODELLED, Level, Operation
from gateway.request import Request, Response
from gateway.roles import BOTH, Roles, elsewhere
from schemas.errors import InvalidArgument, InvalidRequest, MethodNotAllowed, NotImplementedOperation

Handler = Callable[[Request], Awaitable[Response]]

# Parameters that pick an operation only together with a sub-resource, or that are values in other calls.
QUALIFIERS = frozenset({"annotationName", "id", "list-type", "partNumber", "select-type"})


class Selected(NamedTuple):
    """An operation and what runs it; `handler` answers NotImplemented when it is not built."""

    name: str
    handler: Handler
    operation: Operation


class _Candidate(NamedTuple):
    selected: Selected
    parameters: frozenset[str]
    values: tuple[tuple[str, str], ...]
    header: str


class Registry:
    """Selects operations. `handlers` maps operation names to what runs them; those of another role than
    `roles` are refused."""

    __slots__ = ("_candidates", "_copy", "_plain", "_roles", "_selectors", "built")

    def __init__(self, handlers: Mapping[str, Handler], roles: Roles = BOTH) -> None:
        known = {operation.name for operation in OPERATIONS + UNMODELLED}
        if unknown := sorted(set(handlers) - known):
            raise ValueError(f"handlers for operations that S3 does not have: {', '.join(unknown)}")
        self.built = frozenset(handlers)
        self._roles = roles
        self._plain: dict[Level, dict[str, Selected]] = {"service": {}, "bucket": {}, "object": {}}
        self._candidates: dict[tuple[str, Level], list[_Candidate]] = {}
        for operation in OPERATIONS + UNMODELLED:
            if not operation.shadowed_by:
                self._add(operation, handlers.get(operation.name))
        for candidates in self._candidates.values():
            candidates.sort(key=lambda one: (len(one.parameters), len(one.values), one.header), reverse=True)
        self._selectors = frozenset(
            name for candidates in self._candidates.values() for one in candidates for name in one.parameters
        )

    def _add(self, operation: Operation, handler: Handler | None) -> None:
        if handler is None:
            handler = _unbuilt(operation.name)
        elif not self._roles.serve(operation):
            handler = _elsewhere(operation.name, self._roles)
        selected = Selected(operation.name, handler, operation)
        if operation.name == "CopyObject":
            self._copy = selected
            return
        if not operation.parameters:
            self._plain[operation.level][operation.method] = selected
            return
        names, values = [], []
        for parameter in operation.parameters.split():
            name, _, value = parameter.partition("=")
            names.append(name)
            if value:
                values.append((name, value))
        candidate = _Candidate(selected, frozenset(names), tuple(values), operation.header)
        self._candidates.setdefault((operation.method, operation.level), []).append(candidate)

    def select(
        self, method: str, level: Level, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> Selected:
        """The operation of the request.

        Raises MethodNotAllowed when the resource does not have that method, InvalidRequest when the
        query names two sub-resources, one of buckets for a key, or lacks a parameter that belongs to one,
        InvalidArgument for a part without its upload.
        """
        if query:
            named = self._selectors.intersection(query)
            if named:
                found = self._by_parameters(method, level, named, query, headers)
                if found is not None:
                    return found
        if method == "PUT" and level == "object" and "x-amz-copy-source" in headers:
            return self._copy
        plain = self._plain[level].get(method)
        if plain is None:
            raise MethodNotAllowed(Method=method)
        return plain

    def _by_parameters(
        self,
        method: str,
        level: Level,
        named: frozenset[str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> Selected | None:
        """The most demanding operation whose parameters are all there; None when no sub-resource is named."""
        resources = named - QUALIFIERS
        for one in self._candidates.get((method, level), ()):
            if (
                resources <= one.parameters <= named
                and (not one.header or one.header in headers)
                and all(query[name] == value for name, value in one.values)
            ):
                return one.selected
        if len(resources) > 1:
            raise InvalidRequest(f"Conflicting query string parameters: {', '.join(sorted(resources))}")
        if resources:
            self._refuse(method, level, resources)
            if level == "object":
                self._refuse_of_bucket(method, min(resources))
            raise MethodNotAllowed(Method=method, ResourceType=min(resources).upper())
        if method == "PUT" and "partNumber" in named:
            # A part whose upload id was forgotten must not become the whole object.
            raise InvalidArgument(
                "This operation does not accept partNumber without uploadId",
                ArgumentName="partNumber", ArgumentValue=query["partNumber"],
            )  # fmt: skip
        return None

    def _refuse_of_bucket(self, method: str, resource: str) -> None:
        """Say so when it is buckets that have the sub-resource, as S3 does."""
        if method == "GET" and resource == "uploads":
            raise InvalidRequest("Key is not expected for the GET method ?uploads subresource")
        if not any(resource in one.parameters for one in self._of_level("object")) and any(
            resource in one.parameters for one in self._of_level("bucket")
        ):
            raise InvalidRequest(f"There is no such thing as the ?{resource} sub-resource for a key")

    def _of_level(self, level: Level) -> Iterator[_Candidate]:
        for (_, other), candidates in self._candidates.items():
            if other == level:
                yield from candidates

    def _refuse(self, method: str, level: Level, named: frozenset[str]) -> None:
        """Say which parameter is missing when the sub-resource exists here but lacks one."""
        for one in self._candidates.get((method, level), ()):
            if named & one.parameters:
                name, value = next(iter(one.values), (min(one.parameters - named), ""))
                if value:
                    raise InvalidArgument(
                        f"The parameter {name} must be {value}.", ArgumentName=name, ArgumentValue=""
                    )
                raise InvalidRequest(f"Missing required parameter for this request: '{name}'")


def _unbuilt(name: str) -> Handler:
    async def refuse(request: Request) -> Response:
        raise NotImplementedOperation(f"{name} is not implemented.")

    return refuse


def _elsewhere(name: str, roles: Roles) -> Handler:
    async def refuse(request: Request) -> Response:
        raise elsewhere(name, roles)

    return refuse
