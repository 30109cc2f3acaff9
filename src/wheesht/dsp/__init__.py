"""Signal processing on whole signals in numpy: short-time spectra, features, mixing."""
