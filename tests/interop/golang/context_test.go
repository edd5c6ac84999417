package interop

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// untilReached makes calls, each under a context that may end at any moment of it, until one
// was ended by it and one was not. No other outcome is allowed.
func untilReached(
	r *room, want error, limited func(wait time.Duration) (context.Context, context.CancelFunc),
) {
	r.Helper()
	var reached, finished int
	for i := 0; reached == 0 || finished == 0 || i < 300; i++ {
		ctx, cancel := limited(time.Duration(i%60) * 20 * time.Microsecond)
		_, err := r.client.Put(ctx, r.key("a"), "1")
		cancel()
		switch err {
		case nil:
			finished++
		case want:
			reached++
		case rpctypes.ErrTimeout:
			// The server may notice first, and says so in its own words where it was waiting.
			if want != context.DeadlineExceeded {
				r.Fatalf("neither success nor %v: %v", want, err)
			}
		default:
			r.Fatalf("neither success nor %v: %v", want, err)
		}
		if r.ctx.Err() != nil {
			r.Fatalf("reached %d and finished %d", reached, finished)
		}
	}
	r.put("a", "the connection still works")
}

func TestDeadlinesOfRunningCalls(t *testing.T) {
	r := enter(t)
	untilReached(r, context.DeadlineExceeded, func(wait time.Duration) (context.Context, context.CancelFunc) {
		return context.WithTimeout(r.ctx, wait)
	})
}

func TestCancellationOfRunningCalls(t *testing.T) {
	r := enter(t)
	untilReached(r, context.Canceled, func(wait time.Duration) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(r.ctx)
		time.AfterFunc(wait, cancel)
		return ctx, cancel
	})
}

func TestADeadlineFarAwayDoesNotMatter(t *testing.T) {
	r := enter(t)
	for _, timeout := range []time.Duration{time.Second, time.Minute, time.Hour, 24 * time.Hour, 1000 * time.Hour} {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := r.client.Put(ctx, r.key("a"), "1")
		cancel()
		must(t, err)
	}
}

func TestThreeEndpointsWithOneAlive(t *testing.T) {
	for name, place := range map[string]int{"first": 0, "second": 1, "third": 2} {
		t.Run(name, func(t *testing.T) {
			r := enter(t)
			endpoints := []string{deadPort(t), deadPort(t), deadPort(t)}
			endpoints[place] = *endpoint
			client := connect(t, clientv3.Config{Endpoints: endpoints})
			for i := range 10 {
				ctx, cancel := context.WithTimeout(r.ctx, 5*time.Second)
				_, err := client.Put(ctx, r.key("a"), fmt.Sprint(i))
				cancel()
				must(t, err)
			}
			r.wantKVs(r.get("a").Kvs, "a=9 created+1 modified+10 version10")
		})
	}
}

func TestAThousandCallsAtATime(t *testing.T) {
	r := enter(t)
	const calls = 1000
	var (
		wait      sync.WaitGroup
		mutex     sync.Mutex
		revisions = map[int64]bool{}
	)
	for i := range calls {
		wait.Go(func() {
			name, value := fmt.Sprintf("key%04d", i), fmt.Sprintf("value%d", i)
			put, err := r.client.Put(r.ctx, r.key(name), value)
			if err != nil {
				t.Error(err)
				return
			}
			mutex.Lock()
			revisions[put.Header.Revision-r.base] = true
			mutex.Unlock()
			get, err := r.client.Get(r.ctx, r.key(name))
			if err != nil {
				t.Error(err)
				return
			}
			if len(get.Kvs) != 1 || string(get.Kvs[0].Value) != value || get.Kvs[0].ModRevision != put.Header.Revision {
				t.Errorf("%s: got %v", name, get.Kvs)
			}
		})
	}
	wait.Wait()
	equal(t, "different revisions", len(revisions), calls)
	for revision := range revisions {
		if revision < 1 || revision > calls {
			t.Errorf("revision +%d is not one of these puts'", revision)
		}
	}
	equal(t, "keys", r.get("", clientv3.WithPrefix(), clientv3.WithCountOnly()).Count, calls)
}

func TestCompareAndSwapLosesNoIncrement(t *testing.T) {
	r := enter(t)
	r.put("counter", "0")
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for done := 0; done < 10; {
				get, err := r.client.Get(r.ctx, r.key("counter"))
				if err != nil {
					t.Error(err)
					return
				}
				var count int
				fmt.Sscan(string(get.Kvs[0].Value), &count)
				resp, err := r.client.Txn(r.ctx).
					If(clientv3.Compare(clientv3.ModRevision(r.key("counter")), "=", get.Kvs[0].ModRevision)).
					Then(clientv3.OpPut(r.key("counter"), fmt.Sprint(count+1))).
					Commit()
				if err != nil {
					t.Error(err)
					return
				}
				if resp.Succeeded {
					done++
				}
			}
		})
	}
	wait.Wait()
	r.wantKVs(r.get("counter").Kvs, "counter=160 created+1 modified+161 version161")
}
