"""Reference PuffeRL trainer for coding_envs."""
