"""fastnn against other libraries, in one run, on one processor: ``python -m benchmarks.peers --help``."""
