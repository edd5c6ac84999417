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

const mebibyte = 1 << 20

func TestAMebibyteComesAndGoesWhole(t *testing.T) {
	r := enter(t)
	value := strings.Repeat("0123456789abcdef", mebibyte/16)
	r.put("a", value)
	equal(t, "same value", string(r.get("a").Kvs[0].Value) == value, true)
}

func TestAnAnswerMayBeMuchLargerThanARequest(t *testing.T) {
	r := enter(t)
	for i := range 12 {
		r.put(fmt.Sprintf("%02d", i), strings.Repeat(string(rune('a'+i)), mebibyte))
	}
	resp := r.get("", clientv3.WithPrefix())
	equal(t, "keys", len(resp.Kvs), 12)
	for i, kv := range resp.Kvs {
		equal(t, "same value", string(kv.Value) == strings.Repeat(string(rune('a'+i)), mebibyte), true)
	}
}

func TestARequestOverTheLimitIsRefused(t *testing.T) {
	r := enter(t)
	_, err := r.client.Put(r.ctx, r.key("a"), strings.Repeat("x", 1536*1024+1))
	equal(t, "put", err, rpctypes.ErrRequestTooLarge)
	half := strings.Repeat("x", 768*1024)
	_, err = r.client.Txn(r.ctx).Then(clientv3.OpPut(r.key("a"), half), clientv3.OpPut(r.key("b"), half)).Commit()
	equal(t, "transaction", err, rpctypes.ErrRequestTooLarge)
	equal(t, "keys", r.get("", clientv3.WithPrefix()).Count, 0)
}

func TestAMessageOverTheGRPCLimitIsRefused(t *testing.T) {
	r := enter(t)
	value := strings.Repeat("x", 2*mebibyte)
	// One tag byte and the length each, and the length of two mebibytes takes four bytes.
	size := len(r.key("a")) + 2 + len(value) + 5

	_, err := r.client.Put(r.ctx, r.key("a"), value)
	equal(t, "code by the client's own limit", status.Code(err), codes.ResourceExhausted)

	large := connect(t, clientv3.Config{MaxCallSendMsgSize: 8 * mebibyte})
	_, err = large.Put(r.ctx, r.key("a"), value)
	equal(t, "code by the server", status.Code(err), codes.ResourceExhausted)
	want := fmt.Sprintf("grpc: received message larger than max (%d vs. %d)", size, 2*mebibyte)
	equal(t, "text by the server", status.Convert(err).Message(), want)

	_, err = large.Put(r.ctx, r.key("a"), "small")
	must(t, err)
}
