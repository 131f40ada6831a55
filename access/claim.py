"""What a signed request claims, before any of it is believed."""

import re

import msgspec

from schemas.errors import AuthorizationHeaderMalformed, AuthorizationQueryParametersError

_IN_HEADER = re.compile(r"^AWS(?:4-\S+ .*?\bCredential=| )([^/:%&,\s]{1,128})")
_IN_QUERY = re.compile(r"(?:^|&)(?:X-Amz-Credential|AWSAccessKeyId)=([^/:%&,\s]{1,128})")


def claimed_access_key(authorization: str, raw_query: str) -> str:
    """The access key that a request names, whether it has it or not; "" where there is none."""
    found = _IN_HEADER.search(authorization) or _IN_QUERY.search(raw_query)
    return found[1] if found else ""


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
