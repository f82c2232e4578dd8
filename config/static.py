"""Static files: our own folders, and the browser packages that npm put beside them."""

import json
from pathlib import Path

from django.contrib.staticfiles.storage import ManifestFilesMixin, ManifestStaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
BACKENDS = {"test": PLAIN, "demo": "config.static.NamedByContent", "production": "config.static.Compressed"}


def _without_source_maps() -> tuple[object, ...]:
    """Django's patterns for names inside CSS and JS, but for source maps, which packages often leave out."""
    return tuple(
        (extension, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for extension, rules in ManifestFilesMixin.patterns
    )


class NamedByContent(ManifestStaticFilesStorage):
    """Names carry a hash, so that browsers may keep files for ever."""

    patterns = _without_source_maps()


class Compressed(CompressedManifestStaticFilesStorage):
    """The same, with gzip and brotli copies made beforehand."""

    patterns = _without_source_maps()


def backend(profile: str) -> str:
    return BACKENDS.get(profile, BACKENDS["production"])


def folders(root: Path) -> list[tuple[str, str] | str]:
    """Our own folders under their names, and of each installed package what `static/package.json` says.

    ``"served": {"package": "folder"}`` there puts that folder of the package at /static/packages/package/.
    """
    own = [(path.name, str(path)) for path in sorted(root.glob("*")) if path.is_dir() and path.name != "node_modules"]
    return [*own, *_packages(root)]


def _packages(root: Path) -> list[tuple[str, str]]:
    manifest = root / "package.json"
    if not manifest.exists():
        return []
    served: dict[str, str] = json.loads(manifest.read_text()).get("served", {})
    found = [(name, root / "node_modules" / name / folder) for name, folder in served.items()]
    return [(f"packages/{name}", str(folder)) for name, folder in found if folder.is_dir()]
