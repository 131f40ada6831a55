"""Queries over the content of one object (SelectObjectContent): parsed here, answered by DuckDB.

Source: Amazon S3 User Guide, "SQL reference for Amazon S3 Select".
"""
