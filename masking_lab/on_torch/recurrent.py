"""PyTorch's recurrent layers on sequences of each example's own length.

All examples take a step together; who has come to an end keeps the state with which it ended. The
other direction begins at each example's own last entry.
"""

from autodiff_lab import source, xp
from autodiff_lab.table import attention as cells

from ..errors import MaskError
from ..lane import Lane, Length, lanes_in, refill
from ..rules.along import Along


def _lstm(x, state, weights):
    return cells.lstm_cell(xp.verbs("torch"), x, *state, *weights)


def _gru(x, state, weights):
    return (cells.gru_cell(xp.verbs("torch"), x, *state, *weights),)


def _rnn(squash):
    def step(x, state, weights):
        return (cells.rnn_cell(xp.verbs("torch"), x, *state, *weights, squash=squash),)

    return step


def _network(step, states):
    """`_VF.lstm` and its like: `states` is how many tensors a step hands to the next."""

    def network(input, hx, weights, has_biases, num_layers, dropout, train, bidirectional,
                batch_first):  # fmt: skip
        import torch

        ways, per = 2 if bidirectional else 1, 4 if has_biases else 2
        if isinstance(has_biases, (list, tuple)) or len(weights) != num_layers * ways * per:
            _refuse("packed sequences or proj_size", "pass the sequence itself, without proj_size")
        if dropout and train and num_layers > 1:
            _refuse("dropout between its layers", "call eval(), or stack several layers yourself")
        lanes = list(lanes_in((input, hx, list(weights))))
        m = Along(None, xp.verbs("torch"), lanes[0].data.shape[0], lanes, {})
        x = m.lane(input, m.like)
        x = x.transpose(0, 1) if batch_first else x
        starts = [m.lane(s, m.like).data for s in (hx if states > 1 else (hx,))]
        ends = []
        for layer in range(num_layers):
            outputs = []
            for way in range(ways):
                i = layer * ways + way
                state = tuple(s[:, i] for s in starts)
                own = weights[i * per : (i + 1) * per]
                y, state = _sequence(m, step, x, state, own, way == 1)
                outputs.append(y)
                ends.append(state)
            x = Lane(torch.cat([y.data for y in outputs], -1), outputs[0].sizes)
        x = x.transpose(0, 1) if batch_first else x
        ends = [torch.stack(list(end), 1) for end in zip(*ends, strict=True)]
        return (x, *(Lane(end, (None, *x.sizes[1:-1], None)[: end.ndim - 1]) for end in ends))

    return network


def _sequence(m, step, x, state, weights, backwards):
    import torch

    x = refill(m.verbs, x, 0.0)
    turned = {0: lambda i, n: n - 1 - i}
    data = (m.read(x, turned) if backwards else x).data
    size, ys = m.size(x, 0), []
    for i in range(data.shape[1]):
        new = step(data[:, i], state, weights)
        if isinstance(size, Length):
            here = m.spread(Length(size.data > i, 0), new[0].ndim - 1)
            new = tuple(torch.where(here, a, b) for a, b in zip(new, state, strict=True))
        state = new
        ys.append(state[0])
    if not ys:
        _refuse("no step in any example", "leave such batches out")
    y = Lane(torch.stack(ys, 1), (*x.sizes[:-1], None))
    return m.read(y, turned) if backwards else y, state


def _refuse(what, instead):
    raise MaskError(f"a recurrent layer with {what} at {source.here()} has no mask rule; {instead}")


NETWORKS = {
    "lstm": _network(_lstm, 2),
    "gru": _network(_gru, 1),
    "rnn_tanh": _network(_rnn("tanh"), 1),
    "rnn_relu": _network(_rnn("relu"), 1),
}
