"""The machine below every service: processes, files, logs, and how moto is patched."""
