"""Which jobs train on a GPU, and which card each takes. The cards are made up: there need be none here."""

import itertools
import logging
import multiprocessing
import types

import pytest
from support.waiting import PATIENCE

from lineup.errors import InputError
from lineup.networks import gpu
from lineup.networks.gpu import accelerator_for, take, take_cards
from lineup.torch_setup import torch

CARDS = ["GPU-one", "GPU-two"]


@pytest.fixture
def machine(monkeypatch):
    """Gives a function that says what GPU there is: ``cuda``, ``mps`` or None."""

    def make(kind):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda: kind is not None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: kind == "cuda")

    return make


@pytest.fixture(autouse=True)
def locks(tmp_path, monkeypatch):
    """The folder of the locks; and no card is held after a test."""
    monkeypatch.setattr(gpu, "LOCKS", tmp_path)
    monkeypatch.setattr(gpu, "EVERY", 0.02)
    monkeypatch.setattr(gpu, "_held", [])
    yield tmp_path
    for descriptor in gpu._held:
        gpu.os.close(descriptor)


@pytest.mark.parametrize(
    ("asked", "given", "kind", "found"),
    [
        ("auto", 1, "cuda", "gpu"),
        ("gpu", 1, "cuda", "gpu"),
        ("auto", 1, "mps", "auto"),
        ("auto", 0, "cuda", "cpu"),  # the machine has one, and the job was not given it
        ("auto", 1, None, "cpu"),
        ("cpu", 1, "cuda", "cpu"),
        ("cpu", 0, None, "cpu"),
    ],
)
def test_a_gpu_is_used_when_the_job_was_given_one(machine, asked, given, kind, found):
    machine(kind)
    assert accelerator_for(asked, "32-true", given) == found


@pytest.mark.parametrize(
    ("asked", "precision", "given", "kind", "sentence"),
    [
        ("gpu", "32-true", 1, None, "accelerator: gpu, and this machine has none"),
        ("gpu", "32-true", 0, "cuda", "accelerator: gpu, and the job was given none"),
        ("auto", "16-mixed", 1, None, "precision: 16-mixed, which needs a GPU"),
        ("cpu", "16-mixed", 0, "cuda", "precision: 16-mixed, which needs a GPU"),
    ],
)
def test_a_gpu_that_is_asked_for_in_vain_is_an_error(machine, asked, precision, given, kind, sentence):
    machine(kind)
    with pytest.raises(InputError, match=sentence):
        accelerator_for(asked, precision, given)


def hold(number, names, folder, told):
    gpu.LOCKS = folder
    told.send(take(number, names, logging.getLogger("tests")))
    told.recv()


class Job:
    """A process that takes some cards and has them until it is ended."""

    def __init__(self, number, names, folder):
        context = multiprocessing.get_context("fork")
        self.told, theirs = context.Pipe()
        self.process = context.Process(target=hold, args=(number, names, folder, theirs), daemon=True)
        self.process.start()

    def taken(self):
        assert self.told.poll(30), "no cards within 30 seconds"
        return self.told.recv()

    def is_waiting(self):
        return not self.told.poll(0.3) and self.process.is_alive()

    def end(self):
        self.told.send("end")
        self.process.join(timeout=PATIENCE)
        assert self.process.exitcode == 0


def test_two_jobs_on_a_machine_of_two_take_different_cards(locks):
    one, two = (Job(1, CARDS, locks) for _ in CARDS)
    cards = [one.taken(), two.taken()]
    assert sorted(cards) == [(0,), (1,)]
    # A third one waits until a card is free, also if its job was killed.
    third = Job(1, CARDS, locks)
    assert third.is_waiting()
    two.process.kill()
    assert third.taken() == cards[1]
    one.end()
    third.end()


def test_a_job_takes_all_that_it_needs_or_none(locks):
    one = Job(1, CARDS, locks)
    assert one.taken() == (0,)
    both = Job(2, CARDS, locks)
    assert both.is_waiting()
    # While it waits for two it holds none back.
    other = Job(1, CARDS, locks)
    assert other.taken() == (1,)
    other.end()
    one.end()
    assert both.taken() == (0, 1)
    both.end()


def test_a_job_that_sees_too_few_is_refused():
    with pytest.raises(InputError, match="3 processes with a GPU each, and sees 2"):
        take(3, CARDS, logging.getLogger("tests"))


def test_a_card_is_the_same_under_any_number(locks, monkeypatch):
    """Jobs that see other cards, or in another order, do not take one another's: the locks have their identities."""
    numbers = itertools.count()
    for seen in (["GPU-two"], ["GPU-two", "GPU-one"]):
        monkeypatch.setattr(torch.cuda, "device_count", lambda seen=seen: len(seen))
        monkeypatch.setattr(
            torch.cuda,
            "get_device_properties",
            lambda place, seen=seen: types.SimpleNamespace(uuid=seen[place]),
        )
        assert take_cards(1, logging.getLogger("tests")) == (next(numbers),)
    assert sorted(path.name for path in locks.iterdir()) == [
        "lineup-gpu-GPU-one.lock",
        "lineup-gpu-GPU-two.lock",
    ]


def test_waiting_is_told_once(locks, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    one, looks = Job(1, CARDS[:1], locks), iter(range(3))
    assert one.taken() == (0,)
    monkeypatch.setattr(gpu.time, "sleep", lambda _: one.end() if next(looks) == 2 else None)
    assert take(1, CARDS[:1], logging.getLogger("tests")) == (0,)
    waiting = "Other jobs have all GPUs of this machine: waiting for one."
    assert [record.message for record in caplog.records] == [waiting]
