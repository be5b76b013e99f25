"""What the encoder's search is best by."""

from __future__ import annotations

from lightning_dlic.pipeline.candidates import Score
from lightning_dlic.pipeline.looks import look_distance
from lightning_dlic.pipeline.measures import lpips_distance, ms_ssim, psnr, psnr_chroma, ssim
from lightning_dlic.pipeline.source import Source

# dB of chroma that are worth an SSIM of one.
_CHROMA_DB = 100.0


def scorer(source: Source, metric: str) -> Score:
    """A function that judges decoded pictures against a source; more is better, so distances count negative."""
    if metric == "psnr":
        return lambda picture: psnr(picture, source.picture)
    if metric == "lpips":
        distance = lpips_distance()
        return lambda picture: -distance(picture, source.picture)
    if metric == "look":
        looks = look_distance(source.picture)
        return lambda picture: -looks(picture)
    if metric == "color" and source.color:
        return lambda picture: _color(Source(picture), source)
    alike = ms_ssim if metric == "ms_ssim" else ssim
    return lambda picture: alike(Source(picture).luma, source.luma)


def _color(found: Source, source: Source) -> float:
    return ssim(found.luma, source.luma) + psnr_chroma(found.planes, source.planes) / _CHROMA_DB
