"""Static files: which folders are served, under which names."""

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
    # A module named once with its hash and once without would run twice.
    support_js_module_import_aggregation = True


class Compressed(CompressedManifestStaticFilesStorage):
    """The same, with gzip and brotli copies made beforehand."""

    patterns = _without_source_maps()
    support_js_module_import_aggregation = True


def backend(profile: str) -> str:
    return BACKENDS.get(profile, BACKENDS["production"])


def folders(root: Path) -> list[tuple[str, str]]:
    """Our own folders under their names. What npm installed is for the tests and is never served."""
    return [
        (path.name, str(path))
        for path in sorted(root.glob("*"))
        if path.is_dir() and path.name != "node_modules"
    ]
