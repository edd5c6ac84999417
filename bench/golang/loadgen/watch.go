package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// fanoutResult is what many watchers of one key saw of its puts.
type fanoutResult struct {
	Events    int64   `json:"events"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
}

// heldResult says that everything is in place.
type heldResult struct {
	Held int `json:"held"`
}

// fanout puts one key many times while many watchers look at it, and counts what they are told.
func fanout(args []string) (any, error) {
	flags := flag.NewFlagSet("fanout", flag.ExitOnError)
	server := targetFlags(flags)
	watchers := flags.Int("watchers", 500, "watchers of the key")
	conns := flags.Int("conns", 8, "connections that they share")
	puts := flags.Int("puts", 400, "how often the key is put")
	putters := flags.Int("putters", 1, "callers that put it at a time")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	clients, err := server.connect(*conns)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	channels, err := watchAll(ctx, clients, *watchers, func(int) (string, []clientv3.OpOption) {
		return key(0), nil
	})
	if err != nil {
		return nil, err
	}
	var (
		wait    sync.WaitGroup
		events  atomic.Int64
		failure atomic.Pointer[error]
	)
	for _, channel := range channels {
		wait.Go(func() {
			for seen := 0; seen < *puts; {
				response, ok := <-channel
				if err := response.Err(); err != nil || !ok {
					err = errors.Join(err, errors.New("fanout: a watcher ended"))
					failure.CompareAndSwap(nil, &err)
					return
				}
				seen += len(response.Events)
				events.Add(int64(len(response.Events)))
			}
		})
	}
	begin := time.Now()
	for worker := range *putters {
		wait.Go(func() {
			for i := worker; i < *puts; i += *putters {
				if _, err := clients[worker%len(clients)].Put(ctx, key(0), value); err != nil {
					failure.CompareAndSwap(nil, &err)
					cancel()
					return
				}
			}
		})
	}
	wait.Wait()
	if err := failure.Load(); err != nil {
		return nil, *err
	}
	seconds := time.Since(begin).Seconds()
	return fanoutResult{events.Load(), seconds, float64(events.Load()) / seconds}, nil
}

// hold creates watchers or leases, says so, and keeps them until its input ends.
func hold(args []string) (any, error) {
	flags := flag.NewFlagSet("hold", flag.ExitOnError)
	server := targetFlags(flags)
	watchers := flags.Int("watchers", 0, "watchers, half of them of a key and half of a range")
	leases := flags.Int("leases", 0, "leases")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	clients, err := server.connect(8)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := watchAll(ctx, clients, *watchers, elsewhere); err != nil {
		return nil, err
	}
	if err := grant(ctx, clients, *leases); err != nil {
		return nil, err
	}
	fmt.Println("held")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return heldResult{*watchers + *leases}, nil
}

// elsewhere is what an idle watcher looks at: nothing that a load puts.
func elsewhere(i int) (string, []clientv3.OpOption) {
	name := fmt.Sprintf("idle/%08d/", i)
	if i%2 == 0 {
		return name, nil
	}
	return name, []clientv3.OpOption{clientv3.WithPrefix()}
}

// watchAll creates watchers, some at a time, and returns once the server has taken all of them.
func watchAll(
	ctx context.Context,
	clients []*clientv3.Client,
	count int,
	what func(int) (string, []clientv3.OpOption),
) ([]clientv3.WatchChan, error) {
	channels := make([]clientv3.WatchChan, count)
	starts := make(chan int)
	err := inParallel(func(int) error {
		for i := range starts {
			name, options := what(i)
			options = append(options, clientv3.WithCreatedNotify())
			channel := clients[i%len(clients)].Watch(ctx, name, options...)
			if response := <-channel; !response.Created {
				return errors.New("a watcher was not created")
			}
			channels[i] = channel
		}
		return nil
	}, numbers(starts, 0, count, 1))
	return channels, err
}

// grant makes leases of an hour.
func grant(ctx context.Context, clients []*clientv3.Client, count int) error {
	starts := make(chan int)
	return inParallel(func(worker int) error {
		for range starts {
			if _, err := clients[worker%len(clients)].Grant(ctx, 3600); err != nil {
				return err
			}
		}
		return nil
	}, numbers(starts, 0, count, 1))
}
