package interop

import (
	"errors"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// grant makes a lease that is revoked when the test ends.
func (r *room) grant(ttl int64) clientv3.LeaseID {
	r.Helper()
	lease, err := r.client.Grant(r.ctx, ttl)
	must(r.T, err)
	r.Cleanup(func() { _, _ = r.client.Revoke(r.T.Context(), lease.ID) })
	return lease.ID
}

func TestRevokingALeaseDeletesItsKeysInOneRevision(t *testing.T) {
	r := enter(t)
	id := r.grant(60)
	for _, name := range []string{"b", "a"} {
		_, err := r.client.Put(r.ctx, r.key(name), "1", clientv3.WithLease(id))
		must(t, err)
	}
	live, err := r.client.TimeToLive(r.ctx, id, clientv3.WithAttachedKeys())
	must(t, err)
	equal(t, "granted", live.GrantedTTL, 60)
	equal(t, "keys", len(live.Keys), 2)
	channel := r.client.Watch(
		r.ctx, r.prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-channel
	_, err = r.client.Revoke(r.ctx, id)
	must(t, err)
	r.wantTold(channel, "DELETE a=@3", "DELETE b=@3")
	_, err = r.client.Revoke(r.ctx, id)
	equal(t, "error of a second revocation", errors.Is(err, rpctypes.ErrLeaseNotFound), true)
}

func TestALeaseThatIsKeptAliveOutlivesItsTTL(t *testing.T) {
	r := enter(t)
	kept, lost := r.grant(2), r.grant(2)
	for name, id := range map[string]clientv3.LeaseID{"kept": kept, "lost": lost} {
		_, err := r.client.Put(r.ctx, r.key(name), "1", clientv3.WithLease(id))
		must(t, err)
	}
	gone := r.client.Watch(
		r.ctx, r.key("lost"), clientv3.WithFilterPut(), clientv3.WithCreatedNotify())
	<-gone
	channel, err := r.client.KeepAlive(r.ctx, kept)
	must(t, err)
	for range 3 {
		response, ok := <-channel
		if !ok || response.TTL != 2 {
			t.Fatalf("a renewal says TTL 2, got %v", response)
		}
	}
	response := <-gone // the one that nobody renews, in the meantime or a little later
	equal(t, "events", len(response.Events), 1)
	equal(t, "names", r.names(r.get("", clientv3.WithPrefix()).Kvs), "kept")
}

func TestKeepAliveOfALeaseThatIsNotThere(t *testing.T) {
	r := enter(t)
	_, err := r.client.KeepAliveOnce(r.ctx, 4711)
	equal(t, "error", errors.Is(err, rpctypes.ErrLeaseNotFound), true)
	live, err := r.client.TimeToLive(r.ctx, 4711)
	must(t, err)
	equal(t, "TTL", live.TTL, -1)
}

func TestSessionsTakeTurnsWithAMutex(t *testing.T) {
	r := enter(t)
	order := make(chan string, 4)
	session := func() (*concurrency.Session, *concurrency.Mutex) {
		s, err := concurrency.NewSession(connect(t, clientv3.Config{}), concurrency.WithTTL(2))
		must(t, err)
		t.Cleanup(func() { s.Close() })
		return s, concurrency.NewMutex(s, r.key("mutex"))
	}
	first, mutex := session()
	_, other := session()
	must(t, mutex.Lock(r.ctx))
	locked := make(chan error, 1)
	go func() {
		err := other.Lock(r.ctx)
		order <- "second has it"
		locked <- err
	}()
	equal(t, "error while it is taken", errors.Is(otherTry(r, session), concurrency.ErrLocked), true)
	order <- "first gives it back"
	must(t, first.Close()) // its lease is revoked, and with it goes the key that is the lock
	must(t, <-locked)
	equal(t, "order", <-order, "first gives it back")
	equal(t, "order", <-order, "second has it")
}

// otherTry is one more session's attempt at a lock that somebody holds.
func otherTry(r *room, session func() (*concurrency.Session, *concurrency.Mutex)) error {
	_, mutex := session()
	return mutex.TryLock(r.ctx)
}
