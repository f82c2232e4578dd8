"""Static files: which folders are served, under which names."""

from pathlib import Path

from django.contrib.staticfiles.storage import ManifestFilesMixin, ManifestStaticFilesStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
BACKENDS = {"test": PLAIN, "demo": "config.static.NamedByContent", "production": "config.static.Compressed"}
# Packages leave source maps out, and write import() in comments on types.
NOT_FOLLOWED = ("sourceMappingURL", r"import\(")


def _followed(extension: str, rules: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    """Django's patterns for names inside files of one kind, but for NOT_FOLLOWED."""
    return extension, tuple(
        rule for rule in rules if not any(word in _pattern(rule) for word in NOT_FOLLOWED)
    )


def _pattern(rule: object) -> str:
    """A rule is a pattern, or a pattern and what replaces it."""
    return str(rule[0] if isinstance(rule, tuple) else rule)


class Followed(ManifestFilesMixin):
    """Which names inside our files are given a hash too."""

    patterns = tuple(_followed(*pattern) for pattern in ManifestFilesMixin.patterns)
    # A module named once with its hash and once without would run twice.
    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = _followed(
        *ManifestFilesMixin._js_module_import_aggregation_patterns  # type: ignore[attr-defined]
    )


class NamedByContent(Followed, ManifestStaticFilesStorage):  # type: ignore[misc]
    """Names carry a hash, so that browsers may keep files for ever."""


class Compressed(Followed, CompressedManifestStaticFilesStorage):
    """The same, with gzip and brotli copies made beforehand."""


def backend(profile: str) -> str:
    return BACKENDS.get(profile, BACKENDS["production"])


def folders(root: Path) -> list[tuple[str, str]]:
    """Our own folders under their names. What npm installed is for the tests and is never served."""
    return [
        (path.name, str(path))
        for path in sorted(root.glob("*"))
        if path.is_dir() and path.name != "node_modules"
    ]
