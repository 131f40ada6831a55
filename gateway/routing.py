"""Which bucket and key a request names: by its path, or by its host name before one of our domains."""

from urllib.parse import unquote_plus

from schemas.errors import InvalidArgument, InvalidURI, KeyTooLong

KEY_LIMIT = 1024  # bytes of UTF-8


def split_path(path: str) -> tuple[str, str]:
    """Bucket and key of a path-style path, "" where there is none.

    Everything after the bucket's slash is the key as it is: "..", "//" and control characters are names.
    """
    if path[:1] != "/":
        raise InvalidURI(URI=path)
    slash = path.find("/", 1)
    if slash < 0:
        return path[1:], ""
    return path[1:slash], path[slash + 1 :]


def split_host(host: str, path: str, domains: tuple[str, ...]) -> tuple[str, str]:
    """Bucket and key where the host may be `bucket.domain`; path style for any other host."""
    name = _host_name(host)
    for domain in domains:
        if name.endswith(domain) and name[-len(domain) - 1 : -len(domain)] == ".":
            if path[:1] != "/":
                raise InvalidURI(URI=path)
            return name[: -len(domain) - 1], path[1:]
    return split_path(path)


def website_bucket(host: str, domains: tuple[str, ...]) -> str:
    """The bucket whose website a host is: before one of our domains, else a bucket is named as the host is.
    "" for a domain itself."""
    name = _host_name(host)
    for domain in domains:
        if name == domain:
            return ""
        if name.endswith(f".{domain}"):
            return name[: -len(domain) - 1]
    return name


def _host_name(host: str) -> str:
    """A Host header without the port, in lower case."""
    name = host.lower()
    return name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name


def check_key(key: str) -> None:
    """Raises KeyTooLong for more than KEY_LIMIT bytes; a short enough text needs no encoding to tell."""
    if len(key) * 4 > KEY_LIMIT:
        size = len(key.encode("utf-8", "surrogatepass"))
        if size > KEY_LIMIT:
            raise KeyTooLong(Size=str(size), MaxSizeAllowed=str(KEY_LIMIT))


def parse_query(raw: str) -> dict[str, str]:
    """Parameters of a raw query string; of a repeated one the first. Raises InvalidArgument (not UTF-8)."""
    query: dict[str, str] = {}
    for item in raw.split("&"):
        name, _, value = item.partition("=")
        if "%" in item or "+" in item:
            name, value = _decode(name, item), _decode(value, item)
        if name:
            query.setdefault(name, value)
    return query


def _decode(text: str, item: str) -> str:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        name, _, value = item.partition("=")
        raise InvalidArgument(
            "A query parameter is not percent-encoded UTF-8", ArgumentName=name, ArgumentValue=value
        ) from None
