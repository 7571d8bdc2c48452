"""graphite-web's own settings: it reads whisper's files only, never what carbon still has in memory."""

import os

FOLDER = os.environ["GRAPHITE_STORAGE_DIR"]
SECRET_KEY = "made up"
ALLOWED_HOSTS = ["127.0.0.1"]
TIME_ZONE = "UTC"
DATA_DIRS = [f"{FOLDER}/whisper"]
LOG_DIR = FOLDER
LOG_ROTATION = False
CARBONLINK_HOSTS: list[str] = []
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{FOLDER}/tags.db"}}
TAGDB = "graphite.tags.localdatabase.LocalDatabaseTagDB"
