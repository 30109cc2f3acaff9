"""Enhance the shipped example and show what happened, in numbers and in a picture.

python examples/demo.py      (or: make demo)
"""

import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
import soundfile

import wheesht
from wheesht.dsp.stft import sqrt_hann, stft
from wheesht.metrics.si_sdr import si_sdr

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

HERE = Path(__file__).parent
OUT = HERE.parent / "demo"
PAUSE_DB = 40.0  # frames this far below the loudest one of the clean voice count as pause


def spectrogram(x: np.ndarray) -> np.ndarray:
    """Return levels in dB, (bins, frames)."""
    return 20 * np.log10(np.abs(stft(x, sqrt_hann(320))).T + 1e-4)


def pause_level_db(x: np.ndarray, clean: np.ndarray) -> float:
    """Return the RMS level in dBFS where the clean voice pauses."""
    n = len(clean) // 160 * 160
    energy = (clean[:n].reshape(-1, 160) ** 2).mean(axis=1)
    pause = energy < energy.max() * 10 ** (-PAUSE_DB / 10)
    return float(10 * np.log10((x[:n].reshape(-1, 160)[pause] ** 2).mean()))


def picture(noisy: np.ndarray, enhanced: np.ndarray, path: Path) -> None:
    """Draw both spectrograms, one below the other."""
    figure, axes = plt.subplots(2, 1, figsize=(10, 6), sharex=True, layout="constrained")
    extent = (0, len(noisy) / 16000, 0, 8)
    for axis, x, title in zip(axes, (noisy, enhanced), ("before", "after"), strict=True):
        image = axis.imshow(
            spectrogram(x), origin="lower", aspect="auto", extent=extent, vmin=-60, vmax=30
        )
        axis.set(title=title, ylabel="kHz")
    axes[1].set_xlabel("s")
    figure.colorbar(image, ax=axes, label="dB")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run the command line on the example, then measure and draw."""
    OUT.mkdir(exist_ok=True)
    target = OUT / "enhanced.wav"
    command = [sys.executable, "-m", "wheesht", "enhance", str(HERE / "noisy.wav")]
    command += ["-o", str(target), "--overwrite"]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    process_seconds = time.perf_counter() - started
    noisy, rate = soundfile.read(HERE / "noisy.wav", dtype="float32")
    clean, _ = soundfile.read(HERE / "clean.wav", dtype="float32")
    enhanced, _ = soundfile.read(target, dtype="float32")
    picture(noisy, enhanced, OUT / "before_after.png")

    print(f"\n{len(noisy) / rate:g} s of speech in noise; whole command {process_seconds:.2f} s")
    print(f"{'':34}{'before':>9}{'after':>9}")
    before, after = si_sdr(clean, noisy), si_sdr(clean, enhanced)
    print(f"{'speech over everything else, dB':34}{before:9.1f}{after:9.1f}")
    before, after = pause_level_db(noisy, clean), pause_level_db(enhanced, clean)
    print(f"{'level in the pauses, dBFS':34}{before:9.1f}{after:9.1f}")
    print(f"\n{'the dial: update percentage':34}{'us/hop':>9}{'MMAC/s':>9}{'dB':>9}")
    for percent in (100, 75, 50, 25):
        with wheesht.Stream(update_percent=percent) as stream:
            again = np.concatenate([stream.process(noisy), stream.flush()])
            stats = stream.stats()
        print(
            f"{percent:>34}{stats['us_per_hop']:9.1f}"
            f"{stats['executed_macs_per_second'] / 1e6:9.1f}{si_sdr(clean, again):9.1f}"
        )
    print(f"\nlisten: {target.relative_to(HERE.parent)}")
    print(f"look:   {(OUT / 'before_after.png').relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
