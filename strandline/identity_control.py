"""Actions of IAM as the operator: asked of the running server, or carried out on the data folder itself.

The command line uses it. Where a server runs on the data folder, and always in a cluster, the request goes to
the API port, signed with the root credentials; else the folder is opened, and made when it is not there.
"""

import asyncio
import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from access.canonical import canonical_headers
from access.credentials import load_root
from access.identity import Credential
from access.signing import ALGORITHM, long_date, signing_key
from gateway.iam.actions import ACTIONS
from gateway.iam.answers import error_of
from gateway.iam.call import Call
from gateway.iam.parameters import Parameters
from gateway.iam.perform import perform
from schemas.errors import ConfigurationError, StrandlineError
from schemas.events import Origin
from schemas.ids import uuid7
from strandline.announcement import url
from strandline.data_dir import DataDir, InUse
from strandline.embedded import open_parts
from strandline.keys_folder import keys_folder
from strandline.services import root_of
from strandline.settings import Settings

TIMEOUT_SECONDS = 30.0
HOST_COMMAND = "127.0.0.1"  # the source that the audit trail tells
FORM = "application/x-www-form-urlencoded; charset=utf-8"

Parameter = Mapping[str, str]
Result = dict[str, Any]


class ActionRefused(StrandlineError):
    """The action was refused: AWS's code and message."""


def act(settings: Settings, endpoint: str, action: str, parameters: Parameter) -> Result:
    """The answer to an action. `endpoint`: of the API port of a server; "" for that of the settings.

    Raises ActionRefused, ConfigurationError for a server that cannot be reached or credentials that are not
    there."""
    if endpoint or settings.cluster is not None:
        return _ask(settings, endpoint, action, parameters)
    data = DataDir(settings.data_dir)
    data.create(master_file=settings.master_file)
    try:
        with data.lock():
            return asyncio.run(_carry_out(settings, data, action, parameters))
    except InUse:
        return _ask(settings, endpoint, action, parameters)


async def _carry_out(settings: Settings, data: DataDir, action: str, parameters: Parameter) -> Result:
    root = root_of(settings, data).credential.principal
    async with open_parts(settings, data) as (_, parts):
        services = parts.services
        await services.identities.refresh()
        call = Call(action, Parameters(parameters), root, services.identities.directory, int(time.time()))
        origin = Origin(uuid7(), root.id, HOST_COMMAND, f"iam:{action}")
        try:
            return await perform(ACTIONS[action], call, services, origin)
        except StrandlineError as error:
            shape, message = error_of(error)
            raise ActionRefused(f"{shape.code}: {message}") from error


def _ask(settings: Settings, endpoint: str, action: str, parameters: Parameter) -> Result:
    """Ask the server on that endpoint."""
    secret = settings.root_secret_key
    root = load_root(
        keys_folder(settings), settings.root_access_key, secret.get_secret_value() if secret else None,
        create=False,
    ).credential  # fmt: skip
    where = urlsplit(endpoint or url(settings.api_listen, settings.scheme).split()[0])
    if where.scheme not in ("http", "https") or not where.netloc:
        raise ConfigurationError(f"--endpoint: {endpoint!r} is not a URL like http://127.0.0.1:9001")
    body = urlencode({"Action": action, "Version": "2010-05-08", **parameters}).encode()
    headers = _signed(root, where.netloc, settings.region, body)
    try:
        status, content = _post(settings, where.scheme, where.netloc, headers, body)
        answer = json.loads(content)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ConfigurationError(f"the API of {where.netloc} does not answer as it should: {error}") from None
    if status != 200:
        fault = answer.get("Error", {})
        raise ActionRefused(f"{fault.get('Code', status)}: {fault.get('Message', '')}")
    result: Result = answer[f"{action}Response"][f"{action}Result"]
    return result


def _post(
    settings: Settings, scheme: str, place: str, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(place, timeout=TIMEOUT_SECONDS, context=_trust(settings))
    else:
        connection = http.client.HTTPConnection(place, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", "/", body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _trust(settings: Settings) -> ssl.SSLContext:
    """The machine's authorities, and the certificate of the settings: it is the server's own, whatever names
    are in it."""
    context = ssl.create_default_context()
    if settings.tls_certificate is not None:
        context = ssl.create_default_context(cafile=settings.tls_certificate)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.check_hostname = False
    return context


def _signed(root: Credential, host: str, region: str, body: bytes) -> dict[str, str]:
    """The headers of a request to IAM, signed."""
    timestamp = long_date(time.time())
    headers = {"content-type": FORM, "host": host, "x-amz-date": timestamp}
    names = sorted(headers)
    listed = ";".join(names)
    digest = hashlib.sha256(body).hexdigest()
    request = f"POST\n/\n\n{canonical_headers(headers, names)}\n{listed}\n{digest}"
    scope = f"{timestamp[:8]}/{region}/iam/aws4_request"
    to_sign = f"{ALGORITHM}\n{timestamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = signing_key(root.secret_key, timestamp[:8], region, "iam").sign(to_sign.encode())
    headers["authorization"] = (
        f"{ALGORITHM} Credential={root.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
    )
    headers["accept"] = "application/json"
    return headers
