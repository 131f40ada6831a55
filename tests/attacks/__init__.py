"""Attacks by way of requests, each a named test against a real process. docs/security.md lists them."""
