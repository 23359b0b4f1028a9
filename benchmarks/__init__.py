"""Timings: of ops and trainings by pytest-benchmark, and as programs, each with ``--help``."""
