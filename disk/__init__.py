"""The file layer: the calls by which every room changes files, what they mean when they fail, and the space
that is left. Imports only `schemas`.

Fault tests put other disks in its place: one that loses what was not synced, one that is full.
"""
