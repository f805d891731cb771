"""Which device and which precision a training uses, and what its record says of the machine."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pocketlm.model.errors import UserError


def resolve_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise UserError(f"device {name!r} is not auto, cpu or a cuda that this machine has")
    return torch.device(name)


def allow_tf32(device: torch.device) -> None:
    """Let a GPU multiply fp32 as TF32, 10 bits of mantissa, where it can; the state is fp32."""
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """`auto` is bf16 where the hardware multiplies it, else fp32."""
    if name == "auto":
        on_gpu = device.type == "cuda"
        fast = torch.cuda.is_bf16_supported() if on_gpu else _cpu_has_bf16()
        name = "bf16" if fast else "fp32"
    return {"bf16": torch.bfloat16, "fp32": torch.float32}[name]


def _cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 (AVX512-BF16, AMX); emulated it is slower than fp32."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def machine_record(device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What a run record says of the machine and the libraries."""
    packages = ("torch", "sentencepiece", "numpy", "safetensors")
    return {
        "device": str(device),
        "precision": str(dtype).removeprefix("torch."),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
        "machine": {"platform": platform.platform(), "threads": torch.get_num_threads()},
    }
