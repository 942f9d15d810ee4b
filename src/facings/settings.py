"""The only reader of environment and settings file. Defaults < facings.toml < environment (FACINGS_…) < flags."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from facings.errors import ConfigInvalid

SETTINGS_FILE = "facings.toml"
_PREFIX = "FACINGS_"


class Settings(BaseSettings):
    """All settings. Unknown keys, in the file or in the environment, are errors."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        toml_file=SETTINGS_FILE,
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
    )

    store: str = Field("facings-store", min_length=1, description="Directory or database URL of the store.")
    photos: Path | None = Field(None, description="Folder of kept photos; needed with a database URL.")
    model: str = Field("", description="Model directory; empty for the one the gallery was made with, else bundled.")
    detector: str = Field(
        "product-detector",
        min_length=1,
        description="'product-detector' (bundled), 'whole-photo' (each photo is one product), or its directory.",
    )
    min_confidence: float | None = Field(
        None, ge=0, le=1, description="Less certain boxes are left out; None for the detector's own limit."
    )
    refuse_bad_photos: bool = Field(False, description="Photos that the photo coach finds fault with are refused.")
    index: Literal["exact", "faiss", "pgvector"] = Field(
        "exact",
        description="How the gallery is searched: 'exact', 'faiss' (large galleries), or 'pgvector' (in the store's "
        "PostgreSQL, for many processes).",
    )
    data: Path | None = Field(None, description="Folder of public data sets, for the demo and the tests.")
    threads: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1), ge=1, le=256, description="Threads of every library."
    )
    top_k: int = Field(5, ge=1, le=100, description="Candidates a crop.")
    max_false_accept: float = Field(
        0.05, gt=0, le=1, description="The share of photos of products that are not enrolled that may be accepted."
    )
    enroll_proposals: bool = Field(
        False,
        description="Crops whose barcode says a product of the catalog are enrolled at once; else they wait for "
        "'facings inbox confirm'.",
    )
    evidence: Literal["ambiguous", "always", "never"] = Field(
        "ambiguous",
        description="When barcodes and sizes are looked for beside the picture, and text with facings[text]: where it "
        "leaves the answer open, at every box, or never.",
    )
    min_crop_px: int = Field(8, ge=1, description="Boxes with a shorter side are too small to be recognized.")
    max_megapixels: float = Field(120.0, gt=0, description="Larger photos are refused.")
    zone: str = Field("UTC", min_length=1, description="Time zone of sites that were not set; an IANA name.")
    currency: str = Field("", max_length=3, description="Currency of sites that were not set; an ISO 4217 code.")
    scan_window_s: int = Field(600, ge=0, le=86_400, description="Photos of a place within so long are one scan.")
    sales_days: int = Field(28, ge=1, le=366, description="Days back that average daily sales are taken from.")
    lead_time_days: float = Field(3.0, ge=0, le=366, description="Days from an order to its delivery.")
    webhook_url: str = Field("", description="Where 'facings inventory notify' sends alerts.")
    webhook_secret: str = Field("", repr=False, description="What these are signed with; the receiver knows it too.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (signature of pydantic-settings)
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(**flags: object) -> Settings:
    """Settings with the flags that were given; a flag that is None was not.

    Raises:
        ConfigInvalid: A key is unknown or a value out of range.
    """
    unknown = [
        name
        for name in os.environ
        if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).lower() not in Settings.model_fields
    ]
    if unknown:
        known = ", ".join(_PREFIX + name.upper() for name in Settings.model_fields)
        raise ConfigInvalid(f"Environment: {unknown[0]} is not a setting; wanted one of {known}.")
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigInvalid(f"Setting {where}: got {first.get('input')!r}; {first['msg']}.") from error
    except ValueError as error:
        raise ConfigInvalid(f"{SETTINGS_FILE}: cannot be read ({error}).") from error
