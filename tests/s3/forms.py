"""Upload forms as a browser sends them, signed or not."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterable
from typing import Any

from tests.s3.raw import REGION, Answer, Raw

Fields = Iterable[tuple[str, str | bytes]]


def expiration(seconds: float = 600) -> str:
    """A moment so many seconds from now, as a policy names it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + seconds))


def policy_of(*conditions: Any, seconds: float = 600) -> dict[str, Any]:
    """A policy of those conditions."""
    return {"expiration": expiration(seconds), "conditions": list(conditions)}


def encoded(policy: Any) -> str:
    """A policy as the form carries it."""
    return base64.b64encode(json.dumps(policy).encode()).decode()


def sign_version_4(raw: Raw, policy: dict[str, Any]) -> dict[str, str]:
    """The fields that sign a policy; their conditions are added to it."""
    date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    fields = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{raw.access_key}/{date[:8]}/{REGION}/s3/aws4_request",
        "x-amz-date": date,
    }
    text = encoded({**policy, "conditions": [*policy["conditions"], *({k: v} for k, v in fields.items())]})
    signature = hmac.new(raw.signing_key(date[:8]), text.encode(), hashlib.sha256).hexdigest()
    return {"policy": text, **fields, "x-amz-signature": signature}


def sign_version_2(raw: Raw, policy: Any) -> dict[str, str]:
    """The same with Signature Version 2."""
    text = policy if isinstance(policy, str) else encoded(policy)
    digest = hmac.new(raw.secret_key.encode(), text.encode(), hashlib.sha1).digest()
    return {
        "AWSAccessKeyId": raw.access_key, "policy": text, "signature": base64.b64encode(digest).decode(),
    }  # fmt: skip


def encode(
    fields: Fields, file: bytes | None, filename: str = "photo.jpg", after: Fields = ()
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form; without a file where that is None."""
    boundary = f"----{uuid.uuid4().hex}"
    parts: list[bytes] = []

    def add(head: str, value: str | bytes) -> None:
        data = value if isinstance(value, bytes) else value.encode()
        parts.append(
            f"--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data + b"\r\n"
        )

    for name, value in fields:
        add(f'name="{name}"', value)
    if file is not None:
        add(f'name="file"; filename="{filename}"\r\nContent-Type: image/jpeg', file)
    for name, value in after:
        add(f'name="{name}"', value)
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def post(raw: Raw, bucket: str, fields: Fields, file: bytes | None = b"data", **more: Any) -> Answer:
    """Send a form."""
    headers, body = encode(fields, file, **more)
    return raw.send("POST", f"/{bucket}", headers, body, signed=False)


def upload(
    raw: Raw, bucket: str, *conditions: Any, file: bytes = b"data", filename: str = "photo.jpg", **fields: str
) -> Answer:
    """Send a form with those fields (with "-" for "_", but not in success_…), and a policy of the conditions
    and of one for each field."""
    named = {
        name if name.startswith("success_") else name.replace("_", "-"): value
        for name, value in fields.items()
    }
    policy = policy_of({"bucket": bucket}, *conditions, *(["starts-with", f"${name}", ""] for name in named))
    signed = sign_version_4(raw, policy)
    return post(raw, bucket, [*named.items(), *signed.items()], file, filename=filename)
