"""What a training step of MRAN costs: `python benchmarks/train_step.py [--quick] [--threads N]`.

One step is forward, mean squared error, backward and Adam, with batches of 4. MRAN as it is usually written
(_naive_mran.py: one fp32 ConvLSTM cell per step) is timed beside ours in fp32 and in bf16, from the same
weights, in interleaved rounds; the outputs must be the same to 1e-5 in fp32. On a GPU fp32 is IEEE's, TF32
is off, ours is timed as a CUDA graph too, and what share of the card's bf16 matrix peak it reaches is told;
the peak is that of a large product of matrices in the same run. The last line is one JSON object.
"""

import argparse
import json
import time
from collections.abc import Callable
from statistics import median

import torch
from _naive_mran import NaiveMRAN
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mavfer.model.mran import MRAN, MranOptions

EQUAL = 1e-5
WANTED_CPU, WANTED_GPU = 2.2, 5.0
PEAK_SIDE = 8192
Step = Callable[[], Tensor]


def random_batch(options: MranOptions, *, batch: int, device: str) -> tuple[dict[str, Tensor], Tensor]:
    """Return inputs (B, T, C, S, S) and targets (B, n_outputs) drawn from one seed."""
    generator = torch.Generator().manual_seed(0)
    channels = {"color": 3, "depth": 1, "thermal": 1}
    shape = (options.size_px, options.size_px)
    inputs = {
        name: torch.randn(batch, options.n_frames, channels[name], *shape, generator=generator).to(device)
        for name in options.modalities
    }
    return inputs, torch.rand(batch, options.n_outputs, generator=generator).to(device) - 0.5


def step_of(network: nn.Module, inputs: dict[str, Tensor], targets: Tensor, *, bf16: bool) -> Step:
    """Return a training step of `network` with Adam at the paper's learning rate."""
    device = targets.device.type
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4, fused=True, capturable=device == "cuda")

    def step() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled=bf16, cache_enabled=False):
            y = network(inputs)
        loss = (y - targets).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def graphed(step: Step) -> Callable[[], object]:
    """Return `step` as one CUDA graph: its thousands of small kernels are launched at once."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def timed_ms(call: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds of one call by the wall clock, until the GPU is done, and of all threads."""
    begin_s, begin_threads_s = time.perf_counter(), time.process_time()
    call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - begin_s) * 1e3, (time.process_time() - begin_threads_s) * 1e3


def medians_ms(calls: dict[str, Callable[[], object]], seconds: float) -> dict[str, tuple[float, float]]:
    """Return the median times of each call, in interleaved rounds: at least three after the first."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for call in calls.values():
        timed_ms(call)
    end_s = time.monotonic() + seconds
    while min(map(len, times.values())) < 3 or time.monotonic() < end_s:
        for name, call in calls.items():
            times[name].append(timed_ms(call))
    return {name: (median(w for w, _ in found), median(p for _, p in found)) for name, found in times.items()}


def largest_difference(a: nn.Module, b: nn.Module, inputs: dict[str, Tensor], *, bf16: bool) -> float:
    """Return the largest absolute difference of what two networks say; only the second one is in bf16."""
    device = inputs["color"].device.type
    with torch.no_grad():
        wanted = a.eval()(inputs)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            found = b.eval()(inputs)
    a.train()
    b.train()
    return float((wanted - found).abs().max())


def matrix_peak_flops() -> float:
    """Return the bf16 operations per second of the GPU in a product of large square matrices."""
    a = torch.randn(PEAK_SIDE, PEAK_SIDE, device="cuda", dtype=torch.bfloat16)
    times = medians_ms({"matmul": lambda: a @ a}, 2.0)
    return 2 * PEAK_SIDE**3 / (times["matmul"][0] / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a quarter of the width, 48 px, 10 s of timing")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to take times")
    parser.add_argument("--threads", type=int, help="CPU threads; 2, or 1 for the small network")
    parser.add_argument("--batch", type=int, default=4, help="clips per step")
    arguments = parser.parse_args()
    seconds = min(arguments.seconds, 10.0) if arguments.quick else arguments.seconds
    small = arguments.quick or seconds < 10
    torch.set_num_threads(arguments.threads or (1 if small else 2))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = MranOptions(width=0.25, size_px=48) if small else MranOptions()
    torch.manual_seed(0)
    ours = MRAN(options)
    networks = {"naive, fp32": NaiveMRAN(ours).to(device)}
    networks |= {name: MRAN(options).to(device) for name in ("ours, fp32", "ours, bf16", "ours, bf16, graph")}
    for name, network in networks.items():
        if name.startswith("ours"):
            network.load_state_dict(ours.state_dict())
    if device == "cpu":
        del networks["ours, bf16, graph"]
    inputs, targets = random_batch(options, batch=arguments.batch, device=device)
    naive, fast = networks["naive, fp32"], networks["ours, fp32"]
    difference = largest_difference(naive, fast, inputs, bf16=False)
    if difference > EQUAL:
        raise SystemExit(f"wanted the same outputs to {EQUAL}, found a difference of {difference:.2e}")
    bf16_difference = largest_difference(naive, fast, inputs, bf16=True)
    with FlopCounterMode(display=False) as counter:
        fast(inputs).square().sum().backward()
    fast.zero_grad()
    steps: dict[str, Callable[[], object]] = {
        name: step_of(network, inputs, targets, bf16="bf16" in name) for name, network in networks.items()
    }
    if device == "cuda":
        steps["ours, bf16, graph"] = graphed(
            step_of(networks["ours, bf16, graph"], inputs, targets, bf16=True)
        )
    both = medians_ms(steps, seconds)
    times = {name: wall for name, (wall, _) in both.items()}
    busy = {name: processor for name, (_, processor) in both.items()}

    print(f"{'':24}{'ms per step':>12}{'speedup':>9}{'processor ms':>14}{'speedup':>9}")
    for name, ms in times.items():
        print(
            f"{name:24}{ms:12.1f}{times['naive, fp32'] / ms:9.2f}"
            f"{busy[name]:14.1f}{busy['naive, fp32'] / busy[name]:9.2f}"
        )
    best = min(times, key=lambda name: times[name])
    result = {
        "speedup_fp32": times["naive, fp32"] / times["ours, fp32"],
        "speedup_bf16": times["naive, fp32"] / min(ms for name, ms in times.items() if "bf16" in name),
        "processor_speedup_bf16": busy["naive, fp32"] / busy["ours, bf16"],
        "max_abs_diff": difference,
        "max_abs_diff_bf16": bf16_difference,
        "naive_ms": times["naive, fp32"],
        "gflop_per_step": counter.get_total_flops() / 1e9,
        "threads": torch.get_num_threads(),
        "batch": arguments.batch,
        "width": options.width,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
    }
    wanted = WANTED_CPU
    if device == "cuda":
        wanted = WANTED_GPU
        peak = matrix_peak_flops()
        result["matrix_peak_tflops"] = peak / 1e12
        result["matrix_peak_share"] = counter.get_total_flops() / (times[best] / 1e3) / peak
        result["speedup_bf16_eager"] = times["naive, fp32"] / times["ours, bf16"]
        print(f"share of the matrix peak of {peak / 1e12:.0f} TFLOP/s: {result['matrix_peak_share']:.1%}")
    print(f"largest difference of the outputs: {difference:.1e} in fp32, {bf16_difference:.1e} in bf16")
    print(f"bf16 over naive fp32: {result['speedup_bf16']:.2f} (wanted at full size: at least {wanted})")
    print(json.dumps({key: round(v, 10) if isinstance(v, float) else v for key, v in result.items()}))


if __name__ == "__main__":
    main()
