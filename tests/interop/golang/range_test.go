package interop

import (
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// enterFour leaves four keys whose order differs with every sort target:
//
//	key value created modified version
//	a   30    +1      +6       2
//	b   20    +2      +2       1
//	c   10    +3      +7       3
//	d   20    +4      +4       1
func enterFour(t *testing.T) *room {
	r := enter(t)
	r.put("a", "00")
	r.put("b", "20")
	r.put("c", "00")
	r.put("d", "20")
	r.put("c", "00")
	r.put("a", "30")
	r.put("c", "10")
	return r
}

func TestSortByEveryTargetInEveryOrder(t *testing.T) {
	r := enterFour(t)
	for _, row := range []struct {
		target clientv3.SortTarget
		order  clientv3.SortOrder
		want   string
	}{
		{clientv3.SortByKey, clientv3.SortNone, "a b c d"},
		{clientv3.SortByKey, clientv3.SortAscend, "a b c d"},
		{clientv3.SortByKey, clientv3.SortDescend, "d c b a"},
		{clientv3.SortByValue, clientv3.SortNone, "c b d a"},
		{clientv3.SortByValue, clientv3.SortAscend, "c b d a"},
		{clientv3.SortByValue, clientv3.SortDescend, "a b d c"},
		{clientv3.SortByVersion, clientv3.SortNone, "b d a c"},
		{clientv3.SortByVersion, clientv3.SortAscend, "b d a c"},
		{clientv3.SortByVersion, clientv3.SortDescend, "c a b d"},
		{clientv3.SortByCreateRevision, clientv3.SortNone, "a b c d"},
		{clientv3.SortByCreateRevision, clientv3.SortAscend, "a b c d"},
		{clientv3.SortByCreateRevision, clientv3.SortDescend, "d c b a"},
		{clientv3.SortByModRevision, clientv3.SortNone, "b d a c"},
		{clientv3.SortByModRevision, clientv3.SortAscend, "b d a c"},
		{clientv3.SortByModRevision, clientv3.SortDescend, "c a d b"},
	} {
		resp := r.get("", clientv3.WithPrefix(), clientv3.WithSort(row.target, row.order))
		if got := r.names(resp.Kvs); got != row.want {
			t.Errorf("target %v order %v: got %s, want %s", row.target, row.order, got, row.want)
		}
	}
}

func TestLimitTellsWhetherThereIsMoreAndTheFullCount(t *testing.T) {
	r := enterFour(t)
	for _, row := range []struct {
		limit int64
		names string
		more  bool
	}{{0, "a b c d", false}, {1, "a", true}, {3, "a b c", true}, {4, "a b c d", false}, {9, "a b c d", false}} {
		resp := r.get("", clientv3.WithPrefix(), clientv3.WithLimit(row.limit))
		equal(t, "names", r.names(resp.Kvs), row.names)
		equal(t, "more", resp.More, row.more)
		equal(t, "count", resp.Count, 4)
	}
	sorted := r.get("", clientv3.WithPrefix(), clientv3.WithLimit(2),
		clientv3.WithSort(clientv3.SortByModRevision, clientv3.SortDescend))
	equal(t, "the two newest", r.names(sorted.Kvs), "c a")
	equal(t, "more", sorted.More, true)
	equal(t, "count", sorted.Count, 4)
}

func TestKeysOnlyLeavesOutTheValues(t *testing.T) {
	r := enterFour(t)
	resp := r.get("", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	r.wantKVs(resp.Kvs,
		"a= created+1 modified+6 version2", "b= created+2 modified+2 version1",
		"c= created+3 modified+7 version3", "d= created+4 modified+4 version1")
}

func TestCountOnlyCounts(t *testing.T) {
	r := enterFour(t)
	resp := r.get("", clientv3.WithPrefix(), clientv3.WithCountOnly())
	equal(t, "count", resp.Count, 4)
	equal(t, "key-values", len(resp.Kvs), 0)
	equal(t, "more", resp.More, false)
}

func TestRangesAreHalfOpen(t *testing.T) {
	r := enterFour(t)
	equal(t, "b to d", r.names(r.get("b", clientv3.WithRange(r.key("d"))).Kvs), "b c")
	equal(t, "b to b", r.names(r.get("b", clientv3.WithRange(r.key("b"))).Kvs), "")
	equal(t, "d to b", r.names(r.get("d", clientv3.WithRange(r.key("b"))).Kvs), "")
	equal(t, "prefix", r.names(r.get("", clientv3.WithPrefix()).Kvs), "a b c d")
	fromKey := r.get("c", clientv3.WithFromKey(), clientv3.WithLimit(2))
	equal(t, "from c on", r.names(fromKey.Kvs), "c d")
}

func TestTheEmptyPrefixIsEverything(t *testing.T) {
	r := enterFour(t)
	everything, err := r.client.Get(r.ctx, "", clientv3.WithPrefix(), clientv3.WithCountOnly())
	must(t, err)
	fromZero, err := r.client.Get(r.ctx, "\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	must(t, err)
	equal(t, "count", everything.Count, fromZero.Count)
	if everything.Count < 4 {
		t.Errorf("count: %d is less than this test wrote", everything.Count)
	}
}

func TestRevisionBounds(t *testing.T) {
	r := enterFour(t)
	for _, row := range []struct {
		option clientv3.OpOption
		want   string
	}{
		{clientv3.WithMinModRev(r.base + 6), "a c"},
		{clientv3.WithMaxModRev(r.base + 4), "b d"},
		{clientv3.WithMinCreateRev(r.base + 3), "c d"},
		{clientv3.WithMaxCreateRev(r.base + 2), "a b"},
	} {
		resp := r.get("", clientv3.WithPrefix(), row.option)
		equal(t, "names", r.names(resp.Kvs), row.want)
		equal(t, "count", resp.Count, 4)
	}
}

func TestReadsOfThePast(t *testing.T) {
	r := enterFour(t)
	resp := r.get("", clientv3.WithPrefix(), clientv3.WithRev(r.base+3))
	r.wantKVs(resp.Kvs, "a=00 created+1 modified+1 version1",
		"b=20 created+2 modified+2 version1", "c=00 created+3 modified+3 version1")
	equal(t, "revision of the header", resp.Header.Revision-r.base, 7)
	equal(t, "count", resp.Count, 3)
}

func TestSerializableReadsSeeTheSame(t *testing.T) {
	r := enterFour(t)
	r.wantKVs(r.get("b", clientv3.WithSerializable()).Kvs, "b=20 created+2 modified+2 version1")
}

func TestConvenienceOptions(t *testing.T) {
	r := enterFour(t)
	for name, row := range map[string]struct {
		options []clientv3.OpOption
		want    string
	}{
		"first created": {clientv3.WithFirstCreate(), "a"}, "last created": {clientv3.WithLastCreate(), "d"},
		"first key": {clientv3.WithFirstKey(), "a"}, "last key": {clientv3.WithLastKey(), "d"},
		"first modified": {clientv3.WithFirstRev(), "b"}, "last modified": {clientv3.WithLastRev(), "c"},
	} {
		equal(t, name, r.names(r.get("", row.options...).Kvs), row.want)
	}
}

func TestInvalidSortOrderIsRefused(t *testing.T) {
	r := enter(t)
	_, err := r.client.Get(r.ctx, r.key("a"), clientv3.WithSort(clientv3.SortByKey, clientv3.SortOrder(9)))
	equal(t, "order", err, rpctypes.ErrInvalidSortOption)
	_, err = r.client.Get(r.ctx, r.key("a"), clientv3.WithSort(clientv3.SortTarget(9), clientv3.SortAscend))
	equal(t, "target", err, rpctypes.ErrInvalidSortOption)
}
