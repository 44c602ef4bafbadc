"""Reinforcement-learning environments in which a policy writes programs."""
