"""Requests nobody meant to send, over the wire to a real server."""
