"""OpenTelemetry, both ways: `export_otlp` and `import_otlp`."""

from memtrace.interchange.otlp_export import export_otlp
from memtrace.interchange.otlp_import import import_otlp

__all__ = ["export_otlp", "import_otlp"]
