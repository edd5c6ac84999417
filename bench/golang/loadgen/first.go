package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/url"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

type firstResult struct {
	Start float64 `json:"start_seconds"`
	Stop  float64 `json:"stop_seconds"`
}

// first starts a server, asks it for a key until it answers and stops it again: the time from
// the start of the process to the first answer that a client has in hand, and that from SIGTERM to
// the end of the process, while the client is still connected.
func first(args []string) (any, error) {
	flags := flag.NewFlagSet("first", flag.ExitOnError)
	target := targetFlags(flags)
	limit := flags.Duration("limit", 20*time.Second, "when to give up")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	program := flags.Args()
	if len(program) == 0 {
		return nil, errors.New("no program to start")
	}
	address, err := url.Parse(target.url)
	if err != nil {
		return nil, err
	}
	server := exec.Command(program[0], program[1:]...)
	// If this process is killed, so is the server; the kernel watches the thread that started it.
	runtime.LockOSThread()
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	begin := time.Now()
	if err := server.Start(); err != nil {
		return nil, err
	}
	ended := false
	defer func() {
		if !ended {
			server.Process.Kill()
			server.Wait()
		}
	}()
	ctx, cancel := context.WithDeadline(context.Background(), begin.Add(*limit))
	defer cancel()
	// The client would wait a second after a refused connection, so look with a bare socket.
	for {
		connection, err := net.Dial("tcp", address.Host)
		if err == nil {
			connection.Close()
			break
		}
		if ctx.Err() != nil {
			return nil, errors.New("the program does not listen")
		}
		time.Sleep(time.Millisecond)
	}
	clients, err := target.connect(1)
	if err != nil {
		return nil, err
	}
	defer closeAll(clients)
	if _, err := clients[0].Get(ctx, "first"); err != nil {
		return nil, err
	}
	started := time.Since(begin)
	begin = time.Now()
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return nil, err
	}
	_ = server.Wait() // etcd ends by the signal itself, which is no failure
	ended = true
	return firstResult{Start: started.Seconds(), Stop: time.Since(begin).Seconds()}, nil
}
