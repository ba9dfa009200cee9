"""PyTorch: each call inside `f` understands lanes as it runs; `trace` reads a whole function."""
