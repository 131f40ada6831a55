"""Makes presigned URLs: Signature Version 4 in the query, of which only the host is a signed header.

Source: Amazon S3 API Reference, "Authenticating requests: using query parameters".
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from access.canonical import canonical_path, canonical_query
from access.identity import Credential
from access.presigned import TOKEN
from access.scope import SERVICE
from access.signing import ALGORITHM, long_date, signing_key
from access.sigv4 import UNSIGNED_PAYLOAD


def presigned_target(
    signer: Credential,
    token: str,
    method: str,
    host: str,
    path: str,
    parameters: Mapping[str, str],
    region: str,
    now: int,
    seconds: int,
) -> str:
    """Path and query of the URL.

    token       of the signer's session, "" where it has none
    host        as the client will send it: with the port, unless that is the scheme's own
    path        not percent-encoded
    parameters  beside those of the signature; they are signed with it
    now         Unix seconds; it is valid for so many `seconds` from then
    """
    date = long_date(now)
    scope = f"{date[:8]}/{region}/{SERVICE}/aws4_request"
    all_parameters = {
        **parameters,
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{signer.access_key}/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if token:
        all_parameters[TOKEN] = token
    query = canonical_query(urlencode(all_parameters, quote_via=quote, safe=""))
    target = canonical_path(path)
    request = f"{method}\n{target}\n{query}\nhost:{host}\n\nhost\n{UNSIGNED_PAYLOAD}"
    to_sign = f"{ALGORITHM}\n{date}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = signing_key(signer.secret_key, date[:8], region, SERVICE).sign(to_sign.encode())
    return f"{target}?{query}&X-Amz-Signature={signature}"
