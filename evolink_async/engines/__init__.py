"""Engines that bring jobs to many processes; each is a module of its own, which needs the extra of its name."""
