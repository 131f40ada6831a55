"""Whether a request may do what it asks for: from S3's operations to the questions of `access.evaluation`.

`actions` says what each operation needs, `request_keys` what conditions may ask of a request, `bucket_rules`
what a bucket's owner has set, `authorizer` puts the questions. `explain_s3` puts them for a request that
nobody has sent, and tells why they are answered so.
"""
