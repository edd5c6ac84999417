"""`python -m fake_etcd`: the dev server."""

import sys

from fake_etcd.cli.main import main

sys.exit(main())
