"""The rules of the API gateway: reads to the role `query`, writes to `ingest`, made from S3's operations.

`python -m compose.gateway [FILE]` writes compose/nginx.conf; a test fails when it is stale. A request is told
by its method; a POST that reads is told by the parameters that pick its operation.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.operations import OPERATIONS, UNMODELLED, Operation

FILE = Path(__file__).with_name("nginx.conf")


class Addresses(NamedTuple):
    """Where the roles are and where nginx listens: S3, then the API. The defaults are those of compose."""

    ingest: tuple[str, str] = ("ingest:9000", "ingest:9001")
    query: tuple[str, str] = ("query:9000", "query:9001")
    listen: tuple[str, str] = ("9000", "9001")


COMPOSE = Addresses()

_CONF = """\
# Written by `make docs` from the operation registry (compose/gateway.py); a test fails when it is stale.
worker_processes auto;
pid /tmp/nginx.pid;
error_log stderr warn;

events {{
    worker_connections 4096;
}}

http {{
    access_log off;
    client_body_temp_path /tmp/nginx-bodies;
    proxy_temp_path /tmp/nginx-proxied;
    fastcgi_temp_path /tmp/nginx-fastcgi;
    uwsgi_temp_path /tmp/nginx-uwsgi;
    scgi_temp_path /tmp/nginx-scgi;

    upstream ingest_s3 {{ server {ingest[0]}; keepalive 64; }}
    upstream query_s3 {{ server {query[0]}; keepalive 64; }}
    upstream ingest_api {{ server {ingest[1]}; keepalive 64; }}
    upstream query_api {{ server {query[1]}; keepalive 64; }}

    # The role for a request, by its method and query.
    map "$request_method $args" $role {{
        default ingest;
{rules}
    }}

    # Signatures cover path, query and Host: all go on as they came.
    merge_slashes off;
    ignore_invalid_headers off;
    underscores_in_headers on;
    large_client_header_buffers 8 32k;
    client_header_buffer_size 16k;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Connection "";

    # Bodies stream both ways, however large.
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_read_timeout 300s;

    # A write must never be sent twice; clients repeat what failed.
    proxy_next_upstream off;

    server {{
        listen {listen[0]};
        location / {{ proxy_pass http://${{role}}_s3; }}
    }}

    server {{
        listen {listen[1]};
        location / {{ proxy_pass http://${{role}}_api; }}
    }}
}}
"""


def nginx_conf(addresses: Addresses = COMPOSE) -> str:
    """The whole configuration of nginx."""
    rules = "\n".join(f"        {rule} query;" for rule in _rules())
    return _CONF.format(rules=rules, **addresses._asdict())


def _rules() -> Iterator[str]:
    operations = OPERATIONS + UNMODELLED
    writing = {operation.method for operation in operations if not operation.reads}
    reading = sorted({operation.method for operation in operations} - writing)
    yield f'"~^({"|".join(reading)}) "'
    for operation in operations:
        if operation.reads and operation.method in writing:
            yield f'"~^{operation.method} {_all_parameters(operation)}"'


def _all_parameters(operation: Operation) -> str:
    """An expression for a query that has every parameter of the operation, in any order."""
    return "".join(f"(?=(.*&)?{_parameter(one)}(&|$))" for one in operation.parameters.split())


def _parameter(text: str) -> str:
    name, equals, value = text.partition("=")
    return f"{name}={value}" if equals else f"{name}(=[^&]*)?"


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(nginx_conf(), encoding="utf-8")
