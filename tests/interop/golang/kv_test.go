package interop

import (
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/namespace"
)

func TestPutThenGet(t *testing.T) {
	r := enter(t)
	equal(t, "revision of the first put", r.put("a", "1"), 1)
	equal(t, "revision of the second put", r.put("a", "2"), 2)
	resp := r.get("a")
	r.wantKVs(resp.Kvs, "a=2 created+1 modified+2 version2")
	equal(t, "count", resp.Count, 1)
	equal(t, "more", resp.More, false)
}

func TestHeaderNamesClusterMemberAndTerm(t *testing.T) {
	r := enter(t)
	put, err := r.client.Put(r.ctx, r.key("a"), "1")
	must(t, err)
	get := r.get("a")
	if put.Header.ClusterId == 0 || put.Header.MemberId == 0 || put.Header.RaftTerm == 0 {
		t.Errorf("an id or the term is missing: %v", put.Header)
	}
	equal(t, "header", get.Header.String(), put.Header.String())
}

func TestBinaryKeysAndValues(t *testing.T) {
	r := enter(t)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	r.put(string(every), string(every))
	resp := r.get(string(every))
	equal(t, "keys", len(resp.Kvs), 1)
	equal(t, "value", string(resp.Kvs[0].Value), string(every))
}

func TestEmptyValueIsAValue(t *testing.T) {
	r := enter(t)
	r.put("a", "")
	r.wantKVs(r.get("a").Kvs, "a= created+1 modified+1 version1")
}

func TestPutReturnsThePreviousPair(t *testing.T) {
	r := enter(t)
	resp, err := r.client.Put(r.ctx, r.key("a"), "1", clientv3.WithPrevKV())
	must(t, err)
	if resp.PrevKv != nil {
		t.Errorf("a new key has no previous pair, got %v", resp.PrevKv)
	}
	resp, err = r.client.Put(r.ctx, r.key("a"), "2", clientv3.WithPrevKV())
	must(t, err)
	equal(t, "previous", r.show(resp.PrevKv), "a=1 created+1 modified+1 version1")
}

func TestPutIgnoringTheValueKeepsIt(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	_, err := r.client.Put(r.ctx, r.key("a"), "", clientv3.WithIgnoreValue())
	must(t, err)
	_, err = r.client.Put(r.ctx, r.key("a"), "3", clientv3.WithIgnoreLease())
	must(t, err)
	r.wantKVs(r.get("a").Kvs, "a=3 created+1 modified+3 version3")
	r.wantKVs(r.get("a", clientv3.WithRev(r.base+2)).Kvs, "a=1 created+1 modified+2 version2")
}

func TestPutErrors(t *testing.T) {
	r := enter(t)
	put := func(name, value string, opts ...clientv3.OpOption) error {
		_, err := r.client.Put(r.ctx, name, value, opts...)
		return err
	}
	equal(t, "empty key", put("", "v"), rpctypes.ErrEmptyKey)
	equal(t, "unknown lease", put(r.key("a"), "v", clientv3.WithLease(12345)), rpctypes.ErrLeaseNotFound)
	equal(t, "ignored value of no key", put(r.key("a"), "", clientv3.WithIgnoreValue()), rpctypes.ErrKeyNotFound)
	equal(t, "ignored lease of no key", put(r.key("a"), "v", clientv3.WithIgnoreLease()), rpctypes.ErrKeyNotFound)
	equal(t, "ignored value and a value", put(r.key("a"), "v", clientv3.WithIgnoreValue()), rpctypes.ErrValueProvided)
	equal(t, "ignored lease and a lease",
		put(r.key("a"), "v", clientv3.WithIgnoreLease(), clientv3.WithLease(1)), rpctypes.ErrLeaseProvided)
	equal(t, "revisions used", r.get("a").Header.Revision-r.base, 0)
}

func TestEmptyKeyIsRefusedByGetAndDelete(t *testing.T) {
	r := enter(t)
	_, err := r.client.Get(r.ctx, "")
	equal(t, "get", err, rpctypes.ErrEmptyKey)
	_, err = r.client.Delete(r.ctx, "")
	equal(t, "delete", err, rpctypes.ErrEmptyKey)
	_, err = r.client.Txn(r.ctx).Then(clientv3.OpGet("")).Commit()
	equal(t, "transaction", err, rpctypes.ErrEmptyKey)
}

func TestDelete(t *testing.T) {
	r := enter(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		r.put(name, name)
	}
	one, err := r.client.Delete(r.ctx, r.key("a"), clientv3.WithPrevKV())
	must(t, err)
	equal(t, "deleted", one.Deleted, 1)
	equal(t, "revision", one.Header.Revision-r.base, 5)
	r.wantKVs(one.PrevKvs, "a=a created+1 modified+1 version1")

	some, err := r.client.Delete(r.ctx, r.key("b"), clientv3.WithRange(r.key("d")), clientv3.WithPrevKV())
	must(t, err)
	equal(t, "deleted of a range", some.Deleted, 2)
	r.wantKVs(some.PrevKvs, "b=b created+2 modified+2 version1", "c=c created+3 modified+3 version1")

	none, err := r.client.Delete(r.ctx, r.key("a"), clientv3.WithPrevKV())
	must(t, err)
	equal(t, "deleted of nothing", none.Deleted, 0)
	equal(t, "revision after deleting nothing", none.Header.Revision-r.base, 6)
	equal(t, "left", r.names(r.get("", clientv3.WithPrefix()).Kvs), "d")
}

func TestAKeyPutAfterItsDeletionIsNew(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("a", "2")
	_, err := r.client.Delete(r.ctx, r.key("a"))
	must(t, err)
	r.put("a", "4")
	r.wantKVs(r.get("a").Kvs, "a=4 created+4 modified+4 version1")
	r.wantKVs(r.get("a", clientv3.WithRev(r.base+2)).Kvs, "a=2 created+1 modified+2 version2")
	r.wantKVs(r.get("a", clientv3.WithRev(r.base+3)).Kvs)
}

func TestNamespaceHidesItsPrefix(t *testing.T) {
	r := enter(t)
	kv := namespace.NewKV(r.client, r.prefix)
	_, err := kv.Put(r.ctx, "a", "1")
	must(t, err)
	r.put("b", "2")
	resp, err := kv.Get(r.ctx, "", clientv3.WithPrefix())
	must(t, err)
	equal(t, "keys inside", len(resp.Kvs), 2)
	equal(t, "first key inside", string(resp.Kvs[0].Key), "a")
	equal(t, "second key inside", string(resp.Kvs[1].Key), "b")
	txn, err := kv.Txn(r.ctx).
		If(clientv3.Compare(clientv3.Value("a"), "=", "1")).
		Then(clientv3.OpDelete("", clientv3.WithFromKey())).
		Commit()
	must(t, err)
	equal(t, "succeeded", txn.Succeeded, true)
	equal(t, "deleted", txn.Responses[0].GetResponseDeleteRange().Deleted, 2)
	_, err = kv.Put(r.ctx, "", "1")
	equal(t, "empty key", err, rpctypes.ErrEmptyKey)
}
