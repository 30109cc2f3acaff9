"""What a page is made from: scores, comparisons, times and published results, as numbers."""
