"""What training minimises; `LOSSES` lists them by the name that a recipe uses."""

from wheesht.losses.spectral import compressed_spectral, magnitude_mse

LOSSES = {"magnitude_mse": magnitude_mse, "compressed_spectral": compressed_spectral}

__all__ = ["LOSSES", "compressed_spectral", "magnitude_mse"]
