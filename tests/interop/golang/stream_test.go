package interop

import (
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// stream asks for a range as a stream and gives its chunks and how it ended.
func (r *room) stream(name string, opts ...clientv3.OpOption) ([]clientv3.RangeStreamResponse, error) {
	r.Helper()
	channel, err := r.client.GetStream(r.ctx, name, opts...)
	must(r.T, err)
	var chunks []clientv3.RangeStreamResponse
	for chunk := range channel {
		if chunk.Err() != nil {
			return chunks, chunk.Err()
		}
		chunks = append(chunks, chunk)
	}
	return chunks, nil
}

func (r *room) fill(n int) {
	r.Helper()
	var ops []clientv3.Op
	for i := range n {
		ops = append(ops, clientv3.OpPut(r.key(fmt.Sprintf("%04d", i)), fmt.Sprint(i)))
		if len(ops) == 100 || i == n-1 {
			_, err := r.client.Txn(r.ctx).Then(ops...).Commit()
			must(r.T, err)
			ops = nil
		}
	}
}

func TestAStreamedRangeSaysWhatAGetSays(t *testing.T) {
	r := enter(t)
	r.fill(500)
	for name, options := range map[string][]clientv3.OpOption{
		"prefix":             {clientv3.WithPrefix()},
		"limit":              {clientv3.WithPrefix(), clientv3.WithLimit(57)},
		"limit of one chunk": {clientv3.WithPrefix(), clientv3.WithLimit(3)},
		"keys only":          {clientv3.WithPrefix(), clientv3.WithKeysOnly()},
		"count only":         {clientv3.WithPrefix(), clientv3.WithCountOnly()},
		"old revision":       {clientv3.WithPrefix(), clientv3.WithRev(r.base + 2)},
		"serializable":       {clientv3.WithPrefix(), clientv3.WithSerializable()},
		"nothing":            {clientv3.WithRange(r.key("0"))},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := r.client.Get(r.ctx, r.prefix, options...)
			must(t, err)
			channel, err := r.client.GetStream(r.ctx, r.prefix, options...)
			must(t, err)
			got, err := clientv3.GetStreamToGetResponse(channel)
			must(t, err)
			equal(t, "key-values", strings.Join(r.showAll(got.Kvs), "\n"), strings.Join(r.showAll(want.Kvs), "\n"))
			equal(t, "count", got.Count, want.Count)
			equal(t, "more", got.More, want.More)
			equal(t, "header", got.Header.String(), want.Header.String())
		})
	}
}

func TestChunksOfAStream(t *testing.T) {
	r := enter(t)
	r.fill(500)
	chunks, err := r.stream(r.prefix, clientv3.WithPrefix())
	must(t, err)
	var sizes []string
	for i, chunk := range chunks {
		sizes = append(sizes, fmt.Sprint(len(chunk.Kvs)))
		last := i == len(chunks)-1
		equal(t, "has a header", chunk.Header != nil, last)
		equal(t, "has a count", chunk.Count != 0, last)
	}
	equal(t, "sizes of the chunks", strings.Join(sizes, " "), "10 20 40 80 160 190")
}

func TestErrorsOfAStream(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("a", "2")
	_, err := r.client.Compact(r.ctx, r.base+2)
	must(t, err)
	_, err = r.stream(r.key("a"), clientv3.WithRev(r.base+1))
	equal(t, "compacted", err, rpctypes.ErrCompacted)
	_, err = r.stream(r.key("a"), clientv3.WithRev(r.base+3))
	equal(t, "to come", err, rpctypes.ErrFutureRev)
	_, err = r.stream("")
	equal(t, "empty key", err, rpctypes.ErrEmptyKey)
	for name, option := range map[string]clientv3.OpOption{
		"sorted by value":     clientv3.WithSort(clientv3.SortByValue, clientv3.SortAscend),
		"descending":          clientv3.WithSort(clientv3.SortByKey, clientv3.SortDescend),
		"bounded by revision": clientv3.WithMinModRev(1),
	} {
		_, err = r.stream(r.prefix, clientv3.WithPrefix(), option)
		equal(t, name, status.Code(err), codes.Unimplemented)
	}
}
