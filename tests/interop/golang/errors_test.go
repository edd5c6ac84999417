package interop

import (
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
)

func TestCompactionEndsThePast(t *testing.T) {
	for name, options := range map[string][]clientv3.CompactOption{
		"logical": nil, "physical": {clientv3.WithCompactPhysical()},
	} {
		t.Run(name, func(t *testing.T) {
			r := enter(t)
			for _, value := range []string{"1", "2", "3", "4"} {
				r.put("a", value)
			}
			resp, err := r.client.Compact(r.ctx, r.base+3, options...)
			must(t, err)
			equal(t, "revision of the answer", resp.Header.Revision-r.base, 4)

			_, err = r.client.Get(r.ctx, r.key("a"), clientv3.WithRev(r.base+2))
			equal(t, "a read before it", err, rpctypes.ErrCompacted)
			r.wantKVs(r.get("a", clientv3.WithRev(r.base+3)).Kvs, "a=3 created+1 modified+3 version3")
			r.wantKVs(r.get("a").Kvs, "a=4 created+1 modified+4 version4")

			_, err = r.client.Compact(r.ctx, r.base+3)
			equal(t, "the same again", err, rpctypes.ErrCompacted)
			_, err = r.client.Compact(r.ctx, r.base+2)
			equal(t, "an older one", err, rpctypes.ErrCompacted)
			_, err = r.client.Compact(r.ctx, r.base+5)
			equal(t, "one to come", err, rpctypes.ErrFutureRev)
		})
	}
}

func TestFutureRevisionsAreRefused(t *testing.T) {
	r := enter(t)
	_, err := r.client.Get(r.ctx, r.key("a"), clientv3.WithRev(r.base+1))
	equal(t, "get", err, rpctypes.ErrFutureRev)
	r.put("a", "1")
	r.wantKVs(r.get("a", clientv3.WithRev(r.base+1)).Kvs, "a=1 created+1 modified+1 version1")
}

func TestErrorsAreEtcdErrorsWithTheirCode(t *testing.T) {
	r := enter(t)
	_, err := r.client.Get(r.ctx, r.key("a"), clientv3.WithRev(r.base+1))
	if !errors.Is(err, rpctypes.ErrFutureRev) {
		t.Errorf("errors.Is: %v", err)
	}
	var typed rpctypes.EtcdError
	if !errors.As(err, &typed) {
		t.Fatalf("errors.As: %v is a %T", err, err)
	}
	equal(t, "code", typed.Code(), codes.OutOfRange)
	equal(t, "text", typed.Error(), "etcdserver: mvcc: required revision is a future revision")
}
