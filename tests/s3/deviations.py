"""Where MinIO answers otherwise than AWS documents, so that the same tests can run against it.

The suite is about AWS's rules, and running it against another store (STRANDLINE_S3_ENDPOINT) tells whether
a test is about them or only about us. Each entry cites the rule that MinIO (2025) breaks; against MinIO those
tests are expected to fail, against anything else they have to pass.
"""

API = "Amazon S3 API Reference, "
GUIDE = "Amazon S3 User Guide, "

_KEYS = (
    GUIDE + "Naming Amazon S3 objects: a key is any sequence of up to 1,024 bytes of UTF-8, slashes included"
)
_CHECKSUM = (
    API + "PutObject, x-amz-checksum-algorithm, and GetObject, x-amz-checksum-mode: every algorithm of the "
    "service model, in header and trailer, is verified, stored and returned, CRC64NVME where none was named"
)
_RANGE = "RFC 9110 §13.1.5 and §14.2, to which GetObject refers: such a Range is ignored"
_SIGNATURE = API + "Authenticating requests (Signature Version 4), and Error responses"
_MARKER = GUIDE + "Working with delete markers: a delete without a version id inserts one, whatever was there"
_VERSION = API + "DeleteObject, versionId and x-amz-version-id; GetObject: an invalid one is InvalidArgument"
_MULTIPART = API + "CompleteMultipartUpload, UploadPart, UploadPartCopy: errors and checksum types"
_XML = API + "Error responses: MalformedXML for a body that does not follow the published schema"

# Test function, by file → AWS's rule.
MINIO: dict[str, str] = {
    "test_bad_input.py::test_a_client_that_goes_away_leaves_nothing": API + "Error responses: IncompleteBody",
    "test_bad_input.py::test_bytes_that_are_no_request": "RFC 9112 §2.2: bytes that are no request get a 400",
    "test_bad_input.py::test_malformed_bucket_documents": _XML,
    "test_bad_input.py::test_malformed_chunks_store_nothing": _SIGNATURE,
    "test_bad_input.py::test_malformed_xml": _XML,
    "test_bad_input.py::test_xml_that_is_too_long": _XML,
    "test_buckets.py::test_another_region_is_refused": API
    + "CreateBucket, LocationConstraint: one that is not the endpoint's is refused",
    "test_checksums.py": _CHECKSUM,
    "test_copy.py::test_a_checksum_can_be_asked_for": _CHECKSUM,
    "test_delete.py::test_a_request_without_keys_is_malformed": _XML,
    "test_delete.py::test_a_wrong_digest_deletes_nothing": API + "DeleteObjects: Content-MD5 or a checksum",
    "test_keys.py": _KEYS,
    "test_list.py": _KEYS,
    "test_metadata.py::test_an_encoded_word_round_trips": GUIDE
    + "Working with object metadata: values outside US-ASCII come back encoded as RFC 2047 says",
    "test_multipart.py::test_a_checksum_of_the_whole": _MULTIPART,
    "test_multipart.py::test_an_algorithm_without_that_type_is_refused": _MULTIPART,
    "test_multipart.py::test_an_upload_that_is_not": _MULTIPART,
    "test_multipart.py::test_complete_may_be_repeated_when_its_answer_got_lost": API
    + "CompleteMultipartUpload: the answer may fail after 200, so clients must be able to repeat it",
    "test_multipart.py::test_list_uploads": API + "ListMultipartUploads, delimiter and CommonPrefixes",
    "test_multipart.py::test_part_numbers_out_of_range": _MULTIPART,
    "test_multipart.py::test_parts_from_an_object": _MULTIPART,
    "test_multipart.py::test_wrong_completions": _MULTIPART,
    "test_put_get.py::test_a_storage_class_is_kept_by_name": API + "PutObject, x-amz-storage-class",
    "test_put_get.py::test_keys_that_differ_only_in_slashes_are_different": _KEYS,
    "test_ranges.py::test_a_range_that_cannot_be_read_gives_the_whole": _RANGE,
    "test_ranges.py::test_if_range_gives_the_range_only_of_the_same_object": _RANGE,
    "test_signatures.py": _SIGNATURE,
    "test_versioning.py::test_a_suspended_delete_replaces_the_null_version_by_a_marker": _MARKER,
    "test_versioning.py::test_a_version_that_is_not_there": _VERSION,
    "test_versioning.py::test_an_empty_version_id_deletes_nothing": _VERSION,
    "test_versioning.py::test_markers_on_a_key_that_never_was": _MARKER,
    "test_versioning.py::test_version_ids_that_cannot_be": _VERSION,
}


def rule_against_minio(test: str) -> str | None:
    """The rule that MinIO breaks in that test (`file.py::function[parameters]`); None when it should pass."""
    function = test.partition("[")[0]
    return MINIO.get(function) or MINIO.get(function.partition("::")[0])
