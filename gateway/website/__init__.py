"""Websites: buckets served to browsers, without signatures and with pages for errors.

Source: Amazon S3 User Guide, "Hosting a static website using Amazon S3".
"""
