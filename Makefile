# Two environments, so that the demo proves that the runtime needs no torch:
#   .venv       what a user installs
#   .venv-test  the same plus training and tools
.PHONY: demo test check install clean

demo: .venv/.ready
	.venv/bin/facings demo

test: .venv-test/.ready
	.venv-test/bin/ruff check .
	.venv-test/bin/ruff format --check .
	.venv-test/bin/mypy
	.venv-test/bin/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

check: test

install: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	sh scripts/make-venv.sh .venv
	.venv/bin/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv-test/.ready: pyproject.toml constraints.txt
	sh scripts/make-venv.sh .venv-test
	.venv-test/bin/python -m pip install --quiet "pip>=25.1"
	.venv-test/bin/python -m pip install --quiet --constraint constraints.txt --editable ".[train]" --group test
	touch $@

clean:
	rm -rf .venv .venv-test facings-demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
