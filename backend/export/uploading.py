"""To the Hub: a repository, private unless the person said otherwise, with one commit that holds everything."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import HfApi

from backend.errors import ModelError
from backend.hub import credentials
from backend.hub.online.refusals import told


@dataclass(frozen=True)
class Door:
    """`endpoint` None: the public Hub, or the one that HF_ENDPOINT names."""

    endpoint: str | None = field(default_factory=lambda: os.environ.get("HF_ENDPOINT") or None)

    def put(self, folder: Path, hub_id: str, *, private: bool, about: str) -> str:
        """Send every file of the folder; the address of the commit. ModelError for whatever the Hub refuses.

        A repository that exists stays as public or private as it is: a private one is asked for, and checked.
        """
        token = credentials.read()
        if not token:
            raise ModelError("export.no_token")
        api = HfApi(endpoint=self.endpoint, token=token)
        with told(hub_id):
            api.create_repo(hub_id, private=private, exist_ok=True, repo_type="model")
            if private and not api.model_info(hub_id).private:
                raise ModelError("export.public_already", name=hub_id)
            done = api.upload_folder(repo_id=hub_id, folder_path=folder, commit_message=about, repo_type="model")
        return str(done.commit_url)
