"""Tests: unit and contract (in process), s3 (real process, real clients), faults (crashes, full disks)."""
