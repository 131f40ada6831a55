"""How long a decision of the policy evaluator takes: `python -m bench.decide`.

Prints microseconds for each, medians of several rounds on one core. The budget is 10 µs.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from access.evaluation.caller import Caller
from access.evaluation.decide import Decision, Target, decide
from access.evaluation.policy import Policy, compile_policy
from access.evaluation.principals import Who
from access.identity import Principal

CALLS, ROUNDS = 5_000, 9
OWNER, OTHER = "a" * 64, "b" * 64
RESOURCE = "arn:aws:s3:::photos/home/ann/2026/cat.jpeg"
ROOT = Principal(OWNER, "us", "K", "account", "1" * 12, f"arn:aws:iam::{'1' * 12}:root", "1" * 12)
ANN = Principal(OWNER, "us", "K", "user", "1" * 12, f"arn:aws:iam::{'1' * 12}:user/ann", "AIDA", "ann")
EVE = Principal(OTHER, "t", "K", "user", "2" * 12, f"arn:aws:iam::{'2' * 12}:user/eve", "AIDE", "eve")

_VALUES = {
    "aws:username": ("ann",), "aws:sourceip": ("203.0.113.7",), "aws:securetransport": ("true",),
    "aws:currenttime": ("2026-01-01T00:00:00Z",),
}  # fmt: skip


def context(key: str) -> Sequence[str] | None:
    return _VALUES.get(key)


def _policy(*statements: dict[str, Any]) -> Policy:
    return compile_policy({"Version": "2012-10-17", "Statement": list(statements)}, "policy")


def cases() -> dict[str, Callable[[], Decision]]:
    """What is measured, by what it is called."""
    objects = "arn:aws:s3:::photos/*"
    read = _policy({"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": objects})
    home = _policy(
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/home/${aws:username}/*"}
    )
    secure = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": objects,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    network = {
        "Effect": "Allow", "Principal": {"AWS": "2" * 12}, "Action": "s3:GetObject", "Resource": objects,
        "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"]}},
    }  # fmt: skip
    bucket = _policy(secure, network)
    many = _policy(*({**secure, "Resource": f"arn:aws:s3:::photos/{n}/*"} for n in range(50)))

    def case(who: Principal, policy: Policy | None, *identity: Policy) -> Callable[[], Decision]:
        caller, target = Caller(Who(who), identity), Target(OWNER, () if policy is None else (policy,))
        return lambda: decide(caller, "s3:getobject", RESOURCE, context, target)

    return {
        "root of the owner, no policy": case(ROOT, None),
        "root of the owner, a denial with a condition": case(ROOT, bucket),
        "user, one policy": case(ANN, None, read),
        "user, a variable in the resource": case(ANN, None, home),
        "user, bucket policy and own policy": case(ANN, bucket, read),
        "user of another account, by network": case(EVE, bucket, read),
        "root of the owner, 50 denials": case(ROOT, many),
    }


def measure(call: Callable[[], Decision]) -> float:
    """Seconds of one call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - began) / CALLS)
    return statistics.median(rounds)


def main() -> int:
    for name, call in cases().items():
        print(f"{measure(call) * 1e6:7.2f} µs  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
