# Two commands do everything: `make run` and `make test`. Both set up what they need in .venv.
PYTHON ?= python3
PORT ?= 8000
DATA ?= .local/data
# How many processes share the tests.
WORKERS ?= 2
PY := .venv/bin/python
STAMP := .venv/.installed
OPERATOR := .venv/bin/fotogenic
TOOLS := infra/tools/node_modules/.package-lock.json

.PHONY: setup tools lock run demo test check bench package clean

setup: $(STAMP) $(OPERATOR)

$(STAMP): requirements-dev.txt infra/build/uv-requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Fotogenic needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 …")'
	@test -x $(PY) || $(PYTHON) -m venv .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/build/uv-requirements.txt
	@.venv/bin/uv pip sync --quiet --require-hashes --python $(PY) requirements-dev.txt infra/build/uv-requirements.txt
	@touch $(STAMP)

# The operator's command, from any folder.
$(OPERATOR): Makefile | $(STAMP)
	@printf '#!%s\nimport sys; sys.path.insert(0, "%s"); from infra.fotogenic.__main__ import main; sys.exit(main())\n' "$(CURDIR)/$(PY)" "$(CURDIR)" > $@
	@chmod +x $@

lock:
	uv pip compile -q pyproject.toml --all-extras --group dev --universal --python-version 3.11 --generate-hashes --no-header -o requirements-dev.txt
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.txt -o requirements.txt
	uv pip compile -q pyproject.toml --extra engines --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.txt -o infra/engines/requirements.txt

run: setup
	@$(PY) -m infra.local run --port $(PORT) --data $(DATA)

test: setup
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

check: setup tools
	@$(PY) -m infra.tools.check $(STEPS)

tools: $(TOOLS)

$(TOOLS): infra/tools/package.json infra/tools/package-lock.json
	@command -v npm >/dev/null || { echo "make check needs npm with Node.js 20.19 or newer (https://nodejs.org); make run and make test do not"; exit 1; }
	@cd infra/tools && npm ci --silent
	@touch $(TOOLS)

package: setup
	@$(PY) -m infra.build.package --out .local/package

# make demo PHOTO=me.jpg STYLE=ochre-pastel OUT=picture.jpg
demo: setup
	@$(PY) -m infra.demo --port $(PORT) --data $(DATA) $(if $(PHOTO),--photo "$(PHOTO)") $(if $(STYLE),--style "$(STYLE)") $(if $(OUT),--out "$(OUT)")

# make bench ONLY="imports dispatch"
bench: setup
	@$(PY) -m tests.bench $(ONLY)
