"""Spellings of recurrent networks: whole sequences, layer after layer, of the cells' rows."""

from ... import source, xp
from ...errors import AutodiffError
from ...table import attention as cells


def _verbs():
    return xp.verbs("torch")


def _given(weights):
    """Without the biases, where a cell has none."""
    return [w for w in weights if w is not None]


def _lstm_step(x, state, weights):
    h, c = _verbs().lstm_cell(x, *state, *_given(weights))
    return h, (h, c)


def _gru_step(x, state, weights):
    h = _verbs().gru_cell(x, *state, *_given(weights))
    return h, (h,)


def _rnn_step(squash):
    def step(x, state, weights):
        h = cells.rnn_cell(_verbs(), x, *state, *weights, squash=squash)
        return h, (h,)

    return step


def _network(step, states):
    """`_VF.lstm` and its like: `states` is how many tensors a step hands to the next."""

    def rewritten(input, hx, weights, has_biases, num_layers, dropout, train, bidirectional,
                  batch_first):  # fmt: skip
        import torch

        if isinstance(has_biases, (list, tuple)):  # their signature has the batch sizes second
            raise AutodiffError(
                f"packed sequences have no row ({source.here()}); run the padded batch, or "
                "masking_lab's batches of examples"
            )
        starts = tuple(hx) if states > 1 else (hx,)
        x = input.transpose(0, 1) if batch_first else input
        ways, per, ends = 2 if bidirectional else 1, 4 if has_biases else 2, []
        if len(weights) != num_layers * ways * per:
            raise AutodiffError(
                f"an LSTM with proj_size has no row ({source.here()}); apply a torch.nn.Linear to "
                "the outputs of one without"
            )
        for layer in range(num_layers):
            if layer and dropout and train:
                x = torch.nn.functional.dropout(x, dropout, True)
            outputs = []
            for way in range(ways):
                i = layer * ways + way
                state = tuple(s[i] for s in starts)
                ys, state = _sequence(step, x, state, weights[i * per : (i + 1) * per], way == 1)
                outputs.append(ys)
                ends.append(state)
            x = outputs[0] if ways == 1 else torch.cat(outputs, -1)
        x = x.transpose(0, 1) if batch_first else x
        return (x, *(torch.stack(end) for end in zip(*ends, strict=True)))

    return rewritten


def _sequence(step, x, state, weights, backwards):
    import torch

    ys, steps = [], x.unbind(0)
    for part in reversed(steps) if backwards else steps:
        y, state = step(part, state, weights)
        ys.append(y)
    return torch.stack(ys[::-1] if backwards else ys), state


def _cell(step, states):
    def rewritten(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
        state = tuple(hx) if states > 1 else (hx,)
        return step(input, state, (w_ih, w_hh, b_ih, b_hh))[1 if states > 1 else 0]

    return rewritten


def _gru_cell(input, hx, *weights):
    return (input, hx, *_given(weights)), {}


def _lstm_cell(input, hx, *weights):
    return (input, *hx, *_given(weights)), {}


SIGNATURES = {"gru_cell": ("gru_cell", _gru_cell), "lstm_cell": ("lstm_cell", _lstm_cell)}
REWRITES = {
    "lstm": _network(_lstm_step, 2), "gru": _network(_gru_step, 1),
    "rnn_tanh": _network(_rnn_step("tanh"), 1), "rnn_relu": _network(_rnn_step("relu"), 1),
    "rnn_tanh_cell": _cell(_rnn_step("tanh"), 1), "rnn_relu_cell": _cell(_rnn_step("relu"), 1),
}  # fmt: skip
