"""S3 clients against a real server process."""
