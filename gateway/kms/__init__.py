"""The KMS over the AWS KMS API, on the API port. `port` reads and answers; other files hold its actions."""
