"""`strandline credentials`: what a shell must know for the AWS command line to reach this store as root."""

import argparse
import shlex

from strandline.settings import Settings

NAME = "credentials"
HELP = "print the root credentials and the endpoint as export lines for the AWS command line"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beside the settings."""


def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Print the lines: `eval "$(strandline credentials)"`. The credentials are those of the settings, else
    those that the server made at its first start, beside its keys; ConfigurationError without either."""
    from access.credentials import check_credentials, kept_credentials
    from strandline.announcement import url
    from strandline.keys_folder import keys_folder

    if settings.root_access_key is not None or settings.root_secret_key is not None:
        secret = settings.root_secret_key
        keys = check_credentials(settings.root_access_key, secret.get_secret_value() if secret else None)
    else:
        keys = kept_credentials(keys_folder(settings))
    lines = {
        "AWS_ACCESS_KEY_ID": keys[0],
        "AWS_SECRET_ACCESS_KEY": keys[1],
        "AWS_ENDPOINT_URL": url(settings.s3_listen, settings.scheme).split()[0],
        "AWS_DEFAULT_REGION": settings.region,
    }
    for name, value in lines.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0
