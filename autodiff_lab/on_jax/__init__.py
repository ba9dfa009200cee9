"""JAX: how a function's operations get onto the tape. Read `front`, then `scan`."""
