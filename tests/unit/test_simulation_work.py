"""A simulation keeps nobody else waiting for longer than one action on one resource takes."""

import asyncio
import tempfile
from pathlib import Path
from typing import cast

from access.evaluation.caller import Caller
from access.evaluation.policy import compile_policy
from access.evaluation.principals import Who
from access.identity import Principal
from gateway.iam.call import Call
from gateway.iam.simulated import Simulated, Sourced
from gateway.iam.simulation import Simulation, _results
from tests import gateway_client
from tests.gateway_client import Client
from tests.unit.permitting import OURS, document


class _Call:
    """What of a call is asked when an action is tried."""

    def __init__(self, client: Client) -> None:
        self.directory = client.services.identities.directory


def test_others_are_served_between_resources() -> None:
    async def scenario(client: Client) -> None:
        own = compile_policy(document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), "own")
        caller = Caller(Who(Principal("a" * 64, "", "", "user", OURS)), (own,))
        resources = [f"arn:aws:s3:::photos/{n}" for n in range(100)]
        simulated = Simulated(caller, OURS, None, {own: Sourced(own, "own", "user", [((1, 1), (1, 2))])})
        simulation = Simulation(cast(Call, _Call(client)), simulated, resources, OURS, {})
        served = 0

        async def serve() -> None:
            nonlocal served
            while True:
                served += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(serve())
        await _results(simulation, ["s3:GetObject", "s3:PutObject"], 0, 2, client.services)
        other.cancel()
        assert served >= 2 * len(resources) - 1

    with tempfile.TemporaryDirectory() as folder:
        gateway_client.run(Path(folder), scenario)
