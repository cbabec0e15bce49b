"""The README's figures: made from the committed data, measured with the presets as they are."""

from __future__ import annotations

import json

import pytest

from engine.presets import config_for
from tests.benchmarks.learning import DATA, MEASURED, read
from tests.benchmarks.readme import README, updated

PRESET_RUNS = [row for row in read(DATA) if row["agent"] == "vmpo" and not row["settings"]]


def test_the_tables_are_those_of_the_data():
    text = README.read_text(encoding="utf-8")
    assert updated(text) == text, "run: .venv/bin/python -m tests.benchmarks.readme"


@pytest.mark.parametrize("row", PRESET_RUNS, ids=lambda row: f"{row['env']}-{row['steps']}-{row['seed']}")
def test_what_was_measured_is_what_the_presets_train(row):
    settings = json.loads(json.dumps(config_for(row["env"]).to_dict()))
    for section in MEASURED:  # a setting that came later is not in the row; its default changes nothing
        measured = row["config"][section]
        assert {name: settings[section].get(name) for name in measured} == measured
