"""Users and roles; see `core.auth`."""

from fake_etcd.clientv3.core.auth import Auth, str_to_permission_type

__all__ = ["Auth", "str_to_permission_type"]
