"""Users and roles; see `core.auth`.

>>> from fake_etcd.clientv3 import Client, Config
>>> from fake_etcd.testing import FakeEtcd
>>> with FakeEtcd() as etcd, Client(Config(endpoints=etcd.endpoints)) as cli:
...     _ = cli.role_add("reader")
...     _ = cli.role_grant_permission("reader", "config/", "config0", "read")
...     _ = cli.user_add("alice", "a password")
...     _ = cli.user_grant_role("alice", "reader")
...     cli.user_list_all()
[User(name='alice', roles=('reader',))]
"""

from __future__ import annotations

from fake_etcd.clientv3.blocking import blocking
from fake_etcd.clientv3.core import auth
from fake_etcd.clientv3.core.auth import str_to_permission_type

__all__ = ["Auth", "str_to_permission_type"]


class Auth:
    """Users and roles; see `core.auth.Auth`."""

    def __init__(self, core: auth.Auth) -> None:
        self._core = core

    authenticate = blocking(auth.Auth.authenticate)
    auth_enable = blocking(auth.Auth.auth_enable)
    auth_disable = blocking(auth.Auth.auth_disable)
    auth_status = blocking(auth.Auth.auth_status)
    user_add = blocking(auth.Auth.user_add)
    user_delete = blocking(auth.Auth.user_delete)
    user_change_password = blocking(auth.Auth.user_change_password)
    user_grant_role = blocking(auth.Auth.user_grant_role)
    user_revoke_role = blocking(auth.Auth.user_revoke_role)
    user_get = blocking(auth.Auth.user_get)
    user_list = blocking(auth.Auth.user_list)
    user_list_all = blocking(auth.Auth.user_list_all)
    role_add = blocking(auth.Auth.role_add)
    role_grant_permission = blocking(auth.Auth.role_grant_permission)
    role_revoke_permission = blocking(auth.Auth.role_revoke_permission)
    role_get = blocking(auth.Auth.role_get)
    role_list = blocking(auth.Auth.role_list)
    role_list_all = blocking(auth.Auth.role_list_all)
    role_delete = blocking(auth.Auth.role_delete)
