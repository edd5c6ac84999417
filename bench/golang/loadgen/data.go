package main

import (
	"context"
	"flag"
	"math/rand/v2"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// writers is how many transactions are under way while a store is filled.
const writers = 16

// dataResult tells between which revisions of the store the data was written.
type dataResult struct {
	Before int64 `json:"revision_before"`
	After  int64 `json:"revision_after"`
}

// fill puts the keys from..to-1, many in one transaction.
func fill(args []string) (any, error) {
	flags := flag.NewFlagSet("fill", flag.ExitOnError)
	server := targetFlags(flags)
	from := flags.Int("from", 0, "first key")
	to := flags.Int("to", 0, "key after the last")
	batch := flags.Int("batch", 120, "puts in one transaction")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return write(server, func(ctx context.Context, clients []*clientv3.Client) error {
		starts := make(chan int)
		return inParallel(func(worker int) error {
			for start := range starts {
				ops := make([]clientv3.Op, 0, *batch)
				for i := start; i < min(start+*batch, *to); i++ {
					ops = append(ops, clientv3.OpPut(key(i), value))
				}
				if _, err := clients[worker%len(clients)].Txn(ctx).Then(ops...).Commit(); err != nil {
					return err
				}
			}
			return nil
		}, numbers(starts, *from, *to, *batch))
	})
}

// grow puts one key many times, so that it gets a long history.
func grow(args []string) (any, error) {
	flags := flag.NewFlagSet("grow", flag.ExitOnError)
	server := targetFlags(flags)
	index := flags.Int("index", 0, "the key")
	times := flags.Int64("times", 0, "how often to put it")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return write(server, func(_ context.Context, clients []*clientv3.Client) error {
		o := loadOptions{op: "put", workers: 64, ops: *times, index: *index}
		op, err := o.operation()
		if err != nil {
			return err
		}
		_, err = o.run(clients, op)
		return err
	})
}

// compact throws away the history up to the newest revision, without waiting for the server to
// have done so physically.
func compact(args []string) (any, error) {
	flags := flag.NewFlagSet("compact", flag.ExitOnError)
	server := targetFlags(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return write(server, func(ctx context.Context, clients []*clientv3.Client) error {
		resp, err := clients[0].Get(ctx, key(rand.IntN(2)))
		if err != nil {
			return err
		}
		_, err = clients[0].Compact(ctx, resp.Header.Revision)
		return err
	})
}

// write calls work between two looks at the store's revision.
func write(
	server *target, work func(context.Context, []*clientv3.Client) error,
) (dataResult, error) {
	ctx := context.Background()
	clients, err := server.connect(8)
	if err != nil {
		return dataResult{}, err
	}
	defer closeAll(clients)
	before, err := clients[0].Get(ctx, "revision")
	if err != nil {
		return dataResult{}, err
	}
	if err := work(ctx, clients); err != nil {
		return dataResult{}, err
	}
	after, err := clients[0].Get(ctx, "revision")
	if err != nil {
		return dataResult{}, err
	}
	return dataResult{Before: before.Header.Revision, After: after.Header.Revision}, nil
}

// numbers feeds from, from+step and so on up to to.
func numbers(starts chan<- int, from, to, step int) func(stopped <-chan struct{}) {
	return func(stopped <-chan struct{}) {
		defer close(starts)
		for start := from; start < to; start += step {
			select {
			case starts <- start:
			case <-stopped:
				return
			}
		}
	}
}

// inParallel runs the writers and what feeds them; the first error stops all.
func inParallel(writer func(worker int) error, feed func(stopped <-chan struct{})) error {
	var (
		wait    sync.WaitGroup
		once    sync.Once
		failure error
		stopped = make(chan struct{})
	)
	for i := range writers {
		wait.Go(func() {
			if err := writer(i); err != nil {
				once.Do(func() { failure = err; close(stopped) })
			}
		})
	}
	feed(stopped)
	wait.Wait()
	return failure
}
