"""One round: clients race for a few keys, something happens, and the history must be that of one copy."""

import random
import time
import uuid
from contextlib import AbstractContextManager, closing

from tests.cluster.hurt_store import HurtStore
from tests.histories.linearizable import check

KEYS = [f"k{number}" for number in range(5)]
CLIENTS = 6
WARM_WRITES, AFTER_WRITES = 25, 25
SHORTEST, LONGEST = 1.0, 8.0  # seconds of a fault: shorter and longer than Kafka's sessions
WAIT_SECONDS = 90.0


def one_round(
    store: HurtStore, fault: AbstractContextManager[None], chosen: random.Random, gateway_hangs: bool = False
) -> str:
    """Raises what the judge says, or AssertionError when service does not resume. Returns what happened.

    gateway_hangs  whether requests may stay without an answer for longer than any deadline
    """
    crowd = store.crowd(f"round-{uuid.uuid4().hex[:12]}", KEYS, CLIENTS, chosen)
    with closing(crowd):
        crowd.start()
        try:
            crowd.more(WARM_WRITES, WAIT_SECONDS)
            with fault:
                time.sleep(chosen.uniform(SHORTEST, LONGEST))  # the fault, not a wait
            mended = time.monotonic()
            store.until_it_serves()
            resumed = time.monotonic() - mended
            crowd.more(AFTER_WRITES, WAIT_SECONDS)
        finally:
            crowd.stop()
        crowd.look(WAIT_SECONDS)
    check(crowd.recorder.operations)
    unanswered = crowd.recorder.unanswered
    assert gateway_hangs or unanswered == 0, f"{unanswered} requests were not answered within their deadline"
    return f"{crowd.recorder.summary()}; served again {resumed:.1f} s after it was mended"
