"""What a signed request claims, before any of it is believed."""

import msgspec

from schemas.errors import AuthorizationHeaderMalformed, AuthorizationQueryParametersError


class Claim(msgspec.Struct, frozen=True, gc=False):
    """The parts of a signature, from the header or (`in_query`) from the query.

    credential      access key/YYYYMMDD/region/service/aws4_request
    signed_headers  names joined with ";"
    signature       as the client sent it; ASCII
    timestamp       YYYYMMDDTHHMMSSZ
    """

    credential: str
    signed_headers: str
    signature: str
    timestamp: str
    in_query: bool

    def other_day(self, date: str) -> AuthorizationHeaderMalformed | AuthorizationQueryParametersError:
        """The error for a credential of another day than the request's."""
        reason = (
            f'Invalid credential date "{date}". This date is not the same as X-Amz-Date: '
            f'"{self.timestamp[:8]}".'
        )
        return AuthorizationQueryParametersError(reason) if self.in_query else self.malformed(reason)

    def malformed(
        self, reason: str, **details: str
    ) -> AuthorizationHeaderMalformed | AuthorizationQueryParametersError:
        """The error for a bad credential, in the words of the place it stood in."""
        if self.in_query:
            return AuthorizationQueryParametersError(
                f"Error parsing the X-Amz-Credential parameter; {reason}", **details
            )
        return AuthorizationHeaderMalformed(f"The authorization header is malformed; {reason}", **details)
