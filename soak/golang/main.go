// Command soak is one of the clients of `python -m soak`, on etcd's official client. What it does
// and what it prints is said in soak/told.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const patience = 20 * time.Second

type line struct {
	Told     string `json:"told"`
	Key      string `json:"key,omitempty"`
	Value    string `json:"value,omitempty"`
	Revision int64  `json:"revision,omitempty"`
	Absent   bool   `json:"absent,omitempty"`
	Error    string `json:"error,omitempty"`
}

var (
	outLock sync.Mutex
	out     = bufio.NewWriter(os.Stdout)
)

func tell(it line) {
	outLock.Lock()
	defer outLock.Unlock()
	if err := json.NewEncoder(out).Encode(it); err != nil {
		os.Exit(3)
	}
	out.Flush()
}

type worker struct {
	client *clientv3.Client
	prefix string
	number int
	random *rand.Rand
	count  int
}

func (w *worker) fresh() string {
	w.count++
	return fmt.Sprintf("%d-%d", w.number, w.count)
}

func (w *worker) step() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	key := fmt.Sprintf("%skeys/%d/%d", w.prefix, w.number, w.random.IntN(20))
	switch draw := w.random.IntN(100); {
	case draw < 40:
		value := w.fresh()
		response, err := w.client.Put(ctx, key, value)
		if err != nil {
			tell(line{Told: "put", Key: key, Value: value, Error: err.Error()})
			return
		}
		tell(line{Told: "put", Key: key, Value: value, Revision: response.Header.Revision})
	case draw < 60:
		response, err := w.client.Get(ctx, key)
		if err != nil {
			tell(line{Told: "get", Key: key, Error: err.Error()})
			return
		}
		told := line{Told: "get", Key: key, Revision: response.Header.Revision, Absent: len(response.Kvs) == 0}
		if !told.Absent {
			told.Value = string(response.Kvs[0].Value)
		}
		tell(told)
	case draw < 75:
		value := w.fresh()
		response, err := w.client.Txn(ctx).
			If(clientv3.Compare(clientv3.Version(key), ">", 0)).
			Then(clientv3.OpPut(key, value), clientv3.OpGet(key)).
			Else(clientv3.OpPut(key, value)).
			Commit()
		if err != nil {
			tell(line{Told: "put", Key: key, Value: value, Error: err.Error()})
			return
		}
		tell(line{Told: "put", Key: key, Value: value, Revision: response.Header.Revision})
	case draw < 88:
		response, err := w.client.Delete(ctx, key)
		if err != nil {
			tell(line{Told: "delete", Key: key, Error: err.Error()})
			return
		}
		tell(line{Told: "delete", Key: key, Revision: response.Header.Revision, Absent: response.Deleted == 0})
	case draw < 96:
		w.lease(ctx, 60)
	default:
		w.lease(ctx, 2)
	}
}

// lease puts a key with a lease of its own: a long one is renewed and revoked, a short one expires.
func (w *worker) lease(ctx context.Context, seconds int64) {
	value := w.fresh()
	key := w.prefix + "leased/" + value
	granted, err := w.client.Grant(ctx, seconds)
	if err != nil {
		tell(line{Told: "grant", Error: err.Error()})
		return
	}
	response, err := w.client.Put(ctx, key, value, clientv3.WithLease(granted.ID))
	if err != nil {
		tell(line{Told: "put", Key: key, Value: value, Error: err.Error()})
	} else {
		tell(line{Told: "put", Key: key, Value: value, Revision: response.Header.Revision})
	}
	if seconds < 10 {
		tell(line{Told: "expires", Key: key})
		return
	}
	if _, err := w.client.KeepAliveOnce(ctx, granted.ID); err != nil {
		tell(line{Told: "keepalive", Error: err.Error()})
	}
	revoked, err := w.client.Revoke(ctx, granted.ID)
	if err != nil {
		tell(line{Told: "revoke", Key: key, Error: err.Error()})
		return
	}
	tell(line{Told: "revoke", Key: key, Revision: revoked.Header.Revision})
}

// watch tells every event of the prefix, until the one that ends it.
func watch(client *clientv3.Client, prefix string, ready, done chan struct{}) {
	defer close(done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	watching := client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(1))
	close(ready)
	for response := range watching {
		if err := response.Err(); err != nil {
			tell(line{Told: "failed", Error: "watch: " + err.Error()})
			return
		}
		for _, event := range response.Events {
			it := line{Told: "event", Key: string(event.Kv.Key), Revision: event.Kv.ModRevision}
			it.Absent = event.Type == clientv3.EventTypeDelete
			if !it.Absent {
				it.Value = string(event.Kv.Value)
			}
			tell(it)
			if strings.HasSuffix(it.Key, "/end") {
				return
			}
		}
	}
}

// alive keeps one lease for the whole time; its key has to be there until the end.
func alive(client *clientv3.Client, prefix string) error {
	for range 50 {
		granted, err := client.Grant(context.Background(), 30)
		if err != nil {
			continue
		}
		key := prefix + "alive"
		response, err := client.Put(context.Background(), key, "alive", clientv3.WithLease(granted.ID))
		if err != nil {
			tell(line{Told: "put", Key: key, Value: "alive", Error: err.Error()})
			continue
		}
		tell(line{Told: "put", Key: key, Value: "alive", Revision: response.Header.Revision})
		answers, err := client.KeepAlive(context.Background(), granted.ID)
		if err != nil {
			return err
		}
		go func() {
			for range answers {
			}
			tell(line{Told: "failed", Error: "the renewal of the lease has ended"})
		}()
		return nil
	}
	return fmt.Errorf("no lease could be had")
}

// end puts the key that ends the watch, as often as it takes.
func end(client *clientv3.Client, prefix string) {
	key := prefix + "end"
	for range 50 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		response, err := client.Put(ctx, key, "end")
		cancel()
		if err == nil {
			tell(line{Told: "put", Key: key, Value: "end", Revision: response.Header.Revision})
			return
		}
		tell(line{Told: "put", Key: key, Value: "end", Error: err.Error()})
	}
}

func main() {
	endpoint, name := os.Args[1], os.Args[2]
	workers, _ := strconv.Atoi(os.Args[3])
	steps, _ := strconv.Atoi(os.Args[4])
	pause, _ := strconv.Atoi(os.Args[5])
	seed, _ := strconv.Atoi(os.Args[6])
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint}, DialTimeout: patience, Logger: zap.NewNop(),
	})
	if err != nil {
		tell(line{Told: "failed", Error: err.Error()})
		os.Exit(1)
	}
	prefix := name + "/"
	if err := alive(client, prefix); err != nil {
		tell(line{Told: "failed", Error: err.Error()})
	}
	ready, done := make(chan struct{}), make(chan struct{})
	go watch(client, prefix, ready, done)
	<-ready
	stop := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	var wait sync.WaitGroup
	for number := range workers {
		wait.Go(func() {
			w := worker{client, prefix, number, rand.New(rand.NewPCG(uint64(seed), uint64(number))), 0}
			for step := 0; steps == 0 || step < steps; step++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(pause) * time.Millisecond):
				}
				w.step()
			}
		})
	}
	wait.Wait()
	end(client, prefix)
	<-done
	tell(line{Told: "done"})
}
