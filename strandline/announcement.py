"""What `strandline serve` prints once it is ready: where it listens, and what to type next."""

from pathlib import Path

from access.credentials import CREDENTIALS_FILE, Root
from strandline import __version__
from strandline.data_dir import DataDir
from strandline.listen import parse_listen
from strandline.settings import Settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


def announcement(settings: Settings, data: DataDir, recovery: list[str], root: Root) -> list[str]:
    """Lines for standard output. The secret is among them only when it was made just now."""
    lines = [f"Strandline {__version__}: data in {settings.data_dir}, region {settings.region}"]
    lines += [f"  recovery  {line}" for line in recovery]
    lines += [
        f"  S3        {url(settings.s3_listen, settings.scheme)}",
        f"  API       {url(settings.api_listen, settings.scheme)}  (docs: /docs, metrics: /metrics)",
    ]
    if settings.website_listen is not None:
        lines.append(f"  websites  {url(settings.website_listen, settings.scheme)}")
    return lines + _credentials(settings, data.keys / CREDENTIALS_FILE, root)


def url(listen: str, scheme: str) -> str:
    """An address that a client on this machine can use."""
    address = parse_listen(listen)
    if address.host in EVERYWHERE:
        return f"{scheme}://{EVERYWHERE[address.host]}:{address.port}  (every interface)"
    return f"{scheme}://{address}"


def _credentials(settings: Settings, file: Path, root: Root) -> list[str]:
    if settings.root_access_key is not None:
        return [f"  root      access key {settings.root_access_key}, with the secret that was configured"]
    if not root.generated:
        return [f"  root      access key {root.credential.access_key}, secret in {file}"]
    endpoint = url(settings.s3_listen, settings.scheme).split()[0]
    return [
        f"  root      credentials generated now, shown only this once, kept in {file}",
        "",
        "To use it, in another terminal:",
        f"  export AWS_ACCESS_KEY_ID={root.credential.access_key}",
        f"  export AWS_SECRET_ACCESS_KEY={root.credential.secret_key}",
        f"  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={settings.region}",
        "  aws s3 mb s3://photos && aws s3 ls",
        "Ctrl-C stops the server.",
    ]
