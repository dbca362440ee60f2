"""WSGI entry: any WSGI server runs `app:app`, given COMMENTS_REDIS_URL (see config/default.toml)."""

import os
import sys

from comments import create_app, keys, settings
from comments.errors import CommentsError
from comments.installation import known
from comments.settings import SettingsFault

try:
    _settings = settings.load(os.environ)
    if not _settings.store.redis_url:
        raise SettingsFault(["COMMENTS_REDIS_URL: is not set; only `comments serve` brings a store of its own"])
    app = create_app(known(_settings), keys.load(_settings, create=False))
except (SettingsFault, CommentsError) as fault:
    print(fault, file=sys.stderr)
    sys.exit(2)
