"""HTTP: the S3 wire protocol and the REST API. It knows HTTP and XML; nothing below it does."""
