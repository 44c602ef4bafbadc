# setup: what a checkout needs    train: learn on the bundled problems    test: every check

# What `scripts/setup` installed. Not `uv run`: that would look at the lock file each time.
bin := .venv/bin

.PHONY: setup train test format

setup:
	@scripts/setup

train: setup
	$(bin)/python -m coding_envs_trainer.main_job $(ARGS)

test: setup
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/mypy
	$(bin)/lint-imports
	$(bin)/pytest -n auto

format: setup
	$(bin)/ruff format .
	$(bin)/ruff check --fix .
