"""Lets `python -m queue_telemetry.cli` stand in for the installed command."""

import sys

from queue_telemetry.cli import main

sys.exit(main())
