"""What `make bench` and `make bench-counts` are made of."""
