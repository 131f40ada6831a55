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
_TAGS = GUIDE + "Categorizing your objects using tags: characters, lengths, and PutObjectTagging's errors"
_FORM = API + "POST Object, POST policy, and Error responses: fields, conditions, codes and messages"
_ATTRIBUTES = API + "GetObjectAttributes: what each attribute holds, MaxParts, errors"
_FRAMES = API + "Transferring payload in multiple chunks: every chunk, trailer and length is checked"
_OWNER = API + "x-amz-expected-bucket-owner: 403 where the bucket is somebody else's"
_ARCHIVE = API + "PutObject, x-amz-storage-class, and RestoreObject: classes, InvalidObjectState, answers"
_OUT = API + "Error responses: NotImplemented"
_ACL = (
    GUIDE + "Access control list (ACL) overview, Controlling ownership of objects, Blocking public access: "
    "canned ACLs and grants of buckets and objects, ownership settings, what a new bucket is like"
)
_CORS = GUIDE + "Using cross-origin resource sharing: PutBucketCors, preflight requests, headers of answers"
_ENCRYPTION = API + "PutBucketEncryption, PutObject, x-amz-server-side-encryption-…: AES256 unless configured"
_CONFIGURATION = API + "the Put… and Get… operations of each configuration of a bucket: validation, answers"
_POLICY = API + "PutBucketPolicy, GetBucketPolicyStatus, and the grammar of policies: what is MalformedPolicy"
_BUCKETS = API + "ListBuckets: max-buckets, continuation-token, prefix, bucket-region"
_LOCK = API + "PutObjectLockConfiguration, PutObjectRetention, PutObjectLegalHold: validation and refusals"
_SELECT = API + "SelectObjectContent: input and output formats, errors, messages of the event stream"
_SUBRESOURCE = API + "Error responses: InvalidRequest for a sub-resource of buckets on a key"

# Test function, by file → AWS's rule.
MINIO: dict[str, str] = {
    "test_acl.py": _ACL,
    "test_anonymous.py": _ACL,
    "test_aws_chunked.py::test_a_decoded_length_is_required": _FRAMES,
    "test_aws_chunked.py::test_a_decoded_length_that_is_off": _FRAMES,
    "test_aws_chunked.py::test_a_trailer_that_does_not_come": _FRAMES,
    "test_aws_chunked.py::test_a_trailer_that_is_not_the_one_announced": _FRAMES,
    "test_aws_chunked.py::test_a_trailer_without_its_signature": _FRAMES,
    "test_aws_chunked.py::test_a_wrong_checksum_in_the_trailer": _FRAMES,
    "test_aws_chunked.py::test_chunks_that_are_not_framed": _FRAMES,
    "test_aws_chunked.py::test_chunks_without_signatures": _FRAMES,
    "test_aws_chunked.py::test_without_a_last_chunk": _FRAMES,
    "test_bad_input.py::test_a_client_that_goes_away_leaves_nothing": API + "Error responses: IncompleteBody",
    "test_bad_input.py::test_a_document_is_required": _XML,
    "test_bad_input.py::test_bytes_that_are_no_request": "RFC 9112 §2.2: bytes that are no request get a 400",
    "test_bad_input.py::test_keys_have_no_sub_resources_of_buckets": _SUBRESOURCE,
    "test_bad_input.py::test_malformed_bucket_documents": _XML,
    "test_bad_input.py::test_malformed_chunks_store_nothing": _SIGNATURE,
    "test_bad_input.py::test_malformed_xml": _XML,
    "test_bad_input.py::test_xml_that_is_too_long": _XML,
    "test_bucket_cors.py": _CORS,
    "test_bucket_encryption.py": _ENCRYPTION,
    "test_bucket_lifecycle.py::test_a_configuration_comes_back": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_a_digest_of_the_body_is_required": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_a_thousand_rules_and_not_one_more": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_no_rules": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_nothing_expires_yet": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_rules_that_are_not_allowed": _CONFIGURATION,
    "test_bucket_lifecycle.py::test_the_size_that_transitions_ask_for": _CONFIGURATION,
    "test_bucket_logging.py::test_a_configuration_comes_back": _CONFIGURATION,
    "test_bucket_logging.py::test_grants_on_logs_are_not_built": _CONFIGURATION,
    "test_bucket_logging.py::test_the_target_bucket_must_exist": _CONFIGURATION,
    "test_bucket_notification.py": _CONFIGURATION,
    "test_bucket_policy.py": _POLICY,
    "test_bucket_replication.py": _CONFIGURATION,
    "test_bucket_reports.py": _CONFIGURATION,
    "test_bucket_switches.py::test_acceleration_has_no_status_until_it_is_set": _CONFIGURATION,
    "test_bucket_switches.py::test_no_acceleration_of_names_with_dots": _CONFIGURATION,
    "test_bucket_switches.py::test_payers": _CONFIGURATION,
    "test_bucket_tagging.py": _TAGS,
    "test_bucket_website.py": _CONFIGURATION,
    "test_buckets.py::test_another_region_is_refused": API
    + "CreateBucket, LocationConstraint: one that is not the endpoint's is refused",
    "test_checksums.py": _CHECKSUM,
    "test_copy.py::test_a_checksum_can_be_asked_for": _CHECKSUM,
    "test_create_bucket.py": _ACL,
    "test_delete.py::test_a_request_without_keys_is_malformed": _XML,
    "test_delete.py::test_a_wrong_digest_deletes_nothing": API + "DeleteObjects: Content-MD5 or a checksum",
    "test_expected_owner.py": _OWNER,
    "test_get_object_attributes.py::test_a_delete_marker_in_the_way": _ATTRIBUTES,
    "test_get_object_attributes.py::test_a_marker_after_the_last_part": _ATTRIBUTES,
    "test_get_object_attributes.py::test_a_page_is_never_longer_than_1000_parts": _ATTRIBUTES,
    "test_get_object_attributes.py::test_a_storage_class": _ATTRIBUTES,
    "test_get_object_attributes.py::test_every_attribute_of_an_object": _ATTRIBUTES,
    "test_get_object_attributes.py::test_numbers_that_are_none": _ATTRIBUTES,
    "test_get_object_attributes.py::test_parts_with_their_checksums": _ATTRIBUTES,
    "test_get_object_attributes.py::test_the_answer_as_s3_writes_it": _ATTRIBUTES,
    "test_get_object_attributes.py::test_without_the_header_it_is_refused": _ATTRIBUTES,
    "test_keys.py": _KEYS,
    "test_list.py": _KEYS,
    "test_list_buckets.py": _BUCKETS,
    "test_metadata.py::test_an_encoded_word_round_trips": GUIDE
    + "Working with object metadata: values outside US-ASCII come back encoded as RFC 2047 says",
    "test_multipart.py::test_a_checksum_of_the_whole": _MULTIPART,
    "test_multipart.py::test_a_checksum_that_cannot_be_one": _MULTIPART,
    "test_multipart.py::test_a_part_of_a_composite_brings_its_checksum": _MULTIPART,
    "test_multipart.py::test_a_source_that_cannot_be_is_refused_first": _MULTIPART,
    "test_multipart.py::test_an_algorithm_without_that_type_is_refused": _MULTIPART,
    "test_multipart.py::test_an_upload_that_is_not": _MULTIPART,
    "test_multipart.py::test_complete_may_be_repeated_when_its_answer_got_lost": API
    + "CompleteMultipartUpload: the answer may fail after 200, so clients must be able to repeat it",
    "test_multipart.py::test_list_uploads": API + "ListMultipartUploads, delimiter and CommonPrefixes",
    "test_multipart.py::test_markers_of_uploads": _MULTIPART,
    "test_multipart.py::test_part_numbers_out_of_range": _MULTIPART,
    "test_multipart.py::test_parts_from_an_object": _MULTIPART,
    "test_multipart.py::test_ranges_of_parts_that_are_none": _MULTIPART,
    "test_multipart.py::test_wrong_completions": _MULTIPART,
    "test_object_lock.py::test_a_legal_hold": _LOCK,
    "test_object_lock.py::test_a_part_under_a_lock_needs_a_digest": _LOCK,
    "test_object_lock.py::test_a_version_that_never_had_a_legal_hold": _LOCK,
    "test_object_lock.py::test_a_version_under_retention_stays": _LOCK,
    "test_object_lock.py::test_a_versioned_bucket_gets_it_later": _LOCK,
    "test_object_lock.py::test_a_write_under_the_default_retention_needs_a_digest": _LOCK,
    "test_object_lock.py::test_a_write_with_a_lock_needs_a_digest": _LOCK,
    "test_object_lock.py::test_configurations_that_are_none": _LOCK,
    "test_object_lock.py::test_governance_is_shortened_and_ended_by_a_bypass_only": _LOCK,
    "test_object_lock.py::test_headers_that_are_none": _LOCK,
    "test_object_lock.py::test_nothing_gets_past_compliance": _LOCK,
    "test_object_lock.py::test_retention_and_legal_hold_are_apart": _LOCK,
    "test_object_lock.py::test_retention_ends_by_itself": _LOCK,
    "test_object_lock.py::test_retention_is_set_later": _LOCK,
    "test_object_lock.py::test_retentions_that_are_none": _LOCK,
    "test_object_lock.py::test_the_default_retention_of_new_versions": _LOCK,
    "test_object_lock.py::test_the_last_moment_there_is": _LOCK,
    "test_object_lock.py::test_versioning_must_be_enabled_and_stays_so": _LOCK,
    "test_object_tagging.py::test_a_digest_is_required": _TAGS,
    "test_object_tagging.py::test_a_key_has_at_most_128_characters": _TAGS,
    "test_object_tagging.py::test_a_value_has_at_most_256_characters": _TAGS,
    "test_object_tagging.py::test_a_wrong_digest_is_refused": _TAGS,
    "test_object_tagging.py::test_documents_that_are_none": _TAGS,
    "test_object_tagging.py::test_each_version_has_its_own_tags": _TAGS,
    "test_object_tagging.py::test_headers_that_are_refused": _TAGS,
    "test_object_tagging.py::test_keys_of_aws_are_reserved": _TAGS,
    "test_object_tagging.py::test_put_get_delete": _TAGS,
    "test_object_tagging.py::test_the_answer_as_s3_writes_it": _TAGS,
    "test_object_tagging.py::test_what_is_no_query_string": _TAGS,
    "test_ownership_controls.py": _ACL,
    "test_post_object.py::test_a_checksum": _FORM,
    "test_post_object.py::test_a_condition_that_does_not_hold": _FORM,
    "test_post_object.py::test_a_field_that_the_policy_does_not_name": _FORM,
    "test_post_object.py::test_a_file_is_required": _FORM,
    "test_post_object.py::test_a_form_that_breaks_off": _FORM,
    "test_post_object.py::test_a_key_is_not_empty": _FORM,
    "test_post_object.py::test_a_key_is_required": _FORM,
    "test_post_object.py::test_a_length_is_required": _FORM,
    "test_post_object.py::test_a_redirect": _FORM,
    "test_post_object.py::test_a_redirect_that_is_no_url_is_passed_over": _FORM,
    "test_post_object.py::test_a_request_that_is_signed_itself": _FORM,
    "test_post_object.py::test_an_acl": _FORM,
    "test_post_object.py::test_an_acl_where_buckets_have_them": _FORM,
    "test_post_object.py::test_an_expired_policy": _FORM,
    "test_post_object.py::test_another_algorithm_date_or_scope": _FORM,
    "test_post_object.py::test_another_encoding": _FORM,
    "test_post_object.py::test_fields_of_more_than_20_kb": _FORM,
    "test_post_object.py::test_fields_of_the_signature_that_are_missing": _FORM,
    "test_post_object.py::test_headers_of_the_object": _FORM,
    "test_post_object.py::test_metadata_beyond_ascii": _FORM,
    "test_post_object.py::test_no_field_can_add_a_header": _FORM,
    "test_post_object.py::test_nobody_may_not": _FORM,
    "test_post_object.py::test_only_a_bucket_takes_forms": _FORM,
    "test_post_object.py::test_policies_that_are_none": _FORM,
    "test_post_object.py::test_tags": _FORM,
    "test_post_object.py::test_the_document_of_201": _FORM,
    "test_post_object.py::test_the_file_comes_last": _FORM,
    "test_post_object.py::test_the_name_of_the_file_in_any_field": _FORM,
    "test_post_object.py::test_the_name_of_the_file_in_the_key": _FORM,
    "test_post_object.py::test_without_a_content_type_it_is_binary": _FORM,
    "test_public_access_block.py": _ACL,
    "test_put_get.py::test_a_storage_class_is_kept_by_name": API + "PutObject, x-amz-storage-class",
    "test_put_get.py::test_keys_that_differ_only_in_slashes_are_different": _KEYS,
    "test_ranges.py::test_a_range_that_cannot_be_read_gives_the_whole": _RANGE,
    "test_ranges.py::test_if_range_gives_the_range_only_of_the_same_object": _RANGE,
    "test_ranges.py::test_part_numbers_are_read_before_the_key": _MULTIPART,
    "test_ranges.py::test_ranges_of_an_empty_object": _RANGE,
    "test_restore_object.py": _ARCHIVE,
    "test_select.py::test_a_value_that_fails_later_ends_the_stream_with_an_error": _SELECT,
    "test_select.py::test_an_archived_object_is_not_read": _SELECT,
    "test_select.py::test_bytes_that_are_no_text": _SELECT,
    "test_select.py::test_columns_with_names": _SELECT,
    "test_select.py::test_compressed_objects": _SELECT,
    "test_select.py::test_json": _SELECT,
    "test_select.py::test_objects_with_a_customers_key": _SELECT,
    "test_select.py::test_other_delimiters": _SELECT,
    "test_select.py::test_parquet": _SELECT,
    "test_select.py::test_part_of_an_object": _SELECT,
    "test_select.py::test_queries_that_are_refused": _SELECT,
    "test_select.py::test_ranges_one_after_the_other_have_every_record_once": _SELECT,
    "test_select.py::test_records_may_have_more_or_fewer_fields": _SELECT,
    "test_select.py::test_requests_that_are_refused": _SELECT,
    "test_select.py::test_texts_are_unicode": _SELECT,
    "test_select.py::test_the_messages_end_with_statistics": _SELECT,
    "test_signature_version_2.py": _SIGNATURE,
    "test_signatures.py": _SIGNATURE,
    "test_sse_c.py": _ENCRYPTION,
    "test_sse_kms.py": _ENCRYPTION,
    "test_storage_class.py": _ARCHIVE,
    "test_versioning.py::test_a_suspended_delete_replaces_the_null_version_by_a_marker": _MARKER,
    "test_versioning.py::test_a_version_that_is_not_there": _VERSION,
    "test_versioning.py::test_an_empty_version_id_deletes_nothing": _VERSION,
    "test_versioning.py::test_markers_on_a_key_that_never_was": _MARKER,
    "test_versioning.py::test_version_ids_that_cannot_be": _VERSION,
    "test_website_redirect.py": API + "PutObject, x-amz-website-redirect-location",
    "test_wire.py::test_a_location_is_that_of_the_client": _SIGNATURE,
    "test_wire.py::test_a_proxy_may_put_its_own_host_in": _SIGNATURE,
    "test_wire.py::test_a_request_may_be_dated_by_date_alone": _SIGNATURE,
    "test_wire.py::test_appending_is_out": _OUT,
    "test_wire.py::test_errors_of_head_have_no_body": _OWNER,
    "test_wire.py::test_operations_that_are_out_answer_with_their_name": _OUT,
    "test_wire.py::test_without_any_date": _SIGNATURE,
}


def rule_against_minio(test: str) -> str | None:
    """The rule that MinIO breaks in that test (`file.py::function[parameters]`); None when it should pass."""
    function = test.partition("[")[0]
    return MINIO.get(function) or MINIO.get(function.partition("::")[0])
