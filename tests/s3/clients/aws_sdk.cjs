// The AWS SDK for JavaScript v3 with its default checksums: objects, streams of unknown length in parts, listings.
const assert = require("node:assert");
const crypto = require("node:crypto");
const { Readable } = require("node:stream");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { version } = require("@aws-sdk/client-s3/package.json");

const Bucket = process.env.BUCKET;
const client = new s3.S3Client({ endpoint: process.env.AWS_ENDPOINT_URL, region: "us-east-1", forcePathStyle: true });

async function read(Key, more = {}) {
  const answer = await client.send(new s3.GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function main() {
  const small = Buffer.from("small, with ünïcode");
  const put = await client.send(new s3.PutObjectCommand({ Bucket, Key: "a/small", Body: small, Metadata: { n: "1" } }));
  assert.ok(put.ChecksumCRC32, "the default checksum comes back");
  assert.deepStrictEqual(await read("a/small", { ChecksumMode: "ENABLED" }), small);
  const large = crypto.randomBytes(14 * 1024 * 1024 + 7);
  const pieces = [];
  for (let at = 0; at < large.length; at += 100_000) pieces.push(large.subarray(at, at + 100_000));
  const upload = new Upload({ client, params: { Bucket, Key: "a/large", Body: Readable.from(pieces) } });
  await upload.done();
  assert.ok((await read("a/large")).equals(large));
  assert.ok((await read("a/large", { Range: "bytes=5000000-5999999" })).equals(large.subarray(5000000, 6000000)));
  const sha256 = crypto.createHash("sha256").update(small).digest("base64");
  await client.send(new s3.PutObjectCommand({ Bucket, Key: "a/sum", Body: small, ChecksumSHA256: sha256 }));
  const names = Array.from({ length: 1100 }, (_, number) => `many/${String(number).padStart(4, "0")}`);
  for (let at = 0; at < names.length; at += 50) {
    const some = names.slice(at, at + 50);
    await Promise.all(some.map((Key) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body: Key }))));
  }
  const listed = [];
  for await (const page of s3.paginateListObjectsV2({ client }, { Bucket, Prefix: "many/" }))
    listed.push(...page.Contents.map((entry) => entry.Key));
  assert.deepStrictEqual(listed, names);
  const Objects = names.slice(0, 1000).map((Key) => ({ Key }));
  const deleted = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  assert.strictEqual(deleted.Deleted.length, 1000);
  await assert.rejects(client.send(new s3.GetObjectCommand({ Bucket, Key: names[0] })), { name: "NoSuchKey" });
  console.log(version);
}

main();
