"""What the library costs, beside its peers: `python -m benchmarks`. Ratios travel between machines, absolutes do not."""
