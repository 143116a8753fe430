"""Low-rank approximations of a matrix, by numpy and scipy. No torch here."""
