"""The file by which a browser is opened, without its address in a command line."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from stratos.ui.redirect_file import redirect_file


def test_the_file_leads_to_the_address_is_its_users_alone_and_goes():
    with redirect_file("http://a.localhost:1/enter?token=x&y") as uri:
        assert "token" not in uri
        file = Path(urlsplit(uri).path)
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert 'content="0; url=http://a.localhost:1/enter?token=x&amp;y"' in file.read_text()
    assert not file.parent.exists()
