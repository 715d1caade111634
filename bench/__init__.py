"""Benchmarks of `saln_kernels`: every published figure comes from here. See README.md in this folder."""
