"""Batches from outside: making them, padding at the border, means, batch norm, random keys."""
