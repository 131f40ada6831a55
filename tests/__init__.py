"""Tests: unit and contract (in process), s3 (a real process and real clients), faults (crashes, full disks)."""
