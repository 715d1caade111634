"""`python -m bench.gpu`: tests, sanitizers and benchmarks on the GPU here; see `bench/README.md`."""
