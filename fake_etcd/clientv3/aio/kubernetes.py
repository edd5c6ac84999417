"""What Kubernetes asks of etcd; see `core.kubernetes`."""

from fake_etcd.clientv3.core.kubernetes import (
    Kubernetes,
    KubernetesGetResponse,
    KubernetesListResponse,
    OptimisticResponse,
)

__all__ = ["Kubernetes", "KubernetesGetResponse", "KubernetesListResponse", "OptimisticResponse"]
