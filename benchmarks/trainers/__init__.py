"""The trainers that benchmarks/trainer.py measures, each in a process of its own."""
