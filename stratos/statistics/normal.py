"""The standard normal distribution."""

Z_95 = 1.959963984540054
"""Its 97.5% quantile: this many standard deviations around a mean hold 95%."""
