package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// keepalives gives each worker (told apart by its random source) a lease and a stream of its own,
// and renews the lease once a call: clientv3 itself would renew it every third of its TTL only.
func keepalives() operation {
	type renewal struct {
		stream pb.Lease_LeaseKeepAliveClient
		id     int64
	}
	var workers sync.Map
	return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
		found, ok := workers.Load(random)
		if !ok {
			lease, err := client.Grant(ctx, 3600)
			if err != nil {
				return err
			}
			leases := pb.NewLeaseClient(client.ActiveConnection())
			stream, err := leases.LeaseKeepAlive(context.Background())
			if err != nil {
				return err
			}
			found = renewal{stream, int64(lease.ID)}
			workers.Store(random, found)
		}
		mine := found.(renewal)
		if err := mine.stream.Send(&pb.LeaseKeepAliveRequest{ID: mine.id}); err != nil {
			return err
		}
		response, err := mine.stream.Recv()
		if err == nil && response.TTL != 3600 {
			return fmt.Errorf("keepalive: TTL %d", response.TTL)
		}
		return err
	}
}
