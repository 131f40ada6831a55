"""AssumeRoleWithWebIdentity: credentials of a role for those whom an identity provider of its account knows.

The token was checked, and the role's trust policy asked, before (`gateway.iam.identified`,
`gateway.iam.permission`).
"""

from gateway.iam.call import Call, Result
from gateway.iam.role_sessions import MOST, Said, required_role, session_of
from schemas.errors import InvalidInput

# Of AWS's parameters, those that are about what there is not here.
NOT_TAKEN = ("ProviderId", "MinimumSessionTokenSize")


def assume_role_with_web_identity(call: Call) -> Result:
    """Raises AccessDenied, InvalidInput, MalformedPolicyDocument, PackedPolicyTooLarge."""
    identity = call.identity
    assert identity is not None  # the port has checked the token
    for name in NOT_TAKEN:
        if name in call.parameters:
            raise InvalidInput(f"{name} is not taken: tokens are those of OpenID Connect providers")
    said = Said(
        identity.tags, identity.transitive, identity.source_identity, identity.provider, identity.keys
    )
    shown = session_of(call, required_role(call), said, MOST)
    return shown | {
        "SubjectFromWebIdentityToken": identity.subject,
        "Provider": identity.issuer,
        "Audience": identity.audience,
    }
