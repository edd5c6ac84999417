package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// loadOptions are the flags of one measured load.
type loadOptions struct {
	server         *target
	op             string
	workers, conns int
	seconds        float64
	warmup         float64
	ops            int64
	deadline       time.Duration
	keys           int
	span           int
	revMin, revMax int64
	index          int
	user           int
	pid            int
}

// loadResult is what a load saw. Ops counts the calls that were answered in the measured part, and
// latencies are of those that began in it: where thousands wait at a time, these differ. TotalOps
// counts the warm-up too, and so do the processor times, which are for one call: CPU is this
// program's own, ServerCPU that of the process that -pid names. Connecting and logging in are in
// none of it.
type loadResult struct {
	Ops       int64   `json:"ops"`
	TotalOps  int64   `json:"total_ops"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Max       float64 `json:"max_us"`
	CPU       float64 `json:"client_cpu_us"`
	ServerCPU float64 `json:"cpu_us"`
}

// operation is one call of the scenario, with the random source of its worker.
type operation func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error

func load(args []string) (any, error) {
	var o loadOptions
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	o.server = targetFlags(flags)
	flags.StringVar(&o.op, "op", "put", "put, get, get-rev, range, txn, grant, keepalive, lock or lock-shared")
	flags.IntVar(&o.workers, "workers", 64, "callers at a time")
	flags.IntVar(&o.conns, "conns", 8, "connections that the workers share")
	flags.Float64Var(&o.seconds, "seconds", 2, "how long to measure")
	flags.Float64Var(&o.warmup, "warmup", 0.5, "how long to run before measuring, in seconds")
	flags.Int64Var(&o.ops, "ops", 0, "end after that many calls, without warm-up, instead of -seconds")
	flags.DurationVar(&o.deadline, "deadline", 0, "timeout of each call; 0 sets none")
	flags.IntVar(&o.keys, "keys", 10000, "keys to choose from")
	flags.IntVar(&o.span, "span", 1000, "keys in one range")
	flags.Int64Var(&o.revMin, "rev-min", 0, "get-rev: lowest revision to ask for")
	flags.Int64Var(&o.revMax, "rev-max", 0, "get-rev: highest revision to ask for")
	flags.IntVar(&o.index, "index", -1, "use only this key instead of a random one")
	flags.IntVar(&o.pid, "pid", os.Getpid(), "process whose processor time is taken")
	flags.IntVar(&o.user, "user", -1, "log in as users from this one on; -1: nobody logs in")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	op, err := o.operation()
	if err != nil {
		return nil, err
	}
	clients, err := o.server.connectAs(o.conns, o.user)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	if err := o.server.waitUntilReady(clients); err != nil {
		return nil, err
	}
	return o.run(clients, op)
}

// operation gives the call that o.op names.
func (o loadOptions) operation() (operation, error) {
	pick := func(random *rand.Rand) string {
		if o.index >= 0 {
			return key(o.index)
		}
		return key(random.IntN(o.keys))
	}
	switch o.op {
	case "put":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			_, err := client.Put(ctx, pick(random), value)
			return err
		}, nil
	case "get":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			resp, err := client.Get(ctx, pick(random))
			if err == nil && len(resp.Kvs) != 1 {
				return errors.New("get: the key is not there")
			}
			return err
		}, nil
	case "get-rev":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			revision := o.revMin + random.Int64N(o.revMax-o.revMin+1)
			resp, err := client.Get(ctx, pick(random), clientv3.WithRev(revision))
			if err == nil && (len(resp.Kvs) != 1 || resp.Kvs[0].ModRevision > revision) {
				return errors.New("get-rev: not the version asked for")
			}
			return err
		}, nil
	case "range":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			start := random.IntN(o.keys - o.span + 1)
			resp, err := client.Get(ctx, key(start), clientv3.WithRange(key(start+o.span)))
			if err == nil && len(resp.Kvs) != o.span {
				return fmt.Errorf("range: %d keys instead of %d", len(resp.Kvs), o.span)
			}
			return err
		}, nil
	case "txn":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			name := pick(random)
			resp, err := client.Txn(ctx).
				If(clientv3.Compare(clientv3.ModRevision(name), ">", 0)).
				Then(clientv3.OpPut(name, value)).
				Commit()
			if err == nil && !resp.Succeeded {
				return errors.New("txn: the comparison failed")
			}
			return err
		}, nil
	case "grant":
		return func(ctx context.Context, client *clientv3.Client, random *rand.Rand) error {
			_, err := client.Grant(ctx, 3600)
			return err
		}, nil
	case "lock":
		return locks(false), nil
	case "lock-shared":
		return locks(true), nil
	case "keepalive":
		return keepalives(), nil
	}
	return nil, fmt.Errorf("unknown operation %q", o.op)
}

// run lets the workers loose, throws away what falls into the warm-up and sums up the rest.
func (o loadOptions) run(clients []*clientv3.Client, op operation) (loadResult, error) {
	var (
		wait        sync.WaitGroup
		total       atomic.Int64
		answered    atomic.Int64
		failure     atomic.Pointer[error]
		latencies   = make([][]time.Duration, o.workers)
		spentBefore = processorTime()
		begin       = time.Now()
		measure     = begin.Add(time.Duration(o.warmup * float64(time.Second)))
		end         = measure.Add(time.Duration(o.seconds * float64(time.Second)))
	)
	serverBefore, err := processorTimeOf(o.pid)
	if err != nil {
		return loadResult{}, err
	}
	if o.ops > 0 {
		measure, end = begin, begin.Add(time.Hour)
	}
	for i := range o.workers {
		wait.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			client := clients[i%len(clients)]
			for failure.Load() == nil {
				if count := total.Add(1); o.ops > 0 && count > o.ops {
					total.Add(-1)
					return
				}
				start := time.Now()
				// On a busy machine a call may outlast the whole time; each worker measures one.
				if start.After(end) && (len(latencies[i]) > 0 || o.ops > 0) {
					total.Add(-1)
					return
				}
				if err := o.call(op, client, random); err != nil {
					failure.CompareAndSwap(nil, &err)
					return
				}
				done := time.Now()
				if done.After(measure) && !done.After(end) {
					answered.Add(1)
				}
				if start.After(measure) {
					latencies[i] = append(latencies[i], done.Sub(start))
				}
			}
		})
	}
	wait.Wait()
	if err := failure.Load(); err != nil {
		return loadResult{}, *err
	}
	elapsed, spent := end.Sub(measure), processorTime()-spentBefore
	if o.ops > 0 {
		elapsed = time.Since(measure)
	}
	serverAfter, err := processorTimeOf(o.pid)
	if err != nil {
		return loadResult{}, err
	}
	result := summary(slices.Concat(latencies...), answered.Load(), elapsed)
	result.TotalOps = total.Load()
	result.CPU = perCall(spent, result.TotalOps)
	result.ServerCPU = perCall(serverAfter-serverBefore, result.TotalOps)
	return result, nil
}

// call makes one call, with the deadline that was asked for. Setting it up is part of the call,
// as it is in a program that does so.
func (o loadOptions) call(op operation, client *clientv3.Client, random *rand.Rand) error {
	ctx := context.Background()
	if o.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.deadline)
		defer cancel()
	}
	return op(ctx, client, random)
}

func summary(latencies []time.Duration, answered int64, elapsed time.Duration) loadResult {
	result := loadResult{Ops: answered, Seconds: elapsed.Seconds()}
	result.PerSecond = float64(answered) / elapsed.Seconds()
	if len(latencies) == 0 {
		return result
	}
	slices.Sort(latencies)
	at := func(share float64) float64 {
		index := int(share * float64(len(latencies)-1))
		return float64(latencies[index].Nanoseconds()) / 1000
	}
	result.P50, result.P99, result.Max = at(0.5), at(0.99), at(1)
	return result
}

// processorTime is what this process has used, in user and in kernel mode.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// processorTimeOf is what all threads of a process have used; /proc/PID/stat would count in
// hundredths of a second.
func processorTimeOf(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, name := range threads {
		content, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // a thread that ended meanwhile
		}
		if err != nil {
			return 0, err
		}
		var running time.Duration
		if _, err := fmt.Sscan(string(content), &running); err != nil {
			return 0, err
		}
		sum += running
	}
	return sum, nil
}

// perCall is a time's share of one call, in microseconds.
func perCall(spent time.Duration, calls int64) float64 {
	return float64(spent.Nanoseconds()) / 1000 / float64(calls)
}
