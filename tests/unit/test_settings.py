"""Settings: defaults < file < environment < flags, and whatever is unknown is an error."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from facings.errors import ConfigInvalid
from facings.settings import SETTINGS_FILE, Settings, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("FACINGS_")]:
        monkeypatch.delenv(name)
    return tmp_path


def test_defaults() -> None:
    settings = load_settings()

    assert (settings.store, settings.photos, settings.model) == ("facings-store", None, "")
    assert settings.top_k == 5
    assert (settings.detector, settings.min_confidence, settings.refuse_bad_photos) == ("product-detector", None, False)
    assert 1 <= settings.threads <= 4


def test_flags_beat_the_environment_which_beats_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / SETTINGS_FILE).write_text('store = "file"\nmodel = "file"\ntop_k = 7\n')
    monkeypatch.setenv("FACINGS_STORE", "environment")
    monkeypatch.setenv("FACINGS_MODEL", "environment")

    settings = load_settings(store="flag", model=None, photos=Path("photos"))

    assert (settings.store, settings.model, settings.top_k) == ("flag", "environment", 7)
    assert settings.photos == Path("photos")
    assert settings.max_false_accept == Settings.model_fields["max_false_accept"].default


def test_a_flag_that_is_none_was_not_given(folder: Path) -> None:
    (folder / SETTINGS_FILE).write_text("top_k = 7\n")

    assert load_settings(top_k=None).top_k == 7
    assert load_settings(min_confidence=0.0, top_k=1).min_confidence == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("top_kk = 7\n", "Setting top_kk: got 7", id="unknown key"),
        pytest.param("[store]\npath = 'x'\n", "Setting store: got", id="a table where a text belongs"),
        pytest.param("top_k = \n", "facings.toml: cannot be read", id="no TOML"),
        pytest.param("top_k = 1\ntop_k = 2\n", "facings.toml: cannot be read", id="a key twice"),
    ],
)
def test_a_wrong_settings_file(text: str, words: str, folder: Path) -> None:
    (folder / SETTINGS_FILE).write_text(text)

    with pytest.raises(ConfigInvalid, match=words):
        load_settings()


def test_a_settings_file_in_another_encoding(folder: Path) -> None:
    (folder / SETTINGS_FILE).write_bytes('store = "lager-süd"\n'.encode("latin-1"))

    with pytest.raises(ConfigInvalid, match=r"facings\.toml: cannot be read"):
        load_settings()


def test_an_unknown_variable_is_named_with_those_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_STOER", "x")

    with pytest.raises(ConfigInvalid, match=r"FACINGS_STOER is not a setting; wanted one of FACINGS_STORE, "):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", "0"),
        ("threads", "many"),
        ("top_k", "101"),
        ("max_false_accept", "0"),
        ("max_false_accept", "1.01"),
        ("max_false_accept", "nan"),
        ("min_crop_px", "0"),
        ("max_megapixels", "0"),
        ("min_confidence", "1.01"),
        ("min_confidence", "-0.1"),
        ("refuse_bad_photos", "perhaps"),
    ],
)
def test_values_out_of_range_are_refused_from_environment_and_flag(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigInvalid, match=f"Setting {name}: got '{value}'"):
        load_settings(**{name: value})
    monkeypatch.setenv(f"FACINGS_{name.upper()}", value)
    with pytest.raises(ConfigInvalid, match=f"Setting {name}: got '{value}'"):
        load_settings()


def test_an_empty_variable_is_not_set_and_an_empty_flag_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACINGS_STORE", "")
    monkeypatch.setenv("FACINGS_PHOTOS", "")
    assert (load_settings().store, load_settings().photos) == ("facings-store", None)
    for name in ("store", "detector"):
        with pytest.raises(ConfigInvalid, match=f"Setting {name}: got ''"):
            load_settings(**{name: ""})


def test_detection_is_set_by_file_environment_and_flag(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / SETTINGS_FILE).write_text('detector = "whole-photo"\nmin_confidence = 0.25\nrefuse_bad_photos = true\n')
    found = load_settings()
    assert (found.detector, found.min_confidence, found.refuse_bad_photos) == ("whole-photo", 0.25, True)
    monkeypatch.setenv("FACINGS_DETECTOR", "mine")
    monkeypatch.setenv("FACINGS_REFUSE_BAD_PHOTOS", "false")
    found = load_settings(min_confidence=0.5)
    assert (found.detector, found.min_confidence, found.refuse_bad_photos) == ("mine", 0.5, False)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="Setting colour"):
        load_settings(colour="red")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().top_k = 3
