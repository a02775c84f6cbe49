"""OpenTelemetry, both ways: `export_otlp` and `import_otlp`."""

from memtrace.interchange.otlp.exporting import export_otlp
from memtrace.interchange.otlp.importing import import_otlp

__all__ = ["export_otlp", "import_otlp"]
