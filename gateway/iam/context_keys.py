"""GetContextKeysForPrincipalPolicy and GetContextKeysForCustomPolicy: what a simulation has to be told.

Source: IAM API Reference, GetContextKeysForPrincipalPolicy, GetContextKeysForCustomPolicy.
"""

from collections.abc import Iterable

from access.evaluation.policy import Policy
from access.evaluation.template import condition_key
from gateway.iam.call import Call, Result
from gateway.iam.simulated import policies_given, policies_of_principal


def get_context_keys_for_principal_policy(call: Call) -> Result:
    """Raises InvalidInput, InvalidSimulation, NoSuchEntity."""
    return _names(policies_of_principal(call))


def get_context_keys_for_custom_policy(call: Call) -> Result:
    """Raises InvalidInput, InvalidSimulation."""
    return _names(policies_given(call))


def _names(policies: Iterable[Policy]) -> Result:
    """Every key in conditions and variables once, as it is first written: case makes no other key."""
    written = [name for policy in policies for one in policy.statements for name in sorted(one.names)]
    once = {condition_key(name): name for name in reversed(written)}
    return {"ContextKeyNames": sorted(once.values(), key=str.lower)}
