package interop

import (
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestTransactionTakesOneBranchAtOneRevision(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	branch := func(expected string) *clientv3.TxnResponse {
		resp, err := r.client.Txn(r.ctx).
			If(clientv3.Compare(clientv3.Value(r.key("a")), "=", expected)).
			Then(
				clientv3.OpPut(r.key("b"), "then"), clientv3.OpPut(r.key("c"), "then"),
				clientv3.OpGet(r.prefix, clientv3.WithPrefix()),
				clientv3.OpDelete(r.key("a"), clientv3.WithPrevKV()), clientv3.OpGet(r.key("a"))).
			Else(clientv3.OpPut(r.key("a"), "else", clientv3.WithPrevKV())).
			Commit()
		must(t, err)
		return resp
	}
	other := branch("wrong")
	equal(t, "succeeded", other.Succeeded, false)
	equal(t, "responses", len(other.Responses), 1)
	equal(t, "previous", r.show(other.Responses[0].GetResponsePut().PrevKv), "a=1 created+1 modified+1 version1")
	equal(t, "revision", other.Header.Revision-r.base, 2)

	taken := branch("else")
	equal(t, "succeeded", taken.Succeeded, true)
	equal(t, "responses", len(taken.Responses), 5)
	equal(t, "revision", taken.Header.Revision-r.base, 3)
	// The transaction sees its own puts, but counts its revision as the one to come.
	r.wantKVs(taken.Responses[2].GetResponseRange().Kvs, "a=else created+1 modified+2 version2",
		"b=then created+3 modified+3 version1", "c=then created+3 modified+3 version1")
	equal(t, "deleted", taken.Responses[3].GetResponseDeleteRange().Deleted, 1)
	r.wantKVs(taken.Responses[3].GetResponseDeleteRange().PrevKvs, "a=else created+1 modified+2 version2")
	equal(t, "a after its deletion", len(taken.Responses[4].GetResponseRange().Kvs), 0)
	r.wantKVs(r.get("", clientv3.WithPrefix()).Kvs,
		"b=then created+3 modified+3 version1", "c=then created+3 modified+3 version1")
}

func TestEveryComparison(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("a", "5") // created +1, modified +2, version 2
	a := r.key("a")
	type target struct {
		name string
		cmp  clientv3.Cmp
		same any
		less any
	}
	for _, row := range []target{
		{"value", clientv3.Value(a), "5", "4"},
		{"version", clientv3.Version(a), 2, 1},
		{"create revision", clientv3.CreateRevision(a), r.base + 1, r.base},
		{"mod revision", clientv3.ModRevision(a), r.base + 2, r.base + 1},
		{"lease", clientv3.LeaseValue(a), 0, -1},
	} {
		for result, want := range map[string][2]bool{
			"=": {true, false}, "!=": {false, true}, ">": {false, true}, "<": {false, false},
		} {
			for i, operand := range []any{row.same, row.less} {
				resp, err := r.client.Txn(r.ctx).If(clientv3.Compare(row.cmp, result, operand)).Commit()
				must(t, err)
				equal(t, fmt.Sprintf("%s %s %v", row.name, result, operand), resp.Succeeded, want[i])
			}
		}
	}
}

func TestComparisonsOfAbsentKeys(t *testing.T) {
	r := enter(t)
	holds := func(cmp clientv3.Cmp) bool {
		resp, err := r.client.Txn(r.ctx).If(cmp).Commit()
		must(t, err)
		return resp.Succeeded
	}
	absent := r.key("absent")
	equal(t, "version 0", holds(clientv3.Compare(clientv3.Version(absent), "=", 0)), true)
	equal(t, "create revision 0", holds(clientv3.Compare(clientv3.CreateRevision(absent), "=", 0)), true)
	equal(t, "value", holds(clientv3.Compare(clientv3.Value(absent), "=", "")), false)
	equal(t, "value unlike", holds(clientv3.Compare(clientv3.Value(absent), "!=", "x")), false)
}

func TestComparisonsOfRanges(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	r.put("b", "1")
	holds := func(want string) bool {
		cmp := clientv3.Compare(clientv3.Value(r.prefix), "=", want).WithPrefix()
		resp, err := r.client.Txn(r.ctx).If(cmp).Commit()
		must(t, err)
		return resp.Succeeded
	}
	equal(t, "all the same", holds("1"), true)
	r.put("b", "2")
	equal(t, "one differs", holds("1"), false)
}

func TestNestedTransactions(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	inner := func(value, then, otherwise string) clientv3.Op {
		return clientv3.OpTxn(
			[]clientv3.Cmp{clientv3.Compare(clientv3.Value(r.key("a")), "=", value)},
			[]clientv3.Op{clientv3.OpPut(r.key(then), "then"), clientv3.OpGet(r.key(then))},
			[]clientv3.Op{clientv3.OpPut(r.key(otherwise), "else")},
		)
	}
	resp, err := r.client.Txn(r.ctx).
		Then(inner("1", "b", "c"), inner("2", "d", "e"), clientv3.OpPut(r.key("f"), "outer")).
		Commit()
	must(t, err)
	equal(t, "revision", resp.Header.Revision-r.base, 2)
	equal(t, "first inner", resp.Responses[0].GetResponseTxn().Succeeded, true)
	equal(t, "second inner", resp.Responses[1].GetResponseTxn().Succeeded, false)
	r.wantKVs(resp.Responses[0].GetResponseTxn().Responses[1].GetResponseRange().Kvs,
		"b=then created+2 modified+2 version1")
	r.wantKVs(r.get("", clientv3.WithPrefix()).Kvs, "a=1 created+1 modified+1 version1",
		"b=then created+2 modified+2 version1", "e=else created+2 modified+2 version1",
		"f=outer created+2 modified+2 version1")
}

func TestAReadOnlyTransactionMovesNothing(t *testing.T) {
	r := enter(t)
	r.put("a", "1")
	resp, err := r.client.Txn(r.ctx).Then(clientv3.OpGet(r.key("a")), clientv3.OpDelete(r.key("absent"))).Commit()
	must(t, err)
	equal(t, "revision", resp.Header.Revision-r.base, 1)
}

func TestTransactionErrors(t *testing.T) {
	r := enter(t)
	commit := func(ops ...clientv3.Op) error {
		_, err := r.client.Txn(r.ctx).Then(ops...).Commit()
		return err
	}
	put := func(name string) clientv3.Op { return clientv3.OpPut(r.key(name), "1") }
	nested := func(ops ...clientv3.Op) clientv3.Op { return clientv3.OpTxn(nil, ops, nil) }
	many := func(n int) []clientv3.Op {
		ops := make([]clientv3.Op, n)
		for i := range ops {
			ops[i] = put(fmt.Sprintf("many%d", i))
		}
		return ops
	}
	equal(t, "key put twice", commit(put("a"), put("a")), rpctypes.ErrDuplicateKey)
	equal(t, "key put twice through nesting", commit(put("a"), nested(put("a"))), rpctypes.ErrDuplicateKey)
	equal(t, "put inside a deleted range",
		commit(clientv3.OpDelete(r.prefix, clientv3.WithPrefix()), put("a")), rpctypes.ErrDuplicateKey)
	equal(t, "129 operations", commit(many(129)...), rpctypes.ErrTooManyOps)
	equal(t, "empty key", commit(clientv3.OpPut("", "1")), rpctypes.ErrEmptyKey)
	equal(t, "future revision", commit(clientv3.OpGet("a", clientv3.WithRev(r.base+99))), rpctypes.ErrFutureRev)
	equal(t, "revisions used", r.get("a").Header.Revision-r.base, 0)
	must(t, commit(many(128)...))
	equal(t, "revisions used by 128 puts", r.get("a").Header.Revision-r.base, 1)
}
