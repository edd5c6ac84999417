// Prints what the Go client sends for each of its operations, as JSON: a name
// to the message's bytes in hexadecimal.
//
// Nothing is sent: the clients below stand where the connection would be.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

type keeper struct {
	pb.KVClient
	kept proto.Message
}

func (k *keeper) Range(_ context.Context, in *pb.RangeRequest, _ ...grpc.CallOption) (*pb.RangeResponse, error) {
	k.kept = in
	return &pb.RangeResponse{}, nil
}

func (k *keeper) Put(_ context.Context, in *pb.PutRequest, _ ...grpc.CallOption) (*pb.PutResponse, error) {
	k.kept = in
	return &pb.PutResponse{}, nil
}

func (k *keeper) DeleteRange(_ context.Context, in *pb.DeleteRangeRequest, _ ...grpc.CallOption) (*pb.DeleteRangeResponse, error) {
	k.kept = in
	return &pb.DeleteRangeResponse{}, nil
}

func (k *keeper) Txn(_ context.Context, in *pb.TxnRequest, _ ...grpc.CallOption) (*pb.TxnResponse, error) {
	k.kept = in
	return &pb.TxnResponse{}, nil
}

func (k *keeper) Compact(_ context.Context, in *pb.CompactionRequest, _ ...grpc.CallOption) (*pb.CompactionResponse, error) {
	k.kept = in
	return &pb.CompactionResponse{}, nil
}

type watchKeeper struct{ kept chan proto.Message }

type keptStream struct {
	grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse]
	ctx  context.Context
	kept chan proto.Message
}

func (w watchKeeper) Watch(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse], error) {
	return &keptStream{ctx: ctx, kept: w.kept}, nil
}

func (s *keptStream) Send(in *pb.WatchRequest) error {
	s.kept <- in
	return nil
}

func (s *keptStream) Recv() (*pb.WatchResponse, error) {
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}

func (s *keptStream) CloseSend() error { return nil }

type options = []clientv3.OpOption

func with(each ...clientv3.OpOption) options { return each }

func get(key string, opts ...clientv3.OpOption) clientv3.Op { return clientv3.OpGet(key, opts...) }
func put(key, v string, opts ...clientv3.OpOption) clientv3.Op {
	return clientv3.OpPut(key, v, opts...)
}
func del(key string, opts ...clientv3.OpOption) clientv3.Op { return clientv3.OpDelete(key, opts...) }

func cmp(c clientv3.Cmp, result string, v any) clientv3.Op {
	return clientv3.OpTxn([]clientv3.Cmp{clientv3.Compare(c, result, v)}, nil, nil)
}

func operations() map[string]clientv3.Op {
	prefix, fromKey := clientv3.WithPrefix(), clientv3.WithFromKey()
	ops := map[string]clientv3.Op{
		"get":                 get("k"),
		"get empty":           get(""),
		"get prefix":          get("foo", prefix),
		"get prefix empty":    get("", prefix),
		"get prefix ff":       get("a\xff\xff", prefix),
		"get prefix all ff":   get("\xff\xff", prefix),
		"get prefix ff inner": get("a\xffb\xff", prefix),
		"get range":           get("a", clientv3.WithRange("b")),
		"get range empty":     get("a", clientv3.WithRange("")),
		"get from key":        get("a", fromKey),
		"get from key empty":  get("", fromKey),
		"get limit":           get("a", clientv3.WithLimit(7)),
		"get limit negative":  get("a", clientv3.WithLimit(-1)),
		"get rev":             get("a", clientv3.WithRev(1<<62)),
		"get serializable":    get("a", clientv3.WithSerializable()),
		"get keys only":       get("a", clientv3.WithKeysOnly()),
		"get count only":      get("a", clientv3.WithCountOnly()),
		"get min mod":         get("a", clientv3.WithMinModRev(2)),
		"get max mod":         get("a", clientv3.WithMaxModRev(3)),
		"get min create":      get("a", clientv3.WithMinCreateRev(4)),
		"get max create":      get("a", clientv3.WithMaxCreateRev(5)),
		"get first create":    get("a", clientv3.WithFirstCreate()...),
		"get last create":     get("a", clientv3.WithLastCreate()...),
		"get first key":       get("a", clientv3.WithFirstKey()...),
		"get last key":        get("a", clientv3.WithLastKey()...),
		"get first rev":       get("a", clientv3.WithFirstRev()...),
		"get last rev":        get("a", clientv3.WithLastRev()...),
		"get last rev empty":  get("", clientv3.WithLastRev()...),
		"get all": get("a", clientv3.WithRange("b"), clientv3.WithLimit(1), clientv3.WithRev(2),
			clientv3.WithSort(clientv3.SortByValue, clientv3.SortDescend), clientv3.WithSerializable(),
			clientv3.WithKeysOnly(), clientv3.WithCountOnly(), clientv3.WithMinModRev(3),
			clientv3.WithMaxModRev(4), clientv3.WithMinCreateRev(5), clientv3.WithMaxCreateRev(6)),

		"put":              put("k", "v"),
		"put empty":        put("", ""),
		"put utf-8":        put("ключ", "значение"),
		"put lease":        put("k", "v", clientv3.WithLease(0x1234567890abcdef)),
		"put prev kv":      put("k", "v", clientv3.WithPrevKV()),
		"put ignore value": put("k", "", clientv3.WithIgnoreValue()),
		"put ignore lease": put("k", "v", clientv3.WithIgnoreLease()),

		"delete":              del("k"),
		"delete prefix":       del("k", prefix),
		"delete prefix empty": del("", prefix),
		"delete range":        del("a", clientv3.WithRange("b")),
		"delete from key":     del("", fromKey),
		"delete prev kv":      del("k", clientv3.WithPrevKV()),

		"txn empty": clientv3.OpTxn(nil, nil, nil),
		"txn gets":  clientv3.OpTxn(nil, []clientv3.Op{get("a")}, []clientv3.Op{get("b", prefix)}),
		"txn nested": clientv3.OpTxn(
			[]clientv3.Cmp{
				clientv3.Compare(clientv3.Value("a"), "=", "x"),
				clientv3.Compare(clientv3.Version("b"), ">", 0),
			},
			[]clientv3.Op{
				put("a", "y", clientv3.WithPrevKV()),
				clientv3.OpTxn(nil, []clientv3.Op{del("c", prefix)}, nil),
			},
			[]clientv3.Op{get("a", clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortAscend))},
		),

		"cmp value":        cmp(clientv3.Value("k"), "=", "v"),
		"cmp value empty":  cmp(clientv3.Value("k"), "!=", ""),
		"cmp version":      cmp(clientv3.Version("k"), "=", 0),
		"cmp create":       cmp(clientv3.CreateRevision("k"), "<", 5),
		"cmp mod":          cmp(clientv3.ModRevision("k"), ">", int64(-1)),
		"cmp lease":        cmp(clientv3.LeaseValue("k"), "!=", clientv3.NoLease),
		"cmp lease id":     cmp(clientv3.LeaseValue("k"), "=", clientv3.LeaseID(1<<62)),
		"cmp range":        cmp(clientv3.Version("a").WithRange("b"), "=", 1),
		"cmp prefix":       cmp(clientv3.Value("a\xff").WithPrefix(), "=", "v"),
		"cmp prefix empty": cmp(clientv3.Value("").WithPrefix(), "=", "v"),
	}
	targets := map[string]clientv3.SortTarget{
		"key": clientv3.SortByKey, "version": clientv3.SortByVersion,
		"create": clientv3.SortByCreateRevision, "mod": clientv3.SortByModRevision,
		"value": clientv3.SortByValue,
	}
	orders := map[string]clientv3.SortOrder{
		"none": clientv3.SortNone, "ascend": clientv3.SortAscend, "descend": clientv3.SortDescend,
	}
	for target, by := range targets {
		for order, direction := range orders {
			ops["get sort "+target+" "+order] = get("a", prefix, clientv3.WithSort(by, direction))
		}
	}
	return ops
}

func watches() map[string]options {
	return map[string]options{
		"watch":               with(),
		"watch prefix":        with(clientv3.WithPrefix()),
		"watch range":         with(clientv3.WithRange("z")),
		"watch from key":      with(clientv3.WithFromKey()),
		"watch rev":           with(clientv3.WithRev(9)),
		"watch prev kv":       with(clientv3.WithPrevKV()),
		"watch progress":      with(clientv3.WithProgressNotify()),
		"watch created":       with(clientv3.WithCreatedNotify()),
		"watch filter put":    with(clientv3.WithFilterPut()),
		"watch filter delete": with(clientv3.WithFilterDelete()),
		"watch filters":       with(clientv3.WithFilterDelete(), clientv3.WithFilterPut()),
		"watch fragment":      with(clientv3.WithFragment()),
	}
}

func main() {
	kept := map[string]string{}
	keep := func(name string, message proto.Message) {
		encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			panic(err)
		}
		kept[name] = hex.EncodeToString(encoded)
	}

	remote := &keeper{}
	kv := clientv3.NewKVFromKVClient(remote, nil)
	for name, op := range operations() {
		if _, err := kv.Do(context.Background(), op); err != nil {
			panic(err)
		}
		keep(name, remote.kept)
	}
	for name, opts := range map[string][]clientv3.CompactOption{
		"compact": nil, "compact physical": {clientv3.WithCompactPhysical()},
	} {
		if _, err := kv.Compact(context.Background(), 11, opts...); err != nil {
			panic(err)
		}
		keep(name, remote.kept)
	}
	for name, opts := range watches() {
		stream := watchKeeper{kept: make(chan proto.Message)}
		go clientv3.NewWatchFromWatchClient(stream, nil).Watch(context.Background(), "k", opts...)
		keep(name, <-stream.kept)
	}

	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", " ")
	if err := out.Encode(kept); err != nil {
		panic(err)
	}
}
