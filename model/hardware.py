"""Which device and which precision a training uses."""

from pathlib import Path

import torch

from pocketlm.model.errors import UserError


def resolve_device(name: str) -> torch.device:
    """`auto` is CUDA where there is one, else the CPU."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise UserError(f"device {name!r} is not auto, cpu or a cuda that this machine has")
    return torch.device(name)


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
