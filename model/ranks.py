"""The processes that train one model together: one, or those that torchrun has started.

    torchrun --nproc-per-node 2 -m pocketlm train ...   -> Ranks(0, 2), Ranks(1, 2)

Each reads its own rows of a step's window. DistributedDataParallel averages the gradients, so that
all take the same step; what else has to be the same (a signal, the clock) is agreed on here. The
first process ("rank 0") alone writes. They see one run folder and one corpus: a machine, or several
with a shared file system. Tensors go by NCCL from GPUs, by gloo from CPUs.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import PrefixStore  # type: ignore[attr-defined]
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from pocketlm.model.errors import InterruptedRunError, UserError
from pocketlm.model.hardware import resolve_device

# The others wait while rank 0 makes tokens of a large text; torchrun sees a process that has died.
_PATIENCE = timedelta(days=7)
_trainings = count()  # of this process


@dataclass(frozen=True)
class Ranks:
    """A process among those of a training; on its own it is the only one."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the run."""
        return self.rank == 0

    def share(self, count: int) -> range:
        """Its part of `count` rows."""
        each = count // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def wait(self) -> None:
        """Until all processes are here."""
        self.total([0.0], torch.device("cpu"))

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Rank 0 goes through the block before all others."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def total(self, values: Sequence[float], device: torch.device) -> list[float]:
        """The sums of each value over all processes, the same for each of them."""
        if self.size == 1:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(sums)
        totals: list[float] = sums.tolist()
        return totals

    def gathered(self, part: Tensor, dim: int = 0) -> Tensor:
        """The equal parts of all processes, one after another along a dimension."""
        if self.size == 1:
            return part
        parts = [torch.empty_like(part) for _ in range(self.size)]
        dist.all_gather(parts, part.contiguous())
        return torch.cat(parts, dim)

    def averaging(self, module: nn.Module) -> nn.Module:
        """A module whose gradients are averaged over all processes on the way back."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, gradient_as_bucket_view=True)

    @staticmethod
    def unaveraged(module: nn.Module) -> AbstractContextManager[None]:
        """Gradients of `averaging` stay this process' own inside, to be added up first."""
        if isinstance(module, DistributedDataParallel):
            context: AbstractContextManager[None] = module.no_sync()
            return context
        return nullcontext()


def leads_here() -> bool:
    """Whether this process is the one that writes and speaks, be they joined yet or not."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def open_ranks(device: str) -> Iterator[Ranks]:
    """Join the processes of torchrun; without it there is one.

    Args:
        device: that of the settings. Each process of a machine takes a GPU of its own.

    Raises:
        UserError: another process ended early, none could be reached, or GPUs are too few.
    """
    if not dist.is_torchelastic_launched():
        yield Ranks()
        return
    try:
        if resolve_device(device).type == "cuda":
            number, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
            if number >= gpus:
                raise UserError(f"{gpus} GPUs are too few for the processes of this machine")
            torch.cuda.set_device(number)
            _join("cpu:gloo,cuda:nccl")
        else:
            _join("gloo")
        with _leaving_together():
            yield Ranks(dist.get_rank(), dist.get_world_size())
    except RuntimeError as error:
        if not _is_of_the_network(error):
            raise
        raise UserError(f"another process of this training has ended: {error!s:.200}") from None
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _join(backend: str) -> None:
    """Begin a process group whose keys in torchrun's store are of this training alone.

    A process may train one network after another: what an earlier group has left in the store
    would have the later one wait for processes of the earlier.
    """
    store, rank, size = next(rendezvous("env://"))
    store.set_timeout(_PATIENCE)
    own = PrefixStore(f"training-{next(_trainings)}", store)
    dist.init_process_group(backend, store=own, rank=rank, world_size=size, timeout=_PATIENCE)


@contextmanager
def _leaving_together() -> Iterator[None]:
    """Wait for all processes at the end of a training, or of one that all have interrupted.

    Gloo's threads need Python's lock to drop a finished exchange, and hold gloo's own meanwhile; to
    take the group apart needs both too, in the other order. After a barrier, which carries no
    tensor, nothing is left to drop. Where one process fails the others must not be waited for.
    """
    try:
        yield
    except InterruptedRunError:
        dist.barrier()
        raise
    dist.barrier()


def _is_of_the_network(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error)
