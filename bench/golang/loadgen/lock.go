package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// locks takes a lock and lets it go again, through the service that etcd has for that. Each worker
// has a lease of its own, and a name of its own unless all share one.
func locks(shared bool) operation {
	var leases sync.Map // by the worker's random source
	return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
		lease, known := leases.Load(random)
		if !known {
			granted, err := client.Grant(ctx, 3600)
			if err != nil {
				return err
			}
			lease = int64(granted.ID)
			leases.Store(random, lease)
		}
		name := "shared"
		if !shared {
			name = fmt.Sprintf("lock/%x", lease)
		}
		request := protowire.AppendTag(nil, 1, protowire.BytesType)
		request = protowire.AppendString(request, name)
		request = protowire.AppendTag(request, 2, protowire.VarintType)
		request = protowire.AppendVarint(request, uint64(lease.(int64)))
		if err := invoke(ctx, client, "/v3lockpb.Lock/Lock", request); err != nil {
			return err
		}
		key := protowire.AppendTag(nil, 1, protowire.BytesType)
		key = protowire.AppendString(key, fmt.Sprintf("%s/%x", name, lease))
		return invoke(ctx, client, "/v3lockpb.Lock/Unlock", key)
	}
}

// invoke makes a call with a message that is encoded already; what is answered is not looked at.
// The messages of Lock are in the server's module, of which a client should not need anything.
func invoke(ctx context.Context, client *clientv3.Client, method string, message []byte) error {
	var answer []byte
	return client.ActiveConnection().Invoke(ctx, method, message, &answer, grpc.ForceCodec(bytesCodec{}))
}

// bytesCodec passes encoded messages on as they are.
type bytesCodec struct{}

func (bytesCodec) Marshal(message any) ([]byte, error) { return message.([]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = data
	return nil
}

func (bytesCodec) Name() string { return "proto" }
