"""Lambda: functions as processes, behind moto's own API."""
