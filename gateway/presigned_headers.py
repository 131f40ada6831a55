"""Presigned URLs may carry x-amz-… headers as query parameters: here they become headers again."""

from collections.abc import Mapping, MutableMapping

# Parameters of the signature itself, lower case.
SIGNATURE_PARAMETERS = frozenset(
    {
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    }
)


def fold_presigned(query: Mapping[str, str], headers: MutableMapping[str, str]) -> None:
    """Add x-amz-… parameters to the headers, where the request has no header of that name.

    The signature covers the whole query, so they are as good as signed headers.
    """
    for name, value in query.items():
        if name[:6].lower() == "x-amz-":
            header = name.lower()
            if header not in SIGNATURE_PARAMETERS:
                headers.setdefault(header, value)
