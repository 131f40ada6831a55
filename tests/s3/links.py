"""Links for the tests: made over REST, used by whoever has the URL."""

import json
from typing import Any

import boto3
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.server import ACCESS_KEY, SECRET_KEY, Server

REGION = "us-east-1"
Json = dict[str, Any]
Keys = tuple[str, ...]
ROOT: Keys = (ACCESS_KEY, SECRET_KEY)


class Links:
    """A bucket of the operator's with the object `k`, and its links."""

    def __init__(self, server: Server, bucket: str) -> None:
        self.server, self.bucket = server, bucket
        self.s3 = self.client("s3")
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=bucket, Key="k", Body=b"v")

    def client(self, service: str, keys: Keys = ROOT) -> Any:
        port = self.server.port if service == "s3" else self.server.api_port
        return boto3.client(
            service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION,
            aws_access_key_id=keys[0], aws_secret_access_key=keys[1],
            aws_session_token=keys[2] if len(keys) > 2 else None,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )  # fmt: skip

    def ask(
        self, method: str, more: str = "", body: Any = None, keys: Keys = ROOT, token: str = ""
    ) -> tuple[int, Json]:
        url = f"http://127.0.0.1:{self.server.api_port}/buckets/{self.bucket}/links{more}"
        data = b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, url, data=data)
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        else:
            S3SigV4Auth(Credentials(*keys), "s3", REGION).add_auth(request)
        answer = urllib3.request(method, url, body=data, headers=dict(request.headers), retries=False)
        return answer.status, json.loads(answer.data) if answer.data else {}

    def make(self, key: str = "k", keys: Keys = ROOT, **wanted: Any) -> Json:
        status, made = self.ask("POST", body={"key": key, **wanted}, keys=keys)
        assert status == 201, made
        return made

    def shown(self, link: Json) -> Json:
        status, found = self.ask("GET", f"/{link['link_id']}")
        assert status == 200, found
        return found


def use(
    link: Json, body: bytes | None = None, headers: Json | None = None, method: str = ""
) -> tuple[int, bytes]:
    """What somebody gets who has nothing but the URL."""
    answer = urllib3.request(
        method or link["method"], link["url"], body=body, headers=headers or {}, retries=False
    )
    return answer.status, answer.data


def refusal(answer: tuple[int, bytes]) -> str:
    """The message of an AccessDenied."""
    status, body = answer
    assert status == 403, answer
    assert b"<Code>AccessDenied</Code>" in body, body
    return body.partition(b"<Message>")[2].partition(b"</Message>")[0].decode()
