"""The judge: any bundle in plain numpy, float64, frame by frame, as plainly as the equations."""
