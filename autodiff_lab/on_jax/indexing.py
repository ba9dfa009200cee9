"""lax's most general indexing: how a gather reads, said as a scatter would, and back."""

from typing import NamedTuple


class How(NamedTuple):
    """Dimension numbers in words that serve both ways, and what happens out of bounds."""

    window: tuple  # axes of the result (or the updates) that run over a block
    single: tuple  # axes of the operand of which a block has one entry, and loses it
    targets: tuple  # axes of the operand that the index names
    batch: tuple  # axes of the operand that go with ...
    index_batch: tuple  # ... these axes of the index
    sizes: tuple | None  # of a block, for a gather
    mode: object
    sorted: bool
    unique: bool
    fill: object = 0  # what an index outside reads, for masks: of a derivative it is zero

    def of_scatter(self):
        return self._replace(sizes=None)

    def of_gather(self, x, updates):
        """The sizes of a block: those of the window, and one where an axis was lost."""
        window = iter(updates.shape[i] for i in self.window)
        lost = (*self.single, *self.batch)
        return self._replace(
            sizes=tuple(1 if i in lost else next(window) for i in range(len(x.shape)))
        )

    def of_lax(self, lax):
        words = {
            "mode": self.mode,
            "indices_are_sorted": self.sorted,
            "unique_indices": self.unique,
        }
        numbers = (self.window, self.single, self.targets, self.batch, self.index_batch)
        if self.sizes is None:
            return words | {"dimension_numbers": lax.ScatterDimensionNumbers(*numbers)}
        zero = {"fill_value": 0} if "FILL" in str(self.mode) else {}
        numbers = lax.GatherDimensionNumbers(*numbers)
        return words | zero | {"dimension_numbers": numbers, "slice_sizes": self.sizes}


def of_gather(params):
    n = params["dimension_numbers"]
    return How(n.offset_dims, n.collapsed_slice_dims, n.start_index_map, n.operand_batching_dims,
               n.start_indices_batching_dims, tuple(params["slice_sizes"]), params["mode"],
               params["indices_are_sorted"], params["unique_indices"],
               params.get("fill_value"))  # fmt: skip


def of_scatter(params):
    n = params["dimension_numbers"]
    return How(n.update_window_dims, n.inserted_window_dims, n.scatter_dims_to_operand_dims,
               n.operand_batching_dims, n.scatter_indices_batching_dims, None, params["mode"],
               params["indices_are_sorted"], params["unique_indices"])  # fmt: skip
