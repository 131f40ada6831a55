"""Whether one copy of a key, asked one request after the other, could have given the answers of a history.

The search of Wing and Gong with Lowe's memory of what was tried: take, one after the other, requests that
began before the first end among those not taken yet, as long as the model answers as the client was told; go
back where none fits; never try the same set of requests in the same state twice. A request of unknown outcome
has no end: it may be taken at any later place, or be left out. So of two places with the same answered
requests taken and the same state, one that has used up fewer of the unknown ones can do all that the other
can.

J. M. Wing, C. Gong: Testing and Verifying Concurrent Objects (1993).
G. Lowe: Testing for linearizability (2017).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tests.histories.key_model import State, step
from tests.histories.operation import NEVER, Answer, Kind, Operation

STEPS = 500_000
BLIND = (Kind.PUT, Kind.DELETE)  # answered alike whatever there is
UNSEEN = "(nobody saw it)"


class NotLinearizable(AssertionError):
    """No order of the requests explains the answers; the message shows how far one does."""


class Undecided(AssertionError):
    """The search was given up: the history has too many requests of unknown outcome side by side."""


@dataclass
class _Place:
    """A point of the search: what is taken (a bit each), the state, and what may be tried from here.

    guessed  whether the last request taken is one of unknown outcome: the next one must look at what it did,
             for one that is overwritten unseen may as well be left out
    """

    taken: int
    state: State
    open: list[int]
    choices: Iterator[int]
    guessed: bool = False


def check(history: Iterable[Operation], initial: State = None, steps: int = STEPS) -> None:
    """Check every key of a history by itself. Keys begin in the state `initial`.

    Raises NotLinearizable, or Undecided after so many steps for a key."""
    keys: dict[str, list[Operation]] = {}
    for operation in history:
        keys.setdefault(operation.key, []).append(operation)
    for key in sorted(keys):
        check_key(keys[key], initial, steps)


def check_key(history: Sequence[Operation], initial: State = None, steps: int = STEPS) -> None:
    """As `check`, for the requests of one key."""
    operations = _prepared(history)
    furthest = _search(operations, initial, steps)
    if furthest is not None:
        raise NotLinearizable(_shown(operations, *furthest))


def _search(operations: list[Operation], initial: State, steps: int) -> tuple[int, State] | None:
    """None when an order was found, else the largest set of answered requests that one explains."""
    answered = sum(1 << i for i, one in enumerate(operations) if one.ended != NEVER)
    same = _same_before(operations)
    place = _place(operations, same, 0, initial)
    path: list[_Place] = []
    tried = _Tried(answered)
    tried.add(0, initial)
    furthest = (0, initial)
    while place.taken & answered != answered:
        taken = place.taken
        following = None
        for i in place.choices:
            one = operations[i]
            if place.guessed and one.kind in BLIND:
                continue
            done = step(place.state, one)
            if done is None:
                continue  # the answer was another
            if one.ended == NEVER and not _matters(operations, place, i, done.state):
                continue
            if not tried.covers(taken | 1 << i, done.state):
                following = (taken | 1 << i, done.state)
                break
        if following is not None:
            tried.add(*following)
            if tried.count > steps:
                key = operations[0].key
                raise Undecided(f"{key}: no order found in {steps} steps over {len(operations)} requests")
            if (following[0] & answered).bit_count() > (furthest[0] & answered).bit_count():
                furthest = following
            path.append(place)
            guessed = not (following[0] ^ taken) & answered
            place = _place(operations, same, *following, guessed)
        elif path:
            place = path.pop()
        else:
            return furthest
    return None


def _place(
    operations: list[Operation], same: list[int], taken: int, state: State, guessed: bool = False
) -> _Place:
    found = _open(operations, same, taken)
    return _Place(taken, state, found, iter(found), guessed)


def _matters(operations: list[Operation], place: _Place, guess: int, state: State) -> bool:
    """Whether one of unknown outcome, carried out here, leaves a state that the next may have seen."""
    return state != place.state and any(
        i != guess and operations[i].kind not in BLIND and step(state, operations[i]) is not None
        for i in place.open
    )


class _Tried:
    """The places that were tried: by answered requests and state, the sets of unknown ones used up there."""

    def __init__(self, answered: int) -> None:
        self._answered = answered
        self._used: dict[tuple[int, State], list[int]] = {}
        self.count = 0

    def covers(self, taken: int, state: State) -> bool:
        """Whether a place was tried that can do all that this one can."""
        return any(used & taken == used for used in self._used.get((taken & self._answered, state), ()))

    def add(self, taken: int, state: State) -> None:
        self.count += 1
        used = taken & ~self._answered
        others = self._used.setdefault((taken & self._answered, state), [])
        others[:] = [other for other in others if used & other != used]
        others.append(used)


def _open(operations: list[Operation], same: list[int], taken: int) -> list[int]:
    """The requests that may come next: begun before the first end among those that are left. Answered ones
    first, the earlier their end; of those of unknown outcome that could stand for each other, only the first.
    """
    found = []
    first_end = NEVER
    for i, one in enumerate(operations):  # in the order of their beginning
        if one.begun > first_end:
            break
        if taken >> i & 1:
            continue
        first_end = min(first_end, one.ended)
        if same[i] < 0 or taken >> same[i] & 1:
            found.append(i)
    # One that began later than an end found after it was looked at is no candidate either.
    found = [i for i in found if operations[i].begun <= first_end]
    return sorted(found, key=lambda i: operations[i].ended)


def _prepared(history: Sequence[Operation]) -> list[Operation]:
    """In the order of their beginning, without reads of unknown outcome. What a write of unknown outcome
    brought and nobody speaks of gets one name: all such writes are alike then."""
    reads = (Kind.READ, Kind.LIST)
    told = [one for one in history if one.answer is not Answer.UNKNOWN or one.kind not in reads]
    spoken = Counter(value for one in told for value in {one.value, one.expected} if value is not None)
    operations = [
        replace(one, value=UNSEEN)
        if one.ended == NEVER and one.value is not None and spoken[one.value] == 1
        else one
        for one in told
    ]
    return sorted(operations, key=lambda one: one.begun)


def _same_before(operations: list[Operation]) -> list[int]:
    """For each request of unknown outcome the one before it that would do the same, or -1."""
    last: dict[tuple[Kind, str | None, str | None], int] = {}
    found = []
    for i, one in enumerate(operations):
        if one.ended != NEVER:
            found.append(-1)
            continue
        effect = (one.kind, one.value, one.expected)
        found.append(last.get(effect, -1))
        last[effect] = i
    return found


def _shown(operations: list[Operation], taken: int, state: State) -> str:
    """Where the best order ends: the state there, and the requests around it."""
    left = [i for i in range(len(operations)) if not taken >> i & 1 and operations[i].ended != NEVER]
    first_end = min(operations[i].ended for i in left)
    around = [
        f"{'      ' if taken >> i & 1 else ' left '} {one}"
        for i, one in enumerate(operations)
        if one.begun <= first_end and (one.ended == NEVER or one.ended >= operations[left[0]].begun - 1.0)
    ]
    shown = "nothing" if state is None else state[:8]
    return (
        f"{operations[0].key}: no order of {len(operations)} requests explains their answers. The longest "
        f"that does ends with the key holding {shown}, and none of those left fits:\n" + "\n".join(around)
    )
