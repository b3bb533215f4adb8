"""What is claimed of the monitored systems: one folder a system, its settings, its requests, its sentences."""
