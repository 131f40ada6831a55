"""minio's Python client: objects, parts, versions, tags, listings, presigned URLs, composition."""

import io
import os
import urllib.request
from urllib.parse import urlsplit

import minio
from minio.commonconfig import ENABLED, ComposeSource, Tags
from minio.deleteobjects import DeleteObject
from minio.versioningconfig import VersioningConfig

bucket = os.environ["BUCKET"]
client = minio.Minio(
    urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc,
    access_key=os.environ["AWS_ACCESS_KEY_ID"],
    secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    secure=False,
)
data = os.urandom(12 * 1024 * 1024 + 5)
client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
first = client.put_object(bucket, "a/one", io.BytesIO(data), len(data), part_size=5 * 1024 * 1024)
second = client.put_object(bucket, "a/one", io.BytesIO(b"small"), 5)
assert client.get_object(bucket, "a/one").read() == b"small"
assert client.get_object(bucket, "a/one", version_id=first.version_id).read() == data
assert client.get_object(bucket, "a/one", offset=1, length=3).read() == b"mal"
versions = list(client.list_objects(bucket, prefix="a/", include_version=True))
assert {entry.version_id for entry in versions} == {first.version_id, second.version_id}
tags = Tags.new_object_tags()
tags["kind"] = "test"
client.set_object_tags(bucket, "a/one", tags)
assert client.get_object_tags(bucket, "a/one") == {"kind": "test"}
client.compose_object(bucket, "both", [ComposeSource(bucket, "a/one", version_id=first.version_id)] * 2)
assert client.get_object(bucket, "both").read() == data + data
with urllib.request.urlopen(client.presigned_get_object(bucket, "a/one")) as answer:
    assert answer.read() == b"small"
names = [f"many/{number}" for number in range(1200)]
for name in names:
    client.put_object(bucket, name, io.BytesIO(b""), 0)
assert [entry.object_name for entry in client.list_objects(bucket, "many/", recursive=True)] == sorted(names)
assert not list(client.remove_objects(bucket, [DeleteObject(name) for name in names]))
assert not list(client.list_objects(bucket, "many/", recursive=True))
print(minio.__version__)
