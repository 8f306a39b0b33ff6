"""The network and its members side by side: what they compute, which units they drop, and what is saved."""

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import safetensors

from lineup.networks.batches import Batches, Rows, draw_kept, member_stream
from lineup.networks.network import MLP, DroppedReLU, Members, load_network, predict, save_weights
from lineup.networks.optimization import Training
from lineup.torch_setup import torch


def states_of(network, members, seed=0):
    """Draws the weights of some networks."""
    torch.manual_seed(seed)
    states = []
    for _ in range(members):
        network.reset_parameters()
        states.append({name: value.clone() for name, value in network.state_dict().items()})
    return states


def stacked(states):
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


# One network


def test_the_network_of_the_book_has_1051_parameters():
    network = MLP(19, [50], [0.4])
    assert sum(p.numel() for p in network.parameters()) == 19 * 50 + 50 + 50 + 1 == 1051
    assert [type(layer).__name__ for layer in network.layers] == ["Linear", "ReLU", "Dropout", "Linear"]
    assert network.layers[2].p == 0.4


def test_the_network_computes_what_its_weights_say():
    torch.manual_seed(0)
    network = MLP(3, [4, 2], [0.5, 0.1])
    network.centre.copy_(torch.tensor([1.0, 2.0, 3.0]))
    network.scale.copy_(torch.tensor([2.0, 0.5, 1.0]))
    x = torch.randn(7, 3)
    a, b, c = (network.layers[place] for place in (0, 3, 6))
    W = [layer.weight.detach().double().numpy() for layer in (a, b, c)]
    bias = [layer.bias.detach().double().numpy() for layer in (a, b, c)]
    hidden = (x.double().numpy() - [1, 2, 3]) / [2, 0.5, 1]
    for place in range(2):
        hidden = np.maximum(hidden @ W[place].T + bias[place], 0)
    expected = (hidden @ W[2].T + bias[2])[:, 0]
    network.train()
    predicted = predict(network, x)
    assert (predicted.shape, predicted.dtype, predicted.requires_grad) == ((7,), torch.float32, False)
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-6)  # 32-bit numbers
    assert not np.allclose(predicted, expected[0])
    # With dropout on, two predictions differ.
    network.train()
    assert not torch.equal(network(x), network(x))


def test_a_probability_for_each_hidden_layer():
    with pytest.raises(ValueError, match="zip"):
        MLP(3, [4, 2], [0.5])


def test_new_weights_are_those_of_a_new_network():
    torch.manual_seed(5)
    new = MLP(4, [6, 3], [0.1, 0.0])
    other = MLP(4, [6, 3], [0.1, 0.0])
    before = other.layers[0].weight.clone()
    torch.manual_seed(5)
    other.reset_parameters()
    for one, again in zip(new.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, again)
    assert not torch.equal(before, other.layers[0].weight)


# Several side by side


@pytest.mark.parametrize("members", [1, 2, 5])
@pytest.mark.parametrize(("hidden", "dropout"), [([7], [0.3]), ([8, 5, 3], [0.4, 0.0, 0.25])], ids=str)
def test_members_predict_what_each_of_them_would(members, hidden, dropout):
    """But for the rounding of 32-bit numbers: 3e-7 was measured, ten times that is allowed."""
    network = MLP(5, hidden, dropout)
    states = states_of(network, members)
    for k, state in enumerate(states):
        state["centre"] += k
        state["scale"] *= 1 + k
    x = torch.randn(members, 9, 5)
    with torch.no_grad():
        together = Members(network, states)(x)
    assert together.shape == (members, 9)
    for k, state in enumerate(states):
        network.load_state_dict(state)
        np.testing.assert_allclose(together[k], predict(network, x[k]), rtol=0, atol=3e-6)
    assert together.std() > 0.01


def test_members_give_their_state_back():
    network = MLP(5, [4, 3], [0.4, 0.0])
    for members in (1, 3):
        states = states_of(network, members)
        found, expected = Members(network, states).state(), stacked(states)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
        assert all(value.is_contiguous() for value in found.values())


@pytest.mark.parametrize("members", [1, 4])
def test_the_gradient_of_a_member_is_that_of_its_own_loss(members):
    """With dropout, against ordinary layers: 2e-7 of the largest was measured, ten times that is allowed."""
    network = MLP(5, [6, 3], [0.4, 0.25])
    states = states_of(network, members)
    side_by_side = Members(network, states)
    regression = Training(side_by_side, "squared_error", "sgd", 0.1)
    x, y = torch.randn(members, 9, 5), torch.randn(members, 9)
    kept = [torch.rand(members, 9, units) > 0.4 for units in (6, 3)]
    regression.training_step((x, y, kept), 0).backward()
    for k, state in enumerate(states):
        network.load_state_dict(state)
        network.zero_grad()
        linear = [layer for layer in network.layers if isinstance(layer, torch.nn.Linear)]
        hidden = x[k]
        for layer, mask, probability in zip(linear, kept, (0.4, 0.25), strict=False):
            hidden = torch.relu(layer(hidden)) * mask[k] / (1 - probability)
        (linear[-1](hidden)[:, 0] - y[k]).square().mean().backward()
        for layer, weight, bias in zip(linear, side_by_side.weights, side_by_side.biases, strict=True):
            # A single member is kept twice, and only one of the two is trained.
            for mine, reference in (
                (weight.grad[k].T, layer.weight.grad),
                (bias.grad[k, 0], layer.bias.grad),
            ):
                tolerance = 2e-6 * reference.abs().max().item()
                np.testing.assert_allclose(mine, reference, rtol=0, atol=tolerance)
                assert reference.abs().max() > 1e-4


def test_a_member_has_no_effect_on_another():
    network = MLP(5, [6], [0.4])
    states = states_of(network, 3)
    x, y, kept = torch.randn(3, 9, 5), torch.randn(3, 9), [torch.rand(3, 9, 6) > 0.4]
    found = []
    for change in (0, 1000):
        side_by_side = Members(network, states)
        other_x, other_y = x.clone(), y.clone()
        other_x[1] += change
        other_y[1] -= change
        Training(side_by_side, "squared_error", "sgd", 0.1).training_step(
            (other_x, other_y, kept), 0
        ).backward()
        found.append([parameter.grad.clone() for parameter in side_by_side.parameters()])
    for before, after in zip(*found, strict=True):
        assert torch.equal(before[[0, 2]], after[[0, 2]])
        assert not torch.equal(before[1], after[1])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
def test_the_module_gives_the_sum_of_the_mean_losses_of_a_batch(loss):
    network = MLP(3, [4], [0.0])
    regression = Training(Members(network, states_of(network, 2)), loss, "sgd", 0.5)
    x, y = torch.randn(2, 6, 3), torch.randn(2, 6)
    error = (predict(regression.members, x) - y).double().numpy()
    each = error**2 if loss == "squared_error" else np.abs(error)
    kept = [torch.ones(2, 6, 4, dtype=torch.bool)]
    assert regression.training_step((x, y, kept), 0).item() == pytest.approx(
        each.mean(axis=1).sum(), rel=1e-6
    )
    (group,) = regression.configure_optimizers().param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.5, 0, 0)


# Dropout


@pytest.mark.parametrize("probability", [0.0, 0.4, 0.25, 0.5, 0.9, 0.999])
def test_units_are_kept_as_often_as_the_probability_says(probability):
    """Five standard deviations of a binomial, of all of them and of each column of units and each row."""
    kept = draw_kept(member_stream(0, 1)[1], 2000, 51, probability)
    assert (kept.shape, kept.dtype) == ((2000, 51), bool)
    for share, draws in ((kept.mean(), kept.size), (kept.mean(axis=0), 2000), (kept.mean(axis=1), 51)):
        deviation = (probability * (1 - probability) / draws) ** 0.5
        if draws > 51 or 0.1 < probability < 0.6:
            assert (np.abs(share - (1 - probability)) <= 5 * deviation + 2**-17).all()
    assert kept.all() == (probability == 0)


def test_units_of_a_row_and_rows_of_a_unit_are_dropped_independently():
    """Neighbours agree as often as independent ones do, within five standard deviations."""
    kept = draw_kept(member_stream(0, 1)[1], 2000, 51, 0.4)
    expected = 0.6**2 + 0.4**2
    for shift in range(1, 9):
        for axis in (0, 1):
            agree = kept.take(range(shift, kept.shape[axis]), axis) == kept.take(
                range(kept.shape[axis] - shift), axis
            )
            assert abs(agree.mean() - expected) < 5 * (expected * (1 - expected) / agree.size) ** 0.5


def batches_of(seeds, n=20, size=8):
    rows = Rows(torch.arange(100.0)[:, None], torch.arange(100.0) * 2)
    numbers = np.array([np.arange(n) + seed for seed in seeds])
    streams = [member_stream(0, seed)[1] for seed in seeds]
    return Batches(rows, numbers, size, [(6, 0.4), (3, 0.0), (5, 0.5)], streams)


def test_every_row_is_in_one_batch_of_an_epoch_and_keeps_its_target():
    batches = batches_of([1, 2, 3])
    assert len(batches) == 3
    orders = []
    for _ in range(2):
        epoch = list(batches)
        assert [(x.shape, y.shape) for x, y, _ in epoch] == [
            ((3, b, 1), (3, b)) for b in (8, 8, 4)
        ]  # fmt: skip
        for _, y, kept in epoch:
            assert [mask.shape for mask in kept] == [(*y.shape, units) for units in (6, 3, 5)]
        x = torch.cat([x for x, _, _ in epoch], dim=1)[:, :, 0]
        assert torch.equal(torch.cat([y for _, y, _ in epoch], dim=1), 2 * x)
        for member, seed in enumerate((1, 2, 3)):
            assert sorted(x[member].tolist()) == list(range(seed, seed + 20))
            orders.append((x[member] - seed).tolist())
    # Another order for every member and every epoch.
    assert len({tuple(order) for order in orders}) == 6


def test_other_units_are_dropped_in_every_row_epoch_and_member():
    batches = batches_of([1, 2, 3], n=50, size=50)
    epochs = [next(iter(batches))[2] for _ in range(3)]
    masks = {
        epoch[place][member].numpy().tobytes() for epoch in epochs for member in range(3) for place in (0, 2)
    }
    assert len(masks) == 18
    for epoch in epochs:
        assert len({row.tobytes() for row in epoch[0][0].numpy()}) > 10  # of 64
        assert epoch[1].all()  # a probability of 0 drops none


def test_a_member_draws_the_same_whoever_is_beside_it():
    alone, among = batches_of([2]), batches_of([3, 2, 1])
    for _ in range(2):
        for (x, y, kept), (many_x, many_y, many_kept) in zip(alone, among, strict=True):
            assert torch.equal(x[0], many_x[1]) and torch.equal(y[0], many_y[1])
            assert all(torch.equal(one[0], many[1]) for one, many in zip(kept, many_kept, strict=True))


@pytest.mark.parametrize("probability", [0.25, 0.4, 0.9])
def test_dropout_keeps_the_expectation(probability):
    """The mean over 10,000 draws, within five standard deviations of it."""
    torch.manual_seed(0)
    x = torch.randn(40)
    kept = torch.from_numpy(draw_kept(member_stream(0, 1)[1], 10_000, 40, probability))
    found = DroppedReLU.apply(x.expand(10_000, 40).clone(), kept, probability).mean(dim=0)
    expected = x.relu()
    deviation = expected * (probability / (1 - probability) / 10_000) ** 0.5
    assert ((found - expected).abs() <= 5 * deviation + 1e-5).all()
    assert ((found - expected).abs() > 1e-5).any()


def test_relu_and_dropout_in_one_have_the_value_and_the_gradient_of_the_two():
    """But for one rounding of a 32-bit number: a product of three factors in another order."""
    torch.manual_seed(0)
    x, kept, weight = torch.randn(3, 40, 7), torch.rand(3, 40, 7) > 0.4, torch.randn(3, 40, 7)
    x[0, 0] = 0
    one, two = x.clone().requires_grad_(), x.clone().requires_grad_()
    (mine := DroppedReLU.apply(one * 1, kept, 0.4)).mul(weight).sum().backward()
    (reference := two.relu() * kept * (1 / (1 - 0.4))).mul(weight).sum().backward()
    torch.testing.assert_close(mine, reference, rtol=2e-7, atol=0)
    torch.testing.assert_close(one.grad, two.grad, rtol=2e-7, atol=0)
    passed = (one.grad != 0).float().mean().item()
    assert 0.2 < passed < 0.4  # 0.5 of them positive, and 0.6 of those kept


def test_the_gradient_of_relu_and_dropout_is_that_of_finite_differences():
    torch.manual_seed(0)
    kept = torch.rand(4, 6) > 0.4
    x = torch.randn(4, 6, dtype=torch.float64)
    x = torch.where(x.abs() < 0.01, 0.5, x).requires_grad_()  # not at the kink
    assert torch.autograd.gradcheck(lambda x: DroppedReLU.apply(x * 1, kept, 0.4), x)


def test_a_number_that_is_none_is_not_dropped():
    """A training that has diverged shall show it."""
    kept = torch.tensor([True, False])
    assert DroppedReLU.apply(torch.tensor([torch.nan, torch.nan]), kept, 0.5).isnan().all()


# The file of the weights


def test_networks_are_loaded_as_they_were_saved(tmp_path):
    path = str(tmp_path / "weights.safetensors")
    network = MLP(2, [3, 4], [0.1, 0.2])
    states = states_of(network, 2)
    description = {
        "seeds": [9, 5],
        "features": ["a", "größe"],
        "classes": [],
        "hidden": [3, 4],
        "dropout": [0.1, 0.2],
    }
    save_weights(stacked(states), description, path)
    first = Path(path).read_bytes()
    for state, seed in zip(states, (9, 5), strict=True):
        found = load_network(path, seed).state_dict()
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], state[name]) for name in state)
    with safetensors.safe_open(path, "pt") as file:
        assert list(file.metadata()) == ["lineup"]
        assert json.loads(file.metadata()["lineup"]) == description
    save_weights(stacked(states), description, path)
    assert Path(path).read_bytes() == first
    with pytest.raises(ValueError, match="not in list"):
        load_network(path, 1)


def test_weights_that_were_cut_short_are_not_loaded(tmp_path):
    path = tmp_path / "weights.safetensors"
    description = {"seeds": [1], "features": ["a"], "classes": [], "hidden": [2], "dropout": [0.0]}
    save_weights(stacked(states_of(MLP(1, [2], [0.0]), 1)), description, str(path))
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(safetensors.SafetensorError):
        load_network(str(path), 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no disk here that is always full")
def test_a_full_disk_is_told_as_any_other_file_tells_it(tmp_path):
    path = tmp_path / "weights.safetensors"
    path.symlink_to("/dev/full")
    description = {"seeds": [1], "features": ["a"], "classes": [], "hidden": [2], "dropout": [0.0]}
    with pytest.raises(OSError, match="No space left") as caught:
        save_weights(stacked(states_of(MLP(1, [2], [0.0]), 1)), description, str(path))
    assert caught.value.errno == errno.ENOSPC
