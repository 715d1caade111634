"""Models that make features: modules, callables and pretrained ones by name."""
