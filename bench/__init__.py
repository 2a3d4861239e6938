"""Benchmarks: `python3 -m bench`; every figure stands beside a raw baseline measured in the same run."""
