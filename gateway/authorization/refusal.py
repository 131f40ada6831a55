"""What callers of the resource's own account are told of a refusal.

Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from access.evaluation.decide import Decision


def refusal(arn: str, action: str, resource: str, decision: Decision) -> str:
    """A refusal in AWS's words; `action` with its service, `resource` as that service writes it."""
    head = f"User: {arn} is not authorized to perform: {action} on resource: {resource}"
    if not decision.source:
        return head
    article = "an" if decision.source[:1] == "i" else "a"
    if decision.explicit:
        return f"{head} with an explicit deny in {article} {decision.source}"
    return f"{head} because no {decision.source} allows the {action} action"
