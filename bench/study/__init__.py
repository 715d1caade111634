"""Does selection pay where people train? Trainings, ways to spoil their data, methods, runs, tables."""
