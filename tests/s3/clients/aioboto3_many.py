"""aioboto3: many objects at once, in parts too, listed and deleted."""

import asyncio
import os

import aioboto3


async def main() -> None:
    bucket = os.environ["BUCKET"]
    data = os.urandom(9 * 1024 * 1024)
    async with aioboto3.Session().client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]) as s3:
        await asyncio.gather(
            *(s3.put_object(Bucket=bucket, Key=f"k{n:03}", Body=f"{n}".encode()) for n in range(300))
        )
        answers = await asyncio.gather(*(s3.get_object(Bucket=bucket, Key=f"k{n:03}") for n in range(300)))
        for number, answer in enumerate(answers):
            assert await answer["Body"].read() == f"{number}".encode()
        upload = (await s3.create_multipart_upload(Bucket=bucket, Key="parts"))["UploadId"]
        pieces = [data[: 5 * 1024 * 1024], data[5 * 1024 * 1024 :]]
        parts = await asyncio.gather(
            *(
                s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=n, Body=piece)
                for n, piece in enumerate(pieces, 1)
            )
        )
        named = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(parts, 1)]
        await s3.complete_multipart_upload(
            Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": named}
        )
        assert await (await s3.get_object(Bucket=bucket, Key="parts"))["Body"].read() == data
        keys = [{"Key": f"k{n:03}"} for n in range(300)]
        await s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
        assert [entry["Key"] for entry in (await s3.list_objects_v2(Bucket=bucket))["Contents"]] == ["parts"]


asyncio.run(main())
print(aioboto3.__version__)
