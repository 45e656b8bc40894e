"""Copies an archive from the bucket to a folder: `python download.py PREFIX FOLDER`."""
from __future__ import annotations

import os
import sys

import pyarrow.fs


def main(prefix: str, folder: str) -> None:
    store = pyarrow.fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"], force_virtual_addressing=False)
    pyarrow.fs.copy_files(f"{os.environ['KIVEND_STORE__BUCKET']}/{prefix}", folder, store, pyarrow.fs.LocalFileSystem())


if __name__ == "__main__":
    main(*sys.argv[1:])
