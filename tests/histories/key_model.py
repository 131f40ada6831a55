"""What a key answers when requests come one after the other: the state is the ETag of its object, or None."""

from typing import NamedTuple

from tests.histories.operation import Answer, Kind, Operation

State = str | None


class Step(NamedTuple):
    """The state after a request that could have been answered as it was."""

    state: State


def step(state: State, operation: Operation) -> Step | None:
    """Carry the request out. None when a key in this state would have answered otherwise.

    A write of unknown outcome counts as carried out here: the search may leave it out altogether. Where its
    condition does not hold, it changes nothing, which is the same as leaving it out: None.
    """
    kind = operation.kind
    if kind in (Kind.READ, Kind.LIST):
        return Step(state) if state == operation.value else None
    if kind is Kind.DELETE:
        return Step(None)
    if kind is Kind.PUT:
        return Step(operation.value)
    holds = state is None if kind is Kind.CREATE else state == operation.expected
    if operation.answer in (Answer.DONE, Answer.UNKNOWN):
        return Step(operation.value) if holds else None
    if kind is Kind.REPLACE and operation.answer is Answer.MISSING:
        return Step(state) if state is None else None
    # AWS answers 404 to If-Match where there is nothing, so a 412 tells that there is something else.
    refused = not holds and state is not None
    return Step(state) if refused else None
