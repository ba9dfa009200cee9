"""JAX: an example is traced with symbolic sizes and interpreted; `dispatch` does single calls."""
