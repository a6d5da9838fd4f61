"""The modules of `make bench` and `make bench-counts`."""
