"""How good each step is: metrics that state their denominators, on data that is checked for leaks."""
