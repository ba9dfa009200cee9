"""PyTorch: how a function's operations get onto the tape. Read `box`, then `front`."""
