"""The vocabulary: events, facts, rows, bucket configuration, errors, API models.

Every other room imports this one; it imports nothing of ours.
"""
